"""Is rotating an array as fast as copying it? One thread, memcpy beside every call.

mu is the time of a call divided by that of copying the same bytes, taken in turns with
it. In place a kernel moves what memcpy moves, so 1 is the speed of memory; a fresh
array also pays for its pages. Tables have no input: their mu is against memset.

    python benchmarks/bench_apply.py            prints the table
    python benchmarks/bench_apply.py --write    also writes benchmarks/README.md
"""

import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import ml_dtypes
import numpy as np

import ropeinterp as ri
from ropeinterp import _core

SHAPE = (1, 32, 4096, 128)  # 64 MB of float32: larger than the caches
DTYPES = ("float32", "float16", "bfloat16")
ROUNDS = 15
SPEC = ri.RopeSpec.llama3(128, 5e5, factor=8.0, trained_length=8192)


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turns(call, reference):
    """Median times of two calls, taken alternately after one round of warming up."""
    pairs = [(seconds(call), seconds(reference)) for _ in range(ROUNDS + 1)][1:]
    return [statistics.median(times) for times in zip(*pairs, strict=True)]


def cases():
    """Name, dtype, bytes moved, the call and its reference."""
    rng = np.random.default_rng(20261123)
    for name in DTYPES:
        dtype = np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)
        x = rng.standard_normal(SHAPE, dtype=np.float32).astype(dtype)
        y, z = np.empty_like(x), x.copy()

        def copy(x=x, y=y):
            np.copyto(y, x)

        def fresh(x=x):
            return x.copy()

        moved = 2 * x.nbytes
        yield "in place", name, moved, lambda z=z: SPEC.apply(z, out=z), copy
        yield "out=", name, moved, lambda x=x, y=y: SPEC.apply(x, out=y), copy
        yield "fresh", name, moved, lambda x=x: SPEC.apply(x), fresh
        positions = np.arange(131072)
        table = np.empty((2, positions.size, 64 * dtype.itemsize), np.uint8)
        yield (
            "cos_sin",
            name,
            table.nbytes,
            lambda p=positions, d=dtype: SPEC.cos_sin(p, dtype=d),
            lambda t=table: t.fill(1),
        )


def table():
    yield "| call | dtype | ms | memory, ms | mu | GB/s |"
    yield "|---|---|---:|---:|---:|---:|"
    for call, dtype, moved, ours, reference in cases():
        t, t0 = in_turns(ours, reference)
        yield (
            f"| {call} | {dtype} | {1e3 * t:.2f} | {1e3 * t0:.2f} | {t / t0:.2f} "
            f"| {moved / t / 1e9:.1f} |"
        )


def machine():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main():
    lines = [
        f"{machine()}, {os.cpu_count()} CPUs, kernels {_core.isa}, one thread; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, ropeinterp "
        f"{version('ropeinterp')}.",
        f"q {SHAPE}; tables of 131072 x 64 pairs. Medians of {ROUNDS} rounds.",
        "",
    ]
    print(*lines, sep="\n")
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if "--write" in sys.argv:
        title = [
            "# Benchmarks",
            "",
            "Written by `make bench`.",
            *__doc__.split("\n")[1:5],
        ]
        Path(__file__).with_name("README.md").write_text(
            "\n".join([*title, "", *lines, ""])
        )


if __name__ == "__main__":
    main()
