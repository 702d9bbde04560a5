"""How exact the tables are: `make accuracy` prints it and writes docs/accuracy.md.

Needs mpmath, and tests/ on the path: its oracle, and its recorded data, which are the
sample in tests/data unless ROPEINTERP_DATA names the whole.
"""

import argparse
import csv
import hashlib
import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import oracle
from records import DATA, HERE, chosen_spec, lines

import ropeinterp as ri
from ropeinterp import _core

BASES = (1e4, 5e5, 1e6, 1e7)
RANGES = ("4k", 2**12), ("32k", 2**15), ("128k", 2**17), ("1M", 2**20), ("10M", 10**7)


def rows(name):
    with (DATA / "numerics" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def tables(spec, positions, kind):
    """Cosines and sines as unsigned patterns of `kind`."""
    both = spec.cos_sin(positions, dtype=kind)
    return [np.ascontiguousarray(t).view(f"u{t.dtype.itemsize}") for t in both]


# ---- against correctly rounded tables ----------------------------------------------


def reference(name):
    """Values, misrounded ones per type, largest error of float64 in ulps."""
    wrong, worst = dict.fromkeys(("float32", "float16", "bfloat16"), 0), 0.0
    everything = rows(name)
    for key in sorted({(r["theta"], r["d"]) for r in everything}):
        own = [r for r in everything if (r["theta"], r["d"]) == key]
        spec = ri.RopeSpec.default(int(key[1]), float(key[0]))
        p = np.array([int(r["position"]) for r in own])
        cell = np.arange(len(own)), np.array([int(r["k"]) for r in own])
        for kind, short in (("float32", "32"), ("float16", "16"), ("bfloat16", "bf")):
            for of, got in zip(("cos", "sin"), tables(spec, p, kind), strict=True):
                want = np.array([int(r[of + short], 16) for r in own])
                wrong[kind] += int((got[cell] != want).sum())
        for of, got in zip(("cos", "sin"), tables(spec, p, "float64"), strict=True):
            near = np.array([int(r[of + "64"], 16) for r in own], np.uint64)
            tail = np.array([int(r[of + "_tail"]) for r in own]) / 2**16
            away = (got[cell] - near).view(np.int64)
            sign = np.where(near >> 63, -1.0, 1.0)
            worst = max(worst, float(np.abs(away - sign * tail).max()))
    return 2 * len(everything), wrong, worst


def digests():
    """Whole tables whose SHA-256 is the recorded one."""
    equal, total, positions = 0, 0, np.arange(2**17)
    for r in rows("hashes.csv"):
        spec = ri.RopeSpec.default(int(r["d"]), float(r["theta"]))
        for of, got in zip(
            ("cos", "sin"), tables(spec, positions, r["dtype"]), strict=True
        ):
            equal += hashlib.sha256(got).hexdigest() == r[of + "_sha256"]
            total += 1
    return equal, total


def exhaustive(base, length, chunk=2**13):
    """Every position below `length`, 64 pairs: values, asked of mpmath, misrounded.

    A float32 can only be wrong where the double lies near the middle of two floats:
    there, and nowhere else, the exact value is computed.
    """
    spec, frequencies = ri.RopeSpec.default(128, base), oracle.default(128, base)
    asked = wrong = 0
    for start in range(0, length, chunk):
        p = np.arange(start, min(start + chunk, length))
        narrow = spec.cos_sin(p)
        for which, double in enumerate(spec.cos_sin(p, dtype="float64")):
            rounded = double.astype(np.float32)
            wrong += int((rounded.view("u4") != narrow[which].view("u4")).sum())
            low = double.view(np.int64) & 0x1FFFFFFF
            for row, k in np.argwhere(np.abs(low - 0x10000000) <= 4):
                asked += 1
                exact = oracle.cos_sin(int(p[row]), frequencies[k])[which]
                want = oracle.bits(exact, "float32")
                wrong += int(narrow[which].view("u4")[row, k]) != want
    return 2 * 64 * length, asked, wrong


# ---- against mpmath, transformers and itself --------------------------------------

SCHEMES = {
    "default": (ri.RopeSpec.default, oracle.default, {}),
    "linear": (ri.RopeSpec.linear, oracle.linear, {"factor": 3.7}),
    "ntk": (ri.RopeSpec.ntk, oracle.ntk, {"factor": 3.7}),
    "dynamic": (
        ri.RopeSpec.dynamic,
        oracle.dynamic,
        {"factor": 2.5, "trained_length": 4096},
    ),
    "yarn": (ri.RopeSpec.yarn, oracle.yarn, {"factor": 40.0, "trained_length": 4096}),
    "llama3": (
        ri.RopeSpec.llama3,
        oracle.llama3,
        {
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "trained_length": 8192,
        },
    ),
    "proportional": (ri.RopeSpec.proportional, oracle.proportional, {"factor": 8.0}),
}


def frequencies(name):
    """Values, misrounded ones, largest error in ulps: even dims to 512, three bases."""
    make, twin, parameters = SCHEMES[name]
    values, wrong, worst = 0, 0, 0.0
    for dim in range(4, 513, 4):
        for base in (1e4, 5e5, 12345.678):
            got = make(dim, base, **parameters).inv_freq().tolist()
            want = twin(dim, base, **parameters)
            values += len(got)
            for g, w in zip(got, want, strict=True):
                wrong += g != oracle.nearest(w)
                worst = max(worst, oracle.ulps(g, w))
    return values, wrong, worst


def near_zeros(dim, base):
    """Integers to 2^31 that come nearest to zeros of cos and sin: largest ulp64."""
    spec, worst, values = ri.RopeSpec.default(dim, base), 0.0, 0
    for k, w in enumerate(oracle.default(dim, base)):
        for p in oracle.positions_near_zeros(w)[-9:]:
            table = spec.cos_sin([p], dtype="float64")
            for got, exact in zip(table, oracle.cos_sin(p, w), strict=True):
                worst = max(worst, oracle.ulps(float(got[0, k]), exact))
                values += 1
    return values, worst


def shift_invariance(base, n=1000):
    """Largest change of a score of unit vectors when both positions move."""
    rng, spec = np.random.default_rng(46), ri.RopeSpec.default(128, base)
    q, k = rng.standard_normal((2, n, 128))
    q, k = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (q, k))
    q, k = q.astype(np.float32), k.astype(np.float32)

    def scores(offset, distance):
        a = spec.apply(q, np.full(n, offset + distance)).astype(np.float64)
        return (a * spec.apply(k, np.full(n, offset)).astype(np.float64)).sum(-1)

    return max(
        np.abs(scores(offset, distance) - scores(0, distance)).max()
        for distance in (1, 10, 100, 1000, 5000)
        for offset in (4096, 131072, 10**6, 9 * 10**6)
    )


