"""LongRoPE: a divisor per pair, other ones beyond the trained length."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.errors import ParameterError
from ropeinterp.fields import Fields
from ropeinterp.schemes.float32 import Float32, powers
from ropeinterp.schemes.logarithm import Number, log
from ropeinterp.schemes.scheme import (
    ATTENTION_FACTOR,
    FACTOR_OR_LENGTHS,
    ORIGINAL,
    Key,
    Parameters,
    Scheme,
)
from ropeinterp.schemes.sweep import pair_indices, positive


def longrope_attention(factor: Number, trained_length: float) -> float:
    """Attention factor of LongRoPE: ``sqrt(1 + ln(factor) / ln(trained_length))``.

    Parameters
    ----------
    factor : int, float or Fraction
        Context multiplier; up to 1 the result is 1.
    trained_length : float
        Tokens of the original context, more than 1.

    Returns
    -------
    float

    References
    ----------
    .. [1] arXiv:2402.13753; transformers 5.23.0, ``_compute_longrope_parameters``.
    """
    if factor <= 1:
        return 1.0
    if trained_length == 1:
        raise ParameterError(
            "trained_length", 1, "the attention factor divides by its logarithm"
        )
    return math.sqrt(1.0 + log(factor) / log(trained_length))


def attention(fields: Fields) -> float:
    """Multiplier of cos and sin."""
    assert fields.trained_length is not None
    return longrope_attention(fields.factor, fields.trained_length)


def parameters(fields: Fields) -> Parameters:
    """Parameters with the short factors: dim, base; one divisor per pair."""
    assert fields.short_factors is not None
    return (fields.dim, fields.base), fields.short_factors


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    divisors = np.array(fields.short_factors, np.float32)
    return np.float32(1) / (divisors * powers(fields))


def longrope_inv_freq(
    dim: int, *, base: ArrayLike = 1e4, factors: ArrayLike
) -> NDArray[np.float64]:
    """Inverse frequencies of LongRoPE with one list of factors.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and positive.
    base : array_like of float, shape (...), optional
        Rotary base, positive.
    factors : array_like of float, shape (..., dim // 2)
        One divisor per pair, positive.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``base ** (-2 k / dim) / factors[k]``, radians per token, correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or another parameter is out of range.
    ValueError
        If `factors` has another number of pairs.

    References
    ----------
    .. [1] Y. Ding et al., arXiv:2402.13753.

    Examples
    --------
    >>> longrope_inv_freq(4, factors=[1.0, 4.0])
    array([1.    , 0.0025])
    """
    k = pair_indices(dim)
    b, f = positive(base=base, factors=factors)
    return np.asarray(_core.inv_freq_longrope(k, dim, b, f))


LONGROPE = Scheme(
    "longrope",
    parameters,
    float32,
    required=(
        Key("short_factor", "short_factors", "numbers"),
        Key("long_factor", "long_factors", "numbers"),
    ),
    optional=(FACTOR_OR_LENGTHS, ORIGINAL, ATTENTION_FACTOR),
    fields=("base", "trained_length", "short_factors", "long_factors"),
    needs_head_dim=True,
    attention=attention,
    attention_origin="factor and original length",
    divides_slowest=False,
    v4_by_lengths=True,
)
