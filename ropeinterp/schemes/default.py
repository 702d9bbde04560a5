"""Plain rotary embedding: ``base ** (-2 k / dim)``."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes.float32 import Float32, powers
from ropeinterp.schemes.scheme import Parameters, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def parameters(fields: Fields) -> Parameters:
    """Parameters of the formula: dim, base."""
    return (fields.dim, fields.base), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    return np.float32(1) / powers(fields)


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
    k = pair_indices(dim)
    (b,) = positive(base=base)
    return np.asarray(_core.inv_freq_default(k, dim, b))


DEFAULT = Scheme(
    "default",
    parameters,
    float32,
    fields=("base",),
    scales=False,
    divides_slowest=False,
    trained_length_key="length",
)
