"""Tables of cosines and sines, exact or in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ropeinterp import _core
from ropeinterp.arrays.arguments import checked_positions, has_axes, is_bfloat16
from ropeinterp.arrays.memory import empty
from ropeinterp.rotation import Rotation
from ropeinterp.text import printable

# One call of a kernel handles at most this many, so that Ctrl-C is answered between.
_PAIRS_PER_CALL = 2**21


def _table_dtype(dtype: DTypeLike | str) -> np.dtype[Any]:
    """Return the dtype of a table; uint16 stands for bfloat16 without ml_dtypes."""
    if dtype == "bfloat16":
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            return np.dtype(np.uint16)
        result: np.dtype[Any] = np.dtype(bfloat16)
        return result
    if dtype is None:
        raise TypeError("dtype must be a floating type, not None")
    try:
        result = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise TypeError(f"dtype {printable(dtype)}: is no NumPy dtype") from None
    if result.char not in "efd" and not is_bfloat16(result):
        raise TypeError(
            f"dtype {result}: must be float32, float64, float16 or bfloat16"
        )
    return result


def cos_sin(
    rotation: Rotation, positions: ArrayLike, *, dtype: DTypeLike | str = np.float32
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cosines and sines.

    Parameters and results as for :meth:`ropeinterp.RopeSpec.cos_sin`.
    """
    result = _table_dtype(dtype)
    p = checked_positions(positions)
    return tables_of(rotation, p, has_axes(p, rotation.axis_map), result)


def tables_of(
    rotation: Rotation, p: NDArray[np.float64], with_axes: bool, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables of checked positions, each pair driven by the axis that axis_map names."""
    make = _exact if rotation.inv_freq is None else _float32
    p = p * rotation.position_scale
    n = rotation.pairs
    if not with_axes:
        every = np.arange(2 * n) % n if rotation.splits_pairs else slice(None)
        return make(rotation, p, every, dtype)
    axis_of = np.array(rotation.axis_map)
    shape = (*p.shape[1:], axis_of.size)
    cos, sin = empty(shape, dtype), empty(shape, dtype)
    for axis, own in enumerate(p):
        driven = np.flatnonzero(axis_of == axis)
        cos[..., driven], sin[..., driven] = make(rotation, own, driven % n, dtype)
    return cos, sin


def _exact(
    rotation: Rotation,
    p: NDArray[np.float64],
    pairs: NDArray[np.intp] | slice,
    dtype: np.dtype[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    planes, scale = np.ascontiguousarray(rotation.planes[:, pairs]), rotation.scale
    rows, n = p.reshape(p.size), planes.shape[1]
    cos, sin = (empty((p.size, n), dtype) for _ in range(2))
    step = max(_PAIRS_PER_CALL // max(n, 1), 1)
    for part in (slice(i, i + step) for i in range(0, p.size, step)):
        out = (cos[part], sin[part])
        if dtype.char in "efd":
            # Without dtype the first loop would serve, and its float32 be cast.
            _core.cos_sin(rows[part], planes, scale, out=out, dtype=dtype)
        else:
            bits = tuple(table.view(np.uint16) for table in out)
            _core._cos_sin_bfloat16(rows[part], planes, scale, out=bits)
    return cos.reshape(*p.shape, n), sin.reshape(*p.shape, n)


def _float32(
    rotation: Rotation,
    p: NDArray[np.float64],
    pairs: NDArray[np.intp] | slice,
    dtype: np.dtype[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables of float32 angles, as transformers has them.

    Positions are rounded to float32 first: 2**24 and 2**24 + 1 are the same. Functions
    of the rounded angle are correctly rounded, then times the scale, rounded once more.
    """
    assert rotation.inv_freq is not None
    angles = p.astype(np.float32)[..., None] * rotation.inv_freq[pairs]
    # One radian per token: the angle itself is the position.
    one = _core._frequencies("given", 1, (), (1.0,), True)
    cos, sin = _core.cos_sin(angles.astype(np.float64), one, 1.0)
    scale = np.float32(rotation.scale)
    return _narrowed(cos[..., 0] * scale, dtype), _narrowed(sin[..., 0] * scale, dtype)


def _narrowed(table: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round a float32 table to its dtype, a second rounding as transformers has it."""
    if dtype.char in "efd":
        return table.astype(dtype)
    bits = table.view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return rounded.astype(np.uint16).view(dtype)
