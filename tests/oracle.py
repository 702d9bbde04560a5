"""The formulas once more, at 120 digits, and numbers compared without rounding.

Written from the papers and from the definitions of the schemes, not from the code:
every number of a config is its exact value, everything else is real arithmetic, and
only the bounds of YaRN's ramp and the logarithms of the attention factors are rounded.
"""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np

MP = mpmath.MPContext()
MP.prec = 420  # 126 digits: 2^53 tokens and 2^-143 leave more than 200 bits of guard

# ---- exact numbers -----------------------------------------------------------------


def real(x):
    """An int, float or Fraction as the number that it is."""
    if isinstance(x, Fraction):
        return MP.mpf(x.numerator) / x.denominator
    return MP.mpf(int(x) if isinstance(x, (int, np.integer)) else float(x))


def fraction(x):
    """An mpf, int or float as a Fraction, without rounding."""
    if isinstance(x, Fraction):
        return x
    if not hasattr(x, "_mpf_"):
        return Fraction(float(x)) if isinstance(x, np.floating) else Fraction(x)
    sign, man, exp, _ = x._mpf_
    man = -int(man) if sign else int(man)
    return Fraction(man * 2**exp) if exp >= 0 else Fraction(man, 2**-exp)


def _exponent(x):
    """e with 2^e <= |x| < 2^(e+1), for a Fraction that is not 0."""
    n, d = abs(x.numerator), x.denominator
    e = n.bit_length() - d.bit_length()
    return e - (n * 2 ** max(-e, 0) < d * 2 ** max(e, 0))


# Bits of the significand, exponent of the least normal number, width in bits.
FORMATS = {
    "float64": (53, -1022, 64),
    "float32": (24, -126, 32),
    "float16": (11, -14, 16),
    "bfloat16": (8, -126, 16),
}


def ulp(x, kind="float64"):
    """Unit in the last place of the format's number nearest to x, a Fraction."""
    digits, least, _ = FORMATS[kind]
    e = least if x == 0 else max(_exponent(x), least)
    return Fraction(2) ** (e - digits + 1)


def bits(x, kind, negative=None):
    """Pattern of the number of `kind` nearest to x, ties to even.

    A zero takes its sign from `negative`, by default from x.
    """
    x = fraction(x)
    digits, least, width = FORMATS[kind]
    e = least if x == 0 else max(_exponent(x), least)
    n = round(abs(x) / Fraction(2) ** (e - digits + 1))  # round() is ties to even
    pattern = ((e - least) << (digits - 1)) + n
    infinity = ((1 << (width - digits)) - 1) << (digits - 1)
    sign = (x < 0) if negative is None else negative
    return min(pattern, infinity) | sign << (width - 1)


def nearest(x, kind="float64"):
    """The number of `kind` nearest to x, as a Fraction; no overflow."""
    x = fraction(x)
    unit = ulp(x, kind)
    return round(x / unit) * unit


def ulps(got, exact, kind="float64"):
    """Distance of a computed number from an exact one, in ulps of the exact one."""
    got, exact = fraction(got), fraction(exact)
    return float(abs(got - exact) / ulp(exact, kind))


def as_bits(array):
    """Patterns of an array of floats."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


# ---- frequencies -------------------------------------------------------------------


def _series(dim, base, n=None):
    """base^(-2k/dim) for k = 0 .. n-1; powers of a root with 420 bits."""
    n = (dim + 1) // 2 if n is None else n
    root = MP.power(real(base), MP.mpf(-2) / dim)
    w = [MP.mpf(1)]
    while len(w) < n:
        w.append(w[-1] * root)
    return w[:n]


def default(dim, base):
    return _series(dim, base)


def linear(dim, base, factor):
    return [w / real(factor) for w in _series(dim, base)]


def ntk(dim, base, factor):
    n = (dim + 1) // 2
    stretch = _series(dim - 2, factor, n)
    return [w * t for w, t in zip(_series(dim, base), stretch, strict=True)]


def dynamic(dim, base, factor, trained_length, seq_len=None):
    length = max(seq_len or trained_length, trained_length)
    f = Fraction(factor)
    return ntk(dim, base, f * length / trained_length - (f - 1))


def yarn_ramp(dim, base, trained_length, beta_fast=32, beta_slow=1, truncate=True):
    def pair(beta):
        turns = real(trained_length) / (real(beta) * 2 * MP.pi)
        return dim * MP.log(turns) / (2 * MP.log(real(base)))

    low, high = pair(beta_fast), pair(beta_slow)
    if truncate:
        low, high = float(MP.floor(low)), float(MP.ceil(high))
    else:
        low, high = float(nearest(low)), float(nearest(high))
    low, high = max(low, 0.0), min(high, float(dim - 1))
    return (low, low + 0.001) if low == high else (low, high)


def blend(weight, factor, w):
    """((1 - r) + r / f) * w with a rational r."""
    return real((1 - weight) + weight / Fraction(factor)) * w


def yarn(dim, base, factor, trained_length, **ramp):
    low, high = (Fraction(x) for x in yarn_ramp(dim, base, trained_length, **ramp))
    return [
        blend(min(max((k - low) / (high - low), Fraction(0)), Fraction(1)), factor, w)
        for k, w in enumerate(_series(dim, base))
    ]


def longrope(dim, base, factors):
    return [w / real(f) for w, f in zip(_series(dim, base), factors, strict=True)]


def llama3(dim, base, factor, low_freq_factor, high_freq_factor, trained_length):
    low, high = real(low_freq_factor), real(high_freq_factor)
    result = []
    for w in _series(dim, base):
        turns = real(trained_length) * w / (2 * MP.pi)
        if turns < low:
            w = w / real(factor)
        elif turns <= high:
            g = (turns - low) / (high - low)
            w = ((1 - g) / real(factor) + g) * w
        result.append(w)
    return result


def proportional(head_dim, base, partial=1.0, factor=1):
    n = int(partial * head_dim // 2)
    series = _series(head_dim, base)
    return [w / real(factor) if k < n else MP.mpf(0) for k, w in enumerate(series)]


def log(x):
    """Natural logarithm, rounded once to float64."""
    return float(nearest(MP.log(real(x))))


def yarn_attention(factor, mscale=None, mscale_all_dim=None):
    def g(m):
        return 1.0 if factor <= 1 else 0.1 * m * log(factor) + 1.0

    return g(mscale) / g(mscale_all_dim) if mscale and mscale_all_dim else g(1.0)


def longrope_attention(factor, trained_length):
    return 1.0 if factor <= 1 else math.sqrt(1.0 + log(factor) / log(trained_length))


# ---- phases ------------------------------------------------------------------------


def cos_sin(position, w, scale=1):
    """scale * cos and scale * sin of position * w."""
    angle = real(position) * w
    return real(scale) * MP.cos(angle), real(scale) * MP.sin(angle)


def positions_near_zeros(w, largest=2**31):
    """Denominators of the convergents of w / (pi/2), up to `largest`.

    No other integers up to them come as near to a zero of cos or sin.
    """
    x = w / (MP.pi / 2)
    before, q, found = 0, 1, []
    while q <= largest:
        found.append(int(q))
        rest = x - MP.floor(x)
        if rest == 0:
            break
        x = 1 / rest
        before, q = q, int(MP.floor(x)) * q + before
    return found


# ---- planes ------------------------------------------------------------------------


def turns(w):
    """w / (2 pi) as a Fraction good to 400 bits."""
    return fraction(w / (2 * MP.pi))


def fold(x):
    """x less the nearest integer."""
    return x - round(x)
