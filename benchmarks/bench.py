"""How fast are rotations, beside memcpy and beside others? Prints one table per row.

python benchmarks/bench.py             everybody that can be imported
python benchmarks/bench.py --quick     ropeinterp and NumPy, under two minutes
python benchmarks/bench.py --write     also writes benchmarks/README.md
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cases
import peers
import targets
from results import Results

from ropeinterp import _core

HERE = Path(__file__).parent
ROWS = tuple(cases.WHAT)
SLOW = (cases.LONG,)  # left out of --quick
SMALL = (cases.DECODE, cases.DECODE_64, cases.DECODE_Q, "inv_freq")

TEXT = """\
One thread. Every peer runs in a process of its own; after 3 warm-ups its calls take
turns with a memcpy (`np.copyto`) of the bytes that the row holds, and medians count.
A cell is the time and, in brackets, mu: the time over that of the memcpy. In place a
kernel moves what memcpy moves; partial rotary in place moves half of it. Bold: how many
times ours, mu over our mu of the same form. Fresh arrays are allocated and given back
within the time; NumPy has huge pages for them, torch only with THP_MEM_ALLOC_ENABLE=1
("huge pages"). ropeinterp and ggml compute their phases within the call; all others
get ready tables, whose time does not count. Interleaved rows run transformers' function
for Cohere, which computes in float32, partial ones that for Phi-3."""


def run(name, rows, budget, results):
    """Run one peer in a process of its own and read its lines as they come."""
    peer = peers.PEERS[name]
    if peer.environment:  # huge pages are of no use to what is small
        rows = [row for row in rows if row not in SMALL]
    worker = subprocess.Popen(
        [sys.executable, HERE / "worker.py", name, str(budget), *rows],
        env={**os.environ, **peers.ONE_THREAD, **peer.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with worker:
        for line in worker.stdout:
            record = json.loads(line)
            results.add(name, record)
            print(name, *record.values(), sep=", ", file=sys.stderr)
    if worker.returncode:
        results.note(name, f"its process ended with {worker.returncode}")


def machine():
    """Processor, kernels, compiler and versions, as far as they are known."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    yield (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} CPUs, "
        f"{platform.system()} {platform.machine()}; kernels {_core.isa}, "
        f"compiler {compiler()}."
    )
    packages = ["ropeinterp", "numpy", "ml_dtypes"]
    packages += [package for peer in peers.PEERS.values() for package in peer.packages]
    versions = [f"{name} {version(name)}" for name in dict.fromkeys(packages)]
    yield f"Python {platform.python_version()}, {', '.join(versions)}."


def compiler():
    """The name that compilers leave in the extension."""
    text = Path(_core.__file__).read_bytes()
    clang = re.search(rb"clang version [\d.]+", text)
    gcc = re.search(rb"GCC: \([^)]*\) [\d.]+", text)
    return (clang or gcc or [b"unknown"])[0].decode().replace("GCC: (", "gcc (")


def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def report(rows, results):
    yield "# Benchmarks\n"
    yield "Written by `make bench`.\n"
    yield TEXT + "\n"
    yield from machine()
    yield ""
    for row in rows:
        yield from results.table(row)
    yield from results.missing()
    yield from targets.report(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ours and NumPy only")
    parser.add_argument("--write", action="store_true", help="benchmarks/README.md")
    parser.add_argument("--peer", action="append", choices=peers.PEERS)
    parser.add_argument("--row", action="append", choices=ROWS)
    parser.add_argument("--seconds", type=float, help="for one measurement")
    arguments = parser.parse_args()
    quick = [peers.OURS, peers.NUMPY] if arguments.quick else None
    names = arguments.peer or quick or list(peers.PEERS)
    rows = arguments.row or [r for r in ROWS if not (arguments.quick and r in SLOW)]
    budget = arguments.seconds or (0.5 if arguments.quick else 2.0)
    results = Results()
    for name in names:
        run(name, rows, budget, results)
    text = "\n".join(report(rows, results))
    print(text)
    if arguments.write:
        (HERE / "README.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
