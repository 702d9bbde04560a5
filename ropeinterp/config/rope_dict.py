"""Which rope dict serves which layers: flat, per layer type, or by lists of layers.

The column `layers` of models.csv says which; layers that differ by index have their
rules in :mod:`ropeinterp.config.layer_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ropeinterp.config.json_source import below
from ropeinterp.config.layer_rules import RULES, Layers, labels_of
from ropeinterp.config.lookup import Flat, Found, Plan
from ropeinterp.errors import ConfigError

# Keys that may hold one value per layer, and the key that each value stands for.
_PER_LAYER = {
    "rope_theta": "rope_theta",
    "partial_rotary_factors": "partial_rotary_factor",
}


def layers_of(flat: Flat) -> Layers:
    """Find the rope dict of every layer type."""
    rule = flat.rows[0].layers
    if rule == "types" or (not flat.known and _is_nested(flat)):
        return _by_type(flat)
    plan = _single(flat)
    return RULES[rule](flat, plan) if rule else Layers({"default": plan})


# ---- the rope dict ---------------------------------------------------------------


def _rope_dict(flat: Flat) -> tuple[Mapping[str, Any] | None, str]:
    """Return the dict that counts and its key: rope_scaling before rope_parameters."""
    scaling, parameters = (
        _mapping(flat, key) for key in ("rope_scaling", "rope_parameters")
    )
    if parameters and flat.v4:
        flat.note(flat.at("rope_parameters"), "is not read at all by transformers 4.57")
    elif parameters and scaling:
        flat.note(flat.at("rope_parameters"), "is ignored: rope_scaling counts")
    if scaling:
        return scaling, "rope_scaling"
    return (None, "") if flat.v4 else (parameters, "rope_parameters")


def _mapping(flat: Flat, key: str) -> Mapping[str, Any] | None:
    value = flat.keys.get(key)
    if not value:
        return None
    if not isinstance(value, dict):
        raise ConfigError(flat.at(key), value, "must be an object")
    return value


def _single(flat: Flat) -> Plan:
    row = flat.rows[0]
    block, key = _rope_dict(flat)
    if block and ("plain" in row.flags or ("v4_plain" in row.flags and flat.v4)):
        flat.note(flat.at(key), f"is not read by {row.model_type}")
        block = None
    if block and "D8" in row.flags and key == "rope_scaling":
        flat.defect(flat.at(key), "D8", "ignores it")
    if block and "D9" in row.flags and key == "rope_scaling":
        flat.defect(flat.at(key), "D9", "loses the partial factor with it")
    if block:
        return Plan(row, block, flat.at(key))
    return Plan(row, row.block or {}, row.described)


# ---- one dict per layer type -----------------------------------------------------


def _is_nested(flat: Flat) -> bool:
    block, _ = _rope_dict(flat)
    names = {row.layer for row in flat.rows if row.layer} | set(labels_of(flat))
    return block is not None and any(name in block for name in names)


def _by_type(flat: Flat) -> Layers:
    labels = labels_of(flat)
    plans = _nested(flat, labels) if _is_nested(flat) else _flat(flat, labels)
    keys = tuple(label if label in plans else None for label in labels)
    return Layers(plans, keys)


def _nested(flat: Flat, labels: list[str]) -> dict[str, Plan | None]:
    block, key = _rope_dict(flat)
    assert block is not None
    rows = {row.layer: row for row in flat.rows}
    plans: dict[str, Plan | None] = {}
    for name, entry in block.items():
        path = below(flat.at(key), name)
        if name not in rows and name not in labels:
            flat.note(path, "is not read beside the layer types")
            continue
        if entry is not None and not isinstance(entry, dict):
            raise ConfigError(path, entry, "must be an object or null")
        row = rows.get(name, flat.rows[0])
        layer = _first_layer(flat, labels, name)
        plans[name] = None if entry is None else Plan(row, entry, path, True, layer)
    for name in rows:
        if name and name in labels and name not in plans:
            flat.note(below(flat.at(key), name), "is missing: no rotation there")
    return plans


def _flat(flat: Flat, labels: list[str]) -> dict[str, Plan | None]:
    """One dict, or none, for all layer types: what it does is in the rows."""
    block, key = _rope_dict(flat)
    plans: dict[str, Plan | None] = {}
    read = False
    for row in flat.rows:
        layer = _first_layer(flat, labels, row.layer)
        plan = Plan(row, row.block or {}, row.described, False, layer)
        if block and row.flat == "copy":
            # Every layer type gets the dict with the base of the first one.
            first = flat.rows[0]
            row = row._replace(theta=first.theta, theta_keys=first.theta_keys)
            plan = Plan(row, block, flat.at(key), False, layer)
        elif block and row.flat == "merge" and key == "rope_scaling":
            plan = Plan(row, {**(row.block or {}), **block}, flat.at(key), False, layer)
            if "rope_type" not in block and "type" in block:
                plan = replace(plan, block=block)
                path = below(flat.at(key), "type")
                flat.defect(path, "D6", "drops it where rope_type is missing")
        read = read or plan.given
        if "D7" in row.flags and flat.find("rope_theta"):
            what = "does not take it for the sliding layers"
            flat.defect(flat.at("rope_theta"), "D7", what)
        plans[row.layer] = None if row.unrotated else plan
    if block and not read:
        message = "is not read: this model type has one dict per layer type"
        flat.note(flat.at(key), message)
    return plans


def _first_layer(flat: Flat, labels: list[str], name: str) -> dict[str, Found]:
    """Return what the config says about the first layer of a type alone."""
    if name not in labels:
        return {}
    i = labels.index(name)
    result: dict[str, Found] = {}
    for key, single in _PER_LAYER.items():
        values = flat.keys.get(key)
        if isinstance(values, list) and i < len(values):
            result[single] = Found(values[i], f"{flat.at(key)}[{i}]")
    own = flat.keys.get("per_layer_config")
    if isinstance(own, dict):
        for key, entry in own.items():
            if key.isdecimal() and len(key) < 9 and int(key) == i:
                path = below(flat.at("per_layer_config"), key)
                if isinstance(entry, dict):
                    result |= {k: Found(v, below(path, k)) for k, v in entry.items()}
    return result
