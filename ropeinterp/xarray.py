"""xarray: rotated DataArrays, their dimensions and coordinates kept."""

from __future__ import annotations

from typing import Any

import xarray as xr
from numpy.typing import ArrayLike

from ropeinterp.spec import RopeSpec


def apply(
    x: xr.DataArray, positions: ArrayLike | None, spec: RopeSpec, **more: Any
) -> xr.DataArray:
    """Rotate a DataArray; over dask it stays lazy.

    Parameters
    ----------
    x : xarray.DataArray of float16, bfloat16, float32 or float64, shape (..., head_dim)
        Queries or keys; the last dimension holds the channels of one head.
    positions : array_like of int or float64, or None
        As for :meth:`ropeinterp.RopeSpec.apply`, in the order of the dimensions.
    spec : RopeSpec
        What rotates.
    **more
        `seq_axis`, `seq_len`, `inverse` and what the array inside takes.

    Returns
    -------
    xarray.DataArray
        With the dimensions, coordinates, name and attributes of `x`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, shape or range.
    """
    if not isinstance(x, xr.DataArray):
        raise TypeError(f"x is a {type(x).__name__}: it must be a DataArray")
    return x.copy(data=spec.apply(x.data, positions, **more))
