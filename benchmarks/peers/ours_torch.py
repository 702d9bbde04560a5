"""ropeinterp.torch: the same calls on tensors, in memory that torch has allocated."""

import torch

import ropeinterp.torch as rt
from peers import FRESH, IN_PLACE, OUT
from peers.transformers_eager import tensor, to_numpy

__all__ = ["rotations", "to_numpy"]


def rotations(case):
    spec, p = case.spec, torch.from_numpy(case.positions)
    how = {"seq_axis": case.seq_axis}
    dtype = getattr(torch, case.dtype)
    xs, mine = ([tensor(x, dtype) for x in case.arrays()] for _ in range(2))
    yield IN_PLACE, lambda: [rt.apply(x, p, spec, out=x, **how) for x in mine]
    yield (
        OUT,
        lambda: [
            rt.apply(x, p, spec, out=y, **how) for x, y in zip(xs, mine, strict=True)
        ],
    )
    yield FRESH, lambda: [rt.apply(x, p, spec, **how) for x in xs]
