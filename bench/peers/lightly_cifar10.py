"""LightlySSL's CIFAR-10 benchmark settings for a budget of minutes: losses, heads, transforms and backbone are LightlySSL's own.

python bench/peers/lightly_cifar10.py --data FOLDER_OF_CIFAR_BINARIES --method barlow-twins --minutes 20
Needs torch, torchvision, lightly. Prints one line of JSON: kNN accuracy on the test split (k 200, T 0.1), images a second.
The budget is training alone; the cosine ends with it (the number of steps comes from the pace of the first ones).
"""
import argparse
import copy
import json
import pathlib
import time

import numpy
import torch
from lightly import loss as losses
from lightly.models import ResNetGenerator
from lightly.models import utils as model_utils
from lightly.models.modules import heads
from lightly.transforms import (
    BYOLTransform,
    BYOLView1Transform,
    BYOLView2Transform,
    SimCLRTransform,
    SimSiamTransform,
    SwaVTransform,
)
from lightly.transforms.utils import IMAGENET_NORMALIZE
from PIL import Image
from torch import nn

MOMENTUM = 0.99


def read_cifar(folder, names):
    records = numpy.concatenate([numpy.fromfile(pathlib.Path(folder) / name, numpy.uint8).reshape(-1, 3073) for name in names])
    return records[:, 1:].reshape(-1, 3, 32, 32).copy(), records[:, 0].astype(numpy.int64)


class Pictures(torch.utils.data.Dataset):
    """Decoded pictures, so that only the transform costs time."""

    def __init__(self, pixels, transform):
        self.pixels = pixels.transpose(0, 2, 3, 1).copy()
        self.transform = transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index]))


def byol_views():
    first = BYOLView1Transform(input_size=32, gaussian_blur=0.0)
    return BYOLTransform(view_1_transform=first, view_2_transform=BYOLView2Transform(input_size=32, gaussian_blur=0.0))


def simclr_views():
    return SimCLRTransform(input_size=32, cj_strength=0.5, gaussian_blur=0.0)


def swav_views():
    return SwaVTransform(crop_sizes=[32], crop_counts=[2], crop_min_scales=[0.14], crop_max_scales=[1.0], cj_strength=0.5, gaussian_blur=0)


class Method(nn.Module):
    """A backbone and what a method adds; `rate` is for a batch of 128."""

    rate = 0.06
    scales_rate = True
    num_splits = 0
    memory_format = torch.channels_last

    def __init__(self, width, stem_stride=1):
        super().__init__()
        network = ResNetGenerator("resnet-18", width=width, num_splits=self.num_splits)
        network.conv1.stride = (stem_stride, stem_stride)
        self.features = int(64 * width) * 8
        self.backbone = nn.Sequential(*list(network.children())[:-1], nn.AdaptiveAvgPool2d(1))
        self.build()

    def represent(self, images):
        return self.backbone(images).flatten(start_dim=1)

    def learned(self):
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def optimizer(self, batch):
        rate = self.rate * (batch / 128 if self.scales_rate else 1)
        return torch.optim.SGD(self.learned(), lr=rate, momentum=0.9, weight_decay=5e-4)


class BarlowTwins(Method):
    views = staticmethod(byol_views)

    def build(self):
        hidden = (self.features, 2048, nn.BatchNorm1d(2048), nn.ReLU(inplace=True))
        self.head = heads.ProjectionHead([hidden, (2048, 2048, None, None)])
        self.criterion = losses.BarlowTwinsLoss()

    def forward(self, views):
        return self.criterion(*[self.head(self.represent(view)) for view in views])


class SimCLR(Method):
    views = staticmethod(simclr_views)

    def build(self):
        self.head = heads.SimCLRProjectionHead(self.features, 512, 128)
        self.criterion = losses.NTXentLoss()

    def forward(self, views):
        return self.criterion(*[self.head(self.represent(view)) for view in views])


class SimSiam(Method):
    views = staticmethod(lambda: SimSiamTransform(input_size=32, gaussian_blur=0.0))
    scales_rate = False

    def build(self):
        hidden = (self.features, 2048, nn.BatchNorm1d(2048), nn.ReLU(inplace=True))
        self.head = heads.ProjectionHead([hidden, (2048, 2048, nn.BatchNorm1d(2048), None)])
        self.predictor = heads.SimSiamPredictionHead(2048, 512, 2048)
        self.criterion = losses.NegativeCosineSimilarity()

    def forward(self, views):
        z = [self.head(self.represent(view)) for view in views]
        p = [self.predictor(value) for value in z]
        return 0.5 * (self.criterion(z[0].detach(), p[1]) + self.criterion(z[1].detach(), p[0]))


class WithTeacher(Method):
    def make_teacher(self):
        self.teacher = copy.deepcopy(nn.ModuleList([self.backbone, self.head]))
        model_utils.deactivate_requires_grad(self.teacher)

    def update_teacher(self):
        for own, slow in zip((self.backbone, self.head), self.teacher):
            model_utils.update_momentum(own, slow, MOMENTUM)

    def teach(self, images):
        backbone, head = self.teacher
        with torch.no_grad():
            return head(backbone(images).flatten(start_dim=1))


