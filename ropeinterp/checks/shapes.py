"""RI206 to RI208, RI212, RI214: values that do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_number
from ropeinterp.config.json_source import below
from ropeinterp.text import printable

_YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 8192,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 4096,
}
_MOST_ITEMS = 4096
_LISTS = ("short_factor", "long_factor")


class BetasSwapped(Rule):
    """beta_fast below beta_slow.

    The ramp of YaRN runs the wrong way: fast pairs are interpolated, slow ones are not.
    """

    code, level = "RI206", "error"
    source = "arXiv:2309.00071 section 3.2; transformers 5.23.0 logs it"
    bad = {"rope_scaling": {**_YARN, "beta_fast": 1.0, "beta_slow": 32.0}}
    good = {"rope_scaling": {**_YARN, "beta_fast": 32.0, "beta_slow": 1.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compare what counts, defaults included."""
        for layer in target.given():
            spec = layer.spec
            if spec is None or spec.scheme != "yarn":
                continue
            if spec.beta_fast < spec.beta_slow:
                key = "beta_fast" if layer.get("beta_fast") else "beta_slow"
                other = target.reread(
                    layer, beta_fast=spec.beta_slow, beta_slow=spec.beta_fast
                )
                message = (
                    f"beta_fast {spec.beta_fast:g} is below beta_slow "
                    f"{spec.beta_slow:g}: the ramp is reversed"
                )
                words = told(effect(spec, other), "; ")
                yield Diagnostic(below(layer.rope.path, key), message + words)


class BoundsSwapped(Rule):
    """low_freq_factor above high_freq_factor.

    The blend of Llama-3 is undefined between them.
    """

    code, level = "RI207", "error"
    source = "transformers 5.23.0 _compute_llama3_parameters; logs it"
    bad = {
        "max_position_embeddings": 32768,
        "rope_scaling": {**_LLAMA3, "low_freq_factor": 8.0},
    }
    good = {"max_position_embeddings": 32768, "rope_scaling": _LLAMA3}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Equal bounds are meant, as in Llama-4."""
        for layer in target.given():
            low, high = layer.get("low_freq_factor"), layer.get("high_freq_factor")
            if layer.scheme != "llama3" or not is_number(low) or not is_number(high):
                continue
            if low > high > 0:
                other = target.reread(layer, low_freq_factor=high, high_freq_factor=low)
                message = f"{low:g} is above high_freq_factor {high:g}"
                path = below(layer.rope.path, "low_freq_factor")
                yield Diagnostic(path, message + told(effect(layer.spec, other)))


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
            if layer.scheme != "longrope":
                continue
            for name in _LISTS:
                values = layer.get(name)
                if isinstance(values, list) and len(values) <= _MOST_ITEMS:
                    path = below(layer.rope.path, name)
                    yield from self._items(path, values)

    @staticmethod
    def _items(path: str, values: list[Any]) -> Iterator[Diagnostic]:
        for i, value in enumerate(values):
            if not is_number(value) or not value > 0:
                yield Diagnostic(
                    below(path, i), f"{printable(value)} is no positive number"
                )
                return


class LoneMscale(Rule):
    """Only one of mscale and mscale_all_dim in a YaRN dict.

    transformers ignores it alone, engines for multi-head latent attention do not.
    """

    code, level = "RI212", "warning"
    source = "transformers 5.23.0 _compute_yarn_parameters; DeepSeek's own code"
    bad = {"rope_scaling": {**_YARN, "mscale": 0.707}}
    good = {"rope_scaling": {**_YARN, "mscale": 0.707, "mscale_all_dim": 0.707}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Take a zero beside it as meant, as in Devstral."""
        for layer in target.given():
            given = [
                k for k in ("mscale", "mscale_all_dim") if layer.get(k) is not None
            ]
            if layer.scheme == "yarn" and len(given) == 1:
                (key,) = given
                # mscale 1.0 alone is what readers take for the pair, too.
                odd = layer.get(key) and not (key == "mscale" and layer.get(key) == 1)
                if odd and layer.get("attention_factor") is None:
                    message = f"{layer.get(key)!r} counts only together with the other"
                    yield Diagnostic(
                        below(layer.rope.path, key),
                        f"{message} mscale key; some engines take it alone",
                    )


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
                yield Diagnostic(path, message, level="info" if less else "")


RULES = (
    BetasSwapped(),
    BoundsSwapped(),
    BadFactorList(),
    LoneMscale(),
    BadSections(),
)
