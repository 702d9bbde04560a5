"""Dynamic base scaling: the base grows with the sequence length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.fields import Fields
from ropeinterp.schemes import ntk
from ropeinterp.schemes.float32 import Float32, powers
from ropeinterp.schemes.logarithm import ratio
from ropeinterp.schemes.scheme import FACTOR, Parameters, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def parameters(fields: Fields) -> Parameters:
    """Parameters at the length of the spec, by default the trained one.

    Dim, base, factor, length, trained length; the denominator of the factor.
    """
    n, d = ratio(fields.factor)
    trained = fields.trained_length
    length = trained if fields.seq_len is None else fields.seq_len
    return (fields.dim, fields.base, n, length, trained, d), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    assert fields.base is not None
    assert fields.trained_length is not None
    if fields.seq_len is None:
        return ntk.of_scaled_base(fields, 1.0)
    factor, f32 = float(fields.factor), np.float32
    length, trained = f32(fields.seq_len), f32(fields.trained_length)
    stretch = f32(factor) * length / trained - f32(factor - 1)
    exponent = np.float64(f32(fields.dim / (fields.dim - 2)))
    power = f32(np.float64(stretch) ** exponent)
    return f32(1) / powers(fields, f32(fields.base) * power)


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
    k = pair_indices(dim, 4)
    parameters = positive(
        base=base, factor=factor, length=length, trained_length=trained_length
    )
    return np.asarray(_core.inv_freq_dynamic(k, dim, *parameters))


DYNAMIC = Scheme(
    "dynamic",
    parameters,
    float32,
    required=(FACTOR,),
    fields=("base", "trained_length"),
    least_dim=3,
    grows=True,
    needs_head_dim=True,
    trained_length_key="length",
)
