"""A spec back as the keys of a config, in the words of transformers 5 or 4."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ropeinterp.dialects import V4, V5
from ropeinterp.fields import Fields
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.logarithm import log
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY

_PARTIAL = "partial_rotary_factor"
# The attention factor says all that the mscales said; _partial() writes the share.
_LEFT_OUT = ("mscale", "mscale_all_dim", _PARTIAL)
_DIALECTS = {5: V5, 4: V4}


def to_hf(spec: Fields, version: int = 5) -> dict[str, Any]:
    """Keys of a config that say what the spec says.

    Parameters and result as for :meth:`ropeinterp.RopeSpec.to_hf`.
    """
    _check(spec, version)
    scheme = SCHEMES[spec.scheme]
    block = {"rope_type": scheme.word or scheme.name} | _scheme_keys(spec)
    if spec.axis_map is not None and spec.frequency_map is None and spec.n_axes > 2:
        block["mrope_section"] = _sections(spec.axis_map, spec.splits_pairs)
    config: dict[str, Any] = {"head_dim": _head_dim(spec)}
    length = spec.length
    if length is None and scheme.trained_length_key == "length":
        length = spec.trained_length
    if length is not None:
        config[LENGTH_KEY] = length
    partial = _partial(spec)
    if version == 5:
        block["rope_theta"] = spec.base
        block |= partial
        return config | {"rope_parameters": block}
    config |= {"rope_theta": spec.base} | partial
    if scheme.v4_by_lengths:
        config[ORIGINAL_KEY] = block.pop(ORIGINAL_KEY)
    # A type "default" is said, too: the class may have another one.
    return config | {"rope_scaling": block}


def _check(spec: Fields, version: int) -> None:
    if version not in _DIALECTS:
        raise ValueError(f"version {version!r}: must be 5 or 4")
    scheme = SCHEMES[spec.scheme]
    if _DIALECTS[version] not in SCHEMES[scheme.word or scheme.name].dialects:
        raise ValueError(f"transformers {version} has no word for {spec.scheme}")
    if spec.seq_len is not None:
        raise ValueError("a spec that is frozen at one length is no config")
    for field, reason in _unsaid(spec):
        raise ValueError(f"{field} {getattr(spec, field)}: {reason}")
    if version == 4 and scheme.v4_by_lengths and spec.length is not None:
        ratio = spec.length / (spec.trained_length or 1)
        if spec.factor != ratio:
            raise ValueError(
                f"transformers 4 takes {ratio:g} for the factor, the ratio of the "
                f"lengths, not {float(spec.factor):g}"
            )


def _unsaid(spec: Fields) -> Iterator[tuple[str, str]]:
    """Fields for which configs have no words; what the model type decides is none."""
    scheme = SCHEMES[spec.scheme]
    lengths = spec.length, spec.trained_length
    if spec.attention_scaling != 1.0 and not scheme.has("attention_factor"):
        yield "attention_scaling", f"{spec.scheme} has no key for it"
    if spec.logit_scale != 1.0 and (
        not scheme.has("mscale_all_dim") or spec.factor <= 1
    ):
        yield "logit_scale", "only yarn with a factor above 1 has a key for it"
    if spec.factor != float(spec.factor):
        yield "factor", "is no float64, and JSON has no fractions"
    if scheme.trained_length_key == "none" and spec.trained_length is not None:
        yield "trained_length", f"{spec.scheme} has no key for it"
    one = scheme.trained_length_key == "length"
    if one and None not in lengths and lengths[0] != lengths[1]:
        yield "trained_length", f"is max_position_embeddings with {spec.scheme}"


def _scheme_keys(spec: Fields) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for key in SCHEMES[spec.scheme].keys:
        if key.name in _LEFT_OUT:
            continue
        field = "attention_scaling" if key.name == "attention_factor" else key.sets
        if key.name == ORIGINAL_KEY:
            field = "trained_length"
        value = getattr(spec, field)
        if field == "factor":
            value = float(value)
        keys[key.name] = list(value) if isinstance(value, tuple) else value
    if spec.long_attention_scaling is not None:
        keys["short_mscale"] = spec.attention_scaling
        keys["long_mscale"] = spec.long_attention_scaling
    if spec.logit_scale != 1.0 and spec.factor > 1:
        weight = (math.sqrt(spec.logit_scale) - 1.0) / (0.1 * log(spec.factor))
        keys["mscale_all_dim"] = float(f"{weight:.12g}")
    if spec.query_scale is not None:
        keys["llama_4_scaling_beta"] = spec.query_scale[0]
    return keys


def _head_dim(spec: Fields) -> int:
    """Channels of a head as a config gives them: reading rounds an odd one up."""
    return spec.dim if spec.dim % 2 and spec.head_dim == spec.dim + 1 else spec.head_dim


def _sections(axis_map: tuple[int, ...], splits_pairs: bool) -> list[int]:
    """Sections of an M-RoPE axis map: how many pairs follow each axis."""
    counts = [axis_map.count(axis) for axis in range(max(axis_map) + 1)]
    if splits_pairs:
        return [n // 2 for n in counts]
    # Rows and columns in turn come before the time.
    return counts[1:] + counts[:1] if axis_map[0] == 1 else counts


def _partial(spec: Fields) -> dict[str, float]:
    """Share of the head; none where the model type decides the width."""
    if SCHEMES[spec.scheme].has(_PARTIAL):
        return {_PARTIAL: spec.partial_rotary_factor}
    if spec.frequency_map is not None:
        return {}
    head_dim = _head_dim(spec)
    share = spec.dim / head_dim
    while int(head_dim * share) < spec.dim:
        share = math.nextafter(share, math.inf)
    return {_PARTIAL: share}
