"""From a spec to inverse frequencies and turn planes, one function per scheme.

Turn planes are the frequencies in the form that the phase kernels take: seven rows of
float64 per pair (src/rope_math.c). The rows of SCHEMES name these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ropeinterp import _core
from ropeinterp.scalars import proportional_pairs, ratio, yarn_ramp

if TYPE_CHECKING:
    from ropeinterp.spec import RopeSpec

Frequencies: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def _indices(spec: RopeSpec) -> NDArray[np.float64]:
    return np.arange((spec.dim + 1) // 2, dtype=np.float64)


def mapped(
    inv_freq: NDArray[np.float64],
    planes: NDArray[np.float64],
    frequency_map: tuple[int, ...],
) -> Frequencies:
    """Frequencies of pairs that share or reorder them."""
    k = np.asarray(frequency_map, np.intp)
    return _both((inv_freq[k], np.ascontiguousarray(planes[:, k])))


def of_default(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "default" spec."""
    return _both(_core._frequencies_default(_indices(spec), spec.dim, spec.base))


def of_linear(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "linear" spec."""
    n, d = ratio(spec.factor)
    return _both(_core._frequencies_linear(_indices(spec), spec.dim, spec.base, n, d))


def of_ntk(spec: RopeSpec) -> Frequencies:
    """Frequencies of an "ntk" spec."""
    n, d = ratio(spec.factor)
    return _both(_core._frequencies_ntk(_indices(spec), spec.dim, spec.base, n, d))


def of_dynamic(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "dynamic" spec at its length, by default the trained one."""
    n, d = ratio(spec.factor)
    trained = spec.trained_length
    length = trained if spec.seq_len is None else spec.seq_len
    return _both(
        _core._frequencies_dynamic(
            _indices(spec), spec.dim, spec.base, n, length, trained, d
        )
    )


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


def of_yarn(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "yarn" spec."""
    n, d = ratio(spec.factor)
    first, last = ramp_of(spec)
    return _both(
        _core._frequencies_yarn(_indices(spec), spec.dim, spec.base, n, first, last, d)
    )


def of_longrope(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "longrope" spec with its short factors."""
    factors = np.asarray(spec.short_factors, np.float64)
    return _both(
        _core._frequencies_longrope(_indices(spec), spec.dim, spec.base, factors)
    )


def of_llama3(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "llama3" spec."""
    n, d = ratio(spec.factor)
    return _both(
        _core._frequencies_llama3(
            _indices(spec),
            spec.dim,
            spec.base,
            n,
            spec.low_freq_factor,
            spec.high_freq_factor,
            spec.trained_length,
            d,
        )
    )


def of_proportional(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "proportional" spec."""
    n, d = ratio(spec.factor)
    pairs = proportional_pairs(spec.dim, spec.partial_rotary_factor)
    return _both(
        _core._frequencies_proportional(
            _indices(spec), spec.dim, spec.base, n, pairs, d
        )
    )


def of_given(spec: RopeSpec) -> Frequencies:
    """Frequencies of a "given" spec: the numbers themselves."""
    given = np.asarray(spec.frequencies, np.float64)
    return _both(_core._frequencies_given(_indices(spec), given))


def _both(result: tuple[Any, Any]) -> Frequencies:
    for array in result:
        array.flags.writeable = False
    return result
