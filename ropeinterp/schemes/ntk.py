"""Base scaling, "NTK-aware": the fastest pair stays, the slowest is divided.

In configs it is "dynamic" with `alpha` (HunYuan).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes import linear
from ropeinterp.schemes.float32 import Float32, powers
from ropeinterp.schemes.scheme import Key, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def of_scaled_base(fields: Fields, stretch: float) -> Float32:
    """Inverse frequencies in float32 of the base times a power of `stretch`."""
    assert fields.base is not None
    base = fields.base * stretch ** (fields.dim / (fields.dim - 2))
    return np.float32(1) / powers(fields, base)


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    return of_scaled_base(fields, float(fields.factor))


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
    k = pair_indices(dim, 4)
    b, f = positive(base=base, factor=factor)
    return np.asarray(_core.inv_freq_ntk(k, dim, b, f))


NTK = Scheme(
    "ntk",
    linear.parameters,
    float32,
    required=(Key("alpha", "factor"),),
    fields=("base",),
    least_dim=3,
    dialects=(),
    word="dynamic",
    trained_length_key="none",
)
