"""RI201, RI205, RI212: values of a wrong JSON type, and values that are needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ropeinterp.checks.families import family_of
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.common import YARN, keys_of
from ropeinterp.checks.target import Layer, Target
from ropeinterp.config.json_source import below
from ropeinterp.config.values import KINDS, Found
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import Key
from ropeinterp.text import printable


class WrongType(Rule):
    """A number, list or flag of the wrong JSON type.

    A factor "4" fails far away with "Tensor /= str"; true counts as 1; "false" is true.
    """

    code, level = "RI201", "error"
    source = "transformers 5.23.0 checks some of them, at build time"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": "4"}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    error_kinds, errors_at = ("type",), ("model_type", "layer_types")

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
                KINDS[key.kind](Found.at(value, path))
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
    optional = layer.traits.optional if layer and layer.traits else ()
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


class KeyMissing(Rule):
    """A key without which the method has no numbers.

    Some engines fill in defaults of their own, transformers refuses the file.
    """

    code, level, silences = "RI205", "error", ("RI304",)
    source = "transformers 5.23.0: KeyError; a published Llama-3.1 config"
    bad = {"rope_scaling": {"rope_type": "linear"}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    error_kinds = ("missing",)

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the row of the scheme."""
        for layer in target.given():
            required = layer.traits.required if layer.traits else ()
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
    shown = ", ".join(f'"{k}": {v}' for k, v in missing.items() if k != "rope_type")
    return Fix(f"write {shown}, as {family.name} has", edits, certain=False)


class LoneMscale(Rule):
    """Only one of mscale and mscale_all_dim in a YaRN dict.

    transformers ignores it alone, engines for multi-head latent attention do not.
    """

    code, level = "RI212", "warning"
    source = "transformers 5.23.0 _compute_yarn_parameters; DeepSeek's own code"
    bad = {"rope_scaling": {**YARN, "mscale": 0.707}}
    good = {"rope_scaling": {**YARN, "mscale": 0.707, "mscale_all_dim": 0.707}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Take a zero beside it as meant, as in Devstral."""
        for layer in target.given():
            given = [
                k for k in ("mscale", "mscale_all_dim") if layer.get(k) is not None
            ]
            if layer.has("mscale") and len(given) == 1:
                (key,) = given
                # mscale 1.0 alone is what readers take for the pair, too.
                odd = layer.get(key) and not (key == "mscale" and layer.get(key) == 1)
                if odd and layer.get("attention_factor") is None:
                    message = f"{layer.get(key)!r} counts only together with the other"
                    yield Diagnostic(
                        below(layer.rope.path, key),
                        f"{message} mscale key; some engines take it alone",
                    )
