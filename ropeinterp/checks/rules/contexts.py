"""RI311, RI312: what the length of the context asks of the frequencies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.scheme import LENGTH_KEY


class BeyondLongestPeriod(Rule):
    """No scaling, and a length above twice the longest period.

    Every pair repeats its phases; common in models with multi-head latent attention.
    """

    code, level = "RI311", "info"
    source = "27 published configs, up to 22 times"
    bad = {LENGTH_KEY: 131072, "rope_theta": 10000.0, "head_dim": 64}
    good = {LENGTH_KEY: 131072, "rope_theta": 1e6, "head_dim": 64}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the length with the slowest pair."""
        length = target.length()
        for layer in target.layers:
            spec = layer.spec
            if length is None or spec is None or SCHEMES[spec.scheme].scales:
                continue
            longest = float(np.max(spec.periods(), initial=0.0))
            if length.value > 2 * longest > 0:
                message = (
                    f"{length.value:,} tokens are {length.value / longest:.3g} times "
                    f"the longest period, {longest:,.0f} tokens"
                )
                yield Diagnostic(length.path, message)
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
