"""RI105, RI106, RI110, RI112: keys that other places, or other model types, have."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.finding import REMOVE, Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.common import SCALING, scales
from ropeinterp.checks.target import UNSCALED, Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config import names
from ropeinterp.config.json_source import below
from ropeinterp.config.locate import Located
from ropeinterp.config.models import composites, rows_of
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.schemes.scheme import ORIGINAL_KEY
from ropeinterp.text import printable

# Names of scaling keys; those taken out mean something else at the top level.
_TOP = {
    "rope_type",
    "rope_scaling_type",
    "rope_scaling_factor",
    "rope_factor",
    "scaling_factor",
    *(SCALING - {ORIGINAL_KEY, "mscale", "mscale_all_dim", "alpha"}),
}
_MROPE = ("mrope_section", "mrope_interleaved")
# Other families' names: the key that could be meant, and what one means in the other.
_FOREIGN: Mapping[str, tuple[str, float]] = {
    "rope_ratio": ("rope_theta", 1e4),
    "rotary_emb_base": ("rope_theta", 1.0),
    "rotary_base": ("rope_theta", 1.0),
    "rotary_embedding_base": ("rope_theta", 1.0),
    "rope_freq_base": ("rope_theta", 1.0),
    "rope_base": ("rope_theta", 1.0),
    "max_period": ("rope_theta", 1.0),
    "attn_config.rope_theta": ("rope_theta", 1.0),
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

    code, level, at_key, silences = "RI105", "warning", True, ("RI305",)
    source = "published configs; transformers 5.23.0 reads the dict alone"
    bad = {"factor": 2.5, "rope_scaling": None}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 2.5}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for keys of schemes that the dict does not have, too."""
        if not target.known or not target.rotary:
            return
        blocks = [target.keys.get(b) for b in OF_ROPE_DICTS]
        inside = {k for b in blocks if isinstance(b, dict) for k in b}
        read = {
            k for row in target.reading.rows for k in (*row.sizes, *row.partial_keys)
        }
        lost = [
            key
            for key, value in target.keys.items()
            if key in _TOP - read - inside
            and value is not None
            and not isinstance(value, (dict, bool))
        ]
        if lost:
            others = f", as {', '.join(lost[1:])}," if lost[1:] else ""
            shown = f"{printable(target.keys[lost[0]])} at the top level"
            message = f"{shown}{others} is read by nobody: write it into rope_scaling"
            yield Diagnostic(target.at(lost[0]), message)

    def check_config(self, located: Located) -> Iterator[Diagnostic]:
        """Find a rope dict of a composite model beside the part it is meant for."""
        parts = [part for part in located.parts.values() if part.keys]
        for name in OF_ROPE_DICTS:
            block = located.keys.get(name)
            if not isinstance(block, dict) or not scales(block):
                continue
            if parts and all(
                p.path != located.path and p.keys.get(name) != block for p in parts
            ):
                path = below(located.path, name)
                message = f"is not read here: write it into {parts[0].path}"
                yield Diagnostic(path, message)


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

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the rows whether the model type has several position axes."""
        if not target.known or any(row.axes for row in target.reading.rows):
            return
        if _class_has_axes(target):
            yield from self._of_composite(target)
            return
        kind = printable(target.located.model_type)
        for key in _MROPE:
            if target.keys.get(key) is not None:
                yield Diagnostic(
                    target.at(key), f"{kind} has no M-RoPE: the key is ignored"
                )
        for layer in target.given():
            present = [key for key in _MROPE if key in layer.rope.block]
            if layer.word == "mrope" or present:
                key = present[0] if present else "rope_type"
                message = f"{kind} has no M-RoPE: the key is ignored"
                if layer.word == "mrope":
                    message += ', and the type "mrope" fails when the model is built'
                yield Diagnostic(below(layer.rope.path, key), message, _without(layer))

    @staticmethod
    def _of_composite(target: Target) -> Iterator[Diagnostic]:
        """Say that the class which the composite fixes reads the keys all the same."""
        for layer in target.given():
            present = [key for key in _MROPE if key in layer.rope.block]
            if present or layer.word == "mrope":
                path = below(layer.rope.path, present[0] if present else "rope_type")
                message = "counts: the composite fixes the class of this part"
                yield Diagnostic(path, message, level="info")


def _class_has_axes(target: Target) -> bool:
    """Whether a part has M-RoPE by the composite, whatever its own model type says."""
    tree = target.document.tree
    whole = tree.keys.get("model_type") if tree is not None else None
    parts = composites().get(whole, ()) if isinstance(whole, str) else ()
    own = [p for p in parts if ".".join(("$", *p.path)) == target.reading.path]
    return any(row.axes for p in own for row in rows_of(p.model_type))


def _without(layer: Layer) -> Fix | None:
    """Plain rotary embedding in place of M-RoPE that nobody reads."""
    if layer.word not in ("mrope", *UNSCALED):
        return None
    path, block = layer.rope.path, layer.rope.block
    word = "rope_type" if "rope_type" in block else "type"
    other = [k for k in block if k in _MROPE or (k == "type" and k != word)]
    edits = [Edit(path, word, "default"), *(Edit(path, k, REMOVE) for k in other)]
    return Fix("write plain rotary embedding", tuple(edits))


class ForeignName(Rule):
    """The base or the partial factor only under a name of another family.

    The value is lost: the base stays at its class default. Where the model type is
    unknown, code of its own may read the name: that is a note.
    """

    code, level, at_key = "RI110", "warning", True
    source = "published glm, nemotron and granite configs"
    bad = {"rope_ratio": 500, "rope_theta": None}
    good = {"rope_theta": 5e6}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for names that the rows of this type do not list."""
        if not target.rotary or not target.layers:
            return
        read = {
            k.partition("/")[0] for r in target.reading.rows for k in r.partial_keys
        }
        read |= {key for row in target.reading.rows for key in row.theta_keys}
        read |= {
            path.removeprefix(f"{target.reading.path}.")
            for layer in target.layers
            for origin in layer.origins.values()
            for path in origin.paths
        }
        for key, (meant, unit) in _FOREIGN.items():
            value = _value(target.keys, key)
            if key not in read and is_finite(value):
                for found in self._diagnostic(target, key, meant, value, unit):
                    yield (
                        found
                        if target.known
                        else found._replace(level="info", fix=None)
                    )

    @staticmethod
    def _diagnostic(
        target: Target, key: str, meant: str, given: float, unit: float
    ) -> Iterator[Diagnostic]:
        layer = target.layers[0]
        spec, value = layer.spec, float(given) * unit
        if math.isnan(value):  # channels of a head, not a share of them
            value = given / spec.head_dim if spec is not None else math.nan
        if spec is None or value == 1 or math.isnan(value):
            return
        keys = layer.rope.row.theta_keys if meant == "rope_theta" else ()
        keys = keys or layer.rope.row.partial_keys
        found = target.find(meant, *(k.partition("/")[0] for k in keys))
        own = layer.get(meant) if found is None else found.value
        other = target.reread_top(layer, **{meant: value})
        if value == spec.base or (own is not None and other == spec):
            yield Diagnostic(
                _path(target, key), "is not read, and says the same", level="info"
            )
            return
        word = target.located.model_type
        kind = printable(word) if word else "the general rules"
        fix = None
        if own is None:
            path = target.reading.path
            nested = "." in key  # an older reader may look there: it stays
            gone = () if nested else (Edit(path, key, REMOVE),)
            edits = (*gone, Edit(path, meant, value))
            fix = Fix(f'write "{meant}": {value!r}', edits, certain=not nested)
            row = layer.rope.row
            default = row.theta if meant == "rope_theta" else row.partial or 1.0
            message = f"is not read by {kind}: {meant} is its class default {default:g}"
        else:
            message = f"is not read by {kind}: {meant} is {printable(own)}"
        message += because(effect(spec, other))
        yield Diagnostic(_path(target, key), message, fix)


