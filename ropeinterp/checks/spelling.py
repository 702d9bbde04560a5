"""RI105 to RI110, RI112: keys that stand where, or as, nobody reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.rule import REMOVE, Edit, Fix, Hit, Rule
from ropeinterp.checks.schema import SCALING
from ropeinterp.checks.subject import Layer, Subject
from ropeinterp.checks.words import is_number, nearest
from ropeinterp.errors import printable
from ropeinterp.reading import names
from ropeinterp.reading.source import below

_TOP = frozenset({"rope_type", "rope_scaling_type", "rope_scaling_factor"})
_TOP |= frozenset({"scaling_factor"}) | SCALING
_TOP -= {"original_max_position_embeddings", "mscale", "mscale_all_dim", "alpha"}
_MROPE = ("mrope_section", "mrope_interleaved")
# Misspellings of these are told at the top level.
_EXPECTED = (
    "rope_scaling",
    "rope_parameters",
    "rope_theta",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "partial_rotary_factor",
)
# Other families' names: the key that could be meant, and what one means in the other.
_FOREIGN: Mapping[str, tuple[str, float]] = {
    "rope_ratio": ("rope_theta", 1e4),
    "rotary_emb_base": ("rope_theta", 1.0),
    "rotary_base": ("rope_theta", 1.0),
    "rope_base": ("rope_theta", 1.0),
    "rope_percent": ("partial_rotary_factor", 1.0),
    "rope_percentage": ("partial_rotary_factor", 1.0),
    "rope_pct": ("partial_rotary_factor", 1.0),
    "rotary_pct": ("partial_rotary_factor", 1.0),
    "rotary_percent": ("partial_rotary_factor", 1.0),
    "rotary_dim": ("partial_rotary_factor", math.nan),
}


class ScalingAtTop(Rule):
    """Keys of a rope dict at the top level, where no reader looks.

    The scaling is lost without a word.
    """

    code, level, at_key = "RI105", "warning", True
    source = "published configs; transformers 5.23.0 reads the dict alone"
    bad = {"factor": 2.5, "rope_scaling": None}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 2.5}}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look for keys of schemes that the dict does not have, too."""
        if not subject.known or not subject.rotary:
            return
        blocks = [subject.keys.get(b) for b in ("rope_scaling", "rope_parameters")]
        inside = {k for b in blocks if isinstance(b, dict) for k in b}
        read = {k for row in subject.flat.rows for k in (*row.sizes, *row.partial_keys)}
        for key in subject.keys:
            if key in _TOP and key not in read | inside:
                value = subject.keys[key]
                if value is not None and not isinstance(value, (dict, bool)):
                    shown = f"{printable(value)} at the top level"
                    message = f"{shown} is read by nobody: it belongs into rope_scaling"
                    yield Hit(subject.at(key), message)


