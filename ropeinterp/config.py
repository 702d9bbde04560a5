"""read(): a model's config becomes specs, one per layer type, and notes.

This file and the ones that it calls (source, lookup, layers, block, heads, axes) are
the only ones that know the names of config keys. What follows has numbers only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ropeinterp.block import read_block
from ropeinterp.errors import ConfigError, printable
from ropeinterp.layers import layers_of
from ropeinterp.lookup import Flat
from ropeinterp.models import Part, composites, models
from ropeinterp.source import Note, below, load
from ropeinterp.spec import RopeSpec

_DIALECTS = ("transformers", "transformers-4")
_TEXT_PARTS = ("text_config", "llm_config", "language_config")
# Top-level keys of vendors' own code that change positions there and are not read.
_VENDORS = (
    "rope_ratio",
    "rotary_scaling_factor",
    "use_dynamic_ntk",
    "use_logn_attn",
    "auto_map",
)
# Where a flag says that the table is not used: key, value of use, words.
_SWITCHES: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "falcon": ("alibi", (None, False)),
    "esm": ("position_embedding_type", ("rotary",)),
    "wav2vec2-bert": ("position_embeddings_type", ("rotary",)),
    "wav2vec2-conformer": ("position_embeddings_type", ("rotary",)),
    "seamless_m4t": ("position_embeddings_type", ("rotary",)),
}


class HasToDict(Protocol):
    """A config object."""

    def to_dict(self) -> Mapping[str, Any]:
        """Return the config as a mapping."""


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
    dialect: str = "transformers"
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

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


def read(
    source: Mapping[str, Any] | str | os.PathLike[str] | HasToDict,
    *,
    dialect: str = "transformers",
    trained_length: int | None = None,
    context_length: int | None = None,
) -> RopeConfig:
    """Read what a model's config says about its positions.

    Parameters
    ----------
    source : mapping, path, or object with ``to_dict()``
        The config, its JSON file, or a directory with config.json.
    dialect : {"transformers", "transformers-4"}, optional
        Whose reading is meant: that of transformers 5.x or of 4.57.
    trained_length : int, optional
        Tokens of the original context, where the config cannot say it.
    context_length : int, optional
        Tokens that an engine was configured to; neither dialect depends on it.

    Returns
    -------
    RopeConfig

    Raises
    ------
    ConfigError
        If the config cannot be read; it names the JSON path, the value and the reason.
    FileNotFoundError
        If a path does not exist.
    TypeError, ValueError
        If an argument is of a wrong type or unknown.

    Examples
    --------
    >>> read({"model_type": "llama", "hidden_size": 512, "num_attention_heads": 128,
    ...       "rope_theta": 1e4}).spec.inv_freq()
    array([1.  , 0.01])
    """
    if dialect not in _DIALECTS:
        raise ValueError(
            f"dialect {printable(dialect)}: must be one of {', '.join(_DIALECTS)}"
        )
    for name, value in (
        ("trained_length", trained_length),
        ("context_length", context_length),
    ):
        _check_length(name, value)
    keys, notes = load(source)
    return _Reader(dialect, trained_length).config(keys, "$", notes)


def _check_length(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not 0 < value <= 2**53:
        raise ValueError(f"{name} {printable(value)}: must be from 1 to 2**53")


@dataclass(frozen=True)
class _Reader:
    """Arguments of one call of read()."""

    dialect: str
    trained_length: int | None

    def config(
        self, keys: Mapping[str, Any], path: str, notes: list[Note], named: str = ""
    ) -> RopeConfig:
        """Read a config, or the part of one that is of type `named` if it says none."""
        own = keys.get("model_type")
        if own is not None and not isinstance(own, str):
            raise ConfigError(below(path, "model_type"), own, "must be a string")
        model_type = own or named or None
        if model_type in composites() and not named:
            return self.composite(keys, path, notes, model_type)
        if named and (model_type not in models() or model_type in composites()):
            # qwen2_vl in a vision_config means its vision part.
            model_type = named if model_type in composites() else model_type
        if model_type not in models():
            for key in _TEXT_PARTS:
                if isinstance(keys.get(key), dict) and "hidden_size" not in keys:
                    return self.unknown_composite(keys, path, notes, model_type, key)
        return self.flat(keys, path, notes, model_type)

    # ---- one model ------------------------------------------------------------------

    def flat(
        self,
        keys: Mapping[str, Any],
        path: str,
        notes: list[Note],
        model_type: str | None,
    ) -> RopeConfig:
        rows = models().get(model_type or "", models()[""])
        flat = Flat(
            keys,
            path,
            rows,
            self.dialect == "transformers-4",
            self.trained_length,
            notes,
        )
        at = below(path, "model_type")
        if rows[0].layers == "refused":
            raise ConfigError(at, model_type, "builds tables that no spec describes")
        if rows[0].layers == "none":
            flat.note(at, f"{printable(model_type)} has no rotary embedding")
            return self.result(model_type, flat, {}, (), {})
        self.note_model(flat, model_type, at)
        found = layers_of(flat)
        specs: dict[str, RopeSpec | None] = {}
        origins: dict[str, Mapping[str, str]] = {}
        for name, plan in found.plans.items():
            if plan is None:
                specs[name] = None
                continue
            specs[name], origins[name] = read_block(flat, plan)
        return self.result(model_type, flat, specs, found.keys, origins)

    def note_model(self, flat: Flat, model_type: str | None, at: str) -> None:
        if not flat.known:
            word = "missing" if model_type is None else "unknown"
            flat.note(at, f"is {word}: read by general rules")
            for key in _VENDORS:
                if key in flat.keys:
                    flat.note(flat.at(key), "is not read")
        if "learned" in flat.rows[0].flags:
            flat.note(at, "frequencies are multiplied by exp of a learned buffer")
        key, use = _SWITCHES.get(model_type or "", ("", ()))
        if key and key in flat.keys and flat.keys[key] not in use:
            flat.note(flat.at(key), "the rotary table exists but is not used")

    def result(
        self,
        model_type: str | None,
        flat: Flat,
        specs: Mapping[str, RopeSpec | None],
        keys: tuple[str | None, ...],
        origins: Mapping[str, Mapping[str, str]],
    ) -> RopeConfig:
        return RopeConfig(
            model_type,
            specs,
            keys,
            notes=tuple(flat.notes),
            dialect=self.dialect,
            origins=origins,
        )

    # ---- composite models -----------------------------------------------------------

    def composite(
        self, keys: Mapping[str, Any], path: str, notes: list[Note], model_type: str
    ) -> RopeConfig:
        parts: dict[str, RopeConfig] = {}
        for part in composites()[model_type]:
            found, at = self.part_keys(keys, path, part, notes)
            try:
                parts[".".join(part.path)] = self.config(
                    found, at, notes, part.model_type
                )
            except ConfigError as error:
                if found:
                    raise
                notes.append(Note(at, f"cannot be read by class defaults: {error}"))
        return self.joined(model_type, parts, notes)

    def part_keys(
        self, keys: Mapping[str, Any], path: str, part: Part, notes: list[Note]
    ) -> tuple[Mapping[str, Any], str]:
        """Find the dict of a part; where it is missing, the class defaults count."""
        found: Any = keys
        at = path
        for key in part.path:
            at = below(at, key)
            found = found.get(key)
            if found is None:
                break
            if not isinstance(found, dict):
                raise ConfigError(at, found, "must be an object")
        if found is None and part.flat and {"hidden_size", "rope_theta"} & keys.keys():
            notes.append(Note(at, "is missing: its keys stand at the top level"))
            return {k: v for k, v in keys.items() if k != "model_type"}, path
        if found is None:
            notes.append(Note(at, f"is missing: class defaults of {part.model_type}"))
            return {}, at
        return found, at

    def unknown_composite(
        self,
        keys: Mapping[str, Any],
        path: str,
        notes: list[Note],
        model_type: str | None,
        key: str,
    ) -> RopeConfig:
        at = below(path, "model_type")
        notes.append(Note(at, f"is unknown: {key} is read as its text part"))
        part = self.config(keys[key], below(path, key), notes, "")
        return self.joined(model_type, {key: part}, notes)

    def joined(
        self, model_type: str | None, parts: dict[str, RopeConfig], notes: list[Note]
    ) -> RopeConfig:
        """Make a config whose layers are those of its text part."""
        text = [p for name, p in parts.items() if name.endswith(_TEXT_PARTS)]
        main = (text or list(parts.values()))[0]
        return RopeConfig(
            model_type,
            main.layers,
            main.layer_keys,
            parts,
            tuple(notes),
            self.dialect,
            main.origins,
        )
