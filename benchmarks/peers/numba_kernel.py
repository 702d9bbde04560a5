"""A loop for numba, as one writes it: (n,S,H,D), rows of positions outside heads."""

import numba
import numpy as np

from peers import OUT


@numba.njit
def half(x, cos, sin, out):
    n = cos.shape[1]
    for b in range(x.shape[0]):
        for s in range(x.shape[1]):
            for h in range(x.shape[2]):
                for k in range(n):
                    one, other = x[b, s, h, k], x[b, s, h, k + n]
                    out[b, s, h, k] = one * cos[s, k] - other * sin[s, k]
                    out[b, s, h, k + n] = other * cos[s, k] + one * sin[s, k]
                for c in range(2 * n, x.shape[3]):
                    out[b, s, h, c] = x[b, s, h, c]


@numba.njit
def interleaved(x, cos, sin, out):
    n = cos.shape[1]
    for b in range(x.shape[0]):
        for s in range(x.shape[1]):
            for h in range(x.shape[2]):
                for k in range(n):
                    one, other = x[b, s, h, 2 * k], x[b, s, h, 2 * k + 1]
                    out[b, s, h, 2 * k] = one * cos[s, k] - other * sin[s, k]
                    out[b, s, h, 2 * k + 1] = other * cos[s, k] + one * sin[s, k]


def rotations(case):
    if case.dtype != "float32":  # numba knows neither of the short types on a CPU
        return
    kernel = interleaved if case.layout == "interleaved" else half
    cos, sin = case.tables()
    xs = case.arrays()
    ys = [np.ones_like(x) for x in xs]
    views = list(zip(map(by_position, xs), map(by_position, ys), strict=True))
    if case.seq_axis == -3:
        views = list(zip(xs, ys, strict=True))

    def run():
        for x, y in views:
            kernel(x, cos, sin, y)
        return ys

    yield OUT, run


def by_position(x):
    """(B,H,S,D) as (B*H,S,1,D), which shares its memory."""
    return x.reshape(-1, x.shape[2], 1, x.shape[3])
