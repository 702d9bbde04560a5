"""The arrays of a few tokens, as a decode step has them: one call of C.

It takes what needs no conversion and leaves everything else, faults included, to the
long way of :mod:`ropeinterp.rotate`, where a call costs three times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.layouts import Layout

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

Arrays: TypeAlias = tuple[NDArray[Any], ...]
Outs: TypeAlias = tuple[NDArray[Any] | None, ...]


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
    if layout.blocks != 1 or spec.rotary_offset or spec.position_scale != 1.0:
        return None
    backwards = inverse != (layout.sign < 0)
    return _core._rotate_plain(
        layout.number, xs, positions, spec._planes, scale, backwards, seq_axis, outs
    )
