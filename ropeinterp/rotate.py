"""Rotations of arrays: dtypes, axes, ``out=``, threads. No formulas.

The values that this module takes from a spec are planes, scales and the layout; it
never asks for a scheme.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.arguments import (
    aligned_positions,
    checked_out,
    checked_positions,
    checked_x,
    has_axes,
    sequence_axis,
)
from ropeinterp.errors import printable
from ropeinterp.layouts import LAYOUTS
from ropeinterp.tables import check_precision, tables_of

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

# One call of a kernel handles at most this much, so that Ctrl-C is answered between.
_BYTES_PER_CALL = 2**26


def _call(
    name: str, x: NDArray[Any], *operands: Any, out: NDArray[Any], **how: Any
) -> None:
    """Call kernel `name` on x; bfloat16 has loops of its own over its bits."""
    if x.dtype.char in "efd":
        getattr(_core, name)(x, *operands, out=out, **how)
    else:
        kernel = getattr(_core, f"_{name}_bfloat16")
        kernel(x.view(np.uint16), *operands, out=out.view(np.uint16), **how)


def _blocks(spec: RopeSpec) -> list[tuple[slice, slice]]:
    """Channels and pairs of each block; the last one keeps the unrotated channels."""
    count = LAYOUTS[spec.layout].blocks
    n = spec.rotary_dim // 2 // count
    return [
        (
            slice(2 * n * b, 2 * n * (b + 1) if b + 1 < count else None),
            slice(n * b, n * (b + 1)),
        )
        for b in range(count)
    ]


def _by_tables(
    spec: RopeSpec,
    x: NDArray[Any],
    tables: tuple[NDArray[Any], NDArray[Any]],
    out: NDArray[Any],
) -> None:
    """Rotate x by tables of cosines and sines."""
    name = f"rotate_{LAYOUTS[spec.layout].kernel}"
    if spec.splits_pairs:
        # Each half of a pair by its own angle: rotate twice, keep one half of each.
        n = spec.rotary_dim // 2
        first, second = np.empty_like(x), np.empty_like(x)
        _call(name, x, *(t[..., :n] for t in tables), out=first)
        _call(name, x, *(t[..., n:] for t in tables), out=second)
        out[...] = first
        out[..., n : 2 * n] = second[..., n : 2 * n]
        return
    for channels, pairs in _blocks(spec):
        block = (t[..., pairs] for t in tables)
        _call(name, x[..., channels], *block, out=out[..., channels])


def check_channels(spec: RopeSpec, shape: tuple[int, ...]) -> None:
    """Refuse an x whose last axis does not hold what a spec rotates."""
    first, rotary = spec.rotary_offset, spec.rotary_dim
    if not shape:
        raise ValueError("x has no axes: its last one must hold the channels of a head")
    channels = shape[-1]
    if channels < first + rotary:
        raise ValueError(
            f"x has {channels} channels in its last axis, but rotary_offset {first} "
            f"+ rotary_dim {rotary} need {first + rotary}"
        )
    if spec.layout.startswith("interleaved") and channels % 2:
        raise ValueError(
            f"x has {channels} channels in its last axis, an odd number, but "
            f"{spec.layout} pairs neighbours: rotary_dim is {rotary}"
        )


class _Job(NamedTuple):
    """The rotated slice of a checked call; positions have the leading axes of x."""

    x: NDArray[Any]
    positions: NDArray[np.float64]
    out: NDArray[Any]
    with_axes: bool


def _prepare(
    spec: RopeSpec,
    x: NDArray[Any],
    positions: ArrayLike | None,
    seq_axis: int,
    out: NDArray[Any] | None,
) -> tuple[_Job, NDArray[Any]]:
    """Check the rest, allocate the result, copy what lies before the slice."""
    check_channels(spec, x.shape)
    first = spec.rotary_offset
    if positions is None:
        positions = np.arange(x.shape[sequence_axis(seq_axis, x.ndim)])
    p = checked_positions(positions)
    with_axes = has_axes(p, spec.n_axes, spec.axis_map)
    if p.ndim == 0:
        p = p.reshape((1,) * (x.ndim - 1))
    else:
        axis = sequence_axis(seq_axis, x.ndim)
        p = aligned_positions(p, x.shape[:-1], axis, with_axes)
    if out is None:
        out = np.empty_like(x, dtype=x.dtype.newbyteorder("="), subok=False)
    else:
        out = checked_out(out, x)
        if out is not x and _overlap(x, out):
            x = x.copy()
    if first == 0:
        return _Job(x, p, out, with_axes), out
    if out is not x:
        out[..., :first] = x[..., :first]
    return _Job(x[..., first:], p, out[..., first:], with_axes), out


def _overlap(x: NDArray[Any], out: NDArray[Any]) -> bool:
    """Whether out shares memory with x without being the same elements."""
    if not np.may_share_memory(out, x):
        return False
    same_start = out.__array_interface__["data"] == x.__array_interface__["data"]
    return not (same_start and out.strides == x.strides)


def apply(
    spec: RopeSpec,
    x: NDArray[Any],
    positions: ArrayLike | None = None,
    *,
    seq_axis: int = -2,
    out: NDArray[Any] | None = None,
    inverse: bool = False,
    precision: str = "exact",
    threads: int | None = None,
) -> NDArray[Any]:
    """Rotate x by a spec with fixed frequencies.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.apply`, but x has passed
    :func:`ropeinterp.arguments.checked_x`, or it is uint16: the bits of bfloat16.
    """
    check_precision(precision)
    workers = _thread_count(threads)
    if inverse:
        check_turns(spec, "inverse")
    job, result = _prepare(spec, x, positions, seq_axis, out)
    if inverse != (LAYOUTS[spec.layout].sign < 0):
        job = job._replace(positions=-job.positions)

    def rotate(piece: _Job) -> None:
        if precision == "exact" and not piece.with_axes:
            _fused(spec, piece)
            return
        dtype = _dtype_of_tables(piece.x.dtype)
        tables = tables_of(spec, piece.positions, piece.with_axes, dtype, precision)
        _by_tables(spec, piece.x, tables, piece.out)

    _run(rotate, job, workers)
    return result


def _fused(spec: RopeSpec, job: _Job) -> None:
    """One call of the fused gufunc: its heads are an axis on which positions agree."""
    x, p, out, _ = job
    if spec.position_scale != 1.0:
        p = p * spec.position_scale
    shared = [a for a, n in enumerate(p.shape) if n == 1]
    if shared:
        heads = max(shared, key=x.shape.__getitem__)
        p = p.reshape(p.shape[:heads] + p.shape[heads + 1 :])
    else:
        heads, x, out = -2, x[..., None, :], out[..., None, :]
    axes = [(heads, -1), (), (0, 1), (), (heads, -1)]
    kernel = LAYOUTS[spec.layout].kernel
    name = "rope" if kernel == "half" else f"rope_{kernel}"
    scale, planes = spec.attention_scaling, spec._planes
    if LAYOUTS[spec.layout].blocks == 1:
        _call(name, x, p, planes, scale, out=out, axes=axes)
        return
    for channels, pairs in _blocks(spec):
        block, result = x[..., channels], out[..., channels]
        _call(name, block, p, planes[:, pairs], scale, out=result, axes=axes)


def _dtype_of_tables(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the tables with which an array of `dtype` is rotated."""
    return np.dtype(np.float64 if dtype.char == "d" else np.float32)


def check_turns(spec: RopeSpec, what: str) -> None:
    """Refuse what needs a rotation where a spec is none."""
    if spec.splits_pairs:
        raise ValueError(
            f"{what}: the two halves of a pair follow axes of their own here, which is "
            "no rotation: it cannot be moved or undone"
        )


def retarget(
    old: RopeSpec,
    new: RopeSpec,
    k: ArrayLike,
    positions: ArrayLike,
    *,
    seq_axis: int = -2,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Re-encode keys that `old` has rotated; both specs with fixed frequencies.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.retarget`.
    """
    check_turns(old, "retarget")
    for name in ("layout", "rotary_dim", "rotary_offset", "axis_map", "position_scale"):
        mine, other = getattr(old, name), getattr(new, name)
        if mine != other:
            raise ValueError(f"{name} of the two specs differs: {mine} and {other}")
    # Rotated keys stand in the layout of the result.
    old = replace(old, layout=LAYOUTS[old.layout].result)
    job, result = _prepare(old, checked_x(k), positions, seq_axis, out)
    double = np.dtype(np.float64)

    def rotate(piece: _Job) -> None:
        # The angle of the difference, from the exact tables of both; in float64 until
        # the last rounding.
        p = LAYOUTS[old.layout].sign * piece.positions
        c1, s1 = tables_of(old, p, piece.with_axes, double)
        c2, s2 = tables_of(new, p, piece.with_axes, double)
        norm = old.attention_scaling**2
        table = _dtype_of_tables(piece.x.dtype)
        cos = ((c1 * c2 + s1 * s2) / norm).astype(table)
        sin = ((c1 * s2 - s1 * c2) / norm).astype(table)
        _by_tables(old, piece.x, (cos, sin), piece.out)

    _run(rotate, job, 1)
    return result


def _thread_count(threads: int | None) -> int:
    if threads is None:
        text = os.environ.get("ROPEINTERP_NUM_THREADS", "1")
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(
                f"ROPEINTERP_NUM_THREADS {printable(text)}: must be a positive integer"
            )
        return int(text)
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads must be an int, not {type(threads).__name__}")
    if threads < 1:
        raise ValueError(f"threads {threads}: must be at least 1")
    return int(threads)


def _pieces(job: _Job, n: int) -> Iterator[_Job]:
    """Cut the job into n pieces along its longest axis, or one of varying positions.

    Heads share the phases of their positions, unless that axis is too short to be cut.
    """
    leading = job.x.shape[:-1]
    own = job.positions.shape[len(job.positions.shape) - len(leading) :]
    axis = max(
        range(len(leading)), key=lambda a: (own[a] > 1 and leading[a] >= n, leading[a])
    )
    bounds = [leading[axis] * i // n for i in range(n + 1)]
    for start, stop in pairwise(bounds):
        cut = (slice(None),) * axis + (slice(start, stop),)
        mine = (slice(None),) * job.with_axes + cut
        p = job.positions[mine] if own[axis] > 1 else job.positions
        yield _Job(job.x[cut], p, job.out[cut], job.with_axes)


def _run(rotate: Callable[[_Job], None], job: _Job, threads: int) -> None:
    """Rotate piece by piece: a signal is answered between, threads share the pieces.

    The pool lives for this call only: nothing survives into a forked child.
    """
    n = max(-(-job.x.nbytes // _BYTES_PER_CALL), 1)
    if n == 1 or job.x.ndim == 1:
        rotate(job)
        return
    if threads == 1:
        for piece in _pieces(job, n):
            rotate(piece)
        return
    # Imported where it is used: it brings logging and 5 ms to every start.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rotate, _pieces(job, max(n, threads))))
