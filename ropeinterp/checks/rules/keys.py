"""RI107 to RI109, RI115: keys that stand as nobody reads them, or are missing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.finding import REMOVE, Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite, nearest
from ropeinterp.config import names
from ropeinterp.config.json_source import below
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY
from ropeinterp.text import printable

# Misspellings of these are looked for at the top level.
_EXPECTED = (
    "rope_scaling",
    "rope_parameters",
    "rope_theta",
    LENGTH_KEY,
    ORIGINAL_KEY,
    "partial_rotary_factor",
)
# A rope dict has a dozen keys; of a stranger's thousands no more are looked at.
_MOST_KEYS = 500
# Another loader knows its class by these.
_OTHER_LOADER = re.compile(r"is_\w+_config$")
_FORM = ("hidden_size", "num_attention_heads", "num_hidden_layers")


def _other(keys: Iterable[str], read: Set[str]) -> list[str]:
    """Return keys that are not read, in the order of the file."""
    return list(islice((key for key in keys if key not in read), _MOST_KEYS))


class AttnFactor(Rule):
    """attn_factor in a YaRN dict.

    transformers ignores it, some engines multiply by it, others put it in place of the
    attention factor.
    """

    code, level, silences = "RI107", "warning", ("RI108", "RI109")
    source = "10 threads of users; 0.8782488562869419 (0.1 ln 4 + 1) = 1"
    bad = {
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 32768,
            "attn_factor": 0.8782488562869419,
        },
    }
    good = {
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 32768,
            "attention_factor": 1.0,
        },
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Say what it would be as attention_factor."""
        for layer in target.given():
            given, spec = layer.get("attn_factor"), layer.spec
            if spec is None or not layer.has("mscale") or not is_finite(given):
                continue
            meant = given * spec.attention_scaling
            if abs(meant - round(meant, 6)) < 1e-12:
                meant = round(meant, 6)
            scale = (spec.attention_scaling / meant) ** 2 if meant > 0 else math.nan
            message = (
                f"{given:.6g} is ignored by transformers, which takes "
                f"{spec.attention_scaling:.6g}; a reader that multiplies by it takes "
                f"{meant:.6g}: logits {scale:.5g}x"
            )
            path = layer.rope.path
            edits = (
                Edit(path, "attn_factor", REMOVE),
                Edit(path, "attention_factor", meant),
            )
            fix = Fix(f'write "attention_factor": {meant:g}', edits, False)
            yield Diagnostic(below(path, "attn_factor"), message, fix)


class Misspelt(Rule):
    """A key one or two letters away from one that this model type reads.

    The value is lost: a misspelt original length makes YaRN take the extended one, a
    misspelt rope_scaling is no scaling at all.
    """

    code, level, at_key = "RI108", "warning", True
    source = "transformers 5.23.0 logs the key in a dict, nothing at the top level"
    bad = {
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "orginal_max_position_embeddings": 32768,
        },
    }
    good = {
        "max_position_embeddings": 131072,
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 32768,
        },
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare unread keys with keys that are absent."""
        if not target.rotary:
            return
        for layer in target.given():
            block = layer.rope.block
            absent = (layer.rope.used | names.OF_BLOCKS) - block.keys()
            for key in _other(block, layer.rope.used | names.OF_BLOCKS):
                if (meant := nearest(key, absent)) is not None:
                    other = target.reread(layer, **{key: None, meant: block[key]})
                    yield _misspelt(layer.rope.path, key, meant, block, layer, other)
        if target.known:
            yield from self._top(target)

    @staticmethod
    def _top(target: Target) -> Iterator[Diagnostic]:
        absent = [key for key in _EXPECTED if target.keys.get(key) is None]
        for key in _other(target.keys, names.of_top_level()):
            meant = nearest(key, absent)
            if meant is not None and target.layers:
                layer = target.layers[0]
                yield _misspelt(
                    target.reading.path, key, meant, target.keys, layer, None
                )


def _misspelt(
    path: str,
    key: str,
    meant: str,
    holder: Mapping[str, Any],
    layer: Layer,
    other: Any,
) -> Diagnostic:
    """Offer the other name; a rename keeps the value."""
    edits = (Edit(path, key, REMOVE), Edit(path, meant, holder[key]))
    effects = because(effect(layer.spec, other), "; ")
    message = f"is read by nobody: did you mean {meant}?{effects}"
    fix = Fix(f"rename to {meant}", edits)
    return Diagnostic(below(path, key), message, fix, instead_of=below(path, meant))


class OtherKey(Rule):
    """Another key that the method does not read.

    Often a remark of the vendor; sometimes a parameter of another method.
    """

    code, level, at_key, gives_way = "RI109", "info", True, True
    source = "7 published configs with remarks"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "finetuned": True}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the dict with what the reader took."""
        for layer in target.given():
            if layer.spec is None:
                continue
            for key in _other(layer.rope.block, layer.rope.used):
                message = f"is not read with type {printable(layer.word)}"
                yield Diagnostic(below(layer.rope.path, key), message)


class NoModelType(Rule):
    """The form of a model config without model_type.

    No loader can pick a class.
    """

    code, level = "RI115", "warning"
    source = "transformers 5.23.0 AutoConfig: ValueError; a published config"
    bad = {"model_type": None}
    good = {}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Tell model configs from parameter files by their keys."""
        if target.top and target.located.model_type is None:
            present = [key for key in _FORM if key in target.keys]
            if len(present) > 1 and not any(map(_OTHER_LOADER.match, target.keys)):
                message = "is missing: no loader can pick a class"
                yield Diagnostic(target.at("model_type"), message)
