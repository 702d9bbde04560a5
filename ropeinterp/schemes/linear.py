"""Position interpolation: every frequency divided by the factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes import default
from ropeinterp.schemes.float32 import Float32
from ropeinterp.schemes.logarithm import ratio
from ropeinterp.schemes.scheme import FACTOR, Parameters, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def parameters(fields: Fields) -> Parameters:
    """Parameters of the formula: dim, base, factor; the denominator of the factor."""
    return (fields.dim, fields.base, *ratio(fields.factor)), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    return default.float32(fields) / np.float32(fields.factor)


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
    k = pair_indices(dim)
    b, f = positive(base=base, factor=factor)
    return np.asarray(_core.inv_freq_linear(k, dim, b, f))


LINEAR = Scheme(
    "linear",
    parameters,
    float32,
    required=(FACTOR,),
    fields=("base",),
    trained_length_key="none",
)
