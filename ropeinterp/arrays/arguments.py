"""Checks of arguments; everything is refused before anything is written."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.kinds import check_integer, is_integer
from ropeinterp.limits import LARGEST_EXACT
from ropeinterp.text import printable


def check_seq_len(seq_len: int, name: str = "seq_len") -> None:
    """Refuse what is no sequence length: a positive integer up to 2**53."""
    check_integer(name, seq_len)
    if not 0 < seq_len <= LARGEST_EXACT:
        raise ValueError(f"{name} {printable(int(seq_len))}: must be from 1 to 2**53")


def check_threads(threads: int) -> None:
    """Refuse what is no number of threads: a positive integer."""
    check_integer("threads", threads)
    if threads < 1:
        raise ValueError(f"threads {threads}: must be at least 1")


def default_threads() -> int:
    """Return the number of threads that the environment asks for, by default 1."""
    text = os.environ.get("ROPEINTERP_NUM_THREADS", "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"ROPEINTERP_NUM_THREADS {printable(text)}: must be a positive integer"
        )
    return int(text)


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is the bfloat16 of ml_dtypes, which need not be installed."""
    return dtype.type.__name__ == "bfloat16" and dtype.itemsize == 2


def _ndarray(name: str, value: ArrayLike) -> NDArray[Any]:
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: its mask would be lost")
    if not isinstance(value, (np.ndarray, np.generic)) and (
        hasattr(value, "__array_interface__") or hasattr(value, "__array_struct__")
    ):
        # NumPy believes the shape that such an object states and reads past its end.
        raise TypeError(
            f"{name} is no array but an object that describes memory: pass an ndarray"
        )
    if _is_lazy(value):
        raise TypeError(
            f"{name} is a lazy {type(value).__name__}, which would be computed here "
            "and now: ropeinterp.dask.apply and xarray.apply_ufunc keep it lazy"
        )
    return np.asarray(value)


def _is_lazy(value: object) -> bool:
    """Whether NumPy would run a dask graph; arrays of xarray need not have one."""
    graph = getattr(value, "__dask_graph__", None)
    return graph is not None and graph() is not None


def checked_positions(values: ArrayLike) -> NDArray[np.float64]:
    """Positions as float64, which holds each of them exactly, or an error."""
    p = values if type(values) is np.ndarray else _numbers(values)
    dtype = p.dtype
    if dtype.kind not in "iu" and dtype.char != "d":
        raise TypeError(
            f"positions must be integers or float64, not {dtype}: "
            + (
                "it does not hold long positions"
                if dtype.kind == "f" or is_bfloat16(dtype)
                else "convert them first"
            )
        )
    worst = _beyond(p)
    if worst is not None:
        finite = "finite and " if dtype.kind == "f" else ""
        raise ValueError(
            f"positions {printable(worst)}: positions must be {finite}at most 2**53 "
            "in magnitude"
        )
    return p.astype(np.float64)


def _beyond(p: NDArray[Any]) -> int | float | None:
    """Return a position that is not within 2**53, if there is one."""
    if p.size <= 16:  # a step of decoding: NumPy's calls would cost more than the loop
        for value in p.ravel().tolist():
            if not -LARGEST_EXACT <= value <= LARGEST_EXACT:
                found: int | float = value
                return found
        return None
    if p.dtype.kind == "f":
        bad = ~(np.abs(p) <= LARGEST_EXACT)
    elif p.dtype.itemsize == 8:
        bad = (p > LARGEST_EXACT) | (p < -LARGEST_EXACT)
    else:
        return None
    return p[bad].ravel()[0].item() if bad.any() else None


def _numbers(values: ArrayLike) -> NDArray[Any]:
    """Positions that are no ndarray as one."""
    if isinstance(values, (int, list, tuple, range)):
        values = _integers(values)
    return _ndarray("positions", values)


def _integers(values: Any) -> Any:
    """Python numbers as an array; NumPy would make objects or floats of large ints."""
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind in "Ou":
        for v in np.asarray(values, object).ravel():
            if is_integer(v) and abs(v) > LARGEST_EXACT:
                raise ValueError(
                    f"positions {printable(v)}: must be at most 2**53 in magnitude"
                )
    return array


