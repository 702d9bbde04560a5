"""The arrays of a few tokens, as a decode step has them: one call of C.

It takes what needs no conversion and leaves everything else, faults included, to the
long way of :mod:`ropeinterp.rotate`, where a call costs three times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.layouts import LAYOUTS, Layout

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

Arrays: TypeAlias = tuple[NDArray[Any], ...]
Outs: TypeAlias = tuple[NDArray[Any] | None, ...]
# Numbers that no ndarray holds: address, NumPy's number of the type (that of uint16 for
# bfloat16), shape, strides in elements. Something else keeps them alive.
Memory: TypeAlias = tuple[int, int, tuple[int, ...], tuple[int, ...]]


def rotated(
    spec: RopeSpec,
    layout: Layout,
    scale: float,
    xs: Arrays,
    positions: ArrayLike | None,
    seq_axis: int,
    inverse: bool,
    outs: Outs,
) -> tuple[NDArray[Any], ...] | None:
    """Rotate x, or q and k; None if that takes more than a plain call."""
    if _takes_more(spec, layout):
        return None
    backwards = inverse != (layout.sign < 0)
    return _core._rotate_small(
        layout.number, xs, positions, spec._planes, scale, backwards, seq_axis, outs
    )


def rotated_memory(
    spec: RopeSpec,
    x: Memory,
    positions: Memory,
    seq_axis: int,
    inverse: bool,
    out: Memory,
) -> bool:
    """Rotate x into `out`, which may be x; False, and no more, if that takes more."""
    layout, scale = LAYOUTS[spec.layout], spec.attention_scaling
    if _takes_more(spec, layout):
        return False
    backwards = inverse != (layout.sign < 0)
    return _core._rotate_memory(
        layout.number, x, positions, spec._planes, scale, backwards, seq_axis, out
    )


def _takes_more(spec: RopeSpec, layout: Layout) -> bool:
    return layout.blocks != 1 or spec.rotary_offset != 0 or spec.position_scale != 1.0