def hf32_ulps():
    """Distances of hf32 frequencies from those that transformers computed."""
    away = Counter()
    whole = DATA / "huggingface" / "conformance.jsonl.gz"
    for record in lines(whole if whole.exists() else HERE / "core.jsonl"):
        if "defect" not in record:
            spec = chosen_spec(record)
            got = spec.inv_freq(record["seq_len"], precision="hf32").view(np.int32)
            want = np.frombuffer(bytes.fromhex(record["inv_freq"]), "<i4")
            away.update(np.abs(got.astype(np.int64) - want).tolist())
    return away


# ---- the same bits everywhere --------------------------------------------------------


def fingerprint():
    """One SHA-256 over tables and rotations of every dtype and layout."""
    sha, rng = hashlib.sha256(), np.random.default_rng(1)
    positions = np.concatenate(
        [
            np.arange(-500.0, 3000.0),
            rng.integers(-(2**31), 2**31, 2000),
            rng.integers(-(2**53), 2**53, 2000),
            rng.uniform(-1e6, 1e6, 2000),
        ]
    )
    x = rng.standard_normal((2, 500, 128))
    for layout in ("half", "interleaved", "interleaved_to_half"):
        spec = ri.RopeSpec.llama3(96, head_dim=128, layout=layout)
        for kind in ("float64", "float32", "float16", "bfloat16"):
            for table in tables(spec, positions, kind):
                sha.update(table)
        for kind in ("float64", "float32", "float16"):
            sha.update(spec.apply(x.astype(kind), positions[-500:]))
    return sha.hexdigest()


def fingerprints():
    """The fingerprint under every instruction set, each in a process of its own."""
    found = {}
    for isa in _core.isas:
        environment = os.environ | {"ROPEINTERP_ISA": isa}
        command = [sys.executable, __file__, "--fingerprint"]
        found[isa] = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
    return found


# ---- beside other ways to compute the same -------------------------------------------


def transformers_float32(spec, p):
    return spec.cos_sin(p, precision="hf32")


def transformers_bfloat16(spec, p):
    return spec.cos_sin(p, precision="hf32", dtype="bfloat16")


