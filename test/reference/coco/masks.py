# Masks by pycocotools (cocodataset/cocoapi, PythonAPI on PYTHONPATH; numpy): random polygons inside, over the edge, of whole and half
# numbers, tiny, with corners twice; their run lengths, areas, boxes and overlaps. Usage: masks.py OUT.json
import json
import sys

import numpy as np
import pycocotools.mask as m

rng = np.random.default_rng(7)
KINDS = ["inside", "over", "whole", "half", "small", "same"]


def polygon(kind, h, w):
    k = int(rng.integers(3, 12))
    if kind == "inside":
        return (rng.random((k, 2)) * [w, h]).round(2)
    if kind == "over":
        return (rng.random((k, 2)) * [w * 1.6, h * 1.6] - [w * 0.3, h * 0.3]).round(2)
    if kind == "whole":
        return np.floor(rng.random((k, 2)) * [w, h])
    if kind == "half":
        return np.floor(rng.random((k, 2)) * [w, h] * 2) / 2
    if kind == "small":
        return (rng.random((k, 2)) * 3 + [w / 2, h / 2]).round(3)
    return np.repeat((rng.random((k, 2)) * [w, h]).round(1), 2, axis=0)


def polygon_case(i):
    h, w = int(rng.integers(5, 90)), int(rng.integers(5, 90))
    polygons = [polygon(KINDS[i % 6], h, w).ravel().tolist() for _ in range(int(rng.integers(1, 4)))]
    r = m.merge(m.frPyObjects(polygons, h, w))
    box = [float(v) for v in m.toBbox(r)]
    return dict(height=h, width=w, polygons=polygons, counts=r["counts"].decode(), area=int(m.area(r)), box=box)


def overlap_case():
    h, w = 40, 50
    one = lambda: m.merge(m.frPyObjects([polygon("over", h, w).ravel().tolist()], h, w))
    found, truth = [one() for _ in range(5)], [one() for _ in range(4)]
    crowd = [int(rng.integers(0, 2)) for _ in truth]
    text = lambda masks: [r["counts"].decode() for r in masks]
    return dict(height=h, width=w, detections=text(found), groundTruths=text(truth), isCrowd=crowd,
                overlaps=m.iou(found, truth, crowd).tolist())


json.dump(dict(source="cocodataset/cocoapi PythonAPI, pycocotools.mask; this folder's masks.py",
               cases=[polygon_case(i) for i in range(240)], overlaps=[overlap_case() for _ in range(12)]),
          open(sys.argv[1], "w"), separators=(",", ":"))
