"""Proportional RoPE (p-RoPE): the first pairs turn, the others stay."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp import _core
from ropeinterp.dialects import V5
from ropeinterp.errors import ParameterError
from ropeinterp.fields import Fields
from ropeinterp.schemes import default
from ropeinterp.schemes.float32 import Float32
from ropeinterp.schemes.logarithm import ratio
from ropeinterp.schemes.scheme import FACTOR, Key, Parameters, Scheme
from ropeinterp.schemes.sweep import pair_indices, positive


def turning_pairs(dim: int, partial_rotary_factor: float) -> int:
    """Pairs that turn in a head of `dim` channels."""
    return int(partial_rotary_factor * dim // 2)


def parameters(fields: Fields) -> Parameters:
    """Parameters: dim, base, factor, turning pairs; the denominator of the factor."""
    n, d = ratio(fields.factor)
    pairs = turning_pairs(fields.dim, fields.partial_rotary_factor)
    return (fields.dim, fields.base, n, pairs, d), ()


def float32(fields: Fields) -> Float32:
    """Inverse frequencies in transformers' order of float32 operations."""
    inv = default.float32(fields)
    inv[turning_pairs(fields.dim, fields.partial_rotary_factor) :] = 0
    return inv / np.float32(fields.factor)


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
    k = pair_indices(dim)
    b, f = positive(base=base, factor=factor)
    if not 0.0 < partial_rotary_factor <= 1.0:
        raise ParameterError(
            "partial_rotary_factor", partial_rotary_factor, "must be in (0, 1]"
        )
    n = turning_pairs(dim, partial_rotary_factor)
    return np.asarray(_core.inv_freq_proportional(k, dim, b, f, n))


PROPORTIONAL = Scheme(
    "proportional",
    parameters,
    float32,
    optional=(FACTOR, Key("partial_rotary_factor", "partial_rotary_factor")),
    fields=("base",),
    dialects=(V5,),
    unscaled="proportional",
    trained_length_key="length",
)
