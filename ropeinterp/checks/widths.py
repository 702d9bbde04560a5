"""RI209 to RI211, RI301: the channels of a head, and how many are rotated."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ropeinterp.checks.finding import Diagnostic, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_number
from ropeinterp.config import names
from ropeinterp.config.reading import where

_SHARE = "partial_rotary_factor"
_FORMULA = "hidden_size//num_attention_heads"


class BadWidth(Rule):
    """A rotated width that is odd, zero, or above the width of a head.

    Readers round it differently, or fail: 65 channels make 33 frequencies here and 32
    there.
    """

    code, level = "RI209", "error"
    source = "transformers 5.23.0: arange(0, dim, 2); YaRN fails"
    bad = {"head_dim": 65}
    good = {"head_dim": 64}
    errors_at = ("head_dim", "partial_rotary_factor", "rotary_dim", "qk_rope_head_dim")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at the widths that were read; the reader refuses others."""
        seen = set()
        for layer in target.layers:
            spec = layer.spec
            if spec is None or (spec.dim % 2 == 0 and spec.rotary_dim > 0):
                continue
            origin = layer.origins.get("dim", "$")
            path = where(origin, target.reading.path)
            if path not in seen:
                seen.add(path)
                message = "no channel is rotated"
                if spec.rotary_dim > 0:
                    half = f"{spec.dim // 2} pairs and a half"
                    message = f"{spec.dim} rotated channels, an odd number: {half}"
                yield Diagnostic(path, message)


class Truncated(Rule):
    """partial_rotary_factor times head_dim is no whole number, and readers differ.

    transformers cuts it off, others round.
    """

    code, level = "RI210", "warning"
    source = "a published phi config: 0.4 * 32 = 12.8"
    bad = {"model_type": "phi", "head_dim": 32, "partial_rotary_factor": 0.4}
    good = {"model_type": "phi", "head_dim": 32, "partial_rotary_factor": 0.375}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare both ways."""
        for path, share, head, size in _shares(target):
            if int(size) != round(size):
                below_, above = int(size) / head, (int(size) + 1) / head
                message = (
                    f"{share:g} of {head} channels is {size:g}: transformers takes "
                    f"{int(size)}, others {round(size)}; {below_:g} or {above:g} "
                    "would be exact"
                )
                yield Diagnostic(path, message)


class NotWhole(Rule):
    """partial_rotary_factor times head_dim is no whole number, but readers agree.

    Vendors write 0.334 for a third.
    """

    code, level = "RI211", "info"
    source = "MiMo-V2: 0.334 * 192 = 64.128"
    bad = {"model_type": "phi", "head_dim": 192, "partial_rotary_factor": 0.334}
    good = {"model_type": "phi", "head_dim": 192, "partial_rotary_factor": 0.5}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare both ways."""
        for path, share, head, size in _shares(target):
            if int(size) == round(size):
                message = f"{share:g} of {head} channels is {size:g}, taken as"
                yield Diagnostic(path, f"{message} {int(size)}")


def _shares(target: Target) -> Iterator[tuple[str, float, int, float]]:
    """Partial factors whose product with the head is no whole number."""
    seen = set()
    for layer in target.layers:
        spec, path = layer.spec, where(layer.origins.get("dim", ""), "")
        shares = {k for k in layer.rope.row.partial_keys if "/" not in k}
        key = path.rpartition(".")[2]
        if spec is None or key not in shares | {_SHARE} or path in seen:
            continue
        seen.add(path)
        share = target.document.value(path)
        if is_number(share) and 0 < share < 1:
            size = share * spec.head_dim
            if not math.isclose(size, round(size), rel_tol=1e-9):
                yield path, share, spec.head_dim, size


class UndefinedSize(Rule):
    """hidden_size or num_attention_heads is missing, or does not divide.

    The class default is taken without a word: 4096 // 40 = 102 channels for a model
    whose heads have 128.
    """

    code, level, silences = "RI301", "error", ("RI209", "RI210")
    source = "three published configs; transformers 5.23.0 says nothing"
    bad = {"hidden_size": None, "num_attention_heads": 40}
    good = {"hidden_size": 5120, "num_attention_heads": 40}
    errors_at = ("hidden_size", "num_attention_heads")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask whether the formula of the row counts."""
        row = target.reading.rows[0]
        own = ("head_dim", "qk_rope_head_dim", "kv_channels")
        known = [n for n in row.head_dim_rule.split("|") if n in own]
        explicit = any(target.find(n, *row.aliases.get(n, ())) for n in known)
        default = any(n in row.sizes and n not in target.keys for n in known)
        if _FORMULA not in row.head_dim_rule or explicit or default:
            return
        if target.known:
            yield from self._missing(target)
        hidden, heads = (target.reading.size_or_none(n) for n in _FORMULA.split("//"))
        if hidden and heads and heads > 0 and hidden % heads:
            message = (
                f"hidden_size {hidden} is no multiple of {heads} heads, and head_dim "
                f"is missing: {hidden // heads} channels of a head are a guess"
            )
            found = target.reading.plain("num_attention_heads")
            path = found.origin if found else target.reading.path
            yield Diagnostic(path, message, level="" if target.top else "info")

    @staticmethod
    def _missing(target: Target) -> Iterator[Diagnostic]:
        row = target.reading.rows[0]
        missing = [n for n in _FORMULA.split("//") if not _stated(target, n)]
        spec = target.layers[0].spec if target.layers else None
        if missing and target.keys:
            others = f", as is {missing[1]}" if len(missing) > 1 else ""
            defaults = " and ".join(f"{row.sizes.get(n)}" for n in missing)
            heads = f", heads of {spec.head_dim} channels" if spec else ""
            message = f"is missing{others}: the class default counts, {defaults}{heads}"
            level = "" if target.top else "info"
            fix = Fix(f"write {' and '.join(missing)}, or head_dim")
            yield Diagnostic(target.at(missing[0]), message, fix, level)


def _stated(target: Target, name: str) -> bool:
    """Whether a size stands in the file, or one of its names says the class default."""
    found, default = (
        target.reading.plain(name),
        target.reading.rows[0].sizes.get(name),
    )
    others = (target.keys.get(alias) for alias in names.of_size(name))
    return (found is not None and found.value is not None) or default in others


RULES = (
    BadWidth(),
    Truncated(),
    NotWhole(),
    UndefinedSize(),
)
