"""A fine-tuning step in PyTorch: torchvision's ResNet-18, cross-entropy, SGD with a rate for trunk and head, on fixed random views."""
import argparse
import json
import time

import torch
from torchvision.models import resnet18

options = argparse.ArgumentParser()
for name, usual in [("batch", 64), ("size", 32), ("width", 64), ("steps", 5), ("threads", 1)]:
    options.add_argument(f"--{name}", type=int, default=usual)
given = options.parse_args()
torch.set_num_threads(given.threads)
torch.manual_seed(0)
if given.width != 64:
    raise SystemExit("torchvision's ResNet-18 has width 64")
network = resnet18(num_classes=10)
if given.size <= 64:
    network.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.maxpool = torch.nn.Identity()
network = network.to(memory_format=torch.channels_last).train()
head = list(network.fc.parameters())
trunk = [own for name, own in network.named_parameters() if not name.startswith("fc.")]
optimizer = torch.optim.SGD([{"params": trunk, "lr": 0.002}, {"params": head, "lr": 0.5}], lr=0.1, momentum=0.9)
images = torch.randn(given.batch, 3, given.size, given.size).contiguous(memory_format=torch.channels_last)
classes = torch.arange(given.batch) % 10
seconds = []
for _ in range(given.steps + 2):
    started = time.perf_counter()
    loss = torch.nn.functional.cross_entropy(network(images), classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seconds.append(time.perf_counter() - started)
own = sorted(seconds[2:])
print(json.dumps({"torch": torch.__version__, "medianSeconds": own[len(own) // 2], "minSeconds": own[0]}))
