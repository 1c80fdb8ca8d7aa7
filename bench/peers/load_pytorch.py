# The peer of bench/import.mjs: the first torch.load of a process.  python3 load_pytorch.py FILE
import json
import sys
import time

import torch

start = time.perf_counter()
content = torch.load(sys.argv[1], map_location="cpu")
print(json.dumps({"seconds": time.perf_counter() - start, "torch": torch.__version__}))