def _path(target: Target, key: str) -> str:
    """JSON path of a key, or of a key inside of an object."""
    return reduce(below, key.split("."), target.reading.path)


def _value(keys: Mapping[str, Any], path: str) -> Any:
    """Value at a key, or at a key inside of an object."""
    holder, _, key = path.rpartition(".")
    inner = keys.get(holder) if holder else keys
    return inner.get(key) if isinstance(inner, Mapping) else None


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

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for names of bases that the rows of this type do not list."""
        if not target.known or not target.rotary:
            return
        read = [key for row in target.reading.rows for key in row.theta_keys]
        present = [key for key in read if is_finite(target.keys.get(key))]
        for key in (names.of_bases() | {"local_attention_rope_theta"}) - {*read}:
            value = target.keys.get(key)
            if key in _FOREIGN or not present or not is_finite(value):
                continue
            same = value in [target.keys[k] for k in present]
            taken = f"{present[0]} {printable(target.keys[present[0]])} counts"
            shown = f"{printable(value)} is not read by this model type: {taken}"
            fix = None
            if same:
                fix = Fix("remove it", (Edit(target.reading.path, key, REMOVE),))
            # Other names are read by nobody else, and one table has one base: no
            # reader goes wrong.
            harmless = same and (key != "rope_theta" or len(target.reading.rows) == 1)
            level = "info" if harmless else ""
            yield Diagnostic(target.at(key), shown, fix, level)
