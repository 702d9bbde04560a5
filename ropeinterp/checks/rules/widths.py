"""RI209 to RI211: how many channels of a head are rotated."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_finite

_SHARE = "partial_rotary_factor"


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
            path = layer.path_of("dim") or target.reading.path
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
        spec, path = layer.spec, layer.path_of("dim")
        shares = {k for k in layer.rope.row.partial_keys if "/" not in k}
        key = path.rpartition(".")[2]
        if spec is None or key not in shares | {_SHARE} or path in seen:
            continue
        seen.add(path)
        share = target.document.value(path)
        if is_finite(share) and 0 < share < 1:
            size = share * spec.head_dim
            if not math.isclose(size, round(size), rel_tol=1e-9):
                yield path, share, spec.head_dim, size
