"""RI111, RI113, RI114: the two schemas of a rope dict."""

from __future__ import annotations

from collections.abc import Iterator

from ropeinterp.checks import both_schemas
from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.config.json_source import below
from ropeinterp.config.names import OF_ROPE_DICTS
from ropeinterp.text import printable


class SchemasDiffer(Rule):
    """Both schemas are present, or a base stands in two places, with other values.

    Which one counts depends on the reader and on its version: transformers 5 takes
    rope_scaling before rope_parameters and the base in the dict before that at the top,
    4.57 the one at the top.
    """

    code, level = "RI111", "error"
    source = "transformers 5.23.0 and 4.57.6, measured"
    bad = {
        "rope_theta": 1e6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    }
    good = {
        "rope_theta": 1e6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the dicts key by key, and every base of a flat one."""
        scaling, parameters = (target.keys.get(name) for name in OF_ROPE_DICTS)
        keys = []
        if isinstance(scaling, dict) and isinstance(parameters, dict):
            keys = both_schemas.different(scaling, parameters)
            top = target.find(*target.reading.rows[0].theta_keys)
            if top is not None and parameters.get("rope_theta", top.value) != top.value:
                keys.append("rope_theta")
        if scaling and parameters and keys:
            shown = ", ".join(printable(k) for k in keys[:4])
            message = (
                f"differs from rope_parameters in {shown}: transformers 5.23.0 takes "
                "rope_scaling, others rope_parameters"
            )
            yield Diagnostic(target.at("rope_scaling"), message)
        if len(target.reading.rows) == 1:  # else a base is that of some layers
            for key in ("rope_theta", "partial_rotary_factor"):
                yield from self._twice(target, key)

    @staticmethod
    def _twice(target: Target, key: str) -> Iterator[Diagnostic]:
        """Compare the place at the top level with that in each dict."""
        for layer in target.given():
            row = layer.rope.row
            top = target.find(*(row.theta_keys if key == "rope_theta" else (key,)))
            own = layer.get(key)
            if top is None or own is None or own == top.value:
                continue
            other = target.reread(layer, **{key: top.value})
            shown = f"{printable(own)} here, {printable(top.value)} at {top.path}"
            message = (
                f"two values, {shown}: transformers 5.23.0 takes the first, 4.57 the "
                f"second{because(effect(layer.spec, other))}"
            )
            yield Diagnostic(below(layer.rope.path, key), message)


class OnlyOldSchema(Rule):
    """Only the keys of transformers 4: rope_scaling and a base at the top level.

    transformers 5 reads them, too.
    """

    code, level = "RI113", "info"
    source = "transformers 5.23.0 modeling_rope_utils.py"
    bad = {"rope_theta": 1e6}
    good = {
        "rope_theta": 1e6,
        "rope_scaling": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for keys of one schema alone."""
        if both_schemas.has_old(target) and not both_schemas.has_new(target):
            message = "the keys of transformers 4 alone; version 5 reads them, too"
            key = "rope_scaling" if target.keys.get("rope_scaling") else "rope_theta"
            yield Diagnostic(target.at(key), message, both_schemas.both(target))


class OnlyNewSchema(Rule):
    """Only the keys of transformers 5: rope_parameters.

    4.57 and readers like it do not look there: base 10000 and no scaling, in silence.
    """

    code, level = "RI114", "info"
    source = "transformers 4.57.6, measured: 375x on Llama-3.1"
    bad = {
        "rope_theta": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }
    good = {
        "rope_theta": 1e6,
        "rope_scaling": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for keys of one schema alone."""
        if both_schemas.has_new(target) and not both_schemas.has_old(target):
            message = "the keys of transformers 5 alone: 4.57 does not look there"
            path = target.at("rope_parameters")
            yield Diagnostic(path, message, both_schemas.both(target))
