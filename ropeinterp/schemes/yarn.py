"""YaRN: interpolation by parts, and an attention factor (arXiv:2309.00071)."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.errors import ParameterError
from ropeinterp.fields import Fields
from ropeinterp.kinds import is_number
from ropeinterp.schemes.float32 import Float32, powers
from ropeinterp.schemes.logarithm import PLACES, TWO_PI, Number, ln, log, ratio
from ropeinterp.schemes.scheme import (
    ATTENTION_FACTOR,
    FACTOR_OR_LENGTHS,
    ORIGINAL,
    Key,
    Parameters,
    Scheme,
)
from ropeinterp.schemes.sweep import check_above, pair_indices, positive


def yarn_ramp(
    dim: int,
    base: float,
    trained_length: float,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
    truncate: bool = True,
) -> tuple[float, float]:
    """First and last pair of YaRN's ramp from extrapolation to interpolation.

    Parameters
    ----------
    dim : int
        Rotated channels of one head.
    base : float
        Rotary base, greater than 1.
    trained_length : float
        Tokens of the original context.
    beta_fast, beta_slow : float
        Turns within `trained_length` above which a pair is left alone and below which
        it is interpolated.
    truncate : bool
        Round the bounds outwards to whole pairs.

    Returns
    -------
    first, last : float
        Pairs; `last` is below `first` when the betas are swapped.

    Notes
    -----
    ``c(beta) = dim * ln(trained_length / (2 pi beta)) / (2 ln base)``, with the bounds
    ``0`` and ``dim - 1`` (not ``dim/2 - 1``) and the step of 0.001 of the paper's code.

    References
    ----------
    .. [1] B. Peng et al., arXiv:2309.00071; transformers 5.23.0,
       ``_compute_yarn_parameters``.
    """
    bounds = [
        _ramp_bound(dim, base, trained_length, beta, truncate)
        for beta in (beta_fast, beta_slow)
    ]
    if truncate:
        bounds = [math.floor(bounds[0]), math.ceil(bounds[1])]
    first, last = max(float(bounds[0]), 0.0), min(float(bounds[1]), float(dim - 1))
    return (first, last + 0.001) if first == last else (first, last)


def _ramp_bound(
    dim: int, base: float, trained_length: float, beta: float, truncate: bool
) -> Number:
    """Pair that makes `beta` turns within the trained length.

    A rough one where `truncate` asks for its floor or its ceiling alone, which no libm
    decides: an integer is further away than a million of its errors.
    """
    if truncate:
        scale = dim / (2.0 * math.log(base))
        rough = scale * math.log(trained_length / (2.0 * math.pi * beta))
        if abs(rough - round(rough)) > 1e-8 * (abs(rough) + scale):
            return rough
    (n, d), (over, under) = trained_length.as_integer_ratio(), beta.as_integer_ratio()
    turns = ln(n * under << PLACES, d * over * TWO_PI, 256)
    return Fraction(dim * turns, 2 * ln(*base.as_integer_ratio(), 256))


def yarn_attention(
    factor: Number, mscale: float | None = None, mscale_all_dim: float | None = None
) -> float:
    """Attention factor of YaRN: a ratio of two temperatures, or the paper's one.

    Parameters
    ----------
    factor : int, float or Fraction
        Context multiplier.
    mscale, mscale_all_dim : float, optional
        DeepSeek's pair of weights, at least 0; only both together count.

    Returns
    -------
    float
        ``g(mscale) / g(mscale_all_dim)`` or ``g(1)``,
        ``g(m) = 0.1 * m * ln(factor) + 1`` (1 for factors up to 1).

    Raises
    ------
    ParameterError
        If a weight is negative or not finite.

    References
    ----------
    .. [1] arXiv:2309.00071, section 3.4; transformers 5.23.0.
    """
    for name, m in (("mscale", mscale), ("mscale_all_dim", mscale_all_dim)):
        if m is None:
            continue
        if not is_number(m):
            raise TypeError(f"{name} must be a number, not {type(m).__name__}")
        if not 0.0 <= m < math.inf:
            raise ParameterError(name, m, "must be finite and at least 0")
    if mscale and mscale_all_dim:
        return yarn_mscale(factor, mscale) / yarn_mscale(factor, mscale_all_dim)
    return yarn_mscale(factor, 1.0)


def yarn_mscale(factor: Number, weight: float) -> float:
    """One temperature: ``0.1 * weight * ln(factor) + 1``, 1 for factors up to 1."""
    return 1.0 if factor <= 1 else 0.1 * weight * log(factor) + 1.0


def _ramp_of(fields: Fields) -> tuple[float, float]:
    """First and last pair of the ramp of a spec."""
    assert fields.base is not None
    assert fields.trained_length is not None
    return yarn_ramp(
        fields.dim,
        fields.base,
        fields.trained_length,
        fields.beta_fast,
        fields.beta_slow,
        fields.truncate,
    )


def attention(fields: Fields) -> float:
    """Multiplier of cos and sin without DeepSeek's weights."""
    return yarn_attention(fields.factor)


