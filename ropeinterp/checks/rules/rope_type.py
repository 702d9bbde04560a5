"""RI101 to RI104, RI116: the rope dict as a whole, and its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.families import family_of, layer_types_of
from ropeinterp.checks.finding import REMOVE, Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.common import is_parameters, scales
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import nearest
from ropeinterp.config.json_source import below
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.dialects import V4
from ropeinterp.schemes import SCHEMES
from ropeinterp.text import printable

# What else could be said of a rope dict whose type is not known.
_OF_TYPE = ("RI103", "RI109", "RI2", "RI302", "RI303", "RI305")
_COMMON = tuple(n for n, s in SCHEMES.items() if V4 in s.dialects)
_WORDS = ("rope_type", "type", "name")
# Names that papers and vendors had, and have given up.
_RETIRED = {"su": "longrope"}
_LAYER_WORDS = ("attention", "_layer", "main", "compress")


class BlockIsNoObject(Rule):
    """The rope dict is a string, a number or a list.

    Lenient readers take it as no scaling at all, strict ones fail.
    """

    code, level, silences = "RI101", "error", ("RI2", "RI3")
    source = "transformers 5.23.0 modeling_rope_utils.py; a published config"
    bad = {"rope_scaling": "dynamic"}
    good = {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at both names of the dict, and at the dicts of layer types."""
        for name in OF_ROPE_DICTS:
            block = target.keys.get(name)
            if block is not None and not isinstance(block, dict):
                shown = printable(block)
                message = f"{shown} is no object: lenient readers take no scaling"
                yield Diagnostic(target.at(name), message)
            elif block:
                yield from self._nested(target, name, block)

    def _nested(self, target: Target, name: str, block: Any) -> Iterator[Diagnostic]:
        labels = {row.layer for row in target.reading.rows if row.layer}
        for key, entry in block.items():
            if key in labels and entry is not None and not isinstance(entry, dict):
                message = f"{printable(entry)} is no object"
                yield Diagnostic(below(target.at(name), key), message)


