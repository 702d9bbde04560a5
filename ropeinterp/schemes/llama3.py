"""Llama-3: slow pairs interpolated, fast ones kept, a blend between."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes import default
from ropeinterp.schemes.float32 import Float32
from ropeinterp.schemes.logarithm import ratio
from ropeinterp.schemes.scheme import FACTOR, ORIGINAL, Key, Parameters, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def parameters(fields: Fields) -> Parameters:
    """Parameters of the formula, and the denominator of the factor.

    Dim, base, factor, low and high frequency factor, trained length.
    """
    n, d = ratio(fields.factor)
    low, high = fields.low_freq_factor, fields.high_freq_factor
    return (fields.dim, fields.base, n, low, high, fields.trained_length, d), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    assert fields.trained_length is not None
    assert fields.low_freq_factor is not None
    assert fields.high_freq_factor is not None
    f32 = np.float32
    original, factor = fields.trained_length, f32(fields.factor)
    low, high = fields.low_freq_factor, fields.high_freq_factor
    inv = default.float32(fields)
    wavelength = f32(2 * np.pi) / inv
    is_long = wavelength > f32(original / low)
    is_short = wavelength < f32(original / high)
    scaled = np.where(is_long, inv / factor, inv)
    if high == low:
        return scaled  # no middle; the quotient below would be infinite
    smooth = (f32(original) / wavelength - f32(low)) / f32(high - low)
    smoothed = (f32(1) - smooth) * scaled / factor + smooth * scaled
    return np.where(is_short | is_long, scaled, smoothed)


def llama3_inv_freq(
    dim: int,
    *,
    base: ArrayLike = 5e5,
    factor: ArrayLike = 8.0,
    low_freq_factor: ArrayLike = 1.0,
    high_freq_factor: ArrayLike = 4.0,
    trained_length: ArrayLike = 8192,
) -> NDArray[np.float64]:
    """Inverse frequencies of the Llama-3 scheme.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and positive.
    base, factor : array_like of float, shape (...), optional
        Rotary base and context multiplier, positive.
    low_freq_factor, high_freq_factor : array_like of float, shape (...), optional
        Turns within `trained_length` below which a pair is interpolated and above
        which it is left alone.
    trained_length : array_like of float, shape (...), optional
        Tokens of the original context. All broadcast together.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        Radians per token, correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or another parameter is out of range.

    References
    ----------
    .. [1] transformers 5.23.0, ``_compute_llama3_parameters``.

    Examples
    --------
    >>> llama3_inv_freq(4, base=1e4)
    array([1.  , 0.01])
    """
    k = pair_indices(dim)
    parameters = positive(
        base=base,
        factor=factor,
        low_freq_factor=low_freq_factor,
        high_freq_factor=high_freq_factor,
        trained_length=trained_length,
    )
    return np.asarray(_core.inv_freq_llama3(k, dim, *parameters))


LLAMA3 = Scheme(
    "llama3",
    parameters,
    float32,
    required=(
        FACTOR,
        Key("low_freq_factor", "low_freq_factor"),
        Key("high_freq_factor", "high_freq_factor"),
    ),
    optional=(ORIGINAL,),
    fields=("base", "trained_length", "low_freq_factor", "high_freq_factor"),
    length_is_extended=True,
    usual_base=5e5,
)
