"""Names of keys that some model type reads: what a misplaced key could have meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cache
from typing import Any

from ropeinterp.config.models import Model, entries
from ropeinterp.schemes import SCHEMES
from ropeinterp.schemes.scheme import LENGTH_KEY, ORIGINAL_KEY

# What a rope dict may hold beside the keys of SCHEMES.
OF_BLOCKS = frozenset(
    {key.name for s in SCHEMES.values() for key in s.keys}
    | {
        "rope_type",
        "type",
        "rope_theta",
        "partial_rotary_factor",
        "mrope_section",
        "mrope_interleaved",
        "xdrope_section",
        "short_mscale",
        "long_mscale",
        "llama_4_scaling_beta",
    }
)
OF_SIZES = ("hidden_size", "num_attention_heads", "head_dim", LENGTH_KEY)
OF_ROPE_DICTS = ("rope_scaling", "rope_parameters")
# What any model type may have beside its sizes.
_WHEREVER = (ORIGINAL_KEY, "per_layer_config")
_NAME = re.compile(r"[A-Za-z_]\w*")
# Where layers differ, see layers.py and layer_rules.py.
OF_LAYERS = (
    "layer_types",
    "partial_rotary_factors",
    "layer_rope_theta",
    "no_rope_layers",
    "rope_scaling_layers",
    "num_hidden_layers",
)

# Words of a key; qk_rope_head_dim is a width that models without rotation have, too.
_ROTATION = re.compile(r"(^|_)(rope|rotary)(_|$)(?!head_dim)")


def speaks_of_rotation(key: str) -> bool:
    """Whether a key speaks of a rotary embedding, whoever reads it."""
    return bool(_ROTATION.search(key))


@cache
def of_bases() -> frozenset[str]:
    """Top-level keys that hold a base for some model type."""
    return frozenset(key for keys in entries("theta_keys") for key in keys)


@cache
def of_shares() -> frozenset[str]:
    """Top-level keys that hold a partial factor, or its channels."""
    keys = (key for keys in entries("partial_keys") for key in keys)
    return frozenset(key.partition("/")[0] for key in keys)


@cache
def of_size(name: str) -> frozenset[str]:
    """Other names of a size, for some model type."""
    return frozenset(a for names in entries("aliases") for a in names.get(name, ()))


def of_rows(rows: tuple[Model, ...]) -> Set[str]:
    """Top-level keys that tell a model type its positions and its sizes."""
    found = {*OF_SIZES, *OF_LAYERS, *_WHEREVER}
    for row in rows:
        found |= row.sizes.keys()
        found |= {name for names in row.aliases.values() for name in names}
    return found | of_width(rows) | of_rotation(rows)


def of_width(rows: tuple[Model, ...]) -> frozenset[str]:
    """Top-level keys that tell a model type how wide a head is."""
    found = {key for row in rows for key in _NAME.findall(row.head_dim_rule)}
    return frozenset(
        name
        for row in rows
        for key in found
        for name in (key, *row.aliases.get(key, ()))
    )


def of_rotation(rows: tuple[Model, ...]) -> frozenset[str]:
    """Top-level keys that tell a model type its base, its scaling or its share."""
    found = {"rope_theta", "partial_rotary_factor", *OF_ROPE_DICTS}
    for row in rows:
        found |= {*row.theta_keys}
        found |= {key.partition("/")[0] for key in row.partial_keys}
    return frozenset(found)


def states_any(keys: Mapping[str, Any], wanted: frozenset[str]) -> bool:
    """Whether one of some keys is there, and neither null nor an empty object."""
    return any(
        keys[key] is not None and not (isinstance(keys[key], dict) and not keys[key])
        for key in wanted & keys.keys()
    )


@cache
def of_top_level() -> frozenset[str]:
    """Every top-level key that tells some model type its positions."""
    sizes = {key for sizes in entries("sizes") for key in sizes}
    aliases = {
        a for names in entries("aliases") for each in names.values() for a in each
    }
    known = {*OF_SIZES, *OF_LAYERS, *OF_ROPE_DICTS, "model_type"}
    return of_bases() | of_shares() | sizes | aliases | known | OF_BLOCKS
