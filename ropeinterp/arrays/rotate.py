"""Rotations of arrays: dtypes, axes, ``out=``, threads. No formulas.

What they take from a spec is a :class:`ropeinterp.rotation.Rotation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.arrays import small_calls
from ropeinterp.arrays.arguments import check_threads, checked_pair, default_threads
from ropeinterp.arrays.jobs import Job, check_channels, directed, prepared, together
from ropeinterp.arrays.tables import tables_of
from ropeinterp.rotation import Rotation

Arrays: TypeAlias = Sequence[NDArray[Any]]

# One call of a kernel handles at most this much, so that Ctrl-C is answered between.
_BYTES_PER_CALL = 2**26


def _call(
    name: str, xs: Arrays, operands: tuple[Any, ...], outs: Arrays, **how: Any
) -> None:
    """Call kernel `name` on the xs; bfloat16 has loops of its own over its bits."""
    if xs[0].dtype.char not in "efd":
        name = f"_{name.lstrip('_')}_bfloat16"
        xs, outs = ([x.view(np.uint16) for x in arrays] for arrays in (xs, outs))
    getattr(_core, name)(*xs, *operands, out=tuple(outs), **how)


def _blocks(rotation: Rotation) -> list[tuple[slice, slice]]:
    """Channels and pairs of each block; the last one keeps the unrotated channels."""
    count = rotation.layout.blocks
    n = rotation.pairs // count
    return [
        (
            slice(2 * n * b, 2 * n * (b + 1) if b + 1 < count else None),
            slice(n * b, n * (b + 1)),
        )
        for b in range(count)
    ]


def _by_tables(
    rotation: Rotation,
    x: NDArray[Any],
    tables: tuple[NDArray[Any], NDArray[Any]],
    out: NDArray[Any],
) -> None:
    """Rotate x by tables of cosines and sines."""
    name = rotation.layout.kernel.by_tables
    if rotation.splits_pairs:
        # Each half of a pair by its own angle: rotate twice, keep one half of each.
        n = rotation.pairs
        first, second = np.empty_like(x), np.empty_like(x)
        _call(name, (x,), tuple(t[..., :n] for t in tables), (first,))
        _call(name, (x,), tuple(t[..., n:] for t in tables), (second,))
        out[...] = first
        out[..., n : 2 * n] = second[..., n : 2 * n]
        return
    for channels, pairs in _blocks(rotation):
        block = tuple(t[..., pairs] for t in tables)
        _call(name, (x[..., channels],), block, (out[..., channels],))


def apply(
    rotation: Rotation,
    x: NDArray[Any],
    positions: ArrayLike | None = None,
    *,
    seq_axis: int = -2,
    out: NDArray[Any] | None = None,
    inverse: bool = False,
    threads: int | None = None,
) -> NDArray[Any]:
    """Rotate x.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.apply`, but x has passed
    :func:`ropeinterp.arrays.arguments.checked_x`, or it is uint16: the bits of
    bfloat16.
    """
    _check_how(rotation, inverse, threads)
    done = small_calls.rotated(rotation, (x,), positions, seq_axis, inverse, (out,))
    if done is not None:
        return done[0]
    _check_channels(rotation, x)
    p = directed(rotation.layout, positions, x, seq_axis, inverse)
    job = prepared(rotation, x, p, seq_axis, out)
    _run(rotation, partial(_rotate, rotation), job, threads)
    return job.outs[0]


def apply_qk(
    rotation: Rotation,
    q: NDArray[Any],
    k: NDArray[Any],
    positions: ArrayLike | None = None,
    *,
    seq_axis: int = -2,
    out: tuple[NDArray[Any], NDArray[Any]] | None = None,
    inverse: bool = False,
    threads: int | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rotate queries and keys.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.apply_qk`.
    """
    _check_how(rotation, inverse, threads)
    outs = (None, None) if out is None else checked_pair(out)
    done = small_calls.rotated(rotation, (q, k), positions, seq_axis, inverse, outs)
    if done is not None:
        return done[0], done[1]
    for name, x in (("q", q), ("k", k)):
        _check_channels(rotation, x, name)
    p = directed(rotation.layout, positions, q, seq_axis, inverse, "q")
    jobs = together(
        prepared(rotation, q, p, seq_axis, outs[0], ("q", "out[0]")),
        prepared(rotation, k, p, seq_axis, outs[1], ("k", "out[1]")),
        has_outs=out is not None,
    )
    for job in jobs:
        _run(rotation, partial(_rotate, rotation), job, threads)
    q_out, k_out = (result for job in jobs for result in job.outs)
    return q_out, k_out


def _check_channels(rotation: Rotation, x: NDArray[Any], name: str = "x") -> None:
    check_channels(
        rotation.layout, rotation.rotary_offset, 2 * rotation.pairs, x.shape, name
    )


def _check_how(rotation: Rotation, inverse: bool, threads: int | None) -> None:
    """Refuse what is wrong without a look at an array."""
    if threads is not None:
        check_threads(threads)
    if inverse:
        check_turns(rotation.splits_pairs, "inverse")


def _rotate(rotation: Rotation, job: Job) -> None:
    """Rotate one piece."""
    if rotation.inv_freq is None and not job.with_axes:
        _fused(rotation, job)
        return
    xs, p, outs, with_axes, _ = job
    dtype = _dtype_of_tables(xs[0].dtype)
    tables = tables_of(rotation, p, with_axes, dtype)
    for x, out in zip(xs, outs, strict=True):
        _by_tables(rotation, x, tables, out)


def _longest_shared(job: Job) -> int | None:
    """Axis of the most heads: positions agree along it."""
    heads, longest = None, -1
    lengths = zip(job.positions.shape, job.xs[0].shape, strict=False)
    for axis, (n, length) in enumerate(lengths):
        if n == 1 and length > longest:
            heads, longest = axis, length
    return heads


def _fused(rotation: Rotation, job: Job) -> None:
    """One call of a fused gufunc; its heads are an axis along which positions agree."""
    xs: Arrays
    outs: Arrays
    xs, p, outs, _, heads = job
    if rotation.position_scale != 1.0:
        p = p * rotation.position_scale
    if heads is None:
        heads = _longest_shared(job)
    if heads is None:
        heads = -2
        xs, outs = ([x[..., None, :] for x in arrays] for arrays in (xs, outs))
    else:
        p = p.reshape(p.shape[:heads] + p.shape[heads + 1 :])
    rows = [(heads, -1)] * len(xs)
    axes = [*rows, (), (0, 1), (), *rows]
    planes, scale = rotation.planes, rotation.scale
    name = rotation.layout.kernel.fused[len(xs) - 1]
    if rotation.layout.blocks == 1:
        _call(name, xs, (p, planes, scale), outs, axes=axes)
        return
    for channels, pairs in _blocks(rotation):
        mine, results = ([x[..., channels] for x in arrays] for arrays in (xs, outs))
        _call(name, mine, (p, planes[:, pairs], scale), results, axes=axes)


def _dtype_of_tables(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the tables with which an array of `dtype` is rotated."""
    return np.dtype(np.float64 if dtype.char == "d" else np.float32)


