"""One peer in a process of its own: a line of JSON for every measurement.

    python benchmarks/worker.py NAME BUDGET ROW...

BUDGET is the time in seconds that one measurement may take, rounds of memcpy included.
"""

import gc
import importlib
import json
import sys
from functools import partial

import cases
import numpy as np
import peers
import timing

TOLERANCE = 0.1  # finds a wrong layout, not a rounding: both ways are in use here


def tell(**record):
    print(json.dumps(record), flush=True)


def measure(row, column, form, call, reference, budget):
    seconds, memory = timing.medians(call, reference, budget)
    tell(row=row, column=column, form=form, seconds=seconds, memory=memory)


def check(case, module, results):
    """Refuse to time what computes something else."""
    to_numpy = getattr(module, "to_numpy", lambda x: x)
    for x, result in zip(case.arrays(), results, strict=True):
        want = case.spec.apply(x, case.positions, seq_axis=case.seq_axis)
        got = to_numpy(result)
        for some in (np.s_[:, :, :3], np.s_[:, :, -3:], np.s_[:, -3:]):
            if got.shape != x.shape:
                raise ValueError(f"shape {got.shape} instead of {x.shape}")
            away = np.abs(got[some].astype("f4") - want[some].astype("f4")).max()
            if not away < TOLERANCE:
                raise ValueError(f"its result is {away} away")


def rotate(module, case, budget):
    copy = timing.copy_of(case.arrays())
    for form, call in module.rotations(case):
        check(case, module, call())
        measure(case.row, case.dtype, form, call, copy, budget)


def tabulate(module, name, length, budget):
    fill = timing.fill_of(2 * length * 64 * 4)
    for form, call in module.tables(length):
        measure("tables", name, form, call, fill, budget)


def frequencies(module, budget):
    nothing = timing.copy_of([np.ones(64)])
    for scheme, form, call in module.frequencies():
        measure("inv_freq", scheme, form, call, nothing, budget)


def jobs(module, name, budget):
    """What to run: row, column and a call that measures it."""
    ours = name in (peers.OURS, peers.OURS_TORCH)
    for case in cases.CASES:
        if hasattr(module, "rotations") and (ours or not case.alone):
            yield case.row, case.dtype, partial(rotate, module, case, budget)
    for key, length in cases.TABLES.items():
        if hasattr(module, "tables"):
            yield "tables", key, partial(tabulate, module, key, length, budget)
    if hasattr(module, "frequencies"):
        yield "inv_freq", "", partial(frequencies, module, budget / 10)


def main():
    name, budget, rows = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    try:
        module = importlib.import_module(f"peers.{peers.PEERS[name].module}")
    except (ImportError, OSError) as error:
        return tell(missing=f"cannot be imported: {error}")
    for row, column, run in jobs(module, name, budget):
        if row not in rows:
            continue
        try:
            run()
        except Exception as error:  # whatever a peer raises is its line in the report
            lines = [*str(error).splitlines(), ""]
            tell(row=row, column=column, failed=f"{type(error).__name__}: {lines[0]}")
        gc.collect()


if __name__ == "__main__":
    main()
