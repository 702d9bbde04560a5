"""RI307 to RI312: lengths alone, and what they ask of the frequencies."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ropeinterp.checks.finding import Diagnostic, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_number
from ropeinterp.config.json_source import below
from ropeinterp.text import printable

_LENGTH, _ORIGINAL = "max_position_embeddings", "original_max_position_embeddings"
_OTHERS = ("max_sequence_length", "model_max_length", "seq_length", "max_seq_len")


class SlipInLength(Rule):
    """A length one digit, or one swap of neighbours, away from a usual one.

    A factor that is derived from it is wrong, too.
    """

    code, level, silences = "RI307", "warning", ("RI302",)
    source = "a published config with 32678 for 32768 and a factor 1.99451"
    bad = {_LENGTH: 32678}
    good = {_LENGTH: 32768}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with 2^k, 3 2^k and 5 2^k, for lengths that no block divides."""
        places = [target.reading.plain(_LENGTH), target.reading.find(_ORIGINAL)]
        for layer in target.given():
            if _ORIGINAL in layer.rope.block:
                places.append(layer.rope.get(_ORIGINAL))
        for found in places:
            if found is None or not isinstance(found.value, int) or not target.rotary:
                continue
            usual = _usual(found.value)
            if usual is not None:
                message = (
                    f"{found.value} is one slip away from {usual}; a factor derived "
                    "from it is wrong, too"
                )
                yield Diagnostic(found.origin, message, Fix(f"write {usual}"))


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
            if layer.scheme not in ("linear", "dynamic") or length is None:
                continue
            if is_number(factor) and factor > 1 and length.value > 0:
                message = (
                    f"{factor:g}: the model was trained at "
                    f"{length.value / factor:,.0f} or at {length.value:,} tokens, "
                    f"{_LENGTH} does not tell which"
                )
                yield Diagnostic(below(layer.rope.path, "factor"), message)


class OtherLength(Rule):
    """A second key for the length, with another value.

    Tokenizers and engines read different ones.
    """

    code, level = "RI309", "info"
    source = "published configs with seq_length or max_sequence_length"
    bad = {_LENGTH: 32768, "max_sequence_length": 131072}
    good = {_LENGTH: 131072, "max_sequence_length": 131072}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare with the one that the model type reads."""
        length = target.length()
        if length is None or not target.rotary:
            return
        for key in _OTHERS:
            value = target.keys.get(key)
            other = is_number(value) and target.at(key) != length.origin
            if other and value != length.value:
                message = f"{printable(value)}, {_LENGTH} is {length.value:,}"
                yield Diagnostic(target.at(key), message)


class BeyondLongestPeriod(Rule):
    """No scaling, and a length above twice the longest period.

    Every pair repeats its phases; common in models with multi-head latent attention.
    """

    code, level = "RI311", "info"
    source = "27 published configs, up to 22 times"
    bad = {_LENGTH: 131072, "rope_theta": 10000.0, "head_dim": 64}
    good = {_LENGTH: 131072, "rope_theta": 1e6, "head_dim": 64}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the length with the slowest pair."""
        length = target.length()
        for layer in target.layers:
            spec = layer.spec
            if length is None or spec is None or spec.scheme != "default":
                continue
            longest = float(np.max(spec.periods(), initial=0.0))
            if length.value > 2 * longest > 0:
                message = (
                    f"{length.value:,} tokens are {length.value / longest:.3g} times "
                    f"the longest period, {longest:,.0f} tokens"
                )
                yield Diagnostic(length.origin, message)
                return


class DependsOnLength(Rule):
    """Dynamic scaling or LongRoPE: numbers depend on the length of the call.

    Keys in a cache keep the frequencies of the length at which they were rotated.
    """

    code, level = "RI312", "info"
    source = "transformers 5.23.0 dynamic_rope_update"
    bad = {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}
    good = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the spec."""
        for layer in target.given():
            spec = layer.spec
            if spec is not None and spec.depends_on_length:
                message = (
                    f"frequencies change beyond {spec.trained_length:,} tokens; "
                    "engines differ about the length of which call counts"
                )
                yield Diagnostic(layer.rope.path, message)


RULES = (
    SlipInLength(),
    OriginalUnknown(),
    OtherLength(),
    BeyondLongestPeriod(),
    DependsOnLength(),
)
