"""Times one training step of torchvision's Faster R-CNN on a C4 trunk; prints JSON. See bench/detection.mjs, which runs it.

    python3 bench/peers/detector_step_torchvision.py resnet18 320 2 128 3      (trunk, side, pictures, proposals of a picture, steps)
"""

import json
import statistics
import sys
import time

import torch
import torchvision
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

name, side, pictures, boxes, steps = sys.argv[1], *map(int, sys.argv[2:6])
trunk = getattr(torchvision.models, name)(weights=None)
channels = trunk.fc.in_features


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer4, self.norm = trunk.layer4, nn.BatchNorm2d(channels)

    def forward(self, pooled):
        return self.norm(self.layer4(pooled)).mean((2, 3))


stages = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1, trunk.layer2, trunk.layer3)
stages.out_channels = channels // 2
model = FasterRCNN(
    stages,
    rpn_anchor_generator=AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),)),
    box_roi_pool=MultiScaleRoIAlign(["0"], 14, 0),
    box_head=Last(),
    box_predictor=FastRCNNPredictor(channels, 21),
    rpn_pre_nms_top_n_train=2000,
    rpn_post_nms_top_n_train=1000,
    box_batch_size_per_image=boxes,
    min_size=side,
    max_size=side,
)
model.train()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
torch.manual_seed(0)
images = [torch.rand(3, side, side) for _ in range(pictures)]
truth = torch.tensor([[20.0, 30.0, side * 0.6, side * 0.7], [side * 0.4, 10.0, side * 0.9, side * 0.5]])
targets = [{"boxes": truth, "labels": torch.tensor([1, 2])} for _ in images]


def step():
    loss = sum(model(images, targets).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


step()
walls, processors = [], []
for _ in range(steps):
    wall, processor = time.perf_counter(), time.process_time()
    step()
    walls.append(time.perf_counter() - wall)
    processors.append(time.process_time() - processor)
print(json.dumps({"wallSeconds": statistics.median(walls), "processorSeconds": statistics.median(processors), "torch": torch.__version__}))
