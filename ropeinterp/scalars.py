"""Single numbers that schemes derive from their parameters, each rounded once.

The few logarithms, which decide where a YaRN ramp begins and what an attention factor
is, are taken in integers: no libm decides a bit, and :mod:`decimal` takes 20 us, which
is more than all frequencies of a model.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias

from ropeinterp.errors import ParameterError

Number: TypeAlias = int | float | Fraction

LARGEST_EXACT = 2**53
_PLACES = 320
# In units of 2^-320, rounded down; tests/test_frequencies.py prints them with mpmath.
_LN2 = (
    0xB17217F7D1CF79ABC9E3B39803F2F6AF40F343267298B62D8A0D175B8BAAFA2BE7B876206DEBAC98
)
_TWO_PI = (
    0x6487ED5110B4611A62633145C06E0E68948127044533E63A0105DF531D89CD9128A5043CC71A026EF
)


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
    n, d = x.as_integer_ratio()
    for bits in (96, 256):  # the second one where x is near 1 or a midpoint near
        near = _ln(n, d, bits)
        least, most = ((near + error) / (1 << bits) for error in (-_ERROR, _ERROR))
        if least == most:
            break
    return least


_ERROR = 1 << 9  # of _ln, with room: 2 units for each of its 60 terms, twice


def _ln(n: int, d: int, bits: int) -> int:
    """Take the logarithm of n / d in units of 2^-bits.

    ``e ln 2 + 2 atanh((m - 1) / (m + 1))`` with m within [2/3, 4/3]: every term of the
    series is at most 1/25 of the one before.
    """
    e = n.bit_length() - d.bit_length()
    n, d = n << max(-e, 0), d << max(e, 0)
    if 3 * n > 4 * d:
        d, e = d << 1, e + 1
    elif 3 * n < 2 * d:
        n, e = n << 1, e - 1
    z = (abs(n - d) << bits) // (n + d)
    square = z * z >> bits
    series, term, k = z, z, 1
    while term:
        term = term * square >> bits
        k += 2
        series += term // k
    return (e * _LN2 >> _PLACES - bits) + (2 * series if n > d else -2 * series)


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
    turns = _ln(n * under << _PLACES, d * over * _TWO_PI, 256)
    return Fraction(dim * turns, 2 * _ln(*base.as_integer_ratio(), 256))


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
