"""Tables of cosines and sines, in either precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ropeinterp import _core, hf32
from ropeinterp.arrays.arguments import checked_positions, has_axes, is_bfloat16
from ropeinterp.arrays.memory import paged
from ropeinterp.text import printable

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

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


def check_precision(precision: str) -> None:
    """Refuse an unknown precision."""
    if not isinstance(precision, str) or precision not in _PRECISIONS:
        raise ValueError(
            f"precision {printable(precision)}: must be one of {', '.join(_PRECISIONS)}"
        )


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
    p = checked_positions(positions)
    with_axes = has_axes(p, spec.axis_map)
    return tables_of(spec, p, with_axes, result, spec.attention_scaling, precision)


def tables_of(
    spec: RopeSpec,
    p: NDArray[np.float64],
    with_axes: bool,
    dtype: np.dtype[Any],
    scale: float,
    precision: str = "exact",
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables of checked positions, each pair driven by the axis that axis_map names.

    They are multiplied by `scale`, not by the attention factor of the spec.
    """
    make = _PRECISIONS[precision]
    p = p * spec.position_scale
    n = spec.rotary_dim // 2
    if not with_axes:
        every = np.arange(2 * n) % n if spec.splits_pairs else slice(None)
        return make(spec, p, every, dtype, scale)
    axis_of = np.array(spec.axis_map)
    shape = (*p.shape[1:], axis_of.size)
    cos, sin = paged(np.empty(shape, dtype)), paged(np.empty(shape, dtype))
    for axis, own in enumerate(p):
        driven = np.flatnonzero(axis_of == axis)
        cos[..., driven], sin[..., driven] = make(spec, own, driven % n, dtype, scale)
    return cos, sin


def _exact(
    spec: RopeSpec,
    p: NDArray[np.float64],
    pairs: NDArray[np.intp] | slice,
    dtype: np.dtype[Any],
    scale: float,
) -> tuple[NDArray[Any], NDArray[Any]]:
    planes = np.ascontiguousarray(spec._planes[:, pairs])
    rows, n = p.reshape(p.size), planes.shape[1]
    cos, sin = (paged(np.empty((p.size, n), dtype)) for _ in range(2))
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


def _hf32(
    spec: RopeSpec,
    p: NDArray[np.float64],
    pairs: NDArray[np.intp] | slice,
    dtype: np.dtype[Any],
    scale: float,
) -> tuple[NDArray[Any], NDArray[Any]]:
    inv_freq = hf32.inv_freq(spec)[pairs]
    cos, sin = hf32.cos_sin(p, inv_freq, scale)
    return _narrowed(cos, dtype), _narrowed(sin, dtype)


def _narrowed(table: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round a float32 table to its dtype, a second rounding as transformers has it."""
    if dtype.char in "efd":
        return table.astype(dtype)
    bits = table.view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return rounded.astype(np.uint16).view(dtype)


_PRECISIONS: Mapping[str, Callable[..., tuple[NDArray[Any], NDArray[Any]]]] = (
    MappingProxyType({"exact": _exact, "hf32": _hf32})
)
