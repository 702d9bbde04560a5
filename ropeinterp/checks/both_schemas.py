"""The two schemas of a rope dict, and a config that says the same in both.

transformers 4 reads ``rope_scaling`` and a base at the top level, 5 reads
``rope_parameters``, too. A file with both and equal values is read alike by 5.23.0 and
4.57.6, without a line in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ropeinterp.checks.finding import REMOVE, Edit, Fix
from ropeinterp.checks.target import UNSCALED, Target, type_word
from ropeinterp.config.json_source import below
from ropeinterp.dialects import DIALECTS

# They stand at the top level in the old schema and in the dict in the new one.
_MOVED = ("rope_theta", "partial_rotary_factor")
_TYPES = ("rope_type", "type")


def _own(block: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that stand in the dict in both schemas, but for the type."""
    return {k: v for k, v in block.items() if k not in (*_MOVED, *_TYPES)}


def _common(block: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that stand in the dict in both schemas, the type by one name."""
    return {"rope_type": type_word(block), **_own(block)}


def different(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Keys in which two rope dicts differ; a base that only one of them has is none."""
    a, b = _common(old), _common(new)
    both = [k for k in _MOVED if k in old and k in new and old[k] != new[k]]
    return [k for k in dict.fromkeys((*a, *b)) if a.get(k) != b.get(k)] + both


def has_old(target: Target) -> bool:
    """Whether keys of the old schema are present."""
    return target.find("rope_scaling", "rope_theta") is not None


def has_new(target: Target) -> bool:
    """Whether keys of the new schema are present."""
    return target.find("rope_parameters") is not None


def both(target: Target) -> Fix | None:
    """Write both schemas with equal values; None where the old one cannot say it."""
    row = target.reading.rows[0]
    if len(target.layers) != 1 or target.layers[0].spec is None:
        return None
    layer = target.layers[0]
    spec = layer.spec
    if layer.rope.nested or row.layers or row.theta_keys != ("rope_theta",):
        return None
    if not layer.rope.given and row.block:
        return None  # the class has a rope dict of its own
    block = dict(layer.rope.block) if layer.rope.given else {}
    word, own = type_word(block), _own(block)
    assert spec is not None
    top = {"rope_theta": block.get("rope_theta", target.keys.get("rope_theta"))}
    if top["rope_theta"] is None:
        top["rope_theta"] = spec.base
    share = block.get("partial_rotary_factor", target.keys.get(_MOVED[1]))
    if share is not None and row.partial_keys == (_MOVED[1],):
        top[_MOVED[1]] = share
    elif share is not None or row.partial_keys not in ((), (_MOVED[1],)):
        return None
    unscaled = word in UNSCALED and not own
    wanted = {
        **top,
        "rope_scaling": None if unscaled else {"type": word, "rope_type": word, **own},
        "rope_parameters": {"rope_type": word, **top, **own},
    }
    if not _read_alike(target, wanted):
        return None
    edits = tuple(_edits(target.reading.path, target.keys, wanted))
    return Fix("write both schemas with equal values", edits)


def _edits(
    path: str, keys: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Edit]:
    """Yield changes from keys to others, key by key inside objects that stand."""
    for key, value in wanted.items():
        old = keys.get(key)
        if isinstance(old, dict) and old and isinstance(value, dict):
            yield from _edits(below(path, key), old, value)
            gone = [k for k in old if k not in value]
            yield from (Edit(below(path, key), k, REMOVE) for k in gone)
        elif key not in keys or old != value:
            yield Edit(path, key, value)


def _read_alike(target: Target, wanted: Mapping[str, Any]) -> bool:
    """Whether both versions read the keys as the file is read now.

    They differ, for example, about a partial factor with type "default".
    """
    located = target.located._replace(keys={**target.keys, **wanted})
    for dialect in DIALECTS:
        reader = target.reader._replace(dialect=dialect)
        others = target.read_by(located, reader)
        if [x.spec for x in others] != [x.spec for x in target.layers]:
            return False
    return True
