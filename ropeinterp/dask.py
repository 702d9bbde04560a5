"""Rotations of dask arrays: lazy, chunk by chunk, with the bits of NumPy's result."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike

from ropeinterp.arrays.arguments import (
    aligned_positions,
    checked_positions,
    has_axes,
    sequence_axis,
)
from ropeinterp.spec import RopeSpec


def apply(
    x: da.Array,
    positions: ArrayLike | da.Array | None,
    spec: RopeSpec,
    *,
    seq_axis: int = -2,
    seq_len: int | None = None,
    inverse: bool = False,
    precision: str = "exact",
) -> da.Array:
    """Rotate a dask array.

    Nothing is computed here, but everything that shapes and dtypes say is checked; the
    values of dask positions are checked with their chunks.

    Parameters
    ----------
    x : dask.array.Array of float16, bfloat16, float32 or float64, shape (..., head_dim)
        Queries or keys, in chunks along any axis but the last one, which holds the
        channels of one head.
    positions : array_like or dask.array.Array of int or float64, or None
        Of the shapes that :meth:`ropeinterp.RopeSpec.apply` takes, in any chunks.
        None counts 0, 1, 2, ... along the whole sequence, not along each chunk.
    spec : RopeSpec
        The embedding.
    seq_axis : int, optional
        Axis of `x` along which the sequence runs.
    seq_len : int, optional
        Largest position + 1; needed where the frequencies depend on it.
    inverse : bool, optional
        Rotate by the negative angles.
    precision : {"exact", "hf32"}, optional
        As for :meth:`ropeinterp.RopeSpec.apply`.

    Returns
    -------
    dask.array.Array
        Of the shape, dtype and chunks of `x`; a chunk is one task and one thread.

    Raises
    ------
    TypeError, ValueError
        If an argument is of a wrong type, shape or range, or the last axis is cut.

    Examples
    --------
    >>> import dask.array as da
    >>> k = da.ones((8, 4096, 128), chunks=(8, 1024, 128), dtype="float32")
    >>> apply(k, None, RopeSpec.default(128)).chunks[1]
    (1024, 1024, 1024, 1024)
    """
    _check_types(x, spec)
    if seq_len is not None:
        spec = spec.at(seq_len)
    p = _as_dask(x, positions, seq_axis)
    # The scheduler has the threads.
    how: dict[str, Any] = {
        "seq_axis": seq_axis,
        "inverse": inverse,
        "precision": precision,
        "threads": 1,
    }
    # No tokens: refuses what every chunk would refuse.
    nothing = np.empty_like(x._meta, shape=(0,) * (x.ndim - 1) + x.shape[-1:])
    meta = spec.apply(nothing, np.zeros(0 if p.ndim else ()), **how)
    p, along = _aligned(x, p, spec, seq_axis)
    return da.blockwise(
        spec.apply,
        range(x.ndim),
        x,
        range(x.ndim),
        p,
        along,
        token="rope",
        meta=meta[..., :0],
        align_arrays=False,
        concatenate=True,
        **how,
    )


def _check_types(x: object, spec: object) -> None:
    """Refuse what is no dask array of whole heads, and no spec."""
    if not isinstance(x, da.Array):
        raise TypeError(
            f"x is {type(x).__name__}, not a dask array: spec.apply rotates the others"
        )
    if not isinstance(spec, RopeSpec):
        raise TypeError(f"spec must be a RopeSpec, not {type(spec).__name__}")
    if x.ndim and (x.numblocks[-1] > 1 or np.isnan(x.shape[-1])):
        raise ValueError(
            f"x has chunks {x.chunks[-1]} along its last axis, the channels of a head, "
            "which must be one chunk of known length: use x.rechunk({-1: -1})"
        )


def _as_dask(
    x: da.Array, positions: ArrayLike | da.Array | None, seq_axis: int
) -> da.Array:
    """Check positions; those that count are made from the offset of each chunk."""
    if positions is None:
        axis = sequence_axis(seq_axis, x.ndim)
        _check_known("x", x.shape[axis])
        return da.arange(x.shape[axis], chunks=(x.chunks[axis],), dtype=np.int64)
    if not isinstance(positions, da.Array):
        return da.asarray(checked_positions(positions))
    _check_known("positions", *positions.shape)
    checked_positions(np.empty_like(positions._meta, shape=0))
    return positions


def _check_known(name: str, *lengths: float) -> None:
    if np.isnan(lengths).any():
        raise ValueError(
            f"{name}: the length of its chunks is unknown; call "
            f"{name}.compute_chunk_sizes() first"
        )


def _aligned(
    x: da.Array, p: da.Array, spec: RopeSpec, seq_axis: int
) -> tuple[da.Array, tuple[int, ...]]:
    """Positions in the chunks of x, and the axes of x along which they lie."""
    if p.ndim == 0:
        return p, ()
    stand_in = np.broadcast_to(0.0, p.shape)  # without memory
    with_axes = has_axes(stand_in, spec.axis_map)
    full = aligned_positions(stand_in, x.shape, seq_axis, with_axes).shape
    if p.ndim == 1:  # with more axes the first would seem to hold position axes
        axis = sequence_axis(seq_axis, x.ndim)
        return p.rechunk((x.chunks[axis],)), (axis,)
    leading, lengths = full[:with_axes], full[with_axes:]
    own = zip(x.chunks, lengths, strict=False)
    chunks = (*leading, *(c if n == sum(c) else n for c, n in own))
    along = (x.ndim,) * with_axes + tuple(range(x.ndim - 1))
    return p.reshape(full).rechunk(chunks), along
