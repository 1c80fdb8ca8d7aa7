"""The loss of Barlow Twins as its authors' code writes it, forward and backward, float32."""

import torch
from timing import measure, options, report
from torch import nn

chosen = options(batch=2048, features=8192)
normalize = nn.BatchNorm1d(chosen.features, affine=False)
torch.manual_seed(0)
z_a, z_b = (torch.randn(chosen.batch, chosen.features, requires_grad=True) for _ in range(2))


def off_diagonal(matrix):
    size = len(matrix)
    return matrix.flatten()[:-1].view(size - 1, size + 1)[:, 1:].flatten()


def loss():
    c = normalize(z_a).T @ normalize(z_b)
    c.div_(chosen.batch)
    on_diagonal = torch.diagonal(c).add_(-1).pow_(2).sum()
    value = on_diagonal + 0.0051 * off_diagonal(c).pow_(2).sum()
    value.backward()
    z_a.grad = z_b.grad = None
    return value.item()


report("loss", measure(chosen.steps, loss), chosen.batch, batch=chosen.batch, features=chosen.features)
