"""From a spec to inverse frequencies or turn planes, one function per scheme.

Turn planes are the frequencies in the form that the phase kernels take: seven rows of
float64 per pair (turn_planes.c). The rows of SCHEMES name the functions; they return
the parameters of a formula in schemes.c, in its order, every factor with its
denominator at the very end, and the parameter that has one value per pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ropeinterp import _core
from ropeinterp.scalars import proportional_pairs, ratio, yarn_ramp

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

Parameters: TypeAlias = tuple[tuple[float | None, ...], tuple[float, ...]]


def frequencies(
    spec: RopeSpec, parameters: Parameters, with_planes: bool
) -> NDArray[np.float64]:
    """Inverse frequencies of the pairs, or their turn planes; read-only.

    Parameters
    ----------
    spec : RopeSpec
        Its fields have been checked.
    parameters : Parameters
        What the function of its scheme returns for it.
    with_planes : bool
        Turn planes instead of frequencies.

    Returns
    -------
    ndarray of float64, shape (rotary_dim // 2,) or (7, rotary_dim // 2)
    """
    n = (spec.dim + 1) // 2
    own = _core._frequencies(spec.scheme, n, *parameters, with_planes)
    if spec.frequency_map is None:
        return own
    mapped = np.ascontiguousarray(own[..., spec.frequency_map])
    mapped.flags.writeable = False
    return mapped


def of_default(spec: RopeSpec) -> Parameters:
    """Parameters of a "default" spec."""
    return (spec.dim, spec.base), ()


def of_scaled(spec: RopeSpec) -> Parameters:
    """Parameters of a "linear" or "ntk" spec."""
    return (spec.dim, spec.base, *ratio(spec.factor)), ()


def of_dynamic(spec: RopeSpec) -> Parameters:
    """Parameters of a "dynamic" spec at its length, by default the trained one."""
    n, d = ratio(spec.factor)
    trained = spec.trained_length
    length = trained if spec.seq_len is None else spec.seq_len
    return (spec.dim, spec.base, n, length, trained, d), ()


def ramp_of(spec: RopeSpec) -> tuple[float, float]:
    """First and last pair of the ramp of a "yarn" spec."""
    assert spec.base is not None
    assert spec.trained_length is not None
    return yarn_ramp(
        spec.dim,
        spec.base,
        spec.trained_length,
        spec.beta_fast,
        spec.beta_slow,
        spec.truncate,
    )


def of_yarn(spec: RopeSpec) -> Parameters:
    """Parameters of a "yarn" spec."""
    n, d = ratio(spec.factor)
    return (spec.dim, spec.base, n, *ramp_of(spec), d), ()


def of_longrope(spec: RopeSpec) -> Parameters:
    """Parameters of a "longrope" spec with its short factors."""
    assert spec.short_factors is not None
    return (spec.dim, spec.base), spec.short_factors


def of_llama3(spec: RopeSpec) -> Parameters:
    """Parameters of a "llama3" spec."""
    n, d = ratio(spec.factor)
    low, high = spec.low_freq_factor, spec.high_freq_factor
    return (spec.dim, spec.base, n, low, high, spec.trained_length, d), ()


def of_proportional(spec: RopeSpec) -> Parameters:
    """Parameters of a "proportional" spec."""
    n, d = ratio(spec.factor)
    pairs = proportional_pairs(spec.dim, spec.partial_rotary_factor)
    return (spec.dim, spec.base, n, pairs, d), ()


def of_given(spec: RopeSpec) -> Parameters:
    """Parameters of a "given" spec: the numbers themselves."""
    assert spec.frequencies is not None
    return (), spec.frequencies
