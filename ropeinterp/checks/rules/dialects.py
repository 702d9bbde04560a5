"""RI401, RI403, RI411: what other readers take; for dialects that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.config.json_source import below
from ropeinterp.dialects import V4, V5


class NotWhereItLooks(Rule):
    """The base or the rope dict stands where this dialect does not look.

    It takes base 10000 and no scaling, in silence.
    """

    code, level, dialects = "RI401", "warning", (V4,)
    source = "transformers 4.57.6, measured: 375x on Llama-3.1"
    bad = {
        "rope_theta": None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }
    good = {"rope_theta": 1e6}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Read the same keys in both dialects."""
        if target.find("rope_parameters") is None:
            return
        reader = target.reader._replace(dialect=V4)
        others = target.read_by(target.located, reader)
        old = {layer.name: layer for layer in others}
        for layer in target.layers:
            other = old.get(layer.name) or old.get("default")
            difference = effect(layer.spec, other.spec if other else None)
            if difference:
                message = f"transformers 4.57.6 does not look here{because(difference)}"
                yield Diagnostic(target.at("rope_parameters"), message)
                return


class TruncateIgnored(Rule):
    """truncate: false in a rope dict of a layer type.

    transformers 5.23.0 ignores it there and rounds the bounds of the ramp.
    """

    code, level, dialects = "RI403", "warning", (V5,)
    source = "transformers 5.23.0, measured"
    bad = {
        "model_type": "olmo3",
        "layer_types": ["full_attention", "sliding_attention"],
        "max_position_embeddings": 65536,
        "rope_parameters": {
            "full_attention": {
                "rope_type": "yarn",
                "rope_theta": 5e5,
                "factor": 8.0,
                "original_max_position_embeddings": 8192,
                "truncate": False,
            },
            "sliding_attention": {"rope_type": "default", "rope_theta": 5e5},
        },
    }
    good = {"rope_scaling": None}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for the key in nested dicts."""
        for layer in target.given():
            if layer.rope.nested and layer.get("truncate") is False:
                other = target.reread(layer, truncate=True)
                message = "transformers 5.23.0 ignores it here"
                path = below(layer.rope.path, "truncate")
                yield Diagnostic(path, message + because(effect(layer.spec, other)))


class TypeDropped(Rule):
    """A Gemma-3 rope_scaling spelt with type, not with rope_type.

    transformers 5.23.0 drops it: the global layers lose their factor.
    """

    code, level, dialects = "RI411", "warning", (V5,)
    source = "transformers 5.23.0, measured: defect D6 of docs/huggingface.md"
    bad = {
        "model_type": "gemma3_text",
        "rope_scaling": {"type": "linear", "factor": 8.0},
    }
    good = {
        "model_type": "gemma3_text",
        "rope_scaling": {"rope_type": "linear", "factor": 8.0},
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at dicts that are merged into that of the class."""
        for layer in target.given():
            block = layer.rope.block
            merged = layer.rope.row.one_dict == "merge" and not layer.rope.nested
            if merged and "type" in block and "rope_type" not in block:
                other = target.reread(layer, type="default", factor=None)
                message = "transformers 5.23.0 drops the dict; rope_type is read"
                path = below(layer.rope.path, "type")
                yield Diagnostic(path, message + because(effect(layer.spec, other)))
