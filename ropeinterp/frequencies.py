"""Inverse frequencies for arrays of parameters, exact until one last rounding.

One public function per scheme, which broadcasts over its parameters and stands in the
file of the scheme, and the two formulas of the book.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.errors import ParameterError
from ropeinterp.kinds import check_integer
from ropeinterp.limits import LARGEST_EXACT
from ropeinterp.schemes.default import default_inv_freq
from ropeinterp.schemes.dynamic import dynamic_inv_freq
from ropeinterp.schemes.linear import linear_inv_freq
from ropeinterp.schemes.llama3 import llama3_inv_freq
from ropeinterp.schemes.longrope import longrope_inv_freq
from ropeinterp.schemes.ntk import ntk_inv_freq
from ropeinterp.schemes.proportional import proportional_inv_freq
from ropeinterp.schemes.sweep import check_above
from ropeinterp.schemes.yarn import yarn_inv_freq

__all__ = [
    "base_scale",
    "default_inv_freq",
    "dynamic_inv_freq",
    "interpolate_positions",
    "linear_inv_freq",
    "llama3_inv_freq",
    "longrope_inv_freq",
    "ntk_inv_freq",
    "proportional_inv_freq",
    "yarn_inv_freq",
]


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
        check_integer(name, value)
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
    check_above("factor", f, 0.0)
    check_above("dim", d, 2.0)
    return np.asarray(f ** (d / (d - 2.0)))
