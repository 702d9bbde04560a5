"""Layouts: in which channels of a head the two halves of a pair stand.

And the permutations from one to another, for projection weights too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropeinterp.text import printable

Halves: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]


class Layout(NamedTuple):
    """How a layout is rotated.

    Parameters
    ----------
    name : str
        As in :class:`ropeinterp.RopeSpec`.
    kernel : Kernel
        What rotates it.
    result : str
        Layout of what has been rotated.
    halves : callable
        From indices of pairs to the channels of their two halves, before the rotation.
    sign : float
        -1 where pairs turn backwards.
    blocks : int
        Each block holds whole pairs and is rotated on its own.
    """

    name: str
    kernel: Kernel
    result: str
    halves: Callable[[NDArray[np.intp]], Halves]
    sign: float = 1.0
    blocks: int = 1


class Kernel(NamedTuple):
    """Names of the kernels in C that rotate a layout.

    Parameters
    ----------
    by_tables : str
        Takes tables of cosines and sines.
    fused : tuple of str
        Takes positions and turn planes, for one array and for queries and keys.
    number : int
        That of the layout in C: enum rope_layout of src/kernels/kernels.h.
    neighbours : bool
        Whether the halves of a pair stand side by side.
    """

    by_tables: str
    fused: tuple[str, str]
    number: int
    neighbours: bool


_HALF = Kernel("rotate_half", ("rope", "_rope_qk"), 0, False)
_INTERLEAVED = Kernel(
    "rotate_interleaved", ("rope_interleaved", "_rope_interleaved_qk"), 1, True
)
_TO_HALF = Kernel(
    "rotate_interleaved_to_half",
    ("rope_interleaved_to_half", "_rope_interleaved_to_half_qk"),
    2,
    True,
)


def _half(i: NDArray[np.intp]) -> Halves:
    return i, i + i.size


def _interleaved(i: NDArray[np.intp]) -> Halves:
    return 2 * i, 2 * i + 1


def _half_reversed(i: NDArray[np.intp]) -> Halves:
    # Turning (a, b) backwards is turning (b, a) forwards.
    return i + i.size, i


def _half_blocks(i: NDArray[np.intp]) -> Halves:
    n = i.size // 2
    first = i % n + i // n * 2 * n
    return first, first + n


_ROWS = (
    Layout("half", _HALF, "half", _half),
    Layout("interleaved", _INTERLEAVED, "interleaved", _interleaved),
    Layout("interleaved_to_half", _TO_HALF, "half", _interleaved),
    Layout("half_reversed", _HALF, "half_reversed", _half_reversed, sign=-1.0),
    Layout("half_blocks", _HALF, "half_blocks", _half_blocks, blocks=2),
)
LAYOUTS: Mapping[str, Layout] = MappingProxyType({row.name: row for row in _ROWS})

# ---- permutations -----------------------------------------------------------------


def permutation(
    source: str,
    target: str,
    rotary_dim: int,
    *,
    head_dim: int | None = None,
    rotary_offset: int = 0,
) -> NDArray[np.intp]:
    """Channels of one head in the order of another layout.

    Parameters
    ----------
    source, target : str
        Layouts, as in :class:`ropeinterp.RopeSpec`.
    rotary_dim : int
        Channels that are rotated, even.
    head_dim, rotary_offset : int, optional
        Channels of one head (default: no more than are rotated) and the channel where
        the rotated slice begins; the other channels keep their places.

    Returns
    -------
    ndarray of intp, shape (head_dim,)
        ``x[..., permutation]`` has layout `target` if `x` has layout `source`.

    Raises
    ------
    ValueError
        If a layout is unknown, or the sizes do not fit.

    Examples
    --------
    >>> permutation("half", "interleaved", 6).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    for layout in (source, target):
        if layout not in LAYOUTS:
            names = ", ".join(LAYOUTS)
            raise ValueError(f"layout {printable(layout)}: must be one of {names}")
    unit = 4 if "half_blocks" in (source, target) else 2
    if rotary_dim < 0 or rotary_dim % unit:
        raise ValueError(f"rotary_dim {rotary_dim}: must be a multiple of {unit}")
    width = rotary_offset + rotary_dim if head_dim is None else head_dim
    if not 0 <= rotary_offset <= width - rotary_dim:
        raise ValueError(
            f"head_dim {width}: must hold rotary_offset {rotary_offset} "
            f"+ rotary_dim {rotary_dim}"
        )
    pairs = np.arange(rotary_dim // 2)
    order = np.arange(width)
    halves = zip(
        LAYOUTS[source].halves(pairs), LAYOUTS[target].halves(pairs), strict=True
    )
    for old, new in halves:
        order[rotary_offset + new] = rotary_offset + old
    return order


def convert_projection(
    weight: ArrayLike,
    source: str,
    target: str,
    *,
    head_dim: int,
    rotary_dim: int | None = None,
    rotary_offset: int = 0,
    axis: int = 0,
) -> NDArray[Any]:
    """Reorder a query or key projection for a model with another layout.

    Convert queries and keys alike: their attention scores stay the same.

    Parameters
    ----------
    weight : array_like, shape (heads * head_dim, ...)
        Weight of the projection, or its bias.
    source, target : str
        Layout that the weight was trained for, and the one that is wanted.
    head_dim : int
        Channels of one head.
    rotary_dim, rotary_offset : int, optional
        Rotated slice of a head; by default the whole head.
    axis : int, optional
        Axis of the output channels.

    Returns
    -------
    ndarray
        A copy of the same shape and dtype; only rows of rotated channels move.

    Raises
    ------
    ValueError
        If the axis does not hold whole heads, or as for :func:`permutation`.
    """
    array = np.asarray(weight)
    if head_dim < 1 or array.shape[axis] % head_dim:
        raise ValueError(
            f"axis {axis} of length {array.shape[axis]} does not hold whole heads of "
            f"{head_dim} channels"
        )
    rotated = head_dim - rotary_offset if rotary_dim is None else rotary_dim
    one = permutation(
        source, target, rotated, head_dim=head_dim, rotary_offset=rotary_offset
    )
    heads = np.arange(0, array.shape[axis], head_dim)
    return np.take(array, (heads[:, None] + one).ravel(), axis=axis)
