"""The arrays of a few tokens, as a decode step has them: one call of C.

It takes what needs no conversion and leaves everything else, faults included, to the
long way of :mod:`ropeinterp.arrays.rotate`, where a call costs three times as much. C
decides only whether a call is small and never says why not; each rule that can be
broken is a rule of the long way, which Python explains:

==================  ===========================  ===================================
What is asked       C decides (small_calls.c)    Python explains
==================  ===========================  ===================================
x, its channels     takes_x                      arguments.checked_x,
                                                 jobs.check_channels
seq_axis            take_arrays                  arguments.sequence_axis
positions           take_positions               arguments.checked_positions,
                                                 arguments.aligned_positions
out                 takes_out, is_nested         arguments.checked_out
q beside k          take_pair, are_apart         arguments.checked_pair, jobs.together
==================  ===========================  ===================================
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.rotation import Rotation

Arrays: TypeAlias = tuple[NDArray[Any], ...]
Outs: TypeAlias = tuple[NDArray[Any] | None, ...]
# Memory of a tensor, for which no ndarray is made: address, NumPy's number of the type
# (that of uint16 for bfloat16), shape, strides in elements. The tensor keeps it alive.
Memory: TypeAlias = tuple[int, int, tuple[int, ...], tuple[int, ...]]


def rotated(
    rotation: Rotation,
    xs: Arrays,
    positions: ArrayLike | None,
    seq_axis: int,
    inverse: bool,
    outs: Outs,
) -> tuple[NDArray[Any], ...] | None:
    """Rotate x, or q and k; None if that takes more than a small call."""
    if _takes_more(rotation):
        return None
    number, planes, scale, backwards = _operands(rotation, inverse)
    return _core._rotate_small(
        number, xs, positions, planes, scale, backwards, seq_axis, outs
    )


def rotated_memory(
    rotation: Rotation,
    x: Memory,
    positions: Memory,
    seq_axis: int,
    inverse: bool,
    out: Memory,
) -> bool:
    """Rotate x into `out`, which may be x; False, and no more, if that takes more."""
    if _takes_more(rotation):
        return False
    number, planes, scale, backwards = _operands(rotation, inverse)
    return _core._rotate_memory(
        number, x, positions, planes, scale, backwards, seq_axis, out
    )


def _takes_more(rotation: Rotation) -> bool:
    return (
        rotation.inv_freq is not None
        or rotation.layout.blocks != 1
        or rotation.rotary_offset != 0
        or rotation.position_scale != 1.0
    )


def _operands(
    rotation: Rotation, inverse: bool
) -> tuple[int, NDArray[np.float64], float, bool]:
    """Layout, turn planes, scale and direction as C takes them."""
    layout = rotation.layout
    backwards = inverse != (layout.sign < 0)
    return layout.kernel.number, rotation.planes, rotation.scale, backwards
