"""What a length asks of an embedding: the pairs that meet phases never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ropeinterp.arrays.arguments import check_seq_len
from ropeinterp.errors import ParameterError
from ropeinterp.spec import RopeSpec

# Two frequencies are the same where their float64 quotient cannot tell them apart.
_SAME = 1e-12


class Pairs(NamedTuple):
    """What a method does to the pairs of channels at one length."""

    period_before: NDArray[np.float64]
    period_after: NDArray[np.float64]
    kind: NDArray[np.str_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Coverage:
    """Which pairs of channels stay within the phases of training, pair by pair.

    Attributes
    ----------
    length, trained_length : int
        Tokens asked for, and tokens of the training.
    period_before, period_after : ndarray of float64, shape (pairs,)
        Tokens per turn of the unscaled embedding, and of the one in use at `length`;
        infinite where a pair does not turn.
    turns : ndarray of float64, shape (pairs,)
        Turns that the unscaled embedding makes within `trained_length`.
    kind : ndarray of str, shape (pairs,)
        "extrapolated" (frequency untouched), "interpolated" (divided by the whole
        factor, or more), "blended" (anything else) or "identity" (frequency 0).
    inside, inside_unscaled : ndarray of bool, shape (pairs,)
        Whether the phases at `length` were all seen, with and without the method.
    reach : float
        Tokens up to which the frequencies in use keep every pair inside; infinite
        where every pair completes a turn in training or never moves.

    Notes
    -----
    A pair that completes a turn within the trained length has seen every phase. Any
    other has seen the angles up to ``trained_length * w_before`` and stays inside if
    ``length * w_after`` is no larger.

    The arrays are read-only.
    """

    length: int
    trained_length: int
    period_before: NDArray[np.float64]
    period_after: NDArray[np.float64]
    turns: NDArray[np.float64]
    kind: NDArray[np.str_]
    inside: NDArray[np.bool_]
    inside_unscaled: NDArray[np.bool_]
    reach: float

    @property
    def fraction_outside(self) -> float:
        """Fraction of the pairs that meet phases never seen in training."""
        return float(np.mean(~self.inside))

    @property
    def fraction_outside_unscaled(self) -> float:
        """The same fraction without the method."""
        return float(np.mean(~self.inside_unscaled))


def pairs(spec: RopeSpec, length: int) -> Pairs:
    """Periods of the pairs before and after scaling, and what was done to each.

    Parameters
    ----------
    spec : RopeSpec
        The embedding.
    length : int
        Tokens of the sequence.

    Returns
    -------
    Pairs
        `period_before`, `period_after` and `kind`, as in :class:`Coverage`.

    Raises
    ------
    TypeError, ValueError
        If `length` is no positive integer up to 2**53.

    Examples
    --------
    >>> pairs(RopeSpec.ntk(6, factor=2), 4096).kind.tolist()
    ['extrapolated', 'blended', 'interpolated']
    """
    before, after, kind = _compared(spec, length)
    return Pairs(_periods(before), _periods(after), kind)


def _compared(
    spec: RopeSpec, length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Radians per token before scaling and at `length`, and what was done to each."""
    check_seq_len(length, "length")
    scale = spec.position_scale
    before = scale * spec.without_scaling().inv_freq()
    frozen = spec.at(length)
    after = scale * frozen.inv_freq()
    ratio = np.divide(before, after, out=np.ones_like(before), where=after > 0)
    # The factor of a dynamic spec grows with the length: its slowest pair shows it.
    whole = float(frozen.factor) if frozen.seq_len is None else ratio.max()
    kind = np.select(
        [after == 0, np.abs(ratio - 1) <= _SAME, ratio >= whole * (1 - _SAME)],
        ["identity", "extrapolated", "interpolated"],
        "blended",
    )
    return before, after, kind


def coverage(
    spec: RopeSpec, length: int, *, trained_length: int | None = None
) -> Coverage:
    """Which pairs meet phases at `length` that training never showed.

    Parameters
    ----------
    spec : RopeSpec
        The embedding.
    length : int
        Tokens of the sequence.
    trained_length : int, optional
        Tokens seen in training; by default those that the spec states.

    Returns
    -------
    Coverage

    Raises
    ------
    TypeError, ValueError
        If a length is no positive integer up to 2**53, or the trained one is unknown.

    References
    ----------
    .. [1] arXiv:2501.09223, section on position interpolation.

    Examples
    --------
    Extrapolation from 1024 to 3000 tokens leaves the trained range, interpolation does
    not:

    >>> plain = RopeSpec.default(64, trained_length=1024)
    >>> coverage(plain, 3000).fraction_outside
    0.4375
    >>> scaled = RopeSpec.linear(64, factor=3000 / 1024, trained_length=1024)
    >>> coverage(scaled, 3000).fraction_outside
    0.0
    """
    trained = spec.trained_length if trained_length is None else trained_length
    if trained is None:
        raise ParameterError(
            "trained_length", None, "the spec does not state it, so pass it"
        )
    check_seq_len(trained, "trained_length")
    before, after, kind = _compared(spec, length)
    period_before, period_after = _periods(before), _periods(after)
    turns = trained / period_before
    seen = trained * before * (1 + _SAME)
    limited = (turns < 1) & (after > 0)
    reach = np.min(seen[limited] / after[limited], initial=np.inf)
    result = Coverage(
        length=int(length),
        trained_length=int(trained),
        period_before=period_before,
        period_after=period_after,
        turns=turns,
        kind=kind,
        inside=(turns >= 1) | (length * after <= seen),
        inside_unscaled=(turns >= 1) | (length * before <= seen),
        reach=float(np.floor(reach)),
    )
    for array in vars(result).values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return result


def _periods(w: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(2 * np.pi, w, out=np.full_like(w, np.inf), where=w > 0)
