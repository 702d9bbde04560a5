"""RI208, RI214, RI217, RI218: lists that do not fit the pairs of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config.json_source import below
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY
from ropeinterp.text import printable

_MOST_ITEMS = 4096
_LISTS = tuple(
    key.name for s in SCHEMES.values() for key in s.keys if key.kind == "numbers"
)


class BadFactorList(Rule):
    """A list of LongRoPE of a wrong length, or with an item that divides nothing.

    A wrong long list fails only beyond the original length, a list of one item
    broadcasts in silence, a zero gives infinite frequencies.
    """

    code, level = "RI208", "error"
    source = "transformers 5.23.0 _compute_longrope_parameters; arXiv:2402.13753"
    bad = {
        "rope_scaling": {
            "rope_type": "longrope",
            "short_factor": [1.0],
            "long_factor": [2.0],
            "original_max_position_embeddings": 4096,
        }
    }
    good = {
        "rope_scaling": {
            "rope_type": "longrope",
            "short_factor": [1.0] * 64,
            "long_factor": [2.0] * 64,
            "original_max_position_embeddings": 4096,
        }
    }
    errors_at = _LISTS

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at the items; the reader compares the length with the pairs."""
        for layer in target.given():
            for name in filter(layer.has, _LISTS):
                values = layer.get(name)
                if isinstance(values, list) and len(values) <= _MOST_ITEMS:
                    path = below(layer.rope.path, name)
                    yield from self._items(path, values)

    @staticmethod
    def _items(path: str, values: list[Any]) -> Iterator[Diagnostic]:
        for i, value in enumerate(values):
            if not is_finite(value) or not value > 0:
                yield Diagnostic(
                    below(path, i), f"{printable(value)} is no positive number"
                )
                return


class BadSections(Rule):
    """mrope_section that does not fit the pairs of the model.

    The split fails, or an engine rescales the sections.
    """

    code, level = "RI214", "error"
    source = "transformers 5.23.0 apply_multimodal_rotary_pos_emb"
    bad = {
        "model_type": "qwen2_vl",
        "text_config": {
            "model_type": "qwen2_vl_text",
            "hidden_size": 4096,
            "num_attention_heads": 32,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 25]},
        },
    }
    good = {
        "model_type": "qwen2_vl",
        "text_config": {
            "model_type": "qwen2_vl_text",
            "hidden_size": 4096,
            "num_attention_heads": 32,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        },
    }
    errors_at = ("mrope_section", "xdrope_section")

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Interleaved sections may leave pairs over; the reader refuses the rest."""
        for layer in target.given():
            kind = layer.rope.row.axes.partition(" ")[0]
            sections, spec = layer.get("mrope_section"), layer.spec
            if not kind or spec is None or not isinstance(sections, list):
                continue
            path = below(layer.rope.path, "mrope_section")
            broken = [n for n in sections if not isinstance(n, int)]
            if broken:
                yield Diagnostic(
                    path, f"{broken[0]!r} is no whole number: the split fails"
                )
                continue
            total, pairs = sum(sections), spec.rotary_dim // 2
            if kind == "interleaved" and total != pairs:
                less = total < pairs
                rest = ": the rest follows time" if less else ""
                message = f"sections of {total} on {pairs} pairs{rest}"
                # transformers takes the pairs that are there, and runs.
                yield Diagnostic(path, message, level="info" if less else "warning")


class MarksInverted(Rule):
    """no_rope_layers that leaves more layers without rotation than with it.

    1 means that a layer is rotated, whatever the name of the key says. All published
    models rotate three layers of four.
    """

    code, level = "RI217", "warning"
    source = "transformers#43756"
    bad = {
        "model_type": "smollm3",
        "num_hidden_layers": 8,
        "no_rope_layers": [0, 0, 0, 1] * 2,
    }
    good = {
        "model_type": "smollm3",
        "num_hidden_layers": 8,
        "no_rope_layers": [1, 1, 1, 0] * 2,
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Count the marks, where the model type reads them."""
        row, marks = target.reading.rows[0], target.keys.get("no_rope_layers")
        if row.layers != "no_rope_layers" or not isinstance(marks, list):
            return
        if not marks or len(marks) > _MOST_ITEMS or not all(map(is_finite, marks)):
            return
        unrotated = sum(1 for mark in marks if not mark)
        if len(marks) < 2 * unrotated < 2 * len(marks):
            message = (
                f"{unrotated} of {len(marks)} layers lose their rotation: 1 means "
                "that a layer is rotated"
            )
            yield Diagnostic(target.at("no_rope_layers"), message)


class NeverStretched(Rule):
    """LongRoPE that extends nothing: a length that is the original, or a list of ones.

    The long list counts beyond the original length alone, and the attention factor
    follows from the two lengths: 1 where they are equal.
    """

    code, level, silences = "RI218", "warning", ("RI304",)
    source = "a published Phi-3.5 file of an engine; transformers 5.23.0"
    bad = {
        LENGTH_KEY: 4096,
        "rope_scaling": {
            "rope_type": "longrope",
            "short_factor": [1.0] * 64,
            "long_factor": [8.0] * 64,
            ORIGINAL_KEY: 4096,
        },
    }
    good = {
        LENGTH_KEY: 32768,
        "rope_scaling": {
            "rope_type": "longrope",
            "short_factor": [1.0] * 64,
            "long_factor": [8.0] * 64,
            ORIGINAL_KEY: 4096,
        },
    }

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare the lengths, and the longest stretch; a stated factor is meant."""
        length = target.length()
        for layer in target.given():
            spec, values = layer.spec, layer.get("long_factor")
            if spec is None or not layer.requires("long_factor") or length is None:
                continue
            if not isinstance(values, list) or layer.get("factor") is not None:
                continue
            most, start = max(values), spec.trained_length
            path = below(layer.rope.path, "long_factor")
            if length.value == start and most > 1:
                message = (
                    f"stretches by up to {most:g}, and is never reached: {LENGTH_KEY} "
                    f"{start:,} is the original length"
                )
                if spec.attention_scaling == 1:
                    message += ", and the attention factor is 1"
                yield Diagnostic(path, message)
            elif start is not None and length.value > start and most <= 1:
                message = f"stretches nothing, but {LENGTH_KEY} is {length.value:,}"
                yield Diagnostic(path, f"{message}, above {start:,}")
