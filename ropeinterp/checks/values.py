"""RI201, RI202, RI205: single values, checked by the tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ropeinterp.checks.families import family_of
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_number
from ropeinterp.config.json_source import below
from ropeinterp.config.reading import KINDS, Found
from ropeinterp.errors import ConfigError, ParameterError
from ropeinterp.invariants import CHECKS
from ropeinterp.schemes import SCHEMES, Key
from ropeinterp.text import printable

# Keys that any rope dict may have, and those at the top level.
_ANYWHERE = (
    Key("rope_theta", "base"),
    Key("partial_rotary_factor", "partial_rotary_factor", nullable=True),
)
_TOP = (
    Key("max_position_embeddings", "length", "length", nullable=True),
    Key("original_max_position_embeddings", "trained_length", "length", nullable=True),
    Key("hidden_size", "size", "length", nullable=True),
    Key("num_attention_heads", "size", "length", nullable=True),
    Key("head_dim", "size", "length", nullable=True),
    Key("qk_rope_head_dim", "size", "length", nullable=True),
    Key("rope_theta", "base", nullable=True),
    Key("partial_rotary_factor", "partial_rotary_factor", nullable=True),
)
# The key attention_factor becomes part of the field attention_scaling.
_FIELDS = {"attention_factor": "attention_scaling", "size": "head_dim"}


def keys_of(target: Target) -> Iterator[tuple[Layer | None, Key, str, Any]]:
    """Every key with a kind that is present: whose dict, the row, path, value."""
    for key in (*_TOP, *_of_rows(target)):
        found = target.reading.plain(key.name)
        if found is not None and target.rotary:
            yield None, key, found.origin, found.value
    for layer in target.given():
        scheme = SCHEMES.get(layer.scheme or "")
        own = (*scheme.required, *scheme.optional) if scheme else ()
        for key in {k.name: k for k in (*_ANYWHERE, *own)}.values():
            if key.name in layer.rope.block:
                path = below(layer.rope.path, key.name)
                yield layer, key, path, layer.rope.block[key.name]


def _of_rows(target: Target) -> Iterator[Key]:
    """Keys under which this model type alone has its base and its share."""
    told = {key.name for key in _TOP}
    for row in target.reading.rows:
        own = [Key(k, "base", nullable=True) for k in row.theta_keys]
        for name in row.partial_keys:
            plain, channels, _ = name.partition("/")
            kind = "length" if channels else "number"
            field = "size" if channels else "partial_rotary_factor"
            own.append(Key(plain, field, kind, nullable=True))
        for key in own:
            if key.name not in told:
                told.add(key.name)
                yield key


class WrongType(Rule):
    """A number, list or flag of the wrong JSON type.

    A factor "4" fails far away with "Tensor /= str"; true counts as 1; "false" is true.
    """

    code, level = "RI201", "error"
    source = "transformers 5.23.0 checks some of them, at build time"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": "4"}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    errors_at = ("model_type", "layer_types")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the table of kinds; null is a value of its own only where it may be."""
        for layer, key, path, value in keys_of(target):
            if value is None:
                if not key.nullable and not _may_be_null(layer, key):
                    yield Diagnostic(path, "null gives no number")
                continue
            if key.kind == "numbers" and isinstance(value, list):
                continue  # items: RI208
            try:
                KINDS[key.kind](Found(value, path))
            except ConfigError as error:
                yield Diagnostic(
                    path, f"{printable(value)} {error.reason}", _number(path, value)
                )
        for layer in target.given():
            for name in ("rope_type", "type"):
                word = layer.get(name)
                if word is not None and not isinstance(word, str):
                    path = below(layer.rope.path, name)
                    yield Diagnostic(path, f"{printable(word)} must be a string")


def _may_be_null(layer: Layer | None, key: Key) -> bool:
    """Whether null counts as absent: in optional keys whose default is known."""
    scheme = SCHEMES.get(layer.scheme or "") if layer is not None else None
    optional = scheme.optional if scheme else ()
    # A null length is no default: readers differ about what stands for it.
    return any(k.name == key.name and k.kind != "length" for k in optional)


def _number(path: str, value: object) -> Fix | None:
    """Digits in a string are the number that they show."""
    if not isinstance(value, str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    holder, _, key = path.rpartition(".")
    whole = int(number) if number.is_integer() and "." not in value else number
    return Fix(f"write {whole}", (Edit(holder, key, whole),))


class OutOfRange(Rule):
    """A number that no formula can use: zero, negative, or beyond every use.

    A factor of 0 makes infinite frequencies, a base of 0 does so in all pairs but one,
    an attention factor of 0 makes all scores equal.
    """

    code, level = "RI202", "error"
    source = "transformers 5.23.0 logs a warning or nothing"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 0.0}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the invariants of the spec, key by key."""
        for _, key, path, value in keys_of(target):
            if not is_number(value) or (key.zero_is_missing and value == 0):
                continue  # RI201, RI216
            if key.field == "base" and value > 0:
                continue  # RI213
            if key.field == "length" and value > 0:
                continue  # RI215
            field = _FIELDS.get(key.field, key.field)
            least = 1 if key.field == "size" else None
            try:
                if field in CHECKS and not (least and value >= least):
                    CHECKS[field](field, value)
                if least and value < least:
                    raise ParameterError(field, value, "must be positive")
            except ParameterError as error:
                yield Diagnostic(path, f"{printable(value)} {error.reason}")
            except TypeError:
                continue


class KeyMissing(Rule):
    """A key without which the method has no numbers.

    Some engines fill in defaults of their own, transformers refuses the file.
    """

    code, level, silences = "RI205", "error", ("RI304",)
    source = "transformers 5.23.0: KeyError; a published Llama-3.1 config"
    bad = {"rope_scaling": {"rope_type": "linear"}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the row of the scheme."""
        for layer in target.given():
            scheme = SCHEMES.get(layer.scheme or "")
            required = scheme.required if scheme else ()
            missing = [k.name for k in required if k.name not in layer.rope.block]
            if missing:
                others = f", as {_are(missing[1:])}" if len(missing) > 1 else ""
                message = (
                    f"is missing{others}: {layer.scheme} has no numbers without "
                    f"{'them' if others else 'it'}"
                )
                path = below(layer.rope.path, missing[0])
                yield Diagnostic(path, message, _of_family(target, layer))


def _are(names: Sequence[str]) -> str:
    return f"{'are' if len(names) > 1 else 'is'} {' and '.join(names)}"


def _of_family(target: Target, layer: Layer) -> Fix | None:
    """Offer the rope dict of a known family, which has the same type."""
    family = family_of(target)
    if family is None or family.block["rope_type"] != layer.scheme:
        return None
    missing = {k: v for k, v in family.block.items() if k not in layer.rope.block}
    edits = tuple(Edit(layer.rope.path, k, v) for k, v in missing.items())
    words = ", ".join(f'"{k}": {v}' for k, v in missing.items() if k != "rope_type")
    return Fix(f"write {words}, as {family.name} has", edits, certain=False)


RULES = (
    WrongType(),
    OutOfRange(),
    KeyMissing(),
)