def check_turns(splits_pairs: bool, what: str) -> None:
    """Refuse what needs a rotation where there is none."""
    if splits_pairs:
        raise ValueError(
            f"{what}: the two halves of a pair follow axes of their own here, which is "
            "no rotation: it cannot be moved or undone"
        )


def retarget(
    old: Rotation,
    new: Rotation,
    k: NDArray[Any],
    positions: ArrayLike,
    *,
    seq_axis: int = -2,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Re-encode keys that `old` has rotated, for `new`, which turns the same channels.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.retarget`.
    """
    _check_channels(old, k, "k")
    p = directed(old.layout, positions, k, seq_axis, name="k")
    job = prepared(old, k, p, seq_axis, out, ("k", "out"))
    double = np.dtype(np.float64)
    rotated = old.of_rotated
    scaled = new._replace(scale=new.scale / old.scale)

    def rotate(piece: Job) -> None:
        # The angle of the difference, from the exact tables of both; in float64 until
        # the last rounding.
        (x,), p, (out,), with_axes, _ = piece
        c1, s1 = tables_of(rotated, p, with_axes, double)
        c2, s2 = tables_of(scaled, p, with_axes, double)
        table = _dtype_of_tables(x.dtype)
        cos = (c1 * c2 + s1 * s2).astype(table)
        sin = (c1 * s2 - s1 * c2).astype(table)
        _by_tables(rotated, x, (cos, sin), out)

    _run(old, rotate, job, 1)
    return job.outs[0]


def _without_offset(job: Job, first: int) -> Job:
    """Copy the channels before the rotated slice; the rest is left to do."""
    xs, p, outs, with_axes, heads = job
    for x, out in zip(xs, outs, strict=True):
        if out is not x:
            out[..., :first] = x[..., :first]
    xs, outs = (tuple(x[..., first:] for x in arrays) for arrays in (xs, outs))
    return Job(xs, p, outs, with_axes, heads)


def _pieces(job: Job, n: int) -> Iterator[Job]:
    """Cut the job into n pieces along its longest axis, or one of varying positions.

    Heads share the phases of their positions, unless that axis is too short to be cut.
    """
    xs, positions, outs, with_axes, heads = job
    leading, own = xs[0].shape[:-1], positions.shape[with_axes:]
    axis = max(
        range(len(leading)), key=lambda a: (own[a] > 1 and leading[a] >= n, leading[a])
    )

    def cut(array: NDArray[Any], i: int, axis: int = axis) -> NDArray[Any]:
        length = array.shape[axis]
        part = slice(length * i // n, length * (i + 1) // n)
        return array[(slice(None),) * axis + (part,)]

    for i in range(n):
        p = cut(positions, i, axis + with_axes) if own[axis] > 1 else positions
        mine, results = (tuple(cut(x, i) for x in arrays) for arrays in (xs, outs))
        yield Job(mine, p, results, with_axes, heads)


def _run(
    rotation: Rotation, rotate: Callable[[Job], None], job: Job, threads: int | None
) -> None:
    """Rotate piece by piece: a signal is answered between, threads share the pieces.

    The pool lives for this call only: nothing survives into a forked child.
    """
    if rotation.rotary_offset:
        job = _without_offset(job, rotation.rotary_offset)
    n = -(-sum([x.nbytes for x in job.xs]) // _BYTES_PER_CALL)
    if n <= 1 or job.xs[0].ndim == 1:
        rotate(job)
        return
    if threads is None:
        threads = default_threads()
    if threads == 1:
        for piece in _pieces(job, n):
            rotate(piece)
        return
    # Imported where it is used: it brings logging and 5 ms to every start.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rotate, _pieces(job, max(n, threads))))
