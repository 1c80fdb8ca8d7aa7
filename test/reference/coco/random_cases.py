# Random annotations and results with everything that decides ties: equal scores, equal overlaps, crowds, areas at the ends of
# ranges, more than 100 detections. Scored by COCOeval of cocodataset/cocoapi (PythonAPI on PYTHONPATH; numpy). Usage: random_cases.py OUT.json
import json
import sys

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(11)
SIDE = 160


def box():
    side = int(rng.choice([6, 12, 32, 40, 96, 120]))
    x, y = (int(v) for v in rng.integers(0, SIDE - side + 1, 2))
    w, h = (int(max(1, side + d)) for d in rng.integers(-2, 1, 2))
    return [x, y, min(w, SIDE - x), min(h, SIDE - y)]


def moved(b):
    x, y, w, h = (int(v + d) for v, d in zip(b, rng.integers(-3, 4, 4)))
    x, y, w, h = max(0, x), max(0, y), max(1, w), max(1, h)
    return [min(x, SIDE - 1), min(y, SIDE - 1), min(w, SIDE - min(x, SIDE - 1)), min(h, SIDE - min(y, SIDE - 1))]


def corners(b):
    x, y, w, h = b
    return [x, y, x + w, y, x + w, y + h - h / 3, x + w / 2, y + h, x, y + h]


def case(images, classes, most):
    annotations, results = [], []
    for image in range(1, images + 1):
        for _ in range(int(rng.integers(0, most))):
            b, category = box(), int(rng.integers(1, classes + 1))
            crowd = int(rng.random() < 0.15)
            polygon = [corners(b)]
            area = float(mask.area(mask.merge(mask.frPyObjects(polygon, SIDE, SIDE))))
            annotations.append(dict(id=len(annotations) + 1, image_id=image, category_id=category, bbox=b, area=area,
                                    iscrowd=crowd, segmentation=polygon))
            for _ in range(int(rng.integers(0, 4))):
                results.append((image, category if rng.random() < 0.8 else int(rng.integers(1, classes + 1)), moved(b)))
        for _ in range(int(rng.integers(0, most))):
            results.append((image, int(rng.integers(1, classes + 1)), box()))
    order = rng.permutation(len(results))
    results = [results[i] for i in order]
    scores = [float(v) for v in rng.integers(1, 12, len(results)) / 12]
    boxes = [dict(image_id=i, category_id=c, bbox=b, score=s) for (i, c, b), s in zip(results, scores)]
    masks = []
    for (i, c, b), s in zip(results, scores):
        rle = mask.merge(mask.frPyObjects([corners(b)], SIDE, SIDE))
        masks.append(dict(image_id=i, category_id=c, score=s, segmentation=dict(size=[SIDE, SIDE], counts=rle["counts"].decode())))
    truth = dict(images=[dict(id=i, file_name=f"{i}.png", width=SIDE, height=SIDE) for i in range(1, images + 1)],
                 annotations=annotations, categories=[dict(id=c, name=f"class {c}") for c in range(1, classes + 1)])
    stats = {(kind, use): score(truth, found, kind, use) for kind, found in (("bbox", boxes), ("segm", masks)) for use in (1, 0)}
    return dict(truth=truth, boxes=boxes, masks=masks, stats={f"{k} {'by class' if u else 'any class'}": v for (k, u), v in stats.items()})


def score(truth, found, kind, use):
    coco = COCO()
    coco.dataset = json.loads(json.dumps(truth))
    coco.createIndex()
    with open("/tmp/random_results.json", "w") as file:
        json.dump(found, file)
    run = COCOeval(coco, coco.loadRes("/tmp/random_results.json"), kind)
    run.params.useCats = use
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [float(v) for v in run.stats]


cases = [case(4, 2, 8), case(12, 3, 6), case(3, 1, 90), case(1, 2, 4)]
json.dump(dict(source="cocodataset/cocoapi PythonAPI, COCOeval; this folder's random_cases.py", cases=cases), open(sys.argv[1], "w"),
          separators=(",", ":"))
