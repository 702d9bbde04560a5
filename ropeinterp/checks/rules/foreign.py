"""RI117, RI118: a scaling that other readers apply, and transformers does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ropeinterp.checks.effect import because, effect
from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules.common import YARN
from ropeinterp.checks.target import Layer, Target
from ropeinterp.checks.words import is_finite
from ropeinterp.config.json_source import below
from ropeinterp.schemes import SCHEMES
from ropeinterp.spec import RopeSpec
from ropeinterp.text import printable


class _Spelling(NamedTuple):
    """What a key of another code means, and the value that changes nothing."""

    meaning: str
    neutral: Any
    scheme: str


_SPELLINGS: Mapping[str, _Spelling] = {
    "rope_condense_ratio": _Spelling("linear scaling by it", 1, "linear"),
    "rotary_seq_len_interpolation_factor": _Spelling(
        "linear scaling by it", 1, "linear"
    ),
    "seq_len_interpolation_factor": _Spelling("linear scaling by it", 1, "linear"),
    "rotary_emb_scale_base": _Spelling("scaled rotary embedding", None, ""),
    "rotary_scaling_factor": _Spelling("dynamic scaling beyond the length", 1, ""),
    "rope_scaling_factor": _Spelling("scaling by it", 1, ""),
    "use_dynamic_ntk": _Spelling("dynamic scaling beyond the length", False, ""),
    "use_interpolated_rotary_pos_emb": _Spelling("linear scaling", False, ""),
    "use_scaled_rope": _Spelling("the scaling of Llama 3.1", False, ""),
    "use_rope_scaling": _Spelling("the scaling of Llama 3.1", False, ""),
    "rope_adjustments": _Spelling("the scaling of Llama 3.1", None, ""),
}


class ForeignScaling(Rule):
    """A scaling in the spelling of other code, at the top level.

    transformers reads rope_parameters and rope_scaling alone: the frequencies are plain
    there. Where the model type is unknown, code of its own may read the key: that is a
    note.
    """

    code, level, at_key, gives_way = "RI117", "warning", True, True
    source = "litgpt config.py; Megatron-LM arguments.py; nomic-bert-2048's own code"
    bad = {"rope_condense_ratio": 4}
    good = {"rope_condense_ratio": 1}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look for the keys where no layer is scaled and no origin names them."""
        if not target.rotary or any(_scaled(layer) for layer in target.layers):
            return
        read = {
            path
            for layer in target.layers
            for origin in layer.origins.values()
            for path in origin.paths
        }
        for key, spelling in _SPELLINGS.items():
            value, path = target.keys.get(key), target.at(key)
            if not value or value == spelling.neutral or path in read:
                continue
            if spelling.neutral is False and value is not True:
                continue
            if not target.layers:
                continue
            layer = target.layers[0]
            other = None
            if spelling.scheme and is_finite(value) and value > 0:
                changes = {"rope_type": spelling.scheme, "factor": float(value)}
                other = target.reread(layer, **changes)
            shown = f"{printable(value)} means {spelling.meaning} elsewhere"
            message = f"{shown}, and is not read: the frequencies are plain"
            own_code = not target.known and target.located.model_type
            yield Diagnostic(
                path,
                message + because(effect(layer.spec, other)),
                level="info" if own_code else "",
            )


def _scaled(layer: Layer) -> bool:
    """Whether a layer is scaled already, so that no scaling is lost."""
    spec = layer.spec
    return spec is None or SCHEMES[spec.scheme].scales


class UnreadMethod(Rule):
    """A key of a rope dict that changes the numbers of other readers.

    transformers drops alpha beside "dynamic" in all model types but those of its
    vendor, and apply_yarn_scaling everywhere; engines read both.
    """

    code, level, at_key = "RI118", "warning", True
    source = "published draft models; engines read alpha and apply_yarn_scaling"
    bad = {"rope_scaling": {**YARN, "apply_yarn_scaling": False}}
    good = {"rope_scaling": {**YARN, "attention_factor": 1.0}}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Compute what a reader of the key takes."""
        for layer in target.given():
            spec = layer.spec
            if spec is None:
                continue
            for key, other in (
                ("alpha", _alpha(target, layer, spec)),
                ("apply_yarn_scaling", _unscaled_attention(target, layer)),
            ):
                difference = effect(spec, other)
                if difference:
                    shown = printable(layer.get(key))
                    message = f"{shown} is not read with type {printable(layer.word)}"
                    if key == "alpha" and other is not None:
                        message += f"; engines take base {other.base:.5g}"
                    path = below(layer.rope.path, key)
                    yield Diagnostic(path, message + because(difference))


def _alpha(target: Target, layer: Layer, spec: RopeSpec) -> RopeSpec | None:
    """Spec of a reader that multiplies the base by alpha ** (d / (d - 2))."""
    alpha, dim, base = layer.get("alpha"), spec.rotary_dim, spec.base
    grows = layer.traits is not None and layer.traits.grows
    if "alpha" in layer.rope.used or not grows or not is_finite(alpha):
        return None
    if not 0 < alpha < 1e9 or alpha == 1 or dim <= 2 or base is None or base > 1e12:
        return None
    raised = float(base) * float(alpha) ** (dim / (dim - 2))
    return target.reread(layer, rope_type="default", type=None, rope_theta=raised)


def _unscaled_attention(target: Target, layer: Layer) -> RopeSpec | None:
    """Spec of a reader that leaves out the attention factor of YaRN."""
    said = layer.get("apply_yarn_scaling") is False and layer.has("beta_fast")
    if not said or layer.get("attention_factor") is not None:
        return None
    return target.reread(layer, attention_factor=1.0)