def checked_x(x: ArrayLike, name: str = "x") -> NDArray[Any]:
    """Return x as an array of a dtype that can be rotated, or raise."""
    array = _ndarray(name, x)
    if not isinstance(x, (np.ndarray, np.generic)) and hasattr(x, "__array_ufunc__"):
        raise TypeError(
            f"{name} is a {type(x).__name__}, which would come back as an ndarray: "
            "pass numpy.asarray(x), or a DataArray through xarray.apply_ufunc"
        )
    dtype = array.dtype
    if dtype.char not in "efd" and not is_bfloat16(dtype):
        hint = ": convert it to a float type" if dtype.kind in "biu" else ""
        raise TypeError(
            f"{name} is {dtype}, not float16, bfloat16, float32 or float64{hint}"
        )
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


def checked_out(
    out: object, x: NDArray[Any], names: tuple[str, str] = ("x", "out")
) -> NDArray[Any]:
    """Return `out` if the rotated x can be written there, or raise."""
    name, out_name = names
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"{out_name} must be an ndarray, not {type(out).__name__}")
    if out.dtype != x.dtype and out.dtype.newbyteorder("=") != x.dtype.newbyteorder(
        "="
    ):
        raise TypeError(f"{out_name} is {out.dtype}, but {name} is {x.dtype}")
    if out.shape != x.shape:
        raise ValueError(f"{out_name} has shape {out.shape}, but {name} has {x.shape}")
    flags = out.flags
    if not flags.writeable:
        raise ValueError(f"{out_name} is read-only")
    if not flags.c_contiguous and out.size and _may_overlap_itself(out):
        raise ValueError(
            f"{out_name} overlaps itself in memory: its strides are not nested"
        )
    return out


def checked_pair(out: object) -> tuple[Any, Any]:
    """Return the two entries of an `out` for queries and keys, or raise."""
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(f"out must be a pair of arrays, not {type(out).__name__}")
    for i, entry in enumerate(out):
        if not isinstance(entry, np.ndarray):
            raise TypeError(f"out[{i}] must be an ndarray, not {type(entry).__name__}")
    return out[0], out[1]


def has_axes(p: NDArray[np.float64], axis_map: tuple[int, ...] | None) -> bool:
    """Whether the leading axis of p holds the position axes of a spec."""
    if axis_map is None or p.ndim < 2:
        return False
    n_axes = max(axis_map) + 1
    if p.shape[0] != n_axes:
        raise ValueError(
            f"positions of shape {p.shape}: the leading axis must hold the {n_axes} "
            "position axes of this spec"
        )
    return True


def aligned_positions(
    p: NDArray[np.float64],
    shape: tuple[int, ...],
    seq_axis: int,
    with_axes: bool,
    name: str = "x",
) -> NDArray[np.float64]:
    """Positions with one axis per axis of x but its last one, some of length 1."""
    if p.ndim == 1:
        axis = sequence_axis(seq_axis, len(shape), name)
        if p.shape[0] == shape[axis]:  # the usual case: one position per token
            return p.reshape((1,) * axis + p.shape + (1,) * (len(shape) - 2 - axis))
    axes, own = (p.shape[:1], p.shape[1:]) if with_axes else ((), p.shape)
    lengths = [1] * (len(shape) - 1)
    if own:
        axis, fits = sequence_axis(seq_axis, len(shape), name), len(own) < len(shape)
        if len(own) == 1:
            lengths[axis] = own[0]
            fits = own[0] == shape[axis]
        elif len(own) == 2 and axis > 0:
            lengths[0], lengths[axis] = own
        elif fits:
            lengths[len(lengths) - len(own) :] = own
        if not (fits and all(map(_broadcasts, lengths, shape))):
            raise ValueError(
                f"positions of shape {(*p.shape,)} do not fit {name} of leading shape "
                f"{(*shape[:-1],)} with the sequence along axis {axis}"
            )
    return p.reshape((*axes, *lengths))


def _broadcasts(n: int, m: int) -> bool:
    return n in (1, m)


def sequence_axis(seq_axis: int, ndim: int, name: str = "x") -> int:
    """Return `seq_axis` counted from the front, or raise."""
    check_integer("seq_axis", seq_axis)
    axis = int(seq_axis) + ndim if seq_axis < 0 else int(seq_axis)
    if not 0 <= axis < ndim - 1:
        raise ValueError(
            f"seq_axis {seq_axis}: {name} has {ndim} axes, of which the last one "
            "holds the channels"
        )
    return axis
