"""Rotation: what arrays need of a spec, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ropeinterp.layouts import LAYOUTS, Layout


class Rotation(NamedTuple):
    """A spec with fixed frequencies, as tables and rotations of arrays take it.

    Parameters
    ----------
    planes : ndarray of float64, shape (7, pairs)
        Turn planes of the pairs, turns per token.
    layout : Layout
        In which channels the halves of a pair stand.
    scale : float
        Multiplies cos and sin.
    position_scale : float
        Multiplies positions before the frequency.
    rotary_offset : int
        Channel where the rotated slice begins.
    axis_map : tuple of int or None
        For each pair, or each half of one, the axis of the positions that drives it.
    inv_freq : ndarray of float32, shape (pairs,), or None
        Radians per token where phases are to be float32, as transformers has them.
    """

    planes: NDArray[np.float64]
    layout: Layout
    scale: float = 1.0
    position_scale: float = 1.0
    rotary_offset: int = 0
    axis_map: tuple[int, ...] | None = None
    inv_freq: NDArray[np.float32] | None = None

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return int(self.planes.shape[1])

    @property
    def splits_pairs(self) -> bool:
        """Whether the halves of a pair follow axes of their own: no rotation."""
        return self.axis_map is not None and len(self.axis_map) == 2 * self.pairs

    @property
    def of_rotated(self) -> Rotation:
        """The same for arrays that it has rotated.

        They stand in the layout of results and carry the scale already.
        """
        return self._replace(layout=LAYOUTS[self.layout.result], scale=1.0)
