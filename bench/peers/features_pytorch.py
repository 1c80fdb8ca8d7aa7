"""Features of a folder of pictures as torchvision's users extract them: ImageFolder, DataLoader, a ResNet in evaluation mode.

python3 features_pytorch.py --write WEIGHTS.pth                                      weights by one seed, for both programs
python3 features_pytorch.py WEIGHTS.pth FOLDER OUT.npy [--workers 2] [--threads 1] [--batch 32] [--precision bf16]
"""

import argparse
import importlib
import json
import re
import sys
import time

import numpy
import torch



def import_torchvision():
    """A torchvision built for CUDA lacks its compiled operators beside a torch for the processor; none of them is needed here."""
    lacking = torch.library.Library("torchvision", "FRAGMENT")
    while True:
        try:
            return importlib.import_module("torchvision"), lacking
        except RuntimeError as error:
            name = re.search(r"operator torchvision::(\w+) does not exist", str(error)).group(1)
            lacking.define(f"{name}() -> ()")
            for loaded in [each for each in sys.modules if each.startswith("torchvision")]:
                del sys.modules[loaded]


torchvision, _ = import_torchvision()
from torch.utils.data import DataLoader  # noqa: E402
from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="*")
parser.add_argument("--write")
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--precision", default="bf16")
chosen = parser.parse_args()

torch.manual_seed(0)
network = torchvision.models.resnet50()
if chosen.write:
    torch.save(network.state_dict(), chosen.write)
    raise SystemExit

weights, folder, out = chosen.files
torch.set_num_threads(chosen.threads)
network.load_state_dict(torch.load(weights))
network.fc = torch.nn.Identity()
network = network.eval().to(memory_format=torch.channels_last)
view = transforms.Compose(
    [
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)
autocast = torch.autocast("cpu", torch.bfloat16, enabled=chosen.precision == "bf16")
with torch.inference_mode(), autocast:  # the first call of a process prepares kernels
    for _ in range(2):
        network(torch.zeros(chosen.batch, 3, 224, 224).contiguous(memory_format=torch.channels_last))
started_at = time.perf_counter()
pictures = ImageFolder(folder, view)
loader = DataLoader(pictures, chosen.batch, num_workers=chosen.workers)
found = []
with torch.inference_mode(), autocast:
    for batch, _ in loader:
        found.append(network(batch.contiguous(memory_format=torch.channels_last)).float().numpy())
numpy.save(out, numpy.concatenate(found))
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - started_at,
            "pictures": len(pictures),
            "torch": torch.__version__,
        }
    )
)
