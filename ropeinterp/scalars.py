"""Single numbers that schemes derive from their parameters, each rounded once.

The few logarithms, which decide where a YaRN ramp begins and what an attention factor
is, are taken with :mod:`decimal`: no libm decides a bit.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction
from typing import TypeAlias

from ropeinterp.errors import ParameterError

Number: TypeAlias = int | float | Fraction

_WIDE, _SHORT = Context(prec=50), Context(prec=24)
_TWO_PI = Decimal("6.2831853071795864769252867665590057683943387987502116")
LARGEST_EXACT = 2**53


def _decimal(x: Number) -> Decimal:
    if isinstance(x, Fraction):
        return _WIDE.divide(Decimal(x.numerator), Decimal(x.denominator))
    return Decimal(x)


def ratio(factor: Number) -> tuple[float, float]:
    """Numerator and denominator of a factor as exact doubles.

    Parameters
    ----------
    factor : int, float or Fraction
        A ratio of two lengths.

    Returns
    -------
    numerator, denominator : float

    Raises
    ------
    ParameterError
        If one of the two is no exact float64.
    """
    if isinstance(factor, float):
        return factor, 1.0
    n, d = factor.as_integer_ratio()
    if abs(n) > LARGEST_EXACT or d > LARGEST_EXACT:
        raise ParameterError("factor", factor, "numerator or denominator beyond 2**53")
    return float(n), float(d)


def log(x: Number) -> float:
    """Natural logarithm, correctly rounded."""
    short = _SHORT.ln(_decimal(x))  # half the time, unless it lies near a midpoint
    nearest = float(short)
    if float(short.next_minus(_SHORT)) == nearest == float(short.next_plus(_SHORT)):
        return nearest
    return float(_WIDE.ln(_decimal(x)))


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
    if truncate:
        low = _ramp_near_integers(dim, base, trained_length, beta_fast)
        high = _ramp_near_integers(dim, base, trained_length, beta_slow)
        first, last = float(math.floor(low)), float(math.ceil(high))
    else:
        first = float(_ramp(dim, base, trained_length, beta_fast))
        last = float(_ramp(dim, base, trained_length, beta_slow))
    first, last = max(first, 0.0), min(last, float(dim - 1))
    return (first, last + 0.001) if first == last else (first, last)


def _ramp(dim: int, base: float, trained_length: float, beta: float) -> Decimal:
    """Pair that makes `beta` turns within the trained length, to 45 digits."""
    turns = _WIDE.divide(
        Decimal(trained_length), _WIDE.multiply(_TWO_PI, Decimal(beta))
    )
    return _WIDE.divide(dim * _WIDE.ln(turns), 2 * _WIDE.ln(Decimal(base)))


def _ramp_near_integers(
    dim: int, base: float, trained_length: float, beta: float
) -> Decimal | float:
    """Return the same, roughly where that suffices to tell its floor and its ceiling.

    No libm decides it: an integer is further away than a million of its errors.
    """
    scale = dim / (2.0 * math.log(base))
    rough = scale * math.log(trained_length / (2.0 * math.pi * beta))
    if abs(rough - round(rough)) > 1e-8 * (abs(rough) + scale):
        return rough
    return _ramp(dim, base, trained_length, beta)


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
        if isinstance(m, bool) or not isinstance(m, (int, float)):
            raise TypeError(f"{name} must be a number, not {type(m).__name__}")
        if not 0.0 <= m < math.inf:
            raise ParameterError(name, m, "must be finite and at least 0")
    if mscale and mscale_all_dim:
        return yarn_mscale(factor, mscale) / yarn_mscale(factor, mscale_all_dim)
    return yarn_mscale(factor, 1.0)


def yarn_mscale(factor: Number, weight: float) -> float:
    """One temperature: ``0.1 * weight * ln(factor) + 1``, 1 for factors up to 1."""
    return 1.0 if factor <= 1 else 0.1 * weight * log(factor) + 1.0


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


def proportional_pairs(dim: int, partial_rotary_factor: float) -> int:
    """Pairs that turn in a head of `dim` channels under proportional RoPE."""
    return int(partial_rotary_factor * dim // 2)
