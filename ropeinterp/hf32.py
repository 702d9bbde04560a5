"""precision="hf32": transformers' numbers, on purpose.

Float32 in the order of operations of transformers 5.23.0 (modeling_rope_utils.py),
every array operation rounded. It is there for comparison with transformers, not for
accuracy: at 128k positions these angles are up to 9e-3 off. Beside the SCHEMES table
this is the only place that knows schemes, because the order of the roundings is part
of each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ropeinterp import _core, planes, scalars

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

Float32: TypeAlias = NDArray[np.float32]
_F = np.float32


def _powers(base: float | np.floating[Any], dim: int, k: NDArray[Any]) -> Float32:
    """base**(2k/dim): a rounded exponent, a real power of it, one rounding."""
    exponent = (2 * k).astype(_F) / _F(dim)
    power = np.float64(_F(base)) ** exponent.astype(np.float64)
    return np.asarray(power.astype(_F))


def _pairs(spec: RopeSpec) -> NDArray[np.int64]:
    return np.arange((spec.dim + 1) // 2)


def _plain(spec: RopeSpec) -> Float32:
    assert spec.base is not None
    return _powers(spec.base, spec.dim, _pairs(spec))


def _default(spec: RopeSpec) -> Float32:
    return _F(1) / _plain(spec)


def _linear(spec: RopeSpec) -> Float32:
    return _default(spec) / _F(spec.factor)


def _scaled_base(spec: RopeSpec, stretch: float) -> Float32:
    assert spec.base is not None
    base = spec.base * stretch ** (spec.dim / (spec.dim - 2))
    return _F(1) / _powers(base, spec.dim, _pairs(spec))


def _ntk(spec: RopeSpec) -> Float32:
    return _scaled_base(spec, float(spec.factor))


def _dynamic(spec: RopeSpec) -> Float32:
    assert spec.base is not None
    assert spec.trained_length is not None
    if spec.seq_len is None:
        return _scaled_base(spec, 1.0)
    factor = float(spec.factor)
    s = _F(factor) * _F(spec.seq_len) / _F(spec.trained_length) - _F(factor - 1)
    power = _F(np.float64(s) ** np.float64(_F(spec.dim / (spec.dim - 2))))
    return _F(1) / _powers(_F(spec.base) * power, spec.dim, _pairs(spec))


def _yarn(spec: RopeSpec) -> Float32:
    p = _plain(spec)
    kept, divided = _F(1) / p, _F(1) / (_F(spec.factor) * p)
    first, last = planes.ramp_of(spec)
    k = np.arange(spec.dim // 2).astype(_F)
    ramp = np.clip((k - _F(first)) / _F(last - first), _F(0), _F(1))
    weight = _F(1) - ramp
    return np.asarray(divided * (_F(1) - weight) + kept * weight)


def _longrope(spec: RopeSpec) -> Float32:
    assert spec.short_factors is not None
    return _F(1) / (np.array(spec.short_factors, _F) * _plain(spec))


def _llama3(spec: RopeSpec) -> Float32:
    assert spec.trained_length is not None
    assert spec.low_freq_factor is not None
    assert spec.high_freq_factor is not None
    original, factor = spec.trained_length, _F(spec.factor)
    low, high = spec.low_freq_factor, spec.high_freq_factor
    inv = _default(spec)
    wavelength = _F(2 * np.pi) / inv
    is_long = wavelength > _F(original / low)
    is_short = wavelength < _F(original / high)
    scaled = np.where(is_long, inv / factor, inv)
    if high == low:
        return scaled  # no middle; the quotient below would be infinite
    smooth = (_F(original) / wavelength - _F(low)) / _F(high - low)
    smoothed = (_F(1) - smooth) * scaled / factor + smooth * scaled
    return np.where(is_short | is_long, scaled, smoothed)


def _proportional(spec: RopeSpec) -> Float32:
    inv = _default(spec)
    inv[scalars.proportional_pairs(spec.dim, spec.partial_rotary_factor) :] = 0
    return inv / _F(spec.factor)


def _given(spec: RopeSpec) -> Float32:
    return np.array(spec.frequencies, _F)


_ORDERS: Mapping[str, Callable[[RopeSpec], Float32]] = MappingProxyType(
    {
        "default": _default,
        "linear": _linear,
        "ntk": _ntk,
        "dynamic": _dynamic,
        "yarn": _yarn,
        "longrope": _longrope,
        "llama3": _llama3,
        "proportional": _proportional,
        "given": _given,
    }
)


def inv_freq(spec: RopeSpec) -> Float32:
    """Inverse frequencies as transformers computes them.

    Parameters
    ----------
    spec : RopeSpec
        With fixed frequencies.

    Returns
    -------
    ndarray of float32, shape (rotary_dim // 2,)
        Within 4 ulp of transformers 5.23.0 on the CPU (llama3, by cancellation, 12).
    """
    own = np.asarray(_ORDERS[spec.scheme](spec), _F)
    return own if spec.frequency_map is None else own[list(spec.frequency_map)]


def cos_sin(
    positions: NDArray[np.float64], inv_freq: Float32, scale: float
) -> tuple[Float32, Float32]:
    """Cosines and sines of float32 angles, times a float32 attention factor.

    Parameters
    ----------
    positions : ndarray of float64, shape (...)
        Rounded to float32 first, as there: 2**24 and 2**24 + 1 are the same.
    inv_freq : ndarray of float32, shape (n,)
        Radians per token.
    scale : float
        Attention factor.

    Returns
    -------
    cos, sin : ndarray of float32, shape (..., n)
        Correctly rounded functions of the rounded angle, then rounded once more.
    """
    angles = positions.astype(_F)[..., None] * inv_freq
    # One radian per token: the angle itself is the position.
    one = _core._frequencies("given", 1, (), (1.0,), True)
    cos, sin = _core.cos_sin(angles.astype(np.float64), one, 1.0)
    return cos[..., 0] * _F(scale), sin[..., 0] * _F(scale)
