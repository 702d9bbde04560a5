"""Calls as jobs: arrays, positions and results that fit each other.

Everything is checked before a job is made, and nothing is written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.arrays.arguments import (
    aligned_positions,
    checked_out,
    checked_positions,
    has_axes,
    sequence_axis,
)
from ropeinterp.arrays.memory import empty_like
from ropeinterp.layouts import Layout
from ropeinterp.rotation import Rotation


class Job(NamedTuple):
    """A checked call: x, or q and k that differ in the number of heads alone.

    Positions have the leading axes of each array, some of length 1; `heads` is the axis
    in which q and k differ.
    """

    xs: tuple[NDArray[Any], ...]
    positions: NDArray[np.float64]
    outs: tuple[NDArray[Any], ...]
    with_axes: bool
    heads: int | None = None


def check_channels(
    layout: Layout, first: int, rotary: int, shape: tuple[int, ...], name: str = "x"
) -> None:
    """Refuse an x whose last axis does not hold what is rotated.

    Parameters
    ----------
    layout : Layout
        In which channels the halves of a pair stand.
    first, rotary : int
        Channel where the rotated slice begins, and its channels.
    shape : tuple of int
        Of x.
    name : str, optional
        Of the argument.
    """
    if not shape:
        raise ValueError(
            f"{name} has no axes: its last one must hold the channels of a head"
        )
    channels = shape[-1]
    if channels < first + rotary:
        raise ValueError(
            f"{name} has {channels} channels in its last axis, but rotary_offset "
            f"{first} + rotary_dim {rotary} need {first + rotary}"
        )
    if channels % 2 and layout.kernel.neighbours:
        raise ValueError(
            f"{name} has {channels} channels in its last axis, an odd number, but "
            f"{layout.name} pairs neighbours: rotary_dim is {rotary}"
        )


def directed(
    layout: Layout,
    positions: ArrayLike | None,
    x: NDArray[Any],
    seq_axis: int,
    inverse: bool = False,
    name: str = "x",
) -> NDArray[np.float64]:
    """Positions with the sign in which the kernel turns; by default 0, 1, 2, ..."""
    if positions is None:
        p = np.arange(float(x.shape[sequence_axis(seq_axis, x.ndim, name)]))
    else:
        p = checked_positions(positions)
    return -p if inverse != (layout.sign < 0) else p


def prepared(
    rotation: Rotation,
    x: NDArray[Any],
    p: NDArray[np.float64],
    seq_axis: int,
    out: object,
    names: tuple[str, str] = ("x", "out"),
) -> Job:
    """Check how positions and out fit a checked x, and allocate the result."""
    with_axes = has_axes(p, rotation.axis_map)
    p = aligned_positions(p, x.shape, seq_axis, with_axes, names[0])
    if out is None:
        result = empty_like(x)
    else:
        result = checked_out(out, x, names)
        if result is not x and _overlap(x, result):
            x = x.copy()
    return Job((x,), p, (result,), with_axes)


def _overlap(x: NDArray[Any], out: NDArray[Any]) -> bool:
    """Whether out shares memory with x without being the same elements."""
    if not np.may_share_memory(out, x):
        return False
    same_start = out.__array_interface__["data"] == x.__array_interface__["data"]
    return not (same_start and out.strides == x.strides)


def together(of_q: Job, of_k: Job, has_outs: bool) -> list[Job]:
    """One job in which q and k share their phases where they allow it, else two."""
    (q,), p, (q_out,), with_axes, _ = of_q
    (k,), (k_out,) = of_k.xs, of_k.outs
    if has_outs and _are_near(q, q_out, k, k_out):
        return [of_q, _apart(of_q, of_k)]
    if q.ndim != k.ndim or q.dtype != k.dtype or q.shape[-1] != k.shape[-1]:
        return [of_q, of_k]
    own = p.shape[with_axes:]
    differ = [a for a, n in enumerate(own) if q.shape[a] != k.shape[a]]
    if len(differ) > 1 or (differ and own[differ[0]] != 1):
        return [of_q, of_k]
    heads = differ[0] if differ else None
    return [Job((q, k), p, (q_out, k_out), with_axes, heads)]


def _are_near(
    q: NDArray[Any], q_out: NDArray[Any], k: NDArray[Any], k_out: NDArray[Any]
) -> bool:
    """Whether one's result and the other lie in one stretch of memory.

    Perhaps as slices of one buffer; a common call of NumPy's would copy them.
    """
    return (
        np.may_share_memory(q_out, k_out)
        or (q is not q_out and np.may_share_memory(q, k_out))
        or (k is not k_out and np.may_share_memory(q_out, k))
    )


def _apart(of_q: Job, of_k: Job) -> Job:
    """Return the job of k so that the one of q, which comes first, spoils nothing."""
    (k,), p, (k_out,), with_axes, _ = of_k
    if _share_elements(of_q.outs[0], k_out):
        raise ValueError("out[0] and out[1] share memory: k would overwrite q")
    if k is not k_out and _share_elements(of_q.outs[0], k):
        return Job((k.copy(),), p, (k_out,), with_axes)
    return of_k


def _share_elements(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays share an element, or it takes too long to find out."""
    work: Any = 10_000  # the stubs of NumPy know two values only
    return np.may_share_memory(a, b, max_work=work)
