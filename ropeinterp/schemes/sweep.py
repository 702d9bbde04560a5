"""Arguments of the public functions that broadcast over their parameters."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.errors import ParameterError
from ropeinterp.kinds import check_integer
from ropeinterp.limits import SWEPT, WIDEST


def check_above(name: str, values: NDArray[Any] | float, least: float) -> None:
    """Refuse what is not finite and greater than `least`."""
    if isinstance(values, float) and least < values < np.inf:
        return
    values = np.asarray(values)
    bad = ~((values > least) & (values < np.inf))
    if bad.any():
        raise ParameterError(
            name, float(values[bad][0]), f"must be finite and greater than {least:g}"
        )


def pair_indices(dim: int, least: int = 2) -> NDArray[np.float64]:
    """Return the indices k of the pairs of `dim` channels, or raise."""
    check_integer("dim", dim)
    if dim < least or dim % 2:
        raise ParameterError("dim", int(dim), f"must be even and at least {least}")
    if dim > WIDEST:
        raise ParameterError("dim", int(dim), "must be at most 2**20")
    return np.arange(dim // 2, dtype=np.float64)


def positive(**parameters: ArrayLike) -> list[NDArray[np.float64] | float]:
    """Return positive parameters as float64 where they are in range, or raise."""
    least, most = SWEPT
    arrays: list[NDArray[np.float64] | float] = []
    for name, value in parameters.items():
        if (type(value) is float or type(value) is int) and least <= value <= most:
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
        check_above(name, array, 0.0)
        bad = ~((array >= least) & (array <= most))
        if bad.any():
            raise ParameterError(
                name, float(array[bad][0]), "must be from 1e-150 to 1e150"
            )
        arrays.append(array)
    return arrays
