"""RI206 to RI214, RI301: values that do not fit each other, and widths of heads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ropeinterp.checks.effect import effect, told
from ropeinterp.checks.rule import Hit, Rule
from ropeinterp.checks.subject import Layer, Subject
from ropeinterp.checks.words import is_number
from ropeinterp.errors import printable
from ropeinterp.reading.lookup import where
from ropeinterp.reading.source import below

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
_FORMULA = "hidden_size//num_attention_heads"


def _swapped(
    subject: Subject, layer: Layer, low: str, high: str
) -> tuple[str, str] | None:
    """Words for two bounds that are the wrong way round, and what the swap does."""
    a, b = layer.get(low), layer.get(high)
    if not is_number(a) or not is_number(b) or not a > b > 0:
        return None
    other = subject.reread(layer, **{low: b, high: a})
    words = told(effect(layer.spec, other))
    return below(layer.plan.path, low), f"{a:g} is above {high} {b:g}{words}"


class BetasSwapped(Rule):
    """beta_fast below beta_slow.

    The ramp of YaRN runs the wrong way: fast pairs are interpolated, slow ones are not.
    """

    code, level = "RI206", "error"
    source = "arXiv:2309.00071 section 3.2; transformers 5.23.0 logs it"
    bad = {"rope_scaling": {**_YARN, "beta_fast": 1.0, "beta_slow": 32.0}}
    good = {"rope_scaling": {**_YARN, "beta_fast": 32.0, "beta_slow": 1.0}}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare what counts, defaults included."""
        for layer in subject.given():
            spec = layer.spec
            if spec is None or spec.scheme != "yarn":
                continue
            if spec.beta_fast < spec.beta_slow:
                key = "beta_fast" if layer.get("beta_fast") else "beta_slow"
                other = subject.reread(
                    layer, beta_fast=spec.beta_slow, beta_slow=spec.beta_fast
                )
                message = (
                    f"beta_fast {spec.beta_fast:g} is below beta_slow "
                    f"{spec.beta_slow:g}: the ramp is reversed"
                )
                words = told(effect(spec, other), "; ")
                yield Hit(below(layer.plan.path, key), message + words)


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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Equal bounds are meant, as in Llama-4."""
        for layer in subject.given():
            if layer.scheme == "llama3":
                words = _swapped(subject, layer, "low_freq_factor", "high_freq_factor")
                if words is not None:
                    yield Hit(*words)


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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look at the items; the reader compares the length with the pairs."""
        for layer in subject.given():
            if layer.scheme != "longrope":
                continue
            for name in _LISTS:
                values = layer.get(name)
                if isinstance(values, list) and len(values) <= _MOST_ITEMS:
                    path = below(layer.plan.path, name)
                    yield from self._items(path, values)

    @staticmethod
    def _items(path: str, values: list[Any]) -> Iterator[Hit]:
        for i, value in enumerate(values):
            if not is_number(value) or not value > 0:
                yield Hit(below(path, i), f"{printable(value)} is no positive number")
                return


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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Look at the widths that were read; the reader refuses others."""
        seen = set()
        for layer in subject.layers:
            spec = layer.spec
            if spec is None or spec.dim % 2 == 0:
                continue
            origin = layer.origins.get("dim", "$")
            path = where(origin, subject.flat.path)
            if path not in seen:
                seen.add(path)
                message = f"{spec.dim} rotated channels, an odd number"
                yield Hit(path, f"{message}: {spec.dim // 2} pairs and a half")


class Truncated(Rule):
    """partial_rotary_factor times head_dim is no whole number, and readers differ.

    transformers cuts it off, others round.
    """

    code, level = "RI210", "warning"
    source = "a published phi config: 0.4 * 32 = 12.8"
    bad = {"model_type": "phi", "head_dim": 32, "partial_rotary_factor": 0.4}
    good = {"model_type": "phi", "head_dim": 32, "partial_rotary_factor": 0.375}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare both ways."""
        for path, share, head, size in _shares(subject):
            if int(size) != round(size):
                below_, above = int(size) / head, (int(size) + 1) / head
                message = (
                    f"{share:g} of {head} channels is {size:g}: transformers takes "
                    f"{int(size)}, others {round(size)}; {below_:g} or {above:g} "
                    "would be exact"
                )
                yield Hit(path, message)


