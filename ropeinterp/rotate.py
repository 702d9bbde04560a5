"""Phases and rotations of arrays: dtypes, axes, ``out=``, threads. No formulas.

Everything is checked before the first element is written. The values that this module
takes from a spec are planes, scales and the layout; it never asks for a scheme.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ropeinterp import _core
from ropeinterp.errors import printable

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

_LARGEST = 2**53
# One call of a kernel handles at most this much, so that Ctrl-C is answered between.
_BYTES_PER_CALL = 2**25


class Layout(NamedTuple):
    """How a layout is rotated: kernels by name, direction, layout of the result.

    With several blocks each one holds whole pairs and is rotated on its own.
    """

    kernel: str
    result: str
    sign: float = 1.0
    blocks: int = 1


LAYOUTS = MappingProxyType(
    {
        "half": Layout("half", "half"),
        "interleaved": Layout("interleaved", "interleaved"),
        "interleaved_to_half": Layout("interleaved_to_half", "half"),
        "half_reversed": Layout("half", "half_reversed", -1.0),
        "half_blocks": Layout("half", "half_blocks", blocks=2),
    }
)

# ---- checks of arguments ---------------------------------------------------------


def check_precision(precision: str) -> None:
    """Refuse an unknown precision."""
    if precision != "exact":
        raise ValueError(f"precision {printable(precision)}: must be 'exact'")


def check_seq_len(seq_len: object) -> None:
    """Refuse what is no sequence length: a positive integer up to 2**53."""
    if isinstance(seq_len, bool) or not isinstance(seq_len, (int, np.integer)):
        raise TypeError(f"seq_len must be an int, not {type(seq_len).__name__}")
    if not 0 < seq_len <= _LARGEST:
        raise ValueError(f"seq_len {printable(int(seq_len))}: must be from 1 to 2**53")


def _is_bfloat16(dtype: np.dtype[Any]) -> bool:
    return dtype.name == "bfloat16" and dtype.itemsize == 2


def _table_dtype(dtype: DTypeLike | str) -> np.dtype[Any]:
    """Return the dtype of a table; uint16 stands for bfloat16 without ml_dtypes."""
    if dtype == "bfloat16":
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            return np.dtype(np.uint16)
        return np.dtype(bfloat16)
    result = np.dtype(dtype).newbyteorder("=")
    if result.char not in "efd" and not _is_bfloat16(result):
        raise TypeError(
            f"dtype {result}: must be float32, float64, float16 or bfloat16"
        )
    return result


def _plain_array(name: str, value: ArrayLike) -> NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: its mask would be lost")
    return np.asarray(value)


def _positions(values: ArrayLike) -> NDArray[np.float64]:
    """Positions as float64, which holds each of them exactly, or an error."""
    if isinstance(values, (int, list, tuple, range)):
        values = _integers(values)
    p = _plain_array("positions", values)
    if p.dtype.kind == "f" and p.dtype.itemsize == 8:
        bad = ~(np.abs(p) <= _LARGEST)
        reason = "positions must be finite and at most 2**53 in magnitude"
    elif p.dtype.kind in "iu":
        bad = (p > _LARGEST) | (p < -_LARGEST) if p.dtype.itemsize == 8 else None
        reason = "positions must be at most 2**53 in magnitude"
    else:
        raise TypeError(
            f"positions must be integers or float64, not {p.dtype}: "
            + (
                "it does not hold long positions"
                if p.dtype.kind == "f" or _is_bfloat16(p.dtype)
                else "convert them first"
            )
        )
    if bad is not None and bad.any():
        raise ValueError(f"positions {printable(p[bad].ravel()[0].item())}: {reason}")
    return p.astype(np.float64)


def _integers(values: Any) -> Any:
    """Python numbers as an array; NumPy would make objects or floats of large ints."""
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind in "Ou":
        for v in np.asarray(values, object).ravel():
            if isinstance(v, int) and not isinstance(v, bool) and abs(v) > _LARGEST:
                raise ValueError(
                    f"positions {printable(v)}: must be at most 2**53 in magnitude"
                )
    return array


def _check_x(x: ArrayLike) -> NDArray[Any]:
    array = _plain_array("x", x)
    if array.dtype.char not in "efd" and not _is_bfloat16(array.dtype):
        hint = ": convert it to a float type" if array.dtype.kind in "biu" else ""
        raise TypeError(
            f"x is {array.dtype}, not float16, bfloat16, float32 or float64{hint}"
        )
    if array.ndim == 0:
        raise ValueError("x has no axes: its last one must hold the channels of a head")
    return array


def _may_overlap_itself(a: NDArray[Any]) -> bool:
    """Whether two elements could share memory: axes nested by stride never do."""
    covered = a.itemsize
    for stride, n in sorted(
        (abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1
    ):
        if stride < covered:
            return True
        covered = stride * (n - 1) + covered
    return False


def _check_out(out: object, x: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    if out.dtype != x.dtype:
        raise TypeError(f"out is {out.dtype}, but x is {x.dtype}")
    if out.shape != x.shape:
        raise ValueError(f"out has shape {out.shape}, but x has {x.shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    if out.size and _may_overlap_itself(out):
        raise ValueError("out overlaps itself in memory: its strides are not nested")
    return out


# ---- ufuncs by name and dtype ------------------------------------------------------


def _call(
    name: str, x: NDArray[Any], *operands: Any, out: NDArray[Any], **how: Any
) -> None:
    """Call kernel `name` on x; bfloat16 has loops of its own over its bits."""
    if _is_bfloat16(x.dtype):
        kernel = getattr(_core, f"_{name}_bfloat16")
        kernel(x.view(np.uint16), *operands, out=out.view(np.uint16), **how)
    else:
        getattr(_core, name)(x, *operands, out=out, **how)


def _tables(
    positions: NDArray[np.float64],
    planes: NDArray[np.float64],
    scale: float,
    dtype: np.dtype[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    shape = (*positions.shape, planes.shape[-1])
    cos, sin = np.empty(shape, dtype), np.empty(shape, dtype)
    if dtype.char in "efd":
        _core.cos_sin(positions, planes, scale, out=(cos, sin))
    else:
        bits = cos.view(np.uint16), sin.view(np.uint16)
        _core._cos_sin_bfloat16(positions, planes, scale, out=bits)
    return cos, sin


# ---- cosines and sines -------------------------------------------------------------


def _with_axes(spec: RopeSpec, p: NDArray[np.float64]) -> bool:
    """Whether the leading axis of p is the axis of the position axes."""
    if spec.axis_map is None or p.ndim < 2:
        return False
    if p.shape[0] != spec.n_axes:
        raise ValueError(
            f"positions of shape {p.shape}: the leading axis must hold the "
            f"{spec.n_axes} position axes of this spec"
        )
    return True


def cos_sin(
    spec: RopeSpec,
    positions: ArrayLike,
    *,
    dtype: DTypeLike | str = np.float32,
    precision: str = "exact",
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cosines and sines of a spec with fixed frequencies.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.cos_sin`.
    """
    check_precision(precision)
    result = _table_dtype(dtype)
    p = _positions(positions)
    return _spec_tables(spec, p, _with_axes(spec, p), result)


