"""COCOeval of pycocotools on two files: seconds of reading and of evaluating, and the twelve numbers."""

import contextlib
import io
import json
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

truth, results, kind = sys.argv[1:4]
with contextlib.redirect_stdout(io.StringIO()):
    started_at = time.perf_counter()
    coco = COCO(truth)
    found = coco.loadRes(results)
    read_at = time.perf_counter()
    run = COCOeval(coco, found, kind)
    run.evaluate()
    run.accumulate()
    run.summarize()
    ended_at = time.perf_counter()
print(json.dumps({"read": read_at - started_at, "evaluate": ended_at - read_at, "stats": [float(v) for v in run.stats]}))
