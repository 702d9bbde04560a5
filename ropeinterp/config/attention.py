"""What multiplies tables, scores and queries."""

from __future__ import annotations

from collections.abc import Mapping

from ropeinterp import scalars
from ropeinterp.config.reading import Reading
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.values import FieldValues, Found, computed, number
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES
from ropeinterp.spec import RopeSpec

_MSCALES = {
    "short_mscale": "attention_scaling",
    "long_mscale": "long_attention_scaling",
}


def multipliers(
    reading: Reading,
    rope: RopeDict,
    spec: RopeSpec,
    attention_factor: Found | None,
    mscales: Mapping[str, Found | None],
) -> FieldValues:
    """Find what multiplies tables, scores and queries.

    Parameters
    ----------
    reading, rope : Reading, RopeDict
        The config, and the rope dict of the layers.
    spec : RopeSpec
        All else, checked: the multipliers follow from its numbers.
    attention_factor : Found or None
        What the rope dict says itself.
    mscales : mapping of str to Found or None
        Weights of the two temperatures whose ratio is the attention factor.

    Returns
    -------
    FieldValues
        By field of the spec; empty where nothing multiplies.
    """
    scheme, more = SCHEMES[spec.scheme], FieldValues()
    if scheme.attention is not None:
        more["attention_scaling"] = attention_factor or _attention(
            reading, rope, spec, mscales
        )
    if "mscale" in rope.row.flags and scheme.scales:
        more |= _mscale_pair(reading, rope, spec)
    if "logit_scale" in rope.row.flags and scheme.scales:
        found = rope.get("mscale_all_dim")
        if found is not None and found.value:
            g = scalars.yarn_mscale(spec.factor, float(number(found).value))
            more["logit_scale"] = Found(g * g, found.origin)
    if "query_scale" in rope.row.flags:
        beta = rope.get("llama_4_scaling_beta")
        if beta is not None and beta.value is not None and spec.trained_length:
            value = (float(number(beta).value), float(spec.trained_length), 0.0)
            more["query_scale"] = Found(value, beta.origin)
    return more


def _attention(
    reading: Reading,
    rope: RopeDict,
    spec: RopeSpec,
    mscales: Mapping[str, Found | None],
) -> Found:
    scheme = SCHEMES[spec.scheme]
    assert scheme.attention is not None
    if scheme.has("mscale") and "attention_one" in rope.row.flags and not rope.nested:
        return Found.words(1.0, rope.row.described)
    mscale, all_dim = mscales["mscale"], mscales["mscale_all_dim"]
    lone = mscale or all_dim
    if mscale is not None and all_dim is not None:
        value = scalars.yarn_attention(spec.factor, mscale.value, all_dim.value)
        return Found(value, computed("and", mscale.origin, all_dim.origin))
    if lone is not None:
        reading.note(lone.path, "counts only together with the other mscale")
    return Found.words(scheme.attention(spec), scheme.attention_origin)


def _mscale_pair(reading: Reading, rope: RopeDict, spec: RopeSpec) -> FieldValues:
    """One attention factor for each of the two lists."""
    fields: FieldValues = {}
    stated = [name for name in _MSCALES if rope.get(name) is not None]
    has_lists = spec.long_factors is not None
    if not has_lists and (not stated or spec.trained_length is None):
        return {}
    for name, target in _MSCALES.items():
        found = rope.get(name)
        if found is None:
            raise ConfigError(rope.at(name), None, "is missing", "missing")
        fields[target] = number(found)
    if not has_lists:
        return fields
    what = "never uses it: frequencies beyond the original length are too high there"
    reading.defect(rope.at("long_factor"), "D1", what)
    return fields
