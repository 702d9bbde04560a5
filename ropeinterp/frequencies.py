"""Inverse frequencies for arrays of parameters, exact until one last rounding.

One public function per scheme, which broadcasts over its parameters, and the two
formulas of the book. Formulas themselves stand in schemes.c.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.errors import ParameterError
from ropeinterp.scalars import LARGEST_EXACT, proportional_pairs, yarn_ramp

# ---- the formulas of the book ---------------------------------------------------


def interpolate_positions(
    positions: ArrayLike, trained_length: int, length: int
) -> NDArray[np.float64]:
    """Positions ``i * trained_length / length``, correctly rounded.

    A spec never does this: it divides the frequencies and keeps the integers, which is
    exact. The function is there to see what position interpolation means.

    Parameters
    ----------
    positions : array_like of int
        Token positions; ``abs(position) * trained_length`` at most 2**53.
    trained_length, length : int
        Lengths in tokens, positive.

    Returns
    -------
    ndarray of float64
        One rounding away from the exact quotient.

    Raises
    ------
    TypeError
        If the positions or the lengths are no integers.
    ParameterError
        If a length is not positive, or a product is beyond 2**53.

    References
    ----------
    .. [1] S. Chen et al., arXiv:2306.15595.

    Examples
    --------
    >>> interpolate_positions([0, 1, 4095], 2048, 4096)
    array([0.0000e+00, 5.0000e-01, 2.0475e+03])
    """
    p = np.asarray(positions)
    if p.dtype.kind not in "iu":
        raise TypeError(f"positions must be integers, not {p.dtype}")
    for name, value in (("trained_length", trained_length), ("length", length)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if not 0 < value <= LARGEST_EXACT:
            raise ParameterError(name, value, "must be positive and at most 2**53")
    largest = max((abs(int(p.min())), abs(int(p.max()))), default=0) if p.size else 0
    if largest * int(trained_length) > LARGEST_EXACT:
        raise ParameterError(
            "positions", largest, f"times {trained_length} is beyond 2**53"
        )
    return p.astype(np.float64) * float(trained_length) / float(length)


def base_scale(factor: ArrayLike, dim: ArrayLike) -> NDArray[np.float64]:
    """Multiplier of the base in base scaling: ``factor ** (dim / (dim - 2))``.

    Parameters
    ----------
    factor : array_like of float
        Context multiplier ``length / trained_length``.
    dim : array_like of int
        Rotated channels of one head, more than 2.

    Returns
    -------
    ndarray of float64
        lambda; ``lambda * base`` leaves pair 0 alone and interpolates the last pair by
        exactly `factor`.

    References
    ----------
    .. [1] arXiv:2501.09223, section on base scaling.

    Examples
    --------
    >>> float(base_scale(4.0, 64))
    4.18293659...
    """
    f, d = np.asarray(factor, np.float64), np.asarray(dim, np.float64)
    _check_above("factor", f, 0.0)
    _check_above("dim", d, 2.0)
    return np.asarray(f ** (d / (d - 2.0)))


# ---- one scheme after the other ---------------------------------------------------


def _check_above(name: str, values: NDArray[Any] | float, least: float) -> None:
    """Refuse what is not finite and greater than `least`."""
    if isinstance(values, float) and least < values < np.inf:
        return
    values = np.asarray(values)
    bad = ~((values > least) & (values < np.inf))
    if bad.any():
        raise ParameterError(
            name, float(values[bad][0]), f"must be finite and greater than {least:g}"
        )


def _pairs(dim: int, least: int = 2) -> NDArray[np.float64]:
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
        raise TypeError(f"dim must be an int, not {type(dim).__name__}")
    if dim < least or dim % 2:
        raise ParameterError("dim", int(dim), f"must be even and at least {least}")
    if dim > 2**20:
        raise ParameterError("dim", int(dim), "must be at most 2**20")
    return np.arange(dim // 2, dtype=np.float64)


def _positive(**parameters: ArrayLike) -> list[NDArray[np.float64] | float]:
    arrays: list[NDArray[np.float64] | float] = []
    for name, value in parameters.items():
        if (type(value) is float or type(value) is int) and 1e-150 <= value <= 1e150:
            arrays.append(float(value))  # a tenth of the time of an array
            continue
        if isinstance(value, Fraction):
            if Fraction(float(value)) != value:
                raise ParameterError(name, value, "is no float64; RopeSpec takes it")
            value = float(value)
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} must be real numbers, not {array.dtype}")
        array = array.astype(np.float64)
        _check_above(name, array, 0.0)
        bad = ~((array >= 1e-150) & (array <= 1e150))  # the range of schemes.c
        if bad.any():
            raise ParameterError(
                name, float(array[bad][0]), "must be from 1e-150 to 1e150"
            )
        arrays.append(array)
    return arrays


def default_inv_freq(dim: int, *, base: ArrayLike = 1e4) -> NDArray[np.float64]:
    """Inverse frequencies of plain rotary embedding.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and positive.
    base : array_like of float, shape (...), optional
        Rotary base (theta), positive.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``base ** (-2 k / dim)``, radians per token, correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or `base` is out of range.

    References
    ----------
    .. [1] J. Su et al., arXiv:2104.09864.

    Examples
    --------
    >>> default_inv_freq(4)
    array([1.  , 0.01])
    """
    k = _pairs(dim)
    (b,) = _positive(base=base)
    return np.asarray(_core.inv_freq_default(k, dim, b))


def linear_inv_freq(
    dim: int, *, base: ArrayLike = 1e4, factor: ArrayLike = 1.0
) -> NDArray[np.float64]:
    """Inverse frequencies after position interpolation.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and positive.
    base, factor : array_like of float, shape (...), optional
        Rotary base and context multiplier ``m / m_l``, positive; broadcast together.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``base ** (-2 k / dim) / factor``, radians per token, correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or `base` or `factor` is out of range.

    References
    ----------
    .. [1] S. Chen et al., arXiv:2306.15595.

    Examples
    --------
    >>> linear_inv_freq(4, factor=2.0)
    array([0.5  , 0.005])
    """
    k = _pairs(dim)
    b, f = _positive(base=base, factor=factor)
    return np.asarray(_core.inv_freq_linear(k, dim, b, f))


def ntk_inv_freq(
    dim: int, *, base: ArrayLike = 1e4, factor: ArrayLike = 1.0
) -> NDArray[np.float64]:
    """Inverse frequencies after base scaling ("NTK-aware").

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and more than 2.
    base, factor : array_like of float, shape (...), optional
        Rotary base and context multiplier, positive; broadcast together.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``(base * base_scale(factor, dim)) ** (-2 k / dim)``, radians per token,
        correctly rounded.

    Raises
    ------
    ParameterError
        If `dim` is odd or below 4, or `base` or `factor` is out of range.

    References
    ----------
    .. [1] arXiv:2501.09223, section on base scaling.

    Examples
    --------
    >>> ntk_inv_freq(4, factor=2.0)
    array([1.   , 0.005])
    """
    k = _pairs(dim, 4)
    b, f = _positive(base=base, factor=factor)
    return np.asarray(_core.inv_freq_ntk(k, dim, b, f))


def dynamic_inv_freq(
    dim: int,
    *,
    base: ArrayLike = 1e4,
    factor: ArrayLike = 1.0,
    length: ArrayLike,
    trained_length: ArrayLike,
) -> NDArray[np.float64]:
    """Inverse frequencies of dynamic base scaling at one sequence length.

    Parameters
    ----------
    dim : int
        Rotated channels of one head; even and more than 2.
    base, factor : array_like of float, shape (...), optional
        Rotary base and context multiplier, positive.
    length, trained_length : array_like of float, shape (...)
        Largest position + 1, and tokens of the original context; broadcast with the
        others. A `length` below `trained_length` counts as `trained_length`.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        Those of base scaling by ``factor * length / trained_length - (factor - 1)``.

    Raises
    ------
    ParameterError
        If `dim` is odd or below 4, or another parameter is out of range.

    References
    ----------
    .. [1] transformers 5.23.0, ``_compute_dynamic_ntk_parameters``.

    Examples
    --------
    >>> dynamic_inv_freq(4, factor=2.0, length=6144, trained_length=4096)
    array([1.   , 0.005])
    """
    k = _pairs(dim, 4)
    parameters = _positive(
        base=base, factor=factor, length=length, trained_length=trained_length
    )
    return np.asarray(_core.inv_freq_dynamic(k, dim, *parameters))


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
        Parameters of :func:`yarn_ramp`; all broadcast together.
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
    k = _pairs(dim)
    b, f, o, fast, slow = _positive(
        base=base,
        factor=factor,
        trained_length=trained_length,
        beta_fast=beta_fast,
        beta_slow=beta_slow,
    )
    _check_above("base", b, 1.0)
    ramps = np.frompyfunc(
        lambda b, o, fast, slow: yarn_ramp(dim, b, o, fast, slow, truncate), 4, 2
    )
    first, last = (np.asarray(x, np.float64) for x in ramps(b, o, fast, slow))
    return np.asarray(_core.inv_freq_yarn(k, dim, b, f, first, last))


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
    k = _pairs(dim)
    b, f = _positive(base=base, factors=factors)
    return np.asarray(_core.inv_freq_longrope(k, dim, b, f))


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
    k = _pairs(dim)
    parameters = _positive(
        base=base,
        factor=factor,
        low_freq_factor=low_freq_factor,
        high_freq_factor=high_freq_factor,
        trained_length=trained_length,
    )
    return np.asarray(_core.inv_freq_llama3(k, dim, *parameters))


def proportional_inv_freq(
    dim: int,
    *,
    base: ArrayLike = 1e4,
    factor: ArrayLike = 1.0,
    partial_rotary_factor: float = 1.0,
) -> NDArray[np.float64]:
    """Inverse frequencies of proportional RoPE: zeros after the first pairs.

    Parameters
    ----------
    dim : int
        Channels of the whole head; even and positive. They divide the exponents.
    base, factor : array_like of float, shape (...), optional
        Rotary base and context multiplier, positive; broadcast together.
    partial_rotary_factor : float, optional
        Share of the pairs that turn, above 0 and at most 1.

    Returns
    -------
    inv_freq : ndarray of float64, shape (..., dim // 2)
        ``base ** (-2 k / dim) / factor`` for the first
        ``int(partial_rotary_factor * dim // 2)`` pairs, then 0: the identity.

    Raises
    ------
    ParameterError
        If `dim` is odd or not positive, or another parameter is out of range.

    References
    ----------
    .. [1] transformers 5.23.0, ``_compute_proportional_rope_parameters``.

    Examples
    --------
    >>> proportional_inv_freq(8, partial_rotary_factor=0.5)
    array([1. , 0.1, 0. , 0. ])
    """
    k = _pairs(dim)
    b, f = _positive(base=base, factor=factor)
    if not 0.0 < partial_rotary_factor <= 1.0:
        raise ParameterError(
            "partial_rotary_factor", partial_rotary_factor, "must be in (0, 1]"
        )
    n = proportional_pairs(dim, partial_rotary_factor)
    return np.asarray(_core.inv_freq_proportional(k, dim, b, f, n))
