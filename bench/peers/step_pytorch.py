"""One step of Barlow Twins in PyTorch: two fixed random views, ResNet, projector, loss, backward, SGD."""

import torch
from resnet import ResNet
from timing import measure, options, report
from torch import nn

chosen = options(
    backbone="resnet18",
    width=64,
    batch=256,
    size=32,
    projector="2048-2048-2048",
    precision="bf16",
    compile=0,
    device="cpu",
)


def projector(inputs, widths):
    layers = []
    for width in widths[:-1]:
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, widths[-1], bias=False))


class BarlowTwins(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.backbone = ResNet(chosen.backbone, chosen.width, chosen.size)
        self.projector = projector(self.backbone.outputs, widths)
        self.normalize = nn.BatchNorm1d(widths[-1], affine=False)

    def embed(self, view):
        return self.projector(self.backbone(view))

    def forward(self, view_a, view_b, scale=0.0051):
        """The correlation of the normalised embeddings; squares on its diagonal from one, off it from zero."""
        z_a, z_b = self.embed(view_a), self.embed(view_b)
        with torch.autocast(chosen.device, enabled=False):
            c = self.normalize(z_a.float()).T @ self.normalize(z_b.float()) / len(view_a)  # [D, D]
            diagonal = torch.diagonal(c)
            on_diagonal = (diagonal - 1).square().sum()
            size = len(c)
            off_diagonal = c.flatten()[:-1].view(size - 1, size + 1)[:, 1:].square().sum()
            return on_diagonal + scale * off_diagonal


torch.manual_seed(0)
model = BarlowTwins([int(width) for width in chosen.projector.split("-")])
model = model.to(chosen.device, memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
views = [
    torch.randn(chosen.batch, 3, chosen.size, chosen.size)
    .contiguous(memory_format=torch.channels_last)
    .to(chosen.device)
    for _ in range(2)
]
run = torch.compile(model) if chosen.compile else model


def step():
    with torch.autocast(chosen.device, dtype=torch.bfloat16, enabled=chosen.precision == "bf16"):
        loss = run(*views)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


facts = {name: getattr(chosen, name) for name in ("backbone", "width", "size", "batch", "projector", "precision")}
report("step", measure(chosen.steps, step), chosen.batch, **facts)
