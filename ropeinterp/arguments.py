"""Checks of array arguments; everything is refused before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.errors import printable

_LARGEST = 2**53


def check_seq_len(seq_len: object, name: str = "seq_len") -> None:
    """Refuse what is no sequence length: a positive integer up to 2**53."""
    if isinstance(seq_len, bool) or not isinstance(seq_len, (int, np.integer)):
        raise TypeError(f"{name} must be an int, not {type(seq_len).__name__}")
    if not 0 < seq_len <= _LARGEST:
        raise ValueError(f"{name} {printable(int(seq_len))}: must be from 1 to 2**53")


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is the bfloat16 of ml_dtypes, which need not be installed."""
    return dtype.name == "bfloat16" and dtype.itemsize == 2


def _plain_array(name: str, value: ArrayLike) -> NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array: its mask would be lost")
    if not isinstance(value, (np.ndarray, np.generic)) and (
        hasattr(value, "__array_interface__") or hasattr(value, "__array_struct__")
    ):
        # NumPy believes the shape that such an object states and reads past its end.
        raise TypeError(
            f"{name} is no array but an object that describes memory: pass an ndarray"
        )
    return np.asarray(value)


def checked_positions(values: ArrayLike) -> NDArray[np.float64]:
    """Positions as float64, which holds each of them exactly, or an error."""
    if isinstance(values, (int, list, tuple, range)):
        values = _integers(values)
    p = _plain_array("positions", values)
    kind = p.dtype.kind
    if kind == "f" and p.dtype.itemsize == 8:
        reason = "positions must be finite and at most 2**53 in magnitude"
    elif kind in "iu":
        reason = "positions must be at most 2**53 in magnitude"
    else:
        raise TypeError(
            f"positions must be integers or float64, not {p.dtype}: "
            + (
                "it does not hold long positions"
                if kind == "f" or is_bfloat16(p.dtype)
                else "convert them first"
            )
        )
    worst = _beyond(p)
    if worst is not None:
        raise ValueError(f"positions {printable(worst)}: {reason}")
    return p.astype(np.float64)


def _beyond(p: NDArray[Any]) -> int | float | None:
    """Return a position that is not within 2**53, if there is one."""
    if p.size <= 16:  # a step of decoding: NumPy's calls would cost more than the loop
        return next((v for v in p.ravel().tolist() if not abs(v) <= _LARGEST), None)
    if p.dtype.kind == "f":
        bad = ~(np.abs(p) <= _LARGEST)
    elif p.dtype.itemsize == 8:
        bad = (p > _LARGEST) | (p < -_LARGEST)
    else:
        return None
    return p[bad].ravel()[0].item() if bad.any() else None


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


def checked_x(x: ArrayLike) -> NDArray[Any]:
    """Return x as an array of a dtype that can be rotated, or raise."""
    array = _plain_array("x", x)
    if array.dtype.char not in "efd" and not is_bfloat16(array.dtype):
        hint = ": convert it to a float type" if array.dtype.kind in "biu" else ""
        raise TypeError(
            f"x is {array.dtype}, not float16, bfloat16, float32 or float64{hint}"
        )
    return array


def _may_overlap_itself(a: NDArray[Any]) -> bool:
    """Whether two elements could share memory: axes nested by stride never do."""
    if a.flags.c_contiguous:
        return False
    covered = a.itemsize
    for stride, n in sorted(
        (abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1
    ):
        if stride < covered:
            return True
        covered = stride * (n - 1) + covered
    return False


def checked_out(out: object, x: NDArray[Any]) -> NDArray[Any]:
    """Return `out` if the rotated x can be written there, or raise."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    if out.dtype != x.dtype and out.dtype.newbyteorder("=") != x.dtype.newbyteorder(
        "="
    ):
        raise TypeError(f"out is {out.dtype}, but x is {x.dtype}")
    if out.shape != x.shape:
        raise ValueError(f"out has shape {out.shape}, but x has {x.shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    if out.size and _may_overlap_itself(out):
        raise ValueError("out overlaps itself in memory: its strides are not nested")
    return out


def has_axes(
    p: NDArray[np.float64], n_axes: int, axis_map: tuple[int, ...] | None
) -> bool:
    """Whether the leading axis of p holds the position axes of a spec."""
    if axis_map is None or p.ndim < 2:
        return False
    if p.shape[0] != n_axes:
        raise ValueError(
            f"positions of shape {p.shape}: the leading axis must hold the {n_axes} "
            "position axes of this spec"
        )
    return True


def aligned_positions(
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
            f"positions of shape {(*p.shape,)} do not fit x of leading shape "
            f"{(*shape,)} with the sequence along axis {seq_axis}"
        )
    return p.reshape((*axes, *lengths))


def sequence_axis(seq_axis: int, ndim: int) -> int:
    """Return `seq_axis` counted from the front, or raise."""
    if isinstance(seq_axis, bool) or not isinstance(seq_axis, (int, np.integer)):
        raise TypeError(f"seq_axis must be an int, not {type(seq_axis).__name__}")
    axis = int(seq_axis) + ndim if seq_axis < 0 else int(seq_axis)
    if not 0 <= axis < ndim - 1:
        raise ValueError(
            f"seq_axis {seq_axis}: x has {ndim} axes, of which the last one holds "
            "the channels"
        )
    return axis
