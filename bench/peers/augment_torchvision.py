"""Two Barlow Twins views of each image by torchvision over PIL, the way PyTorch users prepare them on the CPU.

    python augment_torchvision.py --folder PHOTOS --images 200 --size 224     files to two views
    python augment_torchvision.py --cifar --images 256                        32x32 images in memory to two views
"""

import argparse
import glob
import json
import os
import random
import resource
import time

import numpy
import torch
from PIL import Image, ImageFilter, ImageOps
from torchvision import transforms

parser = argparse.ArgumentParser()
parser.add_argument("--images", type=int, default=200)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--folder")
parser.add_argument("--cifar", action="store_true")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--repeats", type=int, default=5)
chosen = parser.parse_args()
torch.set_num_threads(chosen.threads)


def chance(probability, change):
    return lambda image: change(image) if random.random() < probability else image


def blurred(image):
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2)))


def pipeline(size, blur, solarize):
    return transforms.Compose([
        transforms.RandomResizedCrop(size, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        transforms.RandomGrayscale(0.2),
        chance(blur, blurred),
        chance(solarize, lambda image: ImageOps.solarize(image, 128)),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])


size = 32 if chosen.cifar else chosen.size
blurs = size > 64
first, second = pipeline(size, 1.0 if blurs else 0.0, 0.0), pipeline(size, 0.1 if blurs else 0.0, 0.2)

if chosen.cifar:
    pixels = numpy.random.randint(0, 256, (chosen.images, 32, 32, 3), dtype=numpy.uint8)
    sources = [Image.fromarray(image) for image in pixels]
else:
    files = sorted(glob.glob(os.path.join(chosen.folder, "*.jpg")))
    sources = [files[i % len(files)] for i in range(chosen.images)]


def once():
    views = []
    for source in sources:
        image = source if chosen.cifar else Image.open(source).convert("RGB")
        views.append((first(image), second(image)))
    return torch.stack([a for a, _ in views]), torch.stack([b for _, b in views])


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


once()
seconds, cpu = [], []
for _ in range(chosen.repeats):
    wall, used = time.perf_counter(), cpu_seconds()
    once()
    seconds.append(time.perf_counter() - wall)
    cpu.append(cpu_seconds() - used)
seconds.sort()
cpu.sort()
print(json.dumps({
    "medianSeconds": seconds[len(seconds) // 2],
    "minSeconds": seconds[0],
    "imagesPerSecond": chosen.images / seconds[len(seconds) // 2],
    "cpuMillisecondsPerImage": 1000 * cpu[len(cpu) // 2] / chosen.images,
    "minCpuMillisecondsPerImage": 1000 * cpu[0] / chosen.images,
    "size": size,
    "threads": torch.get_num_threads(),
}))
