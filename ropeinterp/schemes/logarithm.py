"""Ratios and logarithms of the parameters of schemes.

The few logarithms, which decide where a YaRN ramp begins and what an attention factor
is, are taken in integers: no libm decides a bit, and :mod:`decimal` takes 20 us, which
is more than all frequencies of a model.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

from ropeinterp.errors import ParameterError
from ropeinterp.limits import LARGEST_EXACT

Number: TypeAlias = int | float | Fraction

PLACES = 320
# In units of 2^-320, rounded down; tests/test_frequencies.py prints them with mpmath.
LN2 = 0xB17217F7D1CF79ABC9E3B39803F2F6AF40F343267298B62D8A0D175B8BAAFA2BE7B876206DEBAC98
TWO_PI = (
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
        near = ln(n, d, bits)
        least, most = ((near + error) / (1 << bits) for error in (-_ERROR, _ERROR))
        if least == most:
            break
    return least


_ERROR = 1 << 9  # of ln(), with room: 2 units for each of its 60 terms, twice


def ln(n: int, d: int, bits: int) -> int:
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
    return (e * LN2 >> PLACES - bits) + (2 * series if n > d else -2 * series)