class BYOL(WithTeacher):
    views = staticmethod(byol_views)

    def build(self):
        self.head = heads.BYOLProjectionHead(self.features, 1024, 256)
        self.predictor = heads.BYOLPredictionHead(256, 1024, 256)
        self.criterion = losses.NegativeCosineSimilarity()
        self.make_teacher()

    def forward(self, views):
        self.update_teacher()
        p = [self.predictor(self.head(self.represent(view))) for view in views]
        z = [self.teach(view) for view in views]
        return 0.5 * (self.criterion(p[0], z[1]) + self.criterion(p[1], z[0]))


class MoCo(WithTeacher):
    views = staticmethod(simclr_views)
    num_splits = 8
    memory_format = torch.contiguous_format  # LightlySSL's split batch norm refuses channels-last maps

    def build(self):
        self.head = heads.MoCoProjectionHead(self.features, 512, 128)
        self.criterion = losses.NTXentLoss(temperature=0.1, memory_bank_size=(4096, 128))
        self.make_teacher()

    def pair(self, query, key):
        shuffled, order = model_utils.batch_shuffle(key)
        keys = model_utils.batch_unshuffle(self.teach(shuffled), order)
        return self.criterion(self.head(self.represent(query)), keys)

    def forward(self, views):
        self.update_teacher()
        return 0.5 * (self.pair(views[0], views[1]) + self.pair(views[1], views[0]))


class SwAV(Method):
    views = staticmethod(swav_views)

    def build(self):
        self.head = heads.SwaVProjectionHead(self.features, 512, 128)
        self.prototypes = heads.SwaVPrototypes(128, 512)
        self.criterion = losses.SwaVLoss()

    def optimizer(self, batch):
        return torch.optim.Adam(self.learned(), lr=1e-3 * batch / 128, weight_decay=1e-6)

    def forward(self, views):
        self.prototypes.normalize()
        embedded = [nn.functional.normalize(self.head(self.represent(view)), dim=1) for view in views]
        return self.criterion([self.prototypes(value) for value in embedded], [])


METHODS = {"barlow-twins": BarlowTwins, "simclr": SimCLR, "simsiam": SimSiam, "byol": BYOL, "moco-v2": MoCo, "swav": SwAV}


def batches(loader):
    epoch = 0
    while True:
        for views in loader:
            yield epoch, views
        epoch += 1


def train(model, loader, arguments):
    """Trains for the minutes given and returns images a second; the cosine steps once an epoch, as LightlySSL's does."""
    optimizer = model.optimizer(arguments.batch)
    peak = optimizer.param_groups[0]["lr"]
    budget = arguments.minutes * 60
    started, steps = time.perf_counter(), 0
    for epoch, views in batches(loader):
        elapsed = time.perf_counter() - started
        if elapsed >= budget:
            break
        share = min(1.0, (elapsed / max(1, steps)) * (epoch * len(loader)) / budget)
        for group in optimizer.param_groups:
            group["lr"] = peak * (1 + numpy.cos(numpy.pi * share)) / 2
        if arguments.channels_last:
            views = [view.contiguous(memory_format=model.memory_format) for view in views]
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = model(views)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    seconds = time.perf_counter() - started
    return steps, steps * arguments.batch / seconds, float(loss.detach())


@torch.no_grad()
def represent_all(model, pixels):
    mean = torch.tensor(IMAGENET_NORMALIZE["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_NORMALIZE["std"]).view(1, 3, 1, 1)
    model.eval()
    parts = [model.represent((torch.from_numpy(part).float() / 255 - mean) / std) for part in numpy.array_split(pixels, len(pixels) // 500)]
    return nn.functional.normalize(torch.cat(parts).float(), dim=1)


def knn(bank, bank_labels, queries, labels, k=200, temperature=0.1, classes=10):
    correct = 0
    for part, own in zip(queries.split(500), labels.split(500)):
        similarity, index = (part @ bank.T).topk(k)
        votes = torch.zeros(len(part), classes).scatter_add_(1, bank_labels[index], (similarity / temperature).exp())
        correct += int((votes.argmax(1) == own).sum())
    return correct / len(queries)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--method", choices=METHODS, default="barlow-twins")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=float, default=1.0, help="of 64 channels in the first stage")
    parser.add_argument("--stem-stride", type=int, default=1, help="of the first convolution; LightlySSL's is 1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    train_pixels, train_labels = read_cifar(arguments.data, [f"data_batch_{part}.bin" for part in range(1, 6)])
    test_pixels, test_labels = read_cifar(arguments.data, ["test_batch.bin"])
    model = METHODS[arguments.method](arguments.width, arguments.stem_stride)
    if arguments.channels_last:
        model = model.to(memory_format=model.memory_format)
    loader = torch.utils.data.DataLoader(
        Pictures(train_pixels, model.views()), batch_size=arguments.batch, shuffle=True, drop_last=True,
        num_workers=arguments.workers, persistent_workers=arguments.workers > 0,
    )
    steps, images_per_second, last_loss = train(model, loader, arguments)
    accuracy = knn(represent_all(model, train_pixels), torch.from_numpy(train_labels), represent_all(model, test_pixels), torch.from_numpy(test_labels))
    print(json.dumps({**vars(arguments), "data": "cifar10", "steps": steps, "imagesPerSecond": images_per_second, "loss": last_loss, "knn": accuracy}))


if __name__ == "__main__":
    main()
