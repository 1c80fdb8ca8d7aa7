"""One step of a method in PyTorch with LightlySSL's modules: fixed random views, trunk, heads, loss, backward, SGD, teacher."""

import torch
from lightly_cifar10 import METHODS
from timing import measure, options, report

chosen = options(method="simclr", width=64, batch=64, size=32, precision="bf16")

torch.manual_seed(0)
model = METHODS[chosen.method](chosen.width / 64).to(memory_format=METHODS[chosen.method].memory_format)
optimizer = torch.optim.SGD(model.learned(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
views = [
    torch.randn(chosen.batch, 3, chosen.size, chosen.size).contiguous(memory_format=model.memory_format)
    for _ in range(2)
]


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=chosen.precision == "bf16"):
        loss = model(views)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


facts = {name: getattr(chosen, name) for name in ("method", "width", "size", "batch", "precision")}
report("step", measure(chosen.steps, step), chosen.batch, **facts)
