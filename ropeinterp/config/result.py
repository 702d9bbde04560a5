"""What read() returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from ropeinterp.dialects import V5
from ropeinterp.spec import RopeSpec


@dataclass(frozen=True)
class Note:
    """Something that a reader of the config should know.

    Parameters
    ----------
    path : str
        JSON path, ``$.a.b[3]``; of the missing key where one was defaulted.
    message : str
        What was defaulted, ignored, in conflict, or differs elsewhere.
    """

    path: str
    message: str


@dataclass(frozen=True)
class RopeConfig:
    """What a model's config says about its positions.

    Attributes
    ----------
    model_type : str or None
        As the file names it.
    layers : mapping of str to RopeSpec or None
        ``{"default": spec}`` where one table serves all layers; else by layer type,
        None where layers are not rotated. Empty for a model without rotary embedding.
    layer_keys : tuple of str or None
        For each decoder layer its key in `layers`, None where it has none; empty where
        layers do not differ by index.
    parts : mapping of str to RopeConfig
        Parts of a composite model by their path; the other fields are then those of
        its text part.
    notes : tuple of Note
        What was defaulted, ignored, in conflict, or differs in transformers.
    dialect : str
        Whose reading it is.
    origins : mapping of str to mapping
        For each layer type, field name of the spec -> where the value comes from: a
        JSON path, or words such as "class default of qwen2".
    """

    model_type: str | None
    layers: Mapping[str, RopeSpec | None]
    layer_keys: tuple[str | None, ...] = ()
    parts: Mapping[str, RopeConfig] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    dialect: str = V5
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the mappings read-only; a config that is shared must not change."""
        origins = {k: MappingProxyType(dict(v)) for k, v in self.origins.items()}
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))
        object.__setattr__(self, "origins", MappingProxyType(origins))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by plain dicts: read-only mappings cannot be pickled."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        state |= {name: dict(state[name]) for name in ("layers", "parts")}
        state["origins"] = {k: dict(v) for k, v in self.origins.items()}
        return type(self), tuple(state.values())

    @property
    def spec(self) -> RopeSpec:
        """The only spec.

        Raises
        ------
        ValueError
            If there are several, or none; the message lists the keys.
        """
        specs = [spec for spec in self.layers.values() if spec is not None]
        if len(specs) != 1:
            keys = ", ".join(self.layers) or "none"
            raise ValueError(
                f"the config has {len(specs)} specs; choose one of layers: {keys}"
            )
        return specs[0]
