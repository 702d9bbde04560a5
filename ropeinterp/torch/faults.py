"""What a wrong table looks like: a row per fault that was seen in the wild."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ropeinterp.limits import BASES
from ropeinterp.schemes import SCHEMES
from ropeinterp.spec import RopeSpec

Table = NDArray[np.float64]

# Relative. transformers computes in float32, where the blends of llama3 and yarn
# cancel: up to 2.4e-6 off. A cast to float16 is 1e-4 off.
TOLERANCE = 4e-6
# What a fault is named after may be rougher: some parameters are guessed.
_ALIKE = 1e-4


class Case(NamedTuple):
    """A table that deviates, what it should be, and what it might have been taken for.

    The specs are those of the module's other layer types, and of other lengths.
    """

    live: Table
    spec: RopeSpec
    others: Sequence[RopeSpec]
    lengths: Sequence[RopeSpec]

    @property
    def exact(self) -> Table:
        """Frequencies that the config means."""
        return self.spec.inv_freq()

    @property
    def unscaled(self) -> Table:
        """Frequencies before any scaling."""
        return self.spec.without_scaling().inv_freq()


def deviating(live: Table, exact: Table) -> tuple[NDArray[np.intp], float]:
    """Pairs that are off by more than a rounding, and the largest relative error."""
    with np.errstate(all="ignore"):
        off = np.where(live == exact, 0.0, np.abs(live - exact) / exact)
    off[np.isnan(off)] = np.inf
    return np.flatnonzero(off > TOLERANCE), float(off.max())


def kind_of(case: Case) -> tuple[str, str]:
    """Name a fault, and say what is wrong."""
    with np.errstate(all="ignore"):
        found = next(fault for fault in FAULTS if fault.holds(case))
    return found.kind, found.message


def scaling_kind_of(live: float, meant: float) -> tuple[str, str]:
    """Name what is wrong with an attention factor, and say it."""
    message = f"is {live:g}, but the config means {meant:g}"
    for kind, value in (("missing", 1.0), ("twice", meant * meant)):
        if abs(live / value - 1) <= TOLERANCE:
            return f"attention_scaling_{kind}", message
    return "attention_scaling", message


def _like(live: Table, candidate: Table) -> bool:
    same = live.shape == candidate.shape
    return same and np.allclose(live, candidate, rtol=_ALIKE, atol=0.0)


def _like_any(live: Table, specs: Sequence[RopeSpec]) -> bool:
    return any(_like(live, spec.inv_freq()) for spec in specs)


def _rounded_to(dtype: torch.dtype) -> Callable[[Case], bool]:
    """Build the question whether a table was cast, even if it was cast back since."""
    unit = torch.finfo(dtype).eps
    least = unit * torch.finfo(dtype).smallest_normal

    def is_rounded(case: Case) -> bool:
        live = torch.from_numpy(case.live)
        held = torch.equal(live.to(dtype).double(), live)
        near = np.abs(case.live - case.exact) <= unit * case.exact + least
        return held and bool(near.all())

    return is_rounded


def _without_values(case: Case) -> bool:
    live = case.live
    return not (np.isfinite(live).all() and (live >= 0).all() and live.any())


def _scaled_twice(case: Case) -> bool:
    twice = case.exact * case.exact / case.unscaled
    return _like(case.live, np.where(case.unscaled > 0, twice, 0.0))


def _base_fell_back(case: Case) -> bool:
    if case.spec.base in (None, 1e4):
        return False
    fallen = replace(case.spec, base=1e4)
    return _like_any(case.live, (fallen, fallen.without_scaling()))


def _other_base(case: Case) -> bool:
    """Guess the base from fast pairs, which most schemes keep, and from the slowest."""
    live, spec = case.live, case.spec
    if spec.base is None or live.size < 2:
        return False
    slowest = 2 * (live.size - 1)
    guesses = (
        (live[0] / live[1]) ** (spec.dim / 2),
        (1 / live[-1]) ** (spec.dim / slowest),
        (1 / live[-1] / float(spec.factor)) ** (spec.dim / slowest),
    )
    least, most = BASES
    bases = [float(base) for base in guesses if least < base < most]
    return _like_any(live, [replace(spec, base=base) for base in bases])


def _other_factor(case: Case) -> bool:
    """Guess the factor from the slowest pair, which every scheme divides by it."""
    turning = np.flatnonzero(case.unscaled)[-1]
    factor = float(case.unscaled[turning] / case.live[turning])
    if not SCHEMES[case.spec.scheme].divides_slowest or not 0 < factor < 1e6:
        return False
    return _like_any(case.live, [replace(case.spec, factor=factor)])


class Fault(NamedTuple):
    """A kind of fault, how it is known, and what is said about it."""

    kind: str
    holds: Callable[[Case], bool]
    message: str


# The first that holds gives the name.
FAULTS: tuple[Fault, ...] = (
    Fault("uninitialised", _without_values, "holds no frequencies, but what was there"),
    Fault("bfloat16", _rounded_to(torch.bfloat16), "was rounded to bfloat16"),
    Fault("float16", _rounded_to(torch.float16), "was rounded to float16"),
    Fault(
        "unscaled",
        lambda c: _like(c.live, c.unscaled),
        "lacks the scaling of the config",
    ),
    Fault("scaled_twice", _scaled_twice, "has the scaling of the config twice"),
    Fault(
        "other_layer_type",
        lambda c: _like_any(c.live, c.others),
        "is that of another layer type",
    ),
    Fault("base_10000", _base_fell_back, "follows base 10000, not that of the config"),
    Fault(
        "other_length",
        lambda c: _like_any(c.live, c.lengths),
        "is that of another length",
    ),
    Fault(
        "order",
        lambda c: _like(np.sort(c.live), np.sort(c.exact)),
        "has the right frequencies in another order",
    ),
    Fault(
        "inverse",
        lambda c: bool(c.exact.all()) and _like(c.live, 1 / c.exact),
        "holds tokens per radian, the inverse of frequencies",
    ),
    Fault("other_base", _other_base, "follows another base: was the config edited?"),
    Fault("other_factor", _other_factor, "has another factor: was the config edited?"),
    Fault("other", lambda c: True, "is not what the config means: was it edited?"),
)
