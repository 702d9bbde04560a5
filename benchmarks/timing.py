"""Medians of a call and of a reference that moves the same bytes, taken in turns."""

import itertools
import statistics
import time

import numpy as np

WARM_UPS = 3
SHORTEST = 1e-3  # seconds: what takes less is repeated within one round


def seconds(call, repeats=1):
    """Time of one call, its result thrown away within: fresh memory is given back."""
    start = time.perf_counter()
    for _ in itertools.repeat(None, repeats):
        call()
    return (time.perf_counter() - start) / repeats


def medians(call, reference, budget):
    """Median seconds of both; as many rounds as fit into `budget` seconds, 7 to 51."""
    for _ in range(WARM_UPS):
        call()
        reference()
    once = seconds(call), seconds(reference)
    repeats = [max(1, round(SHORTEST / s)) for s in once]
    a_round = sum(s * n for s, n in zip(once, repeats, strict=True))
    pairs = [
        (seconds(call, repeats[0]), seconds(reference, repeats[1]))
        for _ in range(min(max(7, round(budget / a_round)), 51))
    ]
    return [statistics.median(times) for times in zip(*pairs, strict=True)]


def copy_of(arrays):
    """A call that copies arrays of these sizes, memory touched before."""
    pairs = [(np.empty_like(x), np.ones_like(x)) for x in arrays]

    def copy():
        for target, source in pairs:
            np.copyto(target, source)

    return copy


def fill_of(nbytes):
    """A call that writes so many bytes, memory touched before."""
    target = np.ones(nbytes, np.uint8)
    return lambda: target.fill(1)
