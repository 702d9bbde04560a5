"""What a spec is: its numbers, and which of them the scaling of a context sets."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction

# A parameter is read by some schemes and refused by the others. What scaling a context
# sets goes back to its default where the scaling is taken away.
_PARAMETER, _SCALING = {"parameter": True}, {"scaling": True}
_BOTH = _PARAMETER | _SCALING


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The numbers of a spec, as :class:`ropeinterp.RopeSpec` describes them."""

    scheme: str
    dim: int
    base: float | None = None
    head_dim: int = 0
    rotary_offset: int = 0
    layout: str = "half"
    factor: float | Fraction = field(default=1.0, metadata=_BOTH)
    trained_length: int | None = None
    length: int | None = None
    attention_scaling: float = field(default=1.0, metadata=_SCALING)
    logit_scale: float = field(default=1.0, metadata=_SCALING)
    position_scale: float = 1.0
    query_scale: tuple[float, ...] | None = None
    axis_map: tuple[int, ...] | None = None
    frequency_map: tuple[int, ...] | None = None
    seq_len: int | None = field(default=None, metadata=_BOTH)
    beta_fast: float = field(default=32.0, metadata=_BOTH)
    beta_slow: float = field(default=1.0, metadata=_BOTH)
    truncate: bool = field(default=True, metadata=_BOTH)
    low_freq_factor: float | None = field(default=None, metadata=_BOTH)
    high_freq_factor: float | None = field(default=None, metadata=_BOTH)
    short_factors: tuple[float, ...] | None = field(default=None, metadata=_BOTH)
    long_factors: tuple[float, ...] | None = field(default=None, metadata=_BOTH)
    long_attention_scaling: float | None = field(default=None, metadata=_SCALING)
    partial_rotary_factor: float = field(default=1.0, metadata=_PARAMETER)
    frequencies: tuple[float, ...] | None = field(default=None, metadata=_PARAMETER)

    @property
    def rotary_dim(self) -> int:
        """Channels of the rotated slice, two per pair: ``2 * ceil(dim / 2)``."""
        if self.frequency_map is not None:
            return 2 * len(self.frequency_map)
        return 2 * ((self.dim + 1) // 2)

    @property
    def splits_pairs(self) -> bool:
        """Whether `axis_map` has one entry per channel: then it is no rotation."""
        return self.axis_map is not None and len(self.axis_map) == self.rotary_dim

    @property
    def n_axes(self) -> int:
        """Axes of the positions."""
        return 1 if self.axis_map is None else max(self.axis_map) + 1


DEFAULTS = {f.name: f.default for f in fields(Fields)}
PARAMETERS = frozenset(f.name for f in fields(Fields) if "parameter" in f.metadata)
SCALING = frozenset(f.name for f in fields(Fields) if "scaling" in f.metadata)
