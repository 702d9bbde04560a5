"""RI302 to RI304, RI307 to RI309: lengths, and whether they agree with the factor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.families import family_of, published
from ropeinterp.checks.finding import Diagnostic, Edit, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config.json_source import below
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY
from ropeinterp.text import printable

_OTHERS = ("max_sequence_length", "model_max_length", "seq_length", "max_seq_len")
# Vendors extend a little further than they promise.
_HEADROOM = 1.25
# An extended length is clearly above the original one.
_EXTENDED = 1.05
_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def _yarn(length: int, **more: Any) -> dict[str, Any]:
    block = {"rope_type": "yarn", "factor": 4.0} | more
    return {LENGTH_KEY: length, "rope_theta": 1e6, "rope_scaling": block}


def original(target: Target, layer: Layer) -> tuple[float, str] | None:
    """Trained length that the file states for a layer type, and where."""
    inside = layer.get(ORIGINAL_KEY)
    top = target.keys.get(ORIGINAL_KEY)
    if is_finite(top) and not layer.rope.nested:
        return top, target.at(ORIGINAL_KEY)
    return (inside, below(layer.rope.path, ORIGINAL_KEY)) if is_finite(inside) else None


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
            by_lengths = layer.traits and layer.traits.lengths_give_factor
            if not by_lengths or start is None or length is None:
                continue
            if not is_finite(factor) or factor <= 1 or start[0] <= 0:
                continue
            product = factor * start[0]
            if math.isclose(product, length.value, rel_tol=1e-6):
                continue
            message = (
                f"{factor:g} times the original length {start[0]:g} is {product:,.0f}, "
                f"but {LENGTH_KEY} is {length.value:,}"
            )
            named = [k for k in _OTHERS if target.keys.get(k) == product]
            if named:
                message += f" ({named[0]} has {product:,.0f})"
            if length.value == start[0]:
                message += ": a reader that goes by it stops there"
            path = below(layer.rope.path, "factor")
            vendors = any(
                factor * row.length == length.value
                and start[0] == row.block.get(ORIGINAL_KEY)
                for row in published(target)
                if row.length
            )  # the published length, which has a margin, was stretched
            if vendors:
                continue
            if length.value < product <= _HEADROOM * length.value:
                yield Diagnostic(path, message, level="info")
            else:
                yield Diagnostic(path, message, self._fix(target, length, product))

    @staticmethod
    def _fix(target: Target, length: Any, product: float) -> Fix | None:
        """Raise the length, unless another key contradicts."""
        said = {target.keys[k] for k in _OTHERS if is_finite(target.keys.get(k))}
        if product < length.value or product != int(product) or said - {product}:
            return None
        key = length.path.rpartition(".")[2]
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
            present = ORIGINAL_KEY in layer.rope.block or original(target, layer)
            if not layer.has(ORIGINAL_KEY) or present:
                continue
            taken = f"{length.value:,}" if length is not None else "the class default"
            message = f"is missing; {LENGTH_KEY} {taken} is taken for it"
            guess = _guess(target, layer)
            fix = None
            if guess is not None:
                start, reason = guess
                other = target.reread(layer, **{ORIGINAL_KEY: start})
                effects = because(effect(layer.spec, other))
                message += f"{effects} if the model was trained at {start:,}{reason}"
                edit = Edit(layer.rope.path, ORIGINAL_KEY, start)
                fix = Fix(f'write "{ORIGINAL_KEY}": {start}', (edit,), certain=False)
            yield Diagnostic(below(layer.rope.path, ORIGINAL_KEY), message, fix)


def _guess(target: Target, layer: Layer) -> tuple[int, str] | None:
    """Likely trained length: that of the family, or length / factor."""
    family = family_of(target)
    if family is not None and ORIGINAL_KEY in family.block:
        return int(family.block[ORIGINAL_KEY]), f", as {family.name} was"
    length, factor = target.length(), layer.get("factor")
    if length is None or not is_finite(factor) or not factor > 1:
        return None
    start = length.value / factor
    if start >= 512 and start.is_integer() and math.log2(start).is_integer():
        return int(start), f" ({LENGTH_KEY} / factor)"
    # A length between powers of two has a margin above the trained one.
    start = 2 ** int(math.log2(length.value)) if length.value >= 512 else 0
    return (int(start), "") if start and start != length.value else None


class LengthNotRaised(Rule):
    """max_position_embeddings is not above the original length.

    Nothing is extended, or the original length is wrong, which changes frequencies.
    """

    code, level, silences = "RI304", "warning", ("RI302",)
    source = "three published drafts; transformers 5.23.0 warns for some"
    bad = {LENGTH_KEY: 8192, "rope_theta": 5e5, "rope_scaling": _LLAMA3}
    good = {LENGTH_KEY: 131072, "rope_theta": 5e5, "rope_scaling": _LLAMA3}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the dict's length, else that at the top level."""
        length = target.length()
        if length is None or not length.value > 0 or not target.rotary:
            return
        top = target.keys.get(ORIGINAL_KEY)
        seen = False
        for layer in target.given():
            start = original(target, layer)
            if start is None or not layer.has(ORIGINAL_KEY):
                continue
            seen = seen or start[1] == target.at(ORIGINAL_KEY)
            extended = layer.traits and layer.traits.length_is_extended
            least = _EXTENDED * start[0] if extended else math.nextafter(start[0], 0)
            if not length.value > least:
                message = (
                    f"original length {start[0]:,}, but {LENGTH_KEY} is "
                    f"{length.value:,}: nothing is extended"
                )
                yield Diagnostic(start[1], message)
        if is_finite(top) and not seen and length.value < top:
            message = f"original length {top:,}, but {LENGTH_KEY} is {length.value:,}"
            yield Diagnostic(target.at(ORIGINAL_KEY), message)


