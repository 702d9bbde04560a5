"""Which rope dict serves which layers: flat, per layer type, or by lists of layers.

The rules are words in the column `layers` of models.csv; each is a function from a
config to plans by name and to the key of every decoder layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ropeinterp.block import Plan
from ropeinterp.errors import ConfigError
from ropeinterp.lookup import Flat, Found, number, whole
from ropeinterp.source import below

_MOST_LAYERS = 10_000
_NOPE = "nope_layer"


@dataclass(frozen=True)
class Layers:
    """Plans of a config.

    Parameters
    ----------
    plans : mapping of str to Plan or None
        By layer type; None where the layers are not rotated.
    keys : tuple of str or None
        For each decoder layer its key in `plans`; empty where layers do not differ by
        index, or the config does not say how.
    """

    plans: Mapping[str, Plan | None]
    keys: tuple[str | None, ...] = ()


def layers_of(flat: Flat) -> Layers:
    """Find the rope dict of every layer type."""
    rule = flat.rows[0].layers
    if rule == "types" or (not flat.known and _is_nested(flat)):
        return _by_type(flat)
    plan = _single(flat)
    return _RULES[rule](flat, plan) if rule else Layers({"default": plan})


# ---- the rope dict -------------------------------------------------------------------


def _rope_dict(flat: Flat) -> tuple[Mapping[str, Any] | None, str]:
    """Return the dict that counts and its key: rope_scaling before rope_parameters."""
    scaling, parameters = (
        _mapping(flat, key) for key in ("rope_scaling", "rope_parameters")
    )
    if parameters and flat.v4:
        flat.note(
            flat.at("rope_parameters"), "is not read at all by transformers 4.57"
        )
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
        flat.note(flat.at(key), "is ignored by transformers 5.23.0 (D8)")
    if block and "D9" in row.flags and key == "rope_scaling":
        message = "makes transformers 5.23.0 lose the partial factor (D9)"
        flat.note(flat.at(key), message)
    if block:
        return Plan(row, block, flat.at(key))
    return Plan(row, row.block or {}, row.described)


# ---- one dict per layer type -----------------------------------------------------------


def _labels(flat: Flat) -> list[str]:
    """Entries of layer_types, as the model type means them."""
    found = flat.find("layer_types")
    if found is None or found.value is None:
        return []
    if not isinstance(found.value, list):
        raise ConfigError(found.origin, found.value, "must be a list of strings")
    meaning = {label: row.layer for row in flat.rows for label in row.labels}
    labels = []
    for i, label in enumerate(found.value):
        if not isinstance(label, str):
            raise ConfigError(f"{found.origin}[{i}]", label, "must be a string")
        labels.append(meaning.get(label, label))
    return labels


def _is_nested(flat: Flat) -> bool:
    block, _ = _rope_dict(flat)
    names = {row.layer for row in flat.rows if row.layer} | set(_labels(flat))
    return block is not None and any(name in block for name in names)


def _by_type(flat: Flat) -> Layers:
    labels = _labels(flat)
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
            row = replace(row, theta=first.theta, theta_keys=first.theta_keys)
            plan = Plan(row, block, flat.at(key), False, layer)
        elif block and row.flat == "merge" and key == "rope_scaling":
            plan = Plan(row, {**(row.block or {}), **block}, flat.at(key), False, layer)
            if "rope_type" not in block and "type" in block:
                plan = replace(plan, block=block)
                message = "is dropped by transformers 5.23.0 without rope_type (D6)"
                flat.note(below(flat.at(key), "type"), message)
        read = read or plan.given
        if "D7" in row.flags and flat.find("rope_theta"):
            message = "does not reach the sliding layers in transformers 5.23.0 (D7)"
            flat.note(flat.at("rope_theta"), message)
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
    lists = {"rope_theta": "rope_theta", "partial_rotary_factors": "partial_rotary_factor"}
    for key, single in lists.items():
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


# ---- layers that differ by index -------------------------------------------------------


def _count(flat: Flat) -> int | None:
    found = flat.plain("num_hidden_layers")
    if found is None or found.value is None:
        flat.note(flat.at("num_hidden_layers"), "is missing: layer_keys stays empty")
        return None
    n = whole(found).value
    if not 0 <= n <= _MOST_LAYERS:
        raise ConfigError(found.origin, n, f"must be from 0 to {_MOST_LAYERS}")
    return int(n)


def _list(flat: Flat, key: str) -> list[Found] | None:
    """Return a list of numbers, one per layer; None where missing, null or empty."""
    found = flat.find(key)
    if found is None or not found.value:
        return None
    if not isinstance(found.value, list):
        raise ConfigError(found.origin, found.value, "must be a list of numbers")
    return [
        number(Found(v, f"{found.origin}[{i}]")) for i, v in enumerate(found.value)
    ]


def _sliding(flat: Flat, plan: Plan) -> Layers:
    """Rotate only the layers with a sliding window."""
    plans = {"sliding_attention": plan, "full_attention": None}
    labels = _labels(flat)
    pattern = flat.find("sliding_window_pattern")
    if not labels and pattern is not None and isinstance(pattern.value, int):
        step, n = whole(pattern).value, _count(flat) or 0
        if step < 1:
            raise ConfigError(pattern.origin, step, "must be positive")
        last = ("sliding_attention", "full_attention")
        labels = [last[(i + 1) % step == 0] for i in range(n)]
    if not labels:
        flat.note(flat.at("layer_types"), "is missing: layer_keys stays empty")
    keys = tuple(label if label in plans else None for label in labels)
    return Layers(plans, keys)


def _sliding_if_window(flat: Flat, plan: Plan) -> Layers:
    """Rotate only the layers with a sliding window, all of them if there is none."""
    window = flat.find("sliding_window")
    if window is not None and window.value is None:
        flat.note(window.origin, "is null: all layers are rotated")
        return Layers({"default": plan})
    return _sliding(flat, plan)


def _no_rope_layers(flat: Flat, plan: Plan) -> Layers:
    """Leave out every fourth layer, or those that a list marks with 0."""
    marks = _list(flat, "no_rope_layers")
    if marks is not None:
        rotated = [f.value != 0 for f in marks]
    else:
        found = flat.find("no_rope_layer_interval") or Found(4, "")
        step = whole(found).value
        if step < 1:
            raise ConfigError(found.origin, step, "must be positive")
        rotated = [(i + 1) % step != 0 for i in range(_count(flat) or 0)]
    _note_temperature(flat)
    return _with_nope(plan, rotated)


def _with_nope(plan: Plan, rotated: list[bool]) -> Layers:
    keys = tuple("default" if r else _NOPE for r in rotated)
    return Layers({"default": plan, _NOPE: None}, keys)


def _note_temperature(flat: Flat) -> None:
    """Layers without rotation may scale their queries; no spec can carry it."""
    tuning = flat.find("attn_temperature_tuning")
    if tuning is not None and tuning.value:
        message = (
            "layers without rotation multiply queries by "
            "1 + attn_scale * ln(1 + floor((position + 1) / floor_scale))"
        )
        flat.note(tuning.origin, message)


def _layer_rope_theta(flat: Flat, plan: Plan) -> Layers:
    """One base per layer, 0 for no rotation."""
    bases = _list(flat, "layer_rope_theta")
    if bases is None:
        return Layers({"default": plan})
    distinct = sorted({float(f.value) for f in bases if f.value})
    single = len(distinct) == 1
    names = {base: "default" if single else f"rope_theta={base}" for base in distinct}
    plans: dict[str, Plan | None] = {}
    for found in bases:
        if found.value and (name := names[float(found.value)]) not in plans:
            plans[name] = replace(plan, theta=found, used=set())
    if any(not f.value for f in bases):
        plans[_NOPE] = None
    keys = tuple(names[float(f.value)] if f.value else _NOPE for f in bases)
    return Layers(plans, keys)


def _zero_theta(flat: Flat, plan: Plan) -> Layers:
    """Mark layers without rotation by a base of 0; all others share one base."""
    bases = _list(flat, "layer_rope_theta")
    if bases is not None:
        return _with_nope(plan, [f.value != 0 for f in bases])
    n = _count(flat) or 0
    return _with_nope(plan, [(n - 1 - i) % 4 != 0 for i in range(n)])


def _rope_scaling_layers(flat: Flat, plan: Plan) -> Layers:
    """Scale only the layers of a list."""
    scaled = _list(flat, "rope_scaling_layers")
    if scaled is None:
        return Layers({"default": plan})
    inside = {f.value for f in scaled}
    base = plan.block.get("rope_theta")
    block = {} if base is None else {"rope_theta": base}
    plain = replace(plan, block=block, used=set())
    n = _count(flat) or 0
    keys = tuple("default" if i in inside else "unscaled" for i in range(n))
    return Layers({"default": plan, "unscaled": plain}, keys)


_RULES: Mapping[str, Callable[[Flat, Plan], Layers]] = {
    "sliding": _sliding,
    "sliding_if_window": _sliding_if_window,
    "no_rope_layers": _no_rope_layers,
    "layer_rope_theta": _layer_rope_theta,
    "zero_theta": _zero_theta,
    "rope_scaling_layers": _rope_scaling_layers,
}