class NotWhole(Rule):
    """partial_rotary_factor times head_dim is no whole number, but readers agree.

    Vendors write 0.334 for a third.
    """

    code, level = "RI211", "info"
    source = "MiMo-V2: 0.334 * 192 = 64.128"
    bad = {"model_type": "phi", "head_dim": 192, "partial_rotary_factor": 0.334}
    good = {"model_type": "phi", "head_dim": 192, "partial_rotary_factor": 0.5}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Compare both ways."""
        for path, share, head, size in _shares(subject):
            if int(size) == round(size):
                message = f"{share:g} of {head} channels is {size:g}, taken as"
                yield Hit(path, f"{message} {int(size)}")


def _shares(subject: Subject) -> Iterator[tuple[str, float, int, float]]:
    """Partial factors whose product with the head is no whole number."""
    seen = set()
    for layer in subject.layers:
        spec, path = layer.spec, where(layer.origins.get("dim", ""), "")
        share = subject.document.value(path) if path else None
        if spec is None or not path.endswith("partial_rotary_factor") or path in seen:
            continue
        seen.add(path)
        if is_number(share) and 0 < share < 1:
            size = share * spec.head_dim
            if not math.isclose(size, round(size), rel_tol=1e-9):
                yield path, share, spec.head_dim, size


class LoneMscale(Rule):
    """Only one of mscale and mscale_all_dim in a YaRN dict.

    transformers ignores it alone, engines for multi-head latent attention do not.
    """

    code, level = "RI212", "warning"
    source = "transformers 5.23.0 _compute_yarn_parameters; DeepSeek's own code"
    bad = {"rope_scaling": {**_YARN, "mscale": 0.707}}
    good = {"rope_scaling": {**_YARN, "mscale": 0.707, "mscale_all_dim": 0.707}}

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Take a zero beside it as meant, as in Devstral."""
        for layer in subject.given():
            given = [
                k for k in ("mscale", "mscale_all_dim") if layer.get(k) is not None
            ]
            if layer.scheme == "yarn" and len(given) == 1:
                (key,) = given
                if layer.get(key) and layer.get("attention_factor") is None:
                    message = f"{layer.get(key)!r} counts only together with the other"
                    yield Hit(
                        below(layer.plan.path, key),
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

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Interleaved sections may leave pairs over; the reader refuses the rest."""
        for layer in subject.given():
            kind = layer.plan.row.axes.partition(" ")[0]
            sections, spec = layer.get("mrope_section"), layer.spec
            if kind != "interleaved" or spec is None or not isinstance(sections, list):
                continue
            total, pairs = sum(sections), spec.rotary_dim // 2
            if total != pairs:
                message = f"sections of {total} on {pairs} pairs: the rest follows time"
                path = below(layer.plan.path, "mrope_section")
                yield Hit(path, message, level="info")


class UndefinedSize(Rule):
    """hidden_size or num_attention_heads is missing, or does not divide.

    The class default is taken without a word: 4096 // 40 = 102 channels for a model
    whose heads have 128.
    """

    code, level, silences = "RI301", "error", ("RI209",)
    source = "three published configs; transformers 5.23.0 says nothing"
    bad = {"hidden_size": None, "num_attention_heads": 40}
    good = {"hidden_size": 5120, "num_attention_heads": 40}
    errors_at = ("hidden_size", "num_attention_heads")

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Ask whether the formula of the row counts."""
        row = subject.flat.rows[0]
        own = ("head_dim", "qk_rope_head_dim", "kv_channels")
        names = [n for n in row.head_dim_rule.split("|") if n in own]
        explicit = any(subject.find(n, *row.aliases.get(n, ())) for n in names)
        default = any(n in row.sizes and n not in subject.keys for n in names)
        if _FORMULA not in row.head_dim_rule or explicit or default:
            return
        sizes = [subject.flat.size_or_none(n) for n in _FORMULA.split("//")]
        if subject.known:
            yield from self._missing(subject, sizes)
        hidden, heads = sizes
        if hidden and heads and heads > 0 and hidden % heads:
            message = (
                f"hidden_size {hidden} is no multiple of {heads} heads, and head_dim "
                f"is missing: {hidden // heads} channels of a head are a guess"
            )
            found = subject.flat.plain("num_attention_heads")
            yield Hit(found.origin if found else subject.flat.path, message)

    @staticmethod
    def _missing(subject: Subject, sizes: list[int | None]) -> Iterator[Hit]:
        row = subject.flat.rows[0]
        missing = [
            name
            for name, value in zip(_FORMULA.split("//"), sizes, strict=True)
            if value is None
        ]
        spec = subject.layers[0].spec if subject.layers else None
        if missing and subject.keys:
            others = f", as is {missing[1]}" if len(missing) > 1 else ""
            defaults = " and ".join(f"{row.sizes.get(n)}" for n in missing)
            heads = f", heads of {spec.head_dim} channels" if spec else ""
            message = f"is missing{others}: the class default counts, {defaults}{heads}"
            level = "" if subject.top else "info"
            yield Hit(subject.at(missing[0]), message, level=level)


RULES = (
    BetasSwapped(),
    BoundsSwapped(),
    BadFactorList(),
    BadWidth(),
    Truncated(),
    NotWhole(),
    LoneMscale(),
    BadSections(),
    UndefinedSize(),
)
