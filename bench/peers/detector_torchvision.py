"""Writes test/reference/detector.safetensors: torchvision's Faster and Mask R-CNN on a small C4 trunk, forward and backward.

    python3 bench/peers/detector_torchvision.py test/reference/detector.safetensors        (torch 1.13, torchvision 0.14)

The same network as ours: ResNet-18 of width 4 with a 3x3 stem, proposals from its third stage, its fourth on pooled boxes, a batch norm
behind it. Every anchor and proposal is sampled, so nothing is random. Parameters by the formula of the other cases; those of the proposal
network's and the predictors' outputs are a tenth of it. Losses in training mode; detections after it, with the running statistics that
this one step left.
"""

import json
import struct
import sys

import numpy as np
import torch
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.resnet import BasicBlock
from torchvision.ops import MultiScaleRoIAlign

WIDTH, CLASSES, SIZES, RATIOS = 4, 3, (8, 16, 32), (0.5, 1.0, 2.0)


def values(number, name, shape):
    count = int(np.prod(shape))
    x = (np.arange(count, dtype=np.uint64) + np.uint64(7919 * number)) & np.uint64(0xFFFFFFFF)
    for factor, shift in ((0x7FEB352D, 16), (0x846CA68B, 15)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    u = (x ^ (x >> np.uint64(16))).astype(np.float64) / 2**32
    scale = np.sqrt(6 * shape[0] / count) if len(shape) > 1 else 0.1
    centre = 1.0 if len(shape) == 1 and not name.endswith("bias") else 0.0
    return torch.from_numpy((centre + scale * (2 * u - 1)).astype(np.float32).reshape(shape))


def stage(inputs, channels, stride):
    way = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)) if stride > 1 else None
    return nn.Sequential(BasicBlock(inputs, channels, stride, way), BasicBlock(channels, channels))


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.layer1 = stage(WIDTH, WIDTH, 1)
        self.layer2 = stage(WIDTH, 2 * WIDTH, 2)
        self.layer3 = stage(2 * WIDTH, 4 * WIDTH, 2)
        self.layer4 = stage(4 * WIDTH, 8 * WIDTH, 2)

    def forward(self, images):
        return self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(images))))))


class Head(nn.Module):
    """torchvision's own has a fixed number of convolutions in nested modules; this one has our names."""

    def __init__(self, channels, anchors):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, maps):
        hidden = [torch.relu(self.conv(each)) for each in maps]
        return [self.cls_logits(each) for each in hidden], [self.bbox_pred(each) for each in hidden]


class LastStage(nn.Module):
    def __init__(self, network, is_pooled):
        super().__init__()
        self.network, self.is_pooled = [network], is_pooled

    def forward(self, pooled):
        network = self.network[0]
        regions = network.extra_norm(network.backbone.layer4(pooled))
        return regions.mean((2, 3)) if self.is_pooled else regions


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Trunk()
        self.rpn = Head(4 * WIDTH, len(SIZES) * len(RATIOS))
        self.extra_norm = nn.BatchNorm2d(8 * WIDTH)
        self.box_predictor = FastRCNNPredictor(8 * WIDTH, CLASSES + 1)
        self.mask_predictor = MaskRCNNPredictor(8 * WIDTH, 256, CLASSES + 1)


def anchors():
    """Not rounded, and size by size, as detectron2 and we have them; torchvision rounds to whole pixels."""
    generator = AnchorGenerator((SIZES,), (RATIOS,))
    boxes = [[-s / r**0.5 / 2, -s * r**0.5 / 2, s / r**0.5 / 2, s * r**0.5 / 2] for s in SIZES for r in RATIOS]
    generator.cell_anchors = [torch.tensor(boxes, dtype=torch.float32)]
    return generator


network = Network()
with torch.no_grad():
    for number, (name, parameter) in enumerate(network.named_parameters()):
        tenth = 0.1 if any(part in name for part in ("cls_logits", "rpn.bbox_pred", "box_predictor", "mask_fcn")) else 1.0
        parameter.copy_(values(number, name, tuple(parameter.shape)) * tenth)

all_of_them = 100_000
rpn = RegionProposalNetwork(
    anchors(), network.rpn, 0.7, 0.3, all_of_them, 1.0, dict(training=300, testing=200), dict(training=100, testing=50), 0.7
)
pool = MultiScaleRoIAlign(["0"], 14, 2)
heads = RoIHeads(pool, LastStage(network, True), network.box_predictor, 0.5, 0.5, all_of_them, 1.0, None, 0.05, 0.5, 20)
sizes = [(64, 64), (48, 64)]
x = values(1000, "x", (2, 3, 64, 64)) / 2
x[1, :, 48:] = 0
images = ImageList(x, sizes)
truth = [
    torch.tensor([[4.0, 6.0, 30.0, 28.0], [33.5, 20.0, 60.0, 62.0], [10.0, 40.0, 22.0, 50.0]]),
    torch.tensor([[12.0, 2.0, 50.0, 44.0]]),
]
labels = [torch.tensor([1, 2, 3]), torch.tensor([2])]
targets = [{"boxes": boxes, "labels": own} for boxes, own in zip(truth, labels)]

network.train()
rpn.train(), heads.train()
maps = {"0": network.backbone(x)}
logits, deltas = network.rpn([maps["0"]])
proposals, rpn_losses = rpn(images, maps, targets)
_, head_losses = heads(maps, proposals, sizes, targets)
losses = {
    "objectness": rpn_losses["loss_objectness"],
    "proposalBox": rpn_losses["loss_rpn_box_reg"],
    "class": head_losses["loss_classifier"],
    "box": head_losses["loss_box_reg"],
}
sum(losses.values()).backward()
norms = {name: p.grad.norm().item() for name, p in network.named_parameters() if p.grad is not None}
tensors = {"x": x, "map": maps["0"], "logits": logits[0], "deltas": deltas[0], **losses}
for i in range(2):
    tensors |= {f"boxes_{i}": truth[i], f"labels_{i}": labels[i], f"proposals_{i}": proposals[i]}

network.eval()
rpn.eval(), heads.eval()
with torch.no_grad():
    maps = {"0": network.backbone(x)}
    proposals, _ = rpn(images, maps)
    found, _ = heads(maps, proposals, sizes)
    regions = LastStage(network, False)(pool(maps, [each["boxes"] for each in found], sizes))
    masks = network.mask_predictor(regions).split([len(each["boxes"]) for each in found])
for i, each in enumerate(found):
    own = masks[i][torch.arange(len(each["labels"])), each["labels"]].sigmoid()
    tensors |= {f"test_proposals_{i}": proposals[i], f"found_boxes_{i}": each["boxes"], f"found_scores_{i}": each["scores"]}
    tensors |= {f"found_labels_{i}": each["labels"], f"found_masks_{i}": own}

metadata = {"op": "detector", "reference": "torchvision", "gradient_norms": json.dumps(norms), "sizes": json.dumps(sizes)}
header, data = {"__metadata__": metadata}, b""
for name, tensor in tensors.items():
    raw = tensor.detach().float().contiguous().numpy().tobytes()
    header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
print({name: loss.item() for name, loss in losses.items()}, [len(each["boxes"]) for each in found])
