"""ResNet-18, -34 and -50 without classifier, torchvision's order and strides. Up to 64 pixels: 3x3 stem with stride 1, no max-pool."""

from torch import nn

PLANS = {"resnet18": ([2, 2, 2, 2], 1), "resnet34": ([3, 4, 6, 3], 1), "resnet50": ([3, 4, 6, 3], 4)}


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    """Two 3x3 convolutions (expansion 1) or 1x1, 3x3, 1x1 (expansion 4), and the way around them."""

    def __init__(self, inputs, channels, stride, expansion):
        super().__init__()
        outputs = channels * expansion
        if expansion == 1:
            shapes = [(inputs, channels, 3, stride), (channels, channels, 3, 1)]
        else:
            shapes = [(inputs, channels, 1, 1), (channels, channels, 3, stride), (channels, outputs, 1, 1)]
        parts = []
        for shape in shapes:
            parts += [convolution(*shape), nn.BatchNorm2d(shape[1]), nn.ReLU(inplace=True)]
        self.branch = nn.Sequential(*parts[:-1])
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.branch(x)
        out += self.shortcut(x)
        return self.relu(out)


def stem(width, size):
    first = [convolution(3, width, 3)] if size <= 64 else [convolution(3, width, 7, 2)]
    last = [] if size <= 64 else [nn.MaxPool2d(3, stride=2, padding=1)]
    return nn.Sequential(*first, nn.BatchNorm2d(width), nn.ReLU(inplace=True), *last)


class ResNet(nn.Module):
    def __init__(self, name, width=64, size=32):
        super().__init__()
        depths, expansion = PLANS[name]
        self.stem = stem(width, size)
        blocks, inputs = [], width
        for stage, depth in enumerate(depths):
            channels = width * 2**stage
            for place in range(depth):
                blocks.append(Block(inputs, channels, 2 if stage > 0 and place == 0 else 1, expansion))
                inputs = channels * expansion
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.outputs = inputs

    def forward(self, images):
        return self.pool(self.blocks(self.stem(images))).flatten(1)
