"""The ten nearest of every row by faiss: exactly, and by an inverted file at several depths.  python3 neighbours_faiss.py ROWS.f32 N D OUT.i32"""

import json
import sys
import time

import faiss
import numpy

rows, count, dimensions, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
bank = numpy.fromfile(rows, dtype=numpy.float32).reshape(count, dimensions)
neighbours = 11  # each row finds itself
found = {}


def timed(name, body):
    started_at = time.perf_counter()
    result = body()
    found[name] = {"seconds": time.perf_counter() - started_at}
    return result


def exact():
    unit = bank.copy()
    faiss.normalize_L2(unit)
    index = faiss.IndexFlatIP(dimensions)
    index.add(unit)
    return index.search(unit, neighbours)[1]


def recall(places):
    return float(numpy.mean([len(set(a) & set(b)) for a, b in zip(places, truth)]) / neighbours)


truth = timed("flat", exact)
truth[:, :].astype(numpy.int32).tofile(out)
unit = bank.copy()
faiss.normalize_L2(unit)
for depth in [int(each) for each in sys.argv[5].split(",")] if len(sys.argv) > 5 else []:

    def inverted():
        index = faiss.index_factory(dimensions, "IVF1024,Flat", faiss.METRIC_INNER_PRODUCT)
        index.train(unit)
        index.add(unit)
        index.nprobe = depth
        return index.search(unit, neighbours)[1]

    places = timed(f"IVF1024, nprobe {depth}", inverted)
    found[f"IVF1024, nprobe {depth}"]["recall"] = recall(places)
print(json.dumps({"faiss": faiss.__version__, "found": found}))