def llama_cpp(spec, p):
    """ggml's recurrence on the CPU: the angle times b^(-2/d), pair after pair."""
    angle = p.astype(np.float32)
    step = np.float32(np.float32(spec.base) ** np.float32(-2.0 / spec.dim))
    angles = np.empty((p.size, spec.dim // 2), np.float32)
    for k in range(spec.dim // 2):
        angles[:, k] = angle
        angle = angle * step
    return np.cos(angles), np.sin(angles)


def numpy_float64(spec, p):
    k = np.arange(spec.dim // 2)
    angles = p[:, None] * spec.base ** (-2.0 * k / spec.dim)
    return np.cos(angles), np.sin(angles)


def numpy_float64_to_32(spec, p):
    return [t.astype(np.float32) for t in numpy_float64(spec, p)]


def ropeinterp_float32(spec, p):
    return spec.cos_sin(p)


PEERS = {
    "transformers float32": transformers_float32,
    "the same, table in bfloat16": transformers_bfloat16,
    "llama.cpp CPU recurrence": llama_cpp,
    "NumPy float64": numpy_float64,
    "NumPy float64, then float32": numpy_float64_to_32,
    "ropeinterp float32": ropeinterp_float32,
}


def peers(base):
    """Largest error, and share of correctly rounded values, up to each length.

    440 random positions per range, all pairs; the truth is our float64 table, which
    the lines above compare with MPFR and mpmath to 0.8 ulp.
    """
    spec, rng = ri.RopeSpec.default(128, base), np.random.default_rng(2)
    samples = [rng.integers(n // 2, n, 440).astype(np.float64) for _, n in RANGES]
    for name, tables_of in PEERS.items():
        yield name, [errors(spec, p, tables_of(spec, p)) for p in samples]


def errors(spec, p, both):
    kind = both[0].dtype
    right = spec.cos_sin(p, dtype=kind)
    exact = spec.cos_sin(p, dtype="float64")
    worst = max(
        float(np.abs(got.astype(np.float64) - want).max())
        for got, want in zip(both, exact, strict=True)
    )
    equal = np.mean([got == want for got, want in zip(both, right, strict=True)])
    return f"{worst:.1e} ({100 * equal:.1f} %)"


# ---- the report ---------------------------------------------------------------------


def report(length):
    yield "# Accuracy\n"
    yield (
        "Written by `make accuracy`; every figure comes from that run. "
        "What is promised: cos and sin in float32 within 0.500001 ulp, in float16 and "
        "bfloat16 correctly rounded, in float64 within 2 ulp, for integer positions up "
        "to 2^31; the same bits from every instruction set.\n"
    )
    yield (
        "The time that a pair takes is in `benchmarks/README.md`. "
        f"Machine: {platform.machine()}, {_core.isas[-1]}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, data: "
        f"{'sample in tests/data' if DATA == HERE else 'whole'}.\n"
    )
    yield "## Against correctly rounded values\n"
    yield "| data | values | float32 wrong | float16 | bfloat16 | float64, largest |"
    yield "|---|---|---|---|---|---|"
    for name in ("reference.csv", "worst.csv"):
        values, wrong, worst = reference(name)
        counts = " | ".join(str(n) for n in wrong.values())
        yield f"| {name} | {values:,} | {counts} | {worst:.3f} ulp |"
    equal, total = digests()
    yield f"\nWhole tables (131072 x 64) of the recorded digest: {equal} of {total}.\n"
    yield f"Every position below {length:,}, 64 pairs, float32:\n"
    yield "| base | values | near a midpoint, asked of mpmath | misrounded |"
    yield "|---|---|---|---|"
    for base in BASES:
        values, asked, wrong = exhaustive(base, length)
        yield f"| {base:g} | {values:,} | {asked} | {wrong} |"
    yield "\nInteger positions nearest to zeros, by continued fractions, float64:\n"
    for dim, base in ((64, 1e4), (96, 12345.678), (128, 5e5)):
        values, worst = near_zeros(dim, base)
        yield f"- base {base:g}, d {dim}: {worst:.3f} ulp of {values:,} values"
    yield "\n## Frequencies against mpmath\n"
    yield "| scheme | values | misrounded | largest error |"
    yield "|---|---|---|---|"
    for name in SCHEMES:
        values, wrong, worst = frequencies(name)
        yield f"| {name} | {values:,} | {wrong} | {worst:.6f} ulp |"
    yield "\n## Scores at any offset\n"
    yield (
        "Largest change of a score of unit vectors (1000 pairs, d 128, float32, five "
        "distances) when both positions move by up to 9,000,000:\n"
    )
    for base in BASES[:3]:
        yield f"- base {base:g}: {shift_invariance(base):.1e}"
    yield '\n## precision="hf32" against transformers 5.23.0\n'
    away = hf32_ulps()
    counts = ", ".join(f"{n:,} at {ulp} ulp" for ulp, n in sorted(away.items()))
    yield f"{sum(away.values()):,} recorded float32 frequencies: {counts}."
    yield "\n## One fingerprint\n"
    for isa, digest in fingerprints().items():
        yield f"- {isa}: `{digest[:32]}`"
    yield "\n## Beside others\n"
    yield (
        "Largest absolute error of cos and sin, and the share of values that are "
        "correctly rounded in their own type; base 5e5, d 128, 440 random positions "
        "in the upper half of each range. transformers' numbers are its operations in "
        '`precision="hf32"`.\n'
    )
    yield "| way | " + " | ".join(f"to {name}" for name, _ in RANGES) + " |"
    yield "|---" * (len(RANGES) + 1) + "|"
    for name, cells in peers(5e5):
        yield f"| {name} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fingerprint", action="store_true")
    parser.add_argument("--length", type=int, default=2**20, help="of the sweep")
    parser.add_argument("--output", type=Path, help="Markdown file to write as well")
    arguments = parser.parse_args()
    if arguments.fingerprint:
        print(fingerprint())
        return
    report_lines = []
    for line in report(arguments.length):
        print(line, flush=True)
        report_lines.append(line)
    if arguments.output:
        arguments.output.write_text("\n".join(report_lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