class SlipInLength(Rule):
    """A length one digit, or one swap of neighbours, away from a usual one.

    A factor that is derived from it is wrong, too.
    """

    code, level, silences = "RI307", "warning", ("RI302",)
    source = "a published config with 32678 for 32768 and a factor 1.99451"
    bad = {LENGTH_KEY: 32678}
    good = {LENGTH_KEY: 32768}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with 2^k, 3 2^k and 5 2^k, for lengths that no block divides."""
        places = [target.reading.named(LENGTH_KEY), target.reading.find(ORIGINAL_KEY)]
        for layer in target.given():
            if ORIGINAL_KEY in layer.rope.block:
                places.append(layer.rope.get(ORIGINAL_KEY))
        for found in places:
            if found is None or not isinstance(found.value, int) or not target.rotary:
                continue
            usual = _usual(found.value)
            if usual is not None:
                message = (
                    f"{found.value} is one slip away from {usual}; a factor derived "
                    "from it is wrong, too"
                )
                yield Diagnostic(found.path, message, Fix(f"write {usual}"))


def _usual(n: int) -> int | None:
    if isinstance(n, bool) or not 512 <= n < 2**40 or n % 64 == 0:
        return None
    k = int(math.log2(n))
    near = {m * 2**e for m in (1, 3, 5) for e in range(k - 3, k + 2)}
    return next(
        (u for u in sorted(near) if abs(u - n) > 2 and _is_slip(str(n), str(u))), None
    )


def _is_slip(a: str, b: str) -> bool:
    """One other digit, or two neighbours swapped."""
    if len(a) != len(b):
        return False
    wrong = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(wrong) == 1:
        return True
    i = wrong[0]
    return wrong == [i, i + 1] and a[i] == b[i + 1] and a[i + 1] == b[i]


class OriginalUnknown(Rule):
    """Linear or dynamic: the original length cannot be derived.

    max_position_embeddings is the extended length in some files, the original one in
    others.
    """

    code, level = "RI308", "info"
    source = "31 published configs, both ways"
    bad = {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    good = {"rope_scaling": None}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Say both readings."""
        length = target.length()
        for layer in target.given():
            factor = layer.get("factor")
            if (
                layer.has(ORIGINAL_KEY)
                or not layer.requires("factor")
                or length is None
            ):
                continue
            if is_finite(factor) and factor > 1 and length.value > 0:
                message = (
                    f"{factor:g}: the model was trained at "
                    f"{length.value / factor:,.0f} or at {length.value:,} tokens, "
                    f"{LENGTH_KEY} does not tell which"
                )
                yield Diagnostic(below(layer.rope.path, "factor"), message)


class OtherLength(Rule):
    """A second key for the length, with another value.

    Tokenizers and engines read different ones.
    """

    code, level = "RI309", "info"
    source = "published configs with seq_length or max_sequence_length"
    bad = {LENGTH_KEY: 32768, "max_sequence_length": 131072}
    good = {LENGTH_KEY: 131072, "max_sequence_length": 131072}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with the one that the model type reads."""
        length = target.length()
        if length is None or not target.rotary:
            return
        for key in _OTHERS:
            value = target.keys.get(key)
            other = is_finite(value) and target.at(key) != length.path
            if other and value != length.value:
                message = f"{printable(value)}, {LENGTH_KEY} is {length.value:,}"
                yield Diagnostic(target.at(key), message)
