"""RI302 to RI304: lengths, and whether they agree with the factor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.families import family_of
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
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


def original(target: Target, layer: Layer) -> tuple[float, str] | None:
    """Trained length that the file states for a layer type, and where."""
    inside = layer.get(_ORIGINAL)
    top = target.keys.get(_ORIGINAL)
    if is_number(top) and not layer.rope.nested:
        return top, target.at(_ORIGINAL)
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

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the three numbers."""
        length = target.length()
        for layer in target.given():
            factor, start = layer.get("factor"), original(target, layer)
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
            named = [k for k in _OTHERS if target.keys.get(k) == product]
            if named:
                message += f" ({named[0]} has {product:,.0f})"
            if length.value == start[0]:
                message += ": a reader that goes by it stops there"
            path = below(layer.rope.path, "factor")
            if length.value < product <= _HEADROOM * length.value:
                yield Diagnostic(path, message, level="info")
            else:
                yield Diagnostic(path, message, self._fix(target, length, product))

    @staticmethod
    def _fix(target: Target, length: Any, product: float) -> Fix | None:
        """Raise the length, unless another key contradicts."""
        said = {target.keys[k] for k in _OTHERS if is_number(target.keys.get(k))}
        if product < length.value or product != int(product) or said - {product}:
            return None
        key = length.origin.rpartition(".")[2]
        edit = Edit(target.reading.path, key, int(product))
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

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look in the dict and at the top level."""
        length = target.length()
        for layer in target.given():
            needs = layer.scheme in ("yarn", "llama3", "longrope")
            present = _ORIGINAL in layer.rope.block or original(target, layer)
            if not needs or present:
                continue
            taken = f"{length.value:,}" if length is not None else "the class default"
            message = f"is missing; {_LENGTH} {taken} is taken for it"
            guess = _guess(target, layer)
            fix = None
            if guess is not None:
                start, reason = guess
                other = target.reread(layer, **{_ORIGINAL: start})
                words = told(effect(layer.spec, other))
                message += f"{words} if the model was trained at {start:,}{reason}"
                edit = Edit(layer.rope.path, _ORIGINAL, start)
                fix = Fix(f'write "{_ORIGINAL}": {start}', (edit,), certain=False)
            yield Diagnostic(below(layer.rope.path, _ORIGINAL), message, fix)


def _guess(target: Target, layer: Layer) -> tuple[int, str] | None:
    """Likely trained length: that of the family, or length / factor."""
    family = family_of(target)
    if family is not None and _ORIGINAL in family.block:
        return int(family.block[_ORIGINAL]), f", as {family.name} was"
    length, factor = target.length(), layer.get("factor")
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

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the dict's length, else that at the top level."""
        length = target.length()
        if length is None or not length.value > 0 or not target.rotary:
            return
        top = target.keys.get(_ORIGINAL)
        seen = False
        for layer in target.given():
            start = original(target, layer)
            if start is None or layer.scheme not in ("yarn", "longrope", "llama3"):
                continue
            seen = seen or start[1] == target.at(_ORIGINAL)
            blend = layer.scheme == "llama3"
            least = 1.05 * start[0] if blend else math.nextafter(start[0], 0)
            if not length.value > least:
                message = (
                    f"original length {start[0]:,}, but {_LENGTH} is "
                    f"{length.value:,}: nothing is extended"
                )
                yield Diagnostic(start[1], message)
        if is_number(top) and not seen and length.value < top:
            message = f"original length {top:,}, but {_LENGTH} is {length.value:,}"
            yield Diagnostic(target.at(_ORIGINAL), message)


RULES = (
    FactorAgainstLengths(),
    OriginalMissing(),
    LengthNotRaised(),
)
