"""Repeats, their summary and the options that the peers share; the same figures as `selfsight bench` prints."""

import argparse
import json
import resource
import time

import torch


def options(**defaults):
    """Command line with --key value for each default; the types are the defaults' own."""
    parser = argparse.ArgumentParser()
    for name, value in {**defaults, "steps": 10, "threads": 0}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    chosen = parser.parse_args()
    if chosen.threads > 0:
        torch.set_num_threads(chosen.threads)
    return chosen


def measure(repeats, body):
    """Seconds of each repeat in order of size, after two that warm up."""
    for _ in range(2):
        body()
    seconds = []
    for _ in range(repeats):
        started_at = time.perf_counter()
        body()  # reads its loss, so a GPU is done
        seconds.append(time.perf_counter() - started_at)
    return sorted(seconds)


def report(what, seconds, images, **facts):
    median = seconds[len(seconds) // 2]
    figures = {
        "what": what,
        "medianSeconds": median,
        "minSeconds": seconds[0],
        "maxSeconds": seconds[-1],
        "imagesPerSecond": images / median,
        **facts,
        "threads": torch.get_num_threads(),
        "peakResidentMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "libtorch": torch.__version__.split("+")[0],
    }
    print(json.dumps(figures))