def _driving(spec: RopeSpec, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions as the frequencies see them."""
    return p * (spec.position_scale * LAYOUTS[spec.layout].sign)


def _spec_tables(
    spec: RopeSpec, p: NDArray[np.float64], with_axes: bool, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables of p, each pair driven by the position axis that axis_map names."""
    p = _driving(spec, p)
    scale, planes = spec.attention_scaling, spec._planes
    if spec.splits_pairs:
        planes = np.concatenate((planes, planes), axis=1)
    if not with_axes:
        return _tables(p, planes, scale, dtype)
    shape = (*p.shape[1:], planes.shape[-1])
    cos, sin = np.empty(shape, dtype), np.empty(shape, dtype)
    for axis in range(spec.n_axes):
        pairs = np.flatnonzero(np.equal(spec.axis_map, axis))
        cos[..., pairs], sin[..., pairs] = _tables(
            p[axis], planes[:, pairs], scale, dtype
        )
    return cos, sin


# ---- rotations ---------------------------------------------------------------------


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


class _Job(NamedTuple):
    """The rotated slice of a checked call; positions have the leading axes of x."""

    x: NDArray[Any]
    positions: NDArray[np.float64]
    out: NDArray[Any]
    with_axes: bool


def _aligned(
    p: NDArray[np.float64], shape: tuple[int, ...], seq_axis: int, with_axes: bool
) -> NDArray[np.float64]:
    """Positions with one axis per leading axis of x, some of length 1."""
    axes, own = (p.shape[:1], p.shape[1:]) if with_axes else ((), p.shape)
    lengths = [1] * len(shape)
    if len(own) == 1:
        lengths[seq_axis] = own[0]
    elif len(own) == 2 and seq_axis > 0:
        lengths[0], lengths[seq_axis] = own
    elif own:
        lengths[len(shape) - len(own) :] = own
    fits = len(own) <= len(shape) and all(
        n == m or (n == 1 and (a != seq_axis or len(own) != 1))
        for a, (n, m) in enumerate(zip(lengths, shape, strict=False))
    )
    if not fits:
        raise ValueError(
            f"positions of shape {p.shape} do not fit x of leading shape {shape} "
            f"with the sequence along axis {seq_axis}"
        )
    return p.reshape((*axes, *lengths))


def _sequence_axis(seq_axis: int, ndim: int) -> int:
    axis = seq_axis + ndim if seq_axis < 0 else seq_axis
    if not 0 <= axis < ndim - 1:
        raise ValueError(
            f"seq_axis {seq_axis}: x has {ndim} axes, of which the last one holds "
            "the channels"
        )
    return axis


def _prepare(
    spec: RopeSpec,
    x: ArrayLike,
    positions: ArrayLike | None,
    seq_axis: int,
    out: NDArray[Any] | None,
) -> tuple[_Job, NDArray[Any]]:
    """Check everything, allocate the result, copy what lies before the slice."""
    x = _check_x(x)
    first, rotary = spec.rotary_offset, spec.rotary_dim
    channels = x.shape[-1]
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
    if positions is None:
        positions = np.arange(x.shape[_sequence_axis(seq_axis, x.ndim)])
    p = _positions(positions)
    with_axes = _with_axes(spec, p)
    if p.ndim == 0:
        p = p.reshape((1,) * (x.ndim - 1))
    else:
        axis = _sequence_axis(seq_axis, x.ndim)
        p = _aligned(p, x.shape[:-1], axis, with_axes)
    if out is None:
        out = np.empty_like(x, dtype=x.dtype.newbyteorder("="), subok=False)
    else:
        out = _check_out(out, x)
        in_place = (
            out.__array_interface__["data"] == x.__array_interface__["data"]
            and out.strides == x.strides
            and LAYOUTS[spec.layout].result == spec.layout
        )
        if not in_place and np.may_share_memory(out, x):
            x = x.copy()
    if first and out is not x:
        out[..., :first] = x[..., :first]
    return _Job(x[..., first:], p, out[..., first:], with_axes), out


def apply(
    spec: RopeSpec,
    x: ArrayLike,
    positions: ArrayLike | None = None,
    *,
    seq_axis: int = -2,
    out: NDArray[Any] | None = None,
    inverse: bool = False,
    precision: str = "exact",
    threads: int | None = None,
) -> NDArray[Any]:
    """Rotate x by a spec with fixed frequencies.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.apply`.
    """
    check_precision(precision)
    workers = _thread_count(threads)
    job, result = _prepare(spec, x, positions, seq_axis, out)
    if inverse:
        job = job._replace(positions=-job.positions)

    def rotate(piece: _Job) -> None:
        if piece.with_axes:
            tables = _spec_tables(
                spec, piece.positions, True, _table_dtype_for(piece.x.dtype)
            )
            _by_tables(spec, piece.x, tables, piece.out)
        else:
            _fused(spec, piece)

    _run(rotate, job, workers)
    return result


def _fused(spec: RopeSpec, job: _Job) -> None:
    """One call of the fused gufunc: its heads are an axis on which positions agree."""
    x, out, p = job.x, job.out, _driving(spec, job.positions)
    shared = [a for a in range(p.ndim) if p.shape[a] == 1]
    if shared:
        heads = max(shared, key=lambda a: x.shape[a])
        p = p.squeeze(heads)
    else:
        heads, x, out = -2, x[..., None, :], out[..., None, :]
    kernel = LAYOUTS[spec.layout].kernel
    for channels, pairs in _blocks(spec):
        _call(
            "rope" if kernel == "half" else f"rope_{kernel}",
            x[..., channels],
            p,
            spec._planes[:, pairs],
            spec.attention_scaling,
            out=out[..., channels],
            axes=[(heads, -1), (), (0, 1), (), (heads, -1)],
        )


def _table_dtype_for(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the tables with which an array of `dtype` is rotated."""
    return np.dtype(np.float64 if dtype.char == "d" else np.float32)


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
    for name in ("layout", "rotary_dim", "rotary_offset", "axis_map", "position_scale"):
        mine, other = getattr(old, name), getattr(new, name)
        if mine != other:
            raise ValueError(f"{name} of the two specs differs: {mine} and {other}")
    # Rotated keys stand in the layout of the result.
    old = replace(old, layout=LAYOUTS[old.layout].result)
    job, result = _prepare(old, k, positions, seq_axis, out)
    double = np.dtype(np.float64)

    def rotate(piece: _Job) -> None:
        # The angle of the difference, from the exact tables of both; in float64 until
        # the last rounding.
        c1, s1 = _spec_tables(old, piece.positions, piece.with_axes, double)
        c2, s2 = _spec_tables(new, piece.positions, piece.with_axes, double)
        norm = old.attention_scaling**2
        table = _table_dtype_for(piece.x.dtype)
        cos = ((c1 * c2 + s1 * s2) / norm).astype(table)
        sin = ((c1 * s2 - s1 * c2) / norm).astype(table)
        _by_tables(old, piece.x, (cos, sin), piece.out)

    _run(rotate, job, 1)
    return result


# ---- pieces and threads --------------------------------------------------------------


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
    """Cut the job into n pieces along its longest axis, the positions' if they vary."""
    leading = job.x.shape[:-1]
    own = job.positions.shape[len(job.positions.shape) - len(leading) :]
    axis = max(range(len(leading)), key=lambda a: (own[a] > 1, leading[a]))
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
    elif threads == 1:
        for piece in _pieces(job, n):
            rotate(piece)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(rotate, _pieces(job, max(n, threads))))
