"""ropeinterp: phases are computed in the call, no table is ready."""

import numpy as np

import ropeinterp as ri
from peers import FRESH, IN_PLACE, MADE, OUT, UFUNC
from ropeinterp import _core


def rotations(case):
    p, axis = case.positions, case.seq_axis
    xs, mine = case.arrays(), case.arrays()
    if len(xs) == 2:
        q, k, apply = *xs, case.spec.apply_qk
        yield IN_PLACE, lambda: apply(*mine, p, seq_axis=axis, out=mine)
        yield OUT, lambda: apply(q, k, p, seq_axis=axis, out=mine)
        yield FRESH, lambda: apply(q, k, p, seq_axis=axis)
    else:
        (x,), (y,), apply = xs, mine, case.spec.apply
        yield IN_PLACE, lambda: [apply(y, p, seq_axis=axis, out=y)]
        yield OUT, lambda: [apply(x, p, seq_axis=axis, out=y)]
        yield FRESH, lambda: [apply(x, p, seq_axis=axis)]
    if case.row.startswith("decode"):
        yield UFUNC, ufunc(case, xs, mine)


def ufunc(case, xs, outs):
    """The gufunc alone, on views whose last two axes are heads and channels."""
    spec, p = case.spec, case.positions.astype(np.float64)
    rope = ri.ufuncs.rope
    views = [
        (x[0].swapaxes(0, 1), y[0].swapaxes(0, 1))
        for x, y in zip(xs, outs, strict=True)
    ]
    if case.dtype == "bfloat16":
        rope = _core._rope_bfloat16
        views = [(x.view("u2"), y.view("u2")) for x, y in views]
    if p.size == 1:
        p, views = p[0], [(x[0], y[0]) for x, y in views]

    planes = spec.turn_planes()

    def call():
        for x, y in views:
            rope(x, p, planes, 1.0, out=y)
        return outs

    return call


def tables(length):
    spec, p = ri.RopeSpec.llama3(128, 5e5), np.arange(length)
    planes = spec.turn_planes()
    yield FRESH, lambda: spec.cos_sin(p)
    both = np.ones((2, length, 64), np.float32)
    rows = p.astype(np.float64)
    yield (
        OUT,
        lambda: ri.ufuncs.cos_sin(
            rows, planes, 1.0, out=(both[0], both[1]), dtype=np.float32
        ),
    )


YARN = {"factor": 40.0, "trained_length": 4096}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LISTS = [1.0 + k / 8 for k in range(64)]


def frequencies():
    """The whole way from numbers to the array, and the function for arrays."""
    make, f = ri.RopeSpec, ri.frequencies
    dynamic = {"factor": 2.5, "trained_length": 4096}
    yield from both("default", make.default, f.default_inv_freq)
    yield from both("linear", make.linear, f.linear_inv_freq, factor=3.7)
    yield from both("ntk", make.ntk, f.ntk_inv_freq, factor=3.7)
    yield "dynamic", MADE, lambda: make.dynamic(128, 5e5, **dynamic).inv_freq(8192)
    yield from both("yarn", make.yarn, f.yarn_inv_freq, **YARN)
    yield (
        "longrope",
        MADE,
        lambda: make.longrope(
            128, 5e5, short_factors=LISTS, long_factors=LISTS, trained_length=4096
        ).inv_freq(8192),
    )
    yield from both(
        "llama3", make.llama3, f.llama3_inv_freq, trained_length=8192, **LLAMA3
    )
    yield from both(
        "proportional", make.proportional, f.proportional_inv_freq, factor=8.0
    )


def both(scheme, make, function, **parameters):
    yield scheme, MADE, lambda: make(128, 5e5, **parameters).inv_freq()
    yield scheme, "function", lambda: function(128, base=5e5, **parameters)
    spec = make(128, 5e5, **parameters)
    yield scheme, "spec ready", spec.inv_freq
