# Writes vit.safetensors: torchvision's VisionTransformer (12 layers, 3 heads of 16, patches of 8, pictures of 32) with parameters by the
# formula of the other cases, forward and backward in float64. Needs torch and torchvision:  python3 vit.py
import json
import struct

import numpy as np
import torch
from torchvision.models.vision_transformer import VisionTransformer

formula = (
    "parameter number n in the order of timm's names, flat index i: x=(i+7919*n) mod 2^32; x^=x>>>16; x=x*0x7feb352d mod 2^32; "
    "x^=x>>>15; x=x*0x846ca68b mod 2^32; x^=x>>>16; u=x/2^32; more than 1-D: (2u-1)*sqrt(6/fan_in) with fan_in = elements of p[0]; "
    "1-D weight: 1+0.1*(2u-1); 1-D bias: 0.1*(2u-1); computed in float64, stored as float32"
)


def values(number, name, shape):
    count = int(np.prod(shape))
    x = (np.arange(count, dtype=np.uint64) + np.uint64(7919 * number)) & np.uint64(0xFFFFFFFF)
    for factor, shift in ((0x7FEB352D, 16), (0x846CA68B, 15)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    u = (x ^ (x >> np.uint64(16))).astype(np.float64) / 2**32
    scale = np.sqrt(6 * shape[0] / count) if len(shape) > 1 else 0.1
    centre = 1.0 if len(shape) == 1 and not name.endswith("bias") else 0.0
    return (centre + scale * (2 * u - 1)).astype(np.float32).reshape(shape)


def names(layers):
    """Pairs of timm's name and torchvision's, in timm's order."""
    yield from [("cls_token", "class_token"), ("pos_embed", "encoder.pos_embedding")]
    yield from [("patch_embed.proj." + end, "conv_proj." + end) for end in ("weight", "bias")]
    parts = [
        ("norm1.weight", "ln_1.weight"), ("norm1.bias", "ln_1.bias"),
        ("attn.qkv.weight", "self_attention.in_proj_weight"), ("attn.qkv.bias", "self_attention.in_proj_bias"),
        ("attn.proj.weight", "self_attention.out_proj.weight"), ("attn.proj.bias", "self_attention.out_proj.bias"),
        ("norm2.weight", "ln_2.weight"), ("norm2.bias", "ln_2.bias"),
        ("mlp.fc1.weight", "mlp.0.weight"), ("mlp.fc1.bias", "mlp.0.bias"),
        ("mlp.fc2.weight", "mlp.3.weight"), ("mlp.fc2.bias", "mlp.3.bias"),
    ]
    for i in range(layers):
        yield from [(f"blocks.{i}.{ours}", f"encoder.layers.encoder_layer_{i}.{theirs}") for ours, theirs in parts]
    yield from [("norm.weight", "encoder.ln.weight"), ("norm.bias", "encoder.ln.bias")]


network = VisionTransformer(image_size=32, patch_size=8, num_layers=12, num_heads=3, hidden_dim=48, mlp_dim=192)
network.heads = torch.nn.Identity()
network.double().eval()  # no dropout; it has no batch statistics
parameters = dict(network.named_parameters())
pairs = list(names(12))
assert sorted(theirs for _, theirs in pairs) == sorted(parameters)
with torch.no_grad():
    for number, (ours, theirs) in enumerate(pairs):
        parameter = parameters[theirs]
        parameter.copy_(torch.from_numpy(values(number, ours, tuple(parameter.shape))))
x = torch.from_numpy(values(1000, "x", (2, 3, 32, 32))).double().requires_grad_()
features = network(x)
loss = (features * torch.arange(features.numel(), dtype=torch.float64).cos().reshape(features.shape)).sum()
loss.backward()
norms = {ours: parameters[theirs].grad.norm().item() for ours, theirs in pairs}

tensors = {"x": x.detach(), "features": features.detach(), "loss": loss.detach(), "grad_x": x.grad}
metadata = {"op": "vision_transformer", "reference": "torchvision", "parameter_formula": formula,
            "loss": "sum(features*cos(arange(numel)))", "gradient_norms": json.dumps(norms)}
header, data = {"__metadata__": metadata}, b""
for name, tensor in tensors.items():
    raw = tensor.float().numpy().tobytes()
    header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("vit.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
print(features.detach().numpy()[0, :4], loss.item())
