"""Axis maps: which position axis drives a pair, and which frequency it has.

Pure functions of sections and sizes. The kinds are those of models.csv; positions on
several axes carry the same number for text, so there all maps agree.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Map = tuple[int, ...]


class Grid(NamedTuple):
    """Frequencies of a vision table.

    Parameters
    ----------
    dim : int
        Channels that divide the exponents.
    frequency_map, axis_map : tuple of int
        For each pair the index of its frequency and its position axis.
    position_scale : float
        Multiplies coordinates.
    """

    dim: int
    frequency_map: Map
    axis_map: Map
    position_scale: float = 1.0


def chunked(sections: Map, pairs: int) -> Map | None:
    """Axis 0 for the first section, then 1, then 2; None if they do not fill."""
    if sum(sections) != pairs:
        return None
    return tuple(axis for axis, n in enumerate(sections) for _ in range(n))


def interleaved(sections: Map, pairs: int) -> Map | None:
    """Axis 0, but every third pair of a section's reach has axis 1 or 2."""
    axes = [0] * pairs
    for axis in (1, 2):
        for pair in range(axis, min(3 * sections[axis], pairs), 3):
            axes[pair] = axis
    return tuple(axes)


def ernie(sections: Map, pairs: int) -> Map | None:
    """Row and column in turn, then time for the last pairs."""
    if 2 * sections[0] + sections[2] != pairs or sections[0] != sections[1]:
        return None
    return (1, 2) * sections[0] + (0,) * sections[2]


def alternating(sections: Map, pairs: int) -> Map | None:
    """Two axes in turn."""
    return tuple(pair % 2 for pair in range(pairs))


def component(sections: Map, pairs: int) -> Map | None:
    """One axis per channel: twice each section, over all rotated channels."""
    return chunked(tuple(2 * n for n in sections), 2 * pairs)


SECTIONS = {
    "chunked": chunked,
    "interleaved": interleaved,
    "ernie": ernie,
    "alternating": alternating,
    "component": component,
}


def rows(head_dim: int) -> Grid:
    """Row frequencies, then column frequencies."""
    spatial = head_dim // 2
    m = (spatial + 1) // 2
    return Grid(spatial, tuple(range(m)) * 2, (0,) * m + (1,) * m)


def columns(head_dim: int) -> Grid:
    """Column frequencies, then row frequencies."""
    grid = rows(head_dim)
    return Grid(grid.dim, grid.frequency_map, grid.axis_map[::-1])


def crossed(head_dim: int) -> Grid:
    """Column and row in turn, each frequency used twice in a row."""
    spatial = head_dim // 2
    m = (spatial + 1) // 2
    twice = tuple(k for k in range(m) for _ in range(2))
    return Grid(spatial, twice, (1, 0) * m)


def split(head_dim: int) -> Grid:
    """One table over the head: rows take its even frequencies, columns the odd ones."""
    n = head_dim // 2
    even, odd = tuple(range(0, n, 2)), tuple(range(1, n, 2))
    return Grid(head_dim, even + odd, (0,) * len(even) + (1,) * len(odd))


def three(head_dim: int) -> Grid:
    """Time, row and column; what is left of the head passes."""
    spatial = 2 * (head_dim // 3 // 2)
    m = spatial // 2
    return Grid(spatial, tuple(range(m)) * 3, (0,) * m + (1,) * m + (2,) * m)


def pixel(head_dim: int) -> Grid:
    """Rows, then columns, over patch centres from -1 to 1."""
    m = head_dim // 4
    return Grid(head_dim // 2, tuple(range(m)) * 2, (0,) * m + (1,) * m, 2.0 * math.pi)


GRIDS = {
    "rows": rows,
    "columns": columns,
    "crossed": crossed,
    "split": split,
    "three": three,
    "pixel": pixel,
}
