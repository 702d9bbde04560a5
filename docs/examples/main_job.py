"""The main job: a real model's config in, rotated queries and keys out, and how exact.

Run by ``make run``. The exact values come from mpmath, from the formula written out
again below, so nothing here is compared with itself.
"""

import statistics
import time
from pathlib import Path

import mpmath
import numpy as np

import ropeinterp as ri
from ropeinterp import cli

CONFIG = Path(__file__).parent / "configs/llama-3.1-8b.json"
LENGTH = 131072
SHAPES = {"q": (1, 32, 4096, 128), "k": (1, 8, 4096, 128)}
SAMPLES = 300


def exact_inv_freq(k):
    """Llama-3's frequency of pair k: arXiv 2407.21783 and the released code."""
    base, dim, factor, low, high, trained = 500000, 128, 8, 1, 4, 8192
    w = mpmath.mpf(base) ** (-mpmath.mpf(2 * k) / dim)
    turns = trained * w / (2 * mpmath.pi)
    if turns < low:
        return w / factor
    if turns > high:
        return w
    kept = (turns - low) / (high - low)
    return (1 - kept) * w / factor + kept * w


def largest_error(x, y, rng):
    """Largest difference to the exact rotation, in float32 eps of the pair's length."""
    worst, half = 0.0, x.shape[-1] // 2
    for _ in range(SAMPLES):
        head, p, k = (int(rng.integers(n)) for n in (x.shape[1], x.shape[2], half))
        a, b = float(x[0, head, p, k]), float(x[0, head, p, k + half])
        c, d = float(y[0, head, p, k]), float(y[0, head, p, k + half])
        with mpmath.workdps(40):
            exact = mpmath.mpc(a, b) * mpmath.expj(p * exact_inv_freq(k))
            error = abs(mpmath.mpc(c, d) - exact) / abs(exact)
        worst = max(worst, float(error) / np.finfo(np.float32).eps)
    return worst


def median_seconds(call, repeats=9):
    """Median time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """Show the config, rotate, time, compare."""
    cli.main(["show", str(CONFIG), "--length", str(LENGTH)])
    spec = ri.read(CONFIG).spec
    rng = np.random.default_rng(20261123)
    for name, shape in SHAPES.items():
        x = rng.standard_normal(shape, dtype=np.float32)
        y = np.empty_like(x)
        seconds = median_seconds(lambda x=x, y=y: spec.apply(x, out=y))
        print(
            f"{name} {shape} float32: {1e3 * seconds:.2f} ms, "
            f"{2 * x.nbytes / seconds / 1e9:.1f} GB/s read and written; largest error "
            f"{largest_error(x, y, rng):.2f} eps in {SAMPLES} samples"
        )


if __name__ == "__main__":
    main()