class TypeIsMissing(Rule):
    """Scaling keys in a rope dict without a type.

    Readers take the dict as plain rotary embedding and drop the factor in silence.
    """

    code, level, silences = (
        "RI102",
        "error",
        ("RI109", "RI2", "RI302", "RI303", "RI305"),
    )
    source = "transformers 5.23.0 reads it as default; a published Llama-3.2 config"
    bad = {"rope_scaling": {"name": "dynamic", "factor": 32.0}}
    good = {"rope_scaling": {"rope_type": "dynamic", "factor": 32.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for keys of a scheme where no scheme is named."""
        for layer in target.given():
            block = layer.rope.block
            keys = scales(block)
            typed = [k for k in ("rope_type", "type") if block.get(k) is not None]
            slips = [k for k in block if nearest(k, ("rope_type",))]  # RI108
            if layer.rope.scheme or not keys or typed or slips:
                continue
            named = block.get("name")
            hint = f"; name {printable(named)} is not read" if named else ""
            lost = f": {', '.join(keys)} dropped" if len(keys) < 4 else ": all dropped"
            known = isinstance(named, str) and named in SCHEMES
            other = target.reread(layer, rope_type=named) if known else None
            message = (
                "rope_type is missing, so the embedding is plain"
                f"{lost}{hint}{because(effect(layer.spec, other), '; ')}"
            )
            # A parameter file has a loader of its own, which needs no type.
            level = "info" if is_parameters(target) else ""
            yield Diagnostic(layer.rope.path, message, _named(target, layer), level)


def _named(target: Target, layer: Layer) -> Fix:
    """Offer the rope dict of a known family, or say what is missing."""
    family = family_of(target)
    if family is None or len(family.block) == 1:
        return Fix("write the type that was meant as rope_type")
    unread = {k: REMOVE for k in layer.rope.block if k == "name"}
    wanted = unread | dict(family.block)
    edits = tuple(Edit(layer.rope.path, k, v) for k, v in wanted.items())
    return Fix(f"write the rope dict of {family.name}", edits, certain=False)


class TypesDiffer(Rule):
    """type, rope_type and name of one rope dict mean different methods.

    transformers takes rope_type, other readers take type, some refuse the file.
    """

    code, level, silences = "RI103", "error", ("RI2", "RI3", "RI109")
    source = "transformers 5.23.0 modeling_rope_utils.py; engines that read type"
    bad = {
        "rope_scaling": {"type": "linear", "rope_type": "dynamic", "factor": 8.0},
    }
    good = {"rope_scaling": {"type": "linear", "rope_type": "linear", "factor": 8.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare what the words mean, not how they are spelt."""
        for layer in target.given():
            words = {w: layer.get(w) for w in _WORDS if isinstance(layer.get(w), str)}
            top = target.keys.get("rope_type")
            if words.get("name") not in SCHEMES:
                words.pop("name", None)
            counted = "rope_type" if "rope_type" in words else "type"
            if counted not in words:
                continue
            meant = meaning(layer, words[counted])
            path = layer.rope.path
            for word, value in words.items():
                if meaning(layer, value) != meant:
                    yield self._diagnostic(
                        target, layer, below(path, word), value, counted
                    )
            if isinstance(top, str) and meaning(layer, top) != meant:
                yield self._diagnostic(
                    target, layer, target.at("rope_type"), top, counted
                )

    @staticmethod
    def _diagnostic(
        target: Target, layer: Layer, path: str, value: str, counted: str
    ) -> Diagnostic:
        other = target.reread(layer, rope_type=value)
        counts = printable(layer.get(counted))
        return Diagnostic(
            path,
            f"{printable(value)} differs from {counted} {counts}, which transformers "
            f"takes{because(effect(layer.spec, other))}",
        )


def meaning(layer: Layer, word: str) -> str:
    """Scheme that a word stands for, whoever reads it."""
    general = {"su": "longrope", "mrope": "default", "axial": "default"}
    return layer.rope.row.type_words.get(word) or general.get(word, word)


class UnknownType(Rule):
    """A type word that no reader of this model type knows.

    transformers loads the config and fails with KeyError when the model is built.
    """

    code, level, silences = "RI104", "error", _OF_TYPE
    source = "transformers 5.23.0 ROPE_INIT_FUNCTIONS; two published configs"
    bad = {"rope_scaling": {"rope_type": "linaer", "factor": 4.0}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    errors_at = ("rope_type", "type")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look the word up as the model type means it."""
        if not target.known:
            return
        for layer in target.given():
            key = "rope_type" if "rope_type" in layer.rope.block else "type"
            word = layer.get(key)
            if isinstance(word, str) and word in _RETIRED:
                yield from self._retired(layer, key, word)
            if not isinstance(word, str) or layer.spec is not None:
                continue
            if meaning(layer, word) in SCHEMES:
                continue
            path, lower = below(layer.rope.path, key), word.lower()
            if lower in SCHEMES:
                edit = Edit(layer.rope.path, key, lower)
                fix = Fix(f'write "{lower}": case counts', (edit,))
            elif (near := nearest(word, SCHEMES)) is not None:
                fix = Fix(f'did you mean "{near}"?', (), False)
            else:
                fix = Fix(f"write one of {', '.join(_COMMON)}")
            yield Diagnostic(path, self._message(target, layer, word), fix)

    @staticmethod
    def _retired(layer: Layer, key: str, word: str) -> Iterator[Diagnostic]:
        """Name the word of today; the types that had the old one still read it."""
        now, path = _RETIRED[word], below(layer.rope.path, key)
        message = f"{printable(word)} is the retired name of {now}"
        if layer.spec is not None:
            yield Diagnostic(path, message, level="info")
        elif layer.rope.row.type_words.get(word) != "":
            fails = ": transformers raises KeyError when the model is built"
            fix = Fix(f'write "{now}"', (Edit(layer.rope.path, key, now),))
            yield Diagnostic(path, message + fails, fix)

    @staticmethod
    def _message(target: Target, layer: Layer, word: str) -> str:
        if layer.rope.row.type_words.get(word) == "":
            kind = printable(target.located.model_type)
            return f"{printable(word)} is a rope type that {kind} does not read"
        return (
            f"{printable(word)} is no known rope type: transformers raises KeyError "
            "when the model is built"
        )


class NestedByLayerType(Rule):
    """A rope dict per layer type in a model type that has one, or the reverse.

    The scaling is dropped, or reaches layers that it was not meant for.
    """

    code, level, silences = "RI116", "warning", ("RI109",)
    source = "transformers 5.23.0: unknown keys in a flat dict; docs/huggingface.md"
    bad = {
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 2.0},
            "sliding_attention": {"rope_type": "default"},
        }
    }
    good = {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the form of the dict with that of the model type."""
        if not target.known:
            return
        typed = target.reading.rows[0].layers == "types"
        for name in OF_ROPE_DICTS:
            block = target.keys.get(name)
            if not isinstance(block, dict) or not block:
                continue
            inner = [k for k, v in block.items() if isinstance(v, dict)]
            nested = [k for k in inner if any(word in k for word in _LAYER_WORDS)]
            kind = printable(target.located.model_type)
            if nested and not typed:
                message = f"a dict per layer type, which {kind} does not read: "
                fails = _by_layer_types(target, block)
                message += "KeyError when the model is built" if fails else "dropped"
                path = below(target.at(name), nested[0])
                yield Diagnostic(path, message, level="error" if fails else "")
            elif typed and not inner and scales(block) and not list(target.given()):
                message = f"{kind} has a dict per layer type: this one is not read"
                yield Diagnostic(target.at(name), message)
            elif typed:
                yield from self._labels(target, name, inner)

    @staticmethod
    def _labels(target: Target, name: str, inner: list[str]) -> Iterator[Diagnostic]:
        """Find dicts whose name is no layer type."""
        rows, given = target.reading.rows, target.keys.get("layer_types")
        own = given if isinstance(given, list) else []
        known = {row.layer for row in rows}.union(*(row.labels for row in rows))
        known |= {label for label in own if isinstance(label, str)}
        for key in inner:
            if key not in known:
                near = nearest(key, known)
                hint = f": did you mean {near}?" if near else ""
                message = f"is no layer type of this model, and is not read{hint}"
                yield Diagnostic(below(target.at(name), key), message)


def _by_layer_types(target: Target, block: Mapping[str, Any]) -> bool:
    """Whether transformers takes a dict as one per layer type and then finds no type.

    It does so where an entry is one of the class's layer types, even in classes whose
    embedding reads the dict itself.
    """
    own = layer_types_of(target.located.model_type)
    given = target.keys.get("layer_types")
    if own and isinstance(given, list):
        own = tuple(label for label in given if isinstance(label, str))
    return "rope_type" not in block and any(key in own for key in block)
