# Writes kinds.pth, kinds-legacy.pth and kinds.json: one small checkpoint of every kind of tensor that weights have, as PyTorch itself saves it,
# and what it holds. Needs torch:  python3 kinds.py
import argparse
import collections
import json
import pathlib

import torch

torch.manual_seed(0)
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
tensors = collections.OrderedDict(
    float32=torch.randn(2, 3),
    float64=torch.randn(3, dtype=torch.float64),
    float16=torch.tensor([0.5, -2.0, 65504.0, 6e-8]).half(),
    bfloat16=torch.tensor([0.5, -2.0, 3e38]).bfloat16(),
    int64=torch.tensor([2**40, -1]),
    int32=torch.tensor([7, -7], dtype=torch.int32),
    int16=torch.tensor([300, -300], dtype=torch.int16),
    int8=torch.tensor([-128, 127], dtype=torch.int8),
    uint8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False]),
    scalar=torch.tensor(3.0),
    empty=torch.zeros(0, 5),
    whole=base,
    transposed=base.t(),
    column=base[:, 2],
    every_other=base[::2, 1::2],
    channels_last=torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
    parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])),
)
extra = {
    "epoch": 3,
    "best": 0.25,
    "args": argparse.Namespace(lr=0.1, path=pathlib.Path("/data")),
    "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
    "sparse": torch.eye(2).to_sparse(),
}
checkpoint = {"state_dict": tensors, **extra}
torch.save(checkpoint, "kinds.pth")
torch.save(checkpoint, "kinds-legacy.pth", _use_new_zipfile_serialization=False)
held = {name: {"shape": list(value.shape), "values": value.detach().double().flatten().tolist()} for name, value in tensors.items()}
with open("kinds.json", "w") as file:
    json.dump({"torch": torch.__version__, "tensors": held}, file)
    file.write("\n")
