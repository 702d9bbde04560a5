"""RI302 to RI304: lengths, and whether they agree with the factor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.families import family_of
from ropeinterp.checks.rule import Edit, Fix, Hit, Rule
from ropeinterp.checks.subject import Layer, Subject
from ropeinterp.checks.words import is_number
from ropeinterp.config.json_source import below

_LENGTH, _ORIGINAL = "max_position_embeddings", "original_max_position_embeddings"
_OTHERS = ("max_sequence_length", "model_max_length", "seq_length", "max_seq_len")
# Vendors extend a little further than they promise.
_HEADROOM = 1.25
_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def _yarn(length: int, **more: Any) -> dict[str, Any]:
    block = {"rope_type": "yarn", "factor": 4.0} | more
    return {_LENGTH: length, "rope_theta": 1e6, "rope_scaling": block}


def original(subject: Subject, layer: Layer) -> tuple[float, str] | None:
    """Trained length that the file states for a layer type, and where."""
    inside = layer.get(_ORIGINAL)
    top = subject.keys.get(_ORIGINAL)
    if is_number(top) and not layer.rope.nested:
        return top, subject.at(_ORIGINAL)
    return (inside, below(layer.rope.path, _ORIGINAL)) if is_number(inside) else None


class FactorAgainstLengths(Rule):
    """YaRN: factor times original length is not max_position_embeddings.

    The frequencies are right, the length is not: engines derive the context from one
    of the two.
    """

    code, level = "RI302", "warning"
    source = "transformers 5.23.0 warns for 40960, not for M = L0; arXiv:2309.00071"
    bad = _yarn(40960, original_max_position_embeddings=32768)
    good = _yarn(131072, original_max_position_embeddings=32768)

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare the three numbers."""
        length = subject.length()
        for layer in subject.given():
            factor, start = layer.get("factor"), original(subject, layer)
            if layer.scheme != "yarn" or start is None or length is None:
                continue
            if not is_number(factor) or factor <= 1 or start[0] <= 0:
                continue
            product = factor * start[0]
            if math.isclose(product, length.value, rel_tol=1e-6):
                continue
            message = (
                f"{factor:g} times the original length {start[0]:g} is {product:,.0f}, "
                f"but {_LENGTH} is {length.value:,}"
            )
            named = [k for k in _OTHERS if subject.keys.get(k) == product]
            if named:
                message += f" ({named[0]} has {product:,.0f})"
            if length.value == start[0]:
                message += ": a reader that goes by it stops there"
            path = below(layer.rope.path, "factor")
            if length.value < product <= _HEADROOM * length.value:
                yield Hit(path, message, level="info")
            else:
                yield Hit(path, message, self._fix(subject, length, product))

    @staticmethod
    def _fix(subject: Subject, length: Any, product: float) -> Fix | None:
        """Raise the length, unless another key contradicts."""
        said = {subject.keys[k] for k in _OTHERS if is_number(subject.keys.get(k))}
        if product < length.value or product != int(product) or said - {product}:
            return None
        key = length.path.rpartition(".")[2]
        edit = Edit(subject.reading.path, key, int(product))
        return Fix(f'write "{key}": {int(product)}', (edit,))


class OriginalMissing(Rule):
    """YaRN, Llama-3 or LongRoPE without the original length.

    transformers takes max_position_embeddings for it, which is the extended length;
    engines have defaults of their own.
    """

    code, level, silences = "RI303", "error", ("RI302", "RI304")
    source = "transformers 5.23.0 modeling_rope_utils.py; a published Qwen3 config"
    bad = _yarn(131072)
    good = _yarn(131072, original_max_position_embeddings=32768)

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look in the dict and at the top level."""
        length = subject.length()
        for layer in subject.given():
            needs = layer.scheme in ("yarn", "llama3", "longrope")
            present = _ORIGINAL in layer.rope.block or original(subject, layer)
            if not needs or present:
                continue
            taken = f"{length.value:,}" if length is not None else "the class default"
            message = f"is missing; {_LENGTH} {taken} is taken for it"
            guess = _guess(subject, layer)
            fix = None
            if guess is not None:
                start, reason = guess
                other = subject.reread(layer, **{_ORIGINAL: start})
                words = told(effect(layer.spec, other))
                message += f"{words} if the model was trained at {start:,}{reason}"
                edit = Edit(layer.rope.path, _ORIGINAL, start)
                fix = Fix(f'write "{_ORIGINAL}": {start}', (edit,), certain=False)
            yield Hit(below(layer.rope.path, _ORIGINAL), message, fix)


def _guess(subject: Subject, layer: Layer) -> tuple[int, str] | None:
    """Likely trained length: that of the family, or length / factor."""
    family = family_of(subject)
    if family is not None and _ORIGINAL in family.block:
        return int(family.block[_ORIGINAL]), f", as {family.name} was"
    length, factor = subject.length(), layer.get("factor")
    if length is None or not is_number(factor) or not factor > 1:
        return None
    start = length.value / factor
    if start >= 512 and start.is_integer() and math.log2(start).is_integer():
        return int(start), f" ({_LENGTH} / factor)"
    # A length between powers of two has a margin above the trained one.
    start = 2 ** int(math.log2(length.value)) if length.value >= 512 else 0
    return (int(start), "") if start and start != length.value else None


class LengthNotRaised(Rule):
    """max_position_embeddings is not above the original length.

    Nothing is extended, or the original length is wrong, which changes frequencies.
    """

    code, level, silences = "RI304", "warning", ("RI302",)
    source = "three published drafts; transformers 5.23.0 warns for some"
    bad = {_LENGTH: 8192, "rope_theta": 5e5, "rope_scaling": _LLAMA3}
    good = {_LENGTH: 131072, "rope_theta": 5e5, "rope_scaling": _LLAMA3}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare the dict's length, else that at the top level."""
        length = subject.length()
        if length is None or not length.value > 0 or not subject.rotary:
            return
        top = subject.keys.get(_ORIGINAL)
        seen = False
        for layer in subject.given():
            start = original(subject, layer)
            if start is None or layer.scheme not in ("yarn", "longrope", "llama3"):
                continue
            seen = seen or start[1] == subject.at(_ORIGINAL)
            blend = layer.scheme == "llama3"
            least = 1.05 * start[0] if blend else math.nextafter(start[0], 0)
            if not length.value > least:
                message = (
                    f"original length {start[0]:,}, but {_LENGTH} is "
                    f"{length.value:,}: nothing is extended"
                )
                yield Hit(start[1], message)
        if is_number(top) and not seen and length.value < top:
            message = f"original length {top:,}, but {_LENGTH} is {length.value:,}"
            yield Hit(subject.at(_ORIGINAL), message)


RULES = (
    FactorAgainstLengths(),
    OriginalMissing(),
    LengthNotRaised(),
)