class MropeUnread(Rule):
    """M-RoPE keys in a model type that has none.

    They are ignored, and as a type "mrope" does not build. Nearly all such files are
    draft models, copied from a multimodal target: for text the positions are equal on
    all axes, so that plain rotary embedding means the same.
    """

    code, level, silences = "RI106", "warning", ("RI104", "RI109", "RI103", "RI102")
    source = "12 published draft models; transformers 5.23.0: KeyError 'mrope'"
    bad = {"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
    good = {"rope_scaling": None}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Ask the rows whether the model type has several position axes."""
        if not subject.known or any(row.axes for row in subject.flat.rows):
            return
        for layer in subject.given():
            present = [key for key in _MROPE if key in layer.plan.block]
            if layer.word == "mrope" or present:
                key = present[0] if present else "rope_type"
                kind = printable(subject.located.model_type)
                message = f"{kind} has no M-RoPE: the key is ignored"
                if layer.word == "mrope":
                    message += ', and the type "mrope" fails when the model is built'
                yield Hit(below(layer.plan.path, key), message, _without(layer))


def _without(layer: Layer) -> Fix | None:
    """Plain rotary embedding in place of M-RoPE that nobody reads."""
    if layer.word not in ("mrope", "default"):
        return None
    keys = [k for k in layer.plan.block if k in _MROPE or k in ("type", "rope_type")]
    edits = [Edit(layer.plan.path, key, REMOVE) for key in keys]
    edits.append(Edit(layer.plan.path, "rope_type", "default"))
    return Fix("write plain rotary embedding", tuple(edits))


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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Say what it would be as attention_factor."""
        for layer in subject.given():
            given, spec = layer.get("attn_factor"), layer.spec
            if spec is None or spec.scheme != "yarn" or not is_number(given):
                continue
            meant = given * spec.attention_scaling
            if abs(meant - round(meant, 6)) < 1e-12:
                meant = round(meant, 6)
            scale = (spec.attention_scaling / meant) ** 2 if meant > 0 else math.nan
            message = (
                f"{given:.6g} is not read by transformers, which multiplies by "
                f"{spec.attention_scaling:.6g}; where it counts the product is "
                f"{meant:.6g}: logits {scale:.5g}x"
            )
            path = layer.plan.path
            edits = (
                Edit(path, "attn_factor", REMOVE),
                Edit(path, "attention_factor", meant),
            )
            fix = Fix(f'write "attention_factor": {meant:g}', edits, False)
            yield Hit(below(path, "attn_factor"), message, fix)


class Misspelt(Rule):
    """A key one or two letters away from one that this model type reads.

    The value is lost: a misspelt original length makes YaRN take the extended one, a
    misspelt rope_scaling is no scaling at all.
    """

    code, level, silences, at_key = "RI108", "warning", ("RI303",), True
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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare unread keys with keys that are absent."""
        if not subject.rotary:
            return
        for layer in subject.given():
            block = layer.plan.block
            absent = (layer.plan.used | names.OF_BLOCKS) - block.keys()
            for key in block.keys() - layer.plan.used - names.OF_BLOCKS:
                if (meant := nearest(key, absent)) is not None:
                    other = subject.reread(layer, **{key: None, meant: block[key]})
                    yield _misspelt(layer.plan.path, key, meant, block, layer, other)
        if subject.known:
            yield from self._top(subject)

    @staticmethod
    def _top(subject: Subject) -> Iterator[Hit]:
        absent = [key for key in _EXPECTED if key not in subject.keys]
        for key in subject.keys.keys() - names.of_top_level():
            meant = nearest(key, absent)
            if meant is not None and subject.layers:
                layer = subject.layers[0]
                yield _misspelt(
                    subject.flat.path, key, meant, subject.keys, layer, None
                )


def _misspelt(
    path: str,
    key: str,
    meant: str,
    holder: Mapping[str, Any],
    layer: Layer,
    other: Any,
) -> Hit:
    """Offer the other name; a rename keeps the value."""
    edits = (Edit(path, key, REMOVE), Edit(path, meant, holder[key]))
    effects = told(effect(layer.spec, other), "; ")
    message = f"is read by nobody: did you mean {meant}?{effects}"
    return Hit(below(path, key), message, Fix(f"rename to {meant}", edits))


class OtherKey(Rule):
    """Another key that the method does not read.

    Often a remark of the vendor; sometimes a parameter of another method.
    """

    code, level, at_key = "RI109", "info", True
    source = "7 published configs with remarks"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "finetuned": True}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare the dict with what the reader took."""
        for layer in subject.given():
            if layer.spec is None:
                continue
            for key in layer.plan.block:
                if key not in layer.plan.used:
                    message = f"is not read with type {layer.word}"
                    yield Hit(below(layer.plan.path, key), message)


class ForeignName(Rule):
    """The base or the partial factor only under a name of another family.

    The value is lost: the base stays at its class default.
    """

    code, level, at_key = "RI110", "warning", True
    source = "published glm, nemotron and granite configs"
    bad = {"rope_ratio": 500, "rope_theta": None}
    good = {"rope_theta": 5e6}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look for names that the rows of this type do not list."""
        if not subject.known or not subject.rotary or not subject.layers:
            return
        read = {k.partition("/")[0] for r in subject.flat.rows for k in r.partial_keys}
        read |= {key for row in subject.flat.rows for key in row.theta_keys}
        for key, (meant, unit) in _FOREIGN.items():
            value = subject.keys.get(key)
            if key not in read and is_number(value):
                yield from self._hit(subject, key, meant, float(value or 0) * unit)

    @staticmethod
    def _hit(subject: Subject, key: str, meant: str, value: float) -> Iterator[Hit]:
        layer = subject.layers[0]
        spec = layer.spec
        if math.isnan(value):  # channels of a head, not a share of them
            value = subject.keys[key] / spec.head_dim if spec is not None else math.nan
        own = layer.get(meant)
        own = subject.keys.get(meant) if own is None else own
        if value == 1 or value == own or math.isnan(value):
            if own is not None and value == own:
                message = f"is not read; {meant} says the same"
                yield Hit(subject.at(key), message, level="info")
            return
        other = subject.reread_top(layer, **{meant: value})
        kind = printable(subject.located.model_type)
        if own is None:
            edits = (
                Edit(subject.flat.path, key, REMOVE),
                Edit(subject.flat.path, meant, value),
            )
            fix = Fix(f'write "{meant}": {value:g}', edits)
            message = f"is not read by {kind}: {meant} stays at its class default"
        else:
            fix = None
            message = f"is not read by {kind}: {meant} is {printable(own)}"
        yield Hit(subject.at(key), message + told(effect(spec, other)), fix)


class TwoBases(Rule):
    """One base under two names, of which the model type reads one.

    A reader without the rule of the model type takes the other one, for local layers,
    too.
    """

    code, level, at_key = "RI112", "warning", True
    source = "a published ModernBERT config with four base keys"
    bad = {
        "model_type": "modernbert",
        "rope_theta": 160000.0,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
    }
    good = {
        "model_type": "modernbert",
        "rope_theta": None,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
    }

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look for names of bases that the rows of this type do not list."""
        if not subject.known or not subject.rotary:
            return
        read = [key for row in subject.flat.rows for key in row.theta_keys]
        present = [key for key in read if is_number(subject.keys.get(key))]
        for key in (names.of_bases() | {"local_attention_rope_theta"}) - {*read}:
            value = subject.keys.get(key)
            if key in _FOREIGN or not present or not is_number(value):
                continue
            same = value in [subject.keys[k] for k in present]
            taken = f"{present[0]} {printable(subject.keys[present[0]])} counts"
            shown = f"{printable(value)} is not read by this model type: {taken}"
            fix = None
            if same:
                fix = Fix("remove it", (Edit(subject.flat.path, key, REMOVE),))
            # Other names are read by nobody else, so that no reader goes wrong.
            harmless = same and key != "rope_theta"
            level = "info" if harmless else ""
            yield Hit(subject.at(key), shown, fix, level)


RULES = (
    ScalingAtTop(),
    MropeUnread(),
    AttnFactor(),
    Misspelt(),
    OtherKey(),
    ForeignName(),
    TwoBases(),
)
