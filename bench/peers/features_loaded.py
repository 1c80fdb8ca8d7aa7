# The peer of bench/exports.mjs: features of pictures by an exported load.py.  python3 features_loaded.py FOLDER SIZE
import json
import sys

import torch

folder, size = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, folder)
from load import model  # noqa: E402

pictures = torch.frombuffer(bytearray(open(f"{folder}/pictures.f32", "rb").read()), dtype=torch.float32)
with torch.no_grad():
    print(json.dumps(model(pictures.reshape(-1, 3, size, size)).flatten().tolist()))
