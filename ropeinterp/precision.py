"""How far float32 arithmetic is from the exact phases of a spec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ropeinterp.arrays.arguments import check_seq_len
from ropeinterp.spec import RopeSpec

_CHUNK = 2**12
_EXHAUSTIVE = 2**17


@dataclass(frozen=True, eq=False)
class TableError:
    """Largest errors of transformers' float32 tables, per pair.

    Attributes
    ----------
    length : int
        Positions 0 .. length - 1 were compared.
    phase : ndarray of float64, shape (n_pairs,)
        Largest distance of the float32 angle from the exact one, radians.
    table : ndarray of float64, shape (n_pairs,)
        Largest distance of cos or sin, attention factor included.
    exhaustive : bool
        Whether every position was compared; otherwise the figures are lower bounds.
    """

    length: int
    phase: NDArray[np.float64]
    table: NDArray[np.float64]
    exhaustive: bool

    def __str__(self) -> str:
        bound = "up to" if self.exhaustive else "at least"
        worst = int(self.table.argmax())
        return (
            f"transformers' float32 tables up to position {self.length - 1}: "
            f"cos and sin off by {bound} {self.table.max():.1e} (pair {worst}), "
            f"the angle by {self.phase.max():.1e} rad; exact tables: 3.0e-08"
        )


def _sampled_positions(length: int) -> tuple[NDArray[np.float64], bool]:
    """All positions, or the last ones and others evenly spaced: errors grow."""
    if length <= _EXHAUSTIVE:
        return np.arange(length, dtype=np.float64), True
    half = _EXHAUSTIVE // 2
    spread = np.floor(np.linspace(0, length - half, half, endpoint=False))
    return np.concatenate([spread, np.arange(length - half, length)]), False


def table_error(spec: RopeSpec, length: int) -> TableError:
    """Compare transformers' float32 tables with the exact ones.

    Parameters
    ----------
    spec : RopeSpec
        Frozen at `length` where its frequencies depend on it.
    length : int
        Tokens; every position is compared up to 131072 of them, then a sample that
        holds the last ones.

    Returns
    -------
    TableError

    Raises
    ------
    TypeError, ValueError
        If `length` is no positive integer up to 2**53.

    Notes
    -----
    Two roundings to float32 make the error, about equally: that of the frequency and
    that of its product with the position.

    Examples
    --------
    >>> from ropeinterp import RopeSpec, table_error
    >>> print(table_error(RopeSpec.default(128, 5e5), 4096))
    transformers' float32 tables up to position 4095: cos and sin off by up to ...
    """
    check_seq_len(length, "length")
    spec = spec.at(length)
    positions, exhaustive = _sampled_positions(length)
    phase, table = np.zeros((2, spec.rotary_dim // 2))
    for start in range(0, positions.size, _CHUNK):
        errors = errors_at(spec, positions[start : start + _CHUNK])
        np.maximum(phase, errors[0], out=phase)
        np.maximum(table, errors[1], out=table)
    return TableError(length, phase, table, exhaustive)


def errors_at(
    spec: RopeSpec, positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare transformers' float32 tables with the exact ones at some positions.

    Parameters
    ----------
    spec : RopeSpec
        With fixed frequencies.
    positions : ndarray of float64, shape (n,)
        At least one, in tokens.

    Returns
    -------
    phase, table : ndarray of float64, shape (n_pairs,)
        Largest errors of the angle, in radians, and of cos or sin.
    """
    exact, rounded = spec.inv_freq(), spec.inv_freq(precision="hf32")
    angles = positions.astype(np.float32)[:, None] * rounded
    phase = np.abs(angles - positions[:, None] * exact).max(0)
    theirs = spec.cos_sin(positions, precision="hf32")
    ours = spec.cos_sin(positions, dtype=np.float64)
    off = [np.abs(a - b).max(0) for a, b in zip(theirs, ours, strict=True)]
    return phase, np.maximum(*off)
