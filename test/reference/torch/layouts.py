# Writes the checkpoints of foreign-weights.test.ts: one ResNet-50 and one ViT-S/16 as the published programs save them, and the features
# that PyTorch computes with them. Needs torch and torchvision:  python3 layouts.py FOLDER
import argparse
import collections
import os
import sys

import torch
from torchvision.models import resnet50
from torchvision.models.vision_transformer import VisionTransformer

folder = sys.argv[1]
torch.manual_seed(0)
images = torch.randn(2, 3, 224, 224)


def dict_of(*groups):
    return collections.OrderedDict(pair for group in groups for pair in group)


def below(prefix, tensors):
    return [(prefix + name, value) for name, value in tensors.items()]


def slow(tensors):
    return {name: torch.zeros_like(value) for name, value in tensors.items()}


def head(*names):
    return [(name, torch.randn(4, 4)) for name in names]


def by_number(prefix, tensors):
    places = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    return [(f"{prefix}{places[name.split('.')[0]]}.{name.split('.', 1)[1]}", value) for name, value in tensors.items()]


def raw(name, tensor):
    tensor.detach().float().contiguous().numpy().tofile(os.path.join(folder, name))


network = resnet50()
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        torch.nn.init.normal_(module.running_mean, std=0.1)
        torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
        torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        module.num_batches_tracked.fill_(11)
classifier = [(f"fc.{end}", getattr(network.fc, end).detach()) for end in ("weight", "bias")]
network.fc = torch.nn.Identity()
network.eval()
residual = network.state_dict()

transformer = VisionTransformer(image_size=224, patch_size=16, num_layers=12, num_heads=6, hidden_dim=384, mlp_dim=1536)
for parameter in transformer.parameters():
    torch.nn.init.normal_(parameter, std=0.05)
transformer.heads = torch.nn.Identity()
transformer.eval()
theirs = transformer.state_dict()


def timm(name):
    pairs = [("class_token", "cls_token"), ("encoder.pos_embedding", "pos_embed"), ("conv_proj.", "patch_embed.proj."),
             ("encoder.ln.", "norm."), ("encoder.layers.encoder_layer_", "blocks."), (".ln_", ".norm"), (".self_attention.in_proj_", ".attn.qkv."),
             (".self_attention.out_proj.", ".attn.proj."), (".mlp.linear_1.", ".mlp.fc1."), (".mlp.linear_2.", ".mlp.fc2."), (".mlp.0.", ".mlp.fc1."),
             (".mlp.3.", ".mlp.fc2.")]
    for old, new in pairs:
        name = name.replace(old, new)
    return name


ours = {timm(name): value for name, value in theirs.items()}

with torch.no_grad():
    raw("images.bin", images)
    raw("residual.bin", network(images))
    raw("transformer.bin", transformer(images))

optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
for parameter in network.parameters():
    parameter.grad = torch.zeros_like(parameter)
optimizer.step()
arguments = argparse.Namespace(arch="resnet50", lr=0.1)

files = {
    "residual-barlow-twins.pth": residual,
    "residual-barlow-twins-full.pth": {
        "epoch": 1000,
        "model": dict_of(below("module.backbone.", residual), head("module.projector.0.weight", "module.bn.running_mean")),
        "optimizer": optimizer.state_dict(),
    },
    "residual-vicreg-full.pth": {"epoch": 1000, "model": dict_of(below("module.backbone.", residual), head("module.projector.0.weight"))},
    "residual-vissl.torch": {
        "phase_idx": 1,
        "classy_state_dict": {"base_model": {"model": {"trunk": dict_of(below("_feature_blocks.", residual)), "heads": dict_of(head("0.clf.0.weight"))}}},
    },
    "residual-moco-v1.pth.tar": {"arch": "resnet50", "state_dict": dict_of(below("module.encoder_q.", residual), head("module.encoder_q.fc.weight", "module.queue"))},
    "residual-moco-v2.pth.tar": {
        "arch": "resnet50",
        "state_dict": dict_of(below("module.encoder_q.", residual), head("module.encoder_q.fc.0.weight"), below("module.encoder_k.", slow(residual))),
    },
    "residual-moco-v3.pth.tar": {"state_dict": dict_of(below("module.base_encoder.", residual), head("module.base_encoder.fc.0.weight"))},
    "residual-simsiam.pth.tar": {"state_dict": dict_of(below("module.encoder.", residual), head("module.encoder.fc.0.weight", "module.predictor.0.weight"))},
    "residual-swav.pth.tar": dict_of(below("module.", residual), head("module.projection_head.0.weight", "module.prototypes.weight")),
    "residual-byol.pth": dict_of(below("online_encoder.net.", residual), below("target_encoder.net.", slow(residual))),
    "residual-solo-learn.ckpt": {
        "pytorch-lightning_version": "1.6.0",
        "hyper_parameters": {"args": arguments},
        "state_dict": dict_of(below("backbone.", residual), head("projector.0.weight", "classifier.weight")),
    },
    "residual-lightly.ckpt": {"state_dict": dict_of(by_number("backbone.", residual), head("projection_head.layers.0.weight"))},
    "residual-torchvision.pth": dict_of(below("", residual), classifier),
    "transformer-dino.pth": ours,
    "transformer-dino-full.pth": {
        "student": dict_of(below("module.backbone.", slow(ours)), head("module.head.last_layer.weight_g")),
        "teacher": dict_of(below("backbone.", ours), head("head.last_layer.weight_g")),
        "args": arguments,
    },
    "transformer-timm.pth": dict_of(below("", ours), head("head.weight")),
    "transformer-torchvision.pth": dict_of(below("", theirs), head("heads.head.weight")),
}
for number, (name, content) in enumerate(files.items()):
    torch.save(content, os.path.join(folder, name), _use_new_zipfile_serialization=number % 2 == 0)