def parameters(fields: Fields) -> Parameters:
    """Parameters: dim, base, factor, the ramp; the denominator of the factor."""
    n, d = ratio(fields.factor)
    return (fields.dim, fields.base, n, *_ramp_of(fields), d), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    f32, p = np.float32, powers(fields)
    kept, divided = f32(1) / p, f32(1) / (f32(fields.factor) * p)
    first, last = _ramp_of(fields)
    k = np.arange(fields.dim // 2).astype(f32)
    ramp = np.clip((k - f32(first)) / f32(last - first), f32(0), f32(1))
    weight = f32(1) - ramp
    return np.asarray(divided * (f32(1) - weight) + kept * weight)


def yarn_inv_freq(
    dim: int,
    *,
    base: ArrayLike = 1e4,
    factor: ArrayLike = 1.0,
    trained_length: ArrayLike,
    beta_fast: ArrayLike = 32.0,
    beta_slow: ArrayLike = 1.0,
    truncate: bool = True,
) -> NDArray[np.float64]:
    """Inverse frequencies of YaRN, interpolation by parts.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and positive.
    base, factor : array_like of float, shape (...), optional
        Rotary base, greater than 1, and context multiplier.
    trained_length, beta_fast, beta_slow : array_like of float, shape (...)
        Parameters of :func:`ropeinterp.schemes.yarn.yarn_ramp`; all broadcast together.
    truncate : bool, optional
        Round the ramp's bounds outwards to whole pairs.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``((1 - r) + r / factor) * base ** (-2 k / dim)``, r rising from 0 to 1 along
        the ramp; radians per token, correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or another parameter is out of range.

    References
    ----------
    .. [1] B. Peng et al., arXiv:2309.00071.

    Examples
    --------
    >>> yarn_inv_freq(8, factor=4.0, trained_length=4096)
    array([1.00e+00, 1.00e-01, 6.25e-03, 2.50e-04])
    """
    k = pair_indices(dim)
    b, f, o, fast, slow = positive(
        base=base,
        factor=factor,
        trained_length=trained_length,
        beta_fast=beta_fast,
        beta_slow=beta_slow,
    )
    check_above("base", b, 1.0)
    ramps = np.frompyfunc(
        lambda b, o, fast, slow: yarn_ramp(dim, b, o, fast, slow, truncate), 4, 2
    )
    first, last = (np.asarray(x, np.float64) for x in ramps(b, o, fast, slow))
    return np.asarray(_core.inv_freq_yarn(k, dim, b, f, first, last))


YARN = Scheme(
    "yarn",
    parameters,
    float32,
    required=(FACTOR_OR_LENGTHS,),
    optional=(
        ORIGINAL,
        ATTENTION_FACTOR,
        Key("beta_fast", "beta_fast", zero_is_missing=True),
        Key("beta_slow", "beta_slow", zero_is_missing=True),
        Key("mscale", "mscale", zero_is_missing=True),
        Key("mscale_all_dim", "mscale_all_dim", zero_is_missing=True),
        Key("truncate", "truncate", "bool"),
    ),
    fields=("base", "trained_length"),
    needs_log_base=True,
    needs_whole_pairs=True,
    lengths_give_factor=True,
    needs_head_dim=True,
    attention=attention,
    attention_origin="factor",
)
