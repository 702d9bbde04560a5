"""Models without rotary embedding: by their type, or because a key switches it off.

What a key does is in the column `switch` of models.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropeinterp.config.json_source import below
from ropeinterp.config.models import rows_of
from ropeinterp.config.names import speaks_of_rotation
from ropeinterp.config.reading import Reading
from ropeinterp.config.result import Note
from ropeinterp.config.values import Found
from ropeinterp.text import printable

# Keys that name the kind of positions, and the kinds that are rotary.
_KINDS = ("position_embedding_type", "position_embeddings_type")
_ROTARY = ("rope", "rotary")
# Flag of types that build their table even where the switch leaves it without use.
_TABLE_BUILT = "table_built"


def unrotated(reading: Reading, model_type: str | None) -> Note | None:
    """Say why a model has no rotary embedding; None if it has one.

    Parameters
    ----------
    reading : Reading
        The config.
    model_type : str or None
        As the file names it.

    Returns
    -------
    Note or None
        At the key that decides.
    """
    if reading.rows[0].layers == "none":
        message = f"{printable(model_type)} has no rotary embedding"
        keys = [found.path for found in rotary_keys(reading)]
        if keys:
            listed = ", ".join(keys)
            message += f" in transformers; keys that speak of one are unread: {listed}"
        return Note(reading.at("model_type"), message)
    found = _off(reading, reading.rows[0].switch)
    if found is None or _TABLE_BUILT in reading.rows[0].flags:
        return None
    message = f"{printable(found.value)} means no rotary embedding"
    return Note(found.path, message)


def unused(reading: Reading) -> Note | None:
    """Say that a table is built and no layer uses it; None where there is none such."""
    found = _off(reading, reading.rows[0].switch)
    if found is None or _TABLE_BUILT not in reading.rows[0].flags:
        return None
    return Note(found.path, "the rotary table exists but is not used")


def rotary_keys(reading: Reading) -> list[Found]:
    """Keys of a model type without rotary embedding that speak of one.

    None where the config itself says that the model has no positions, or where files
    of the vendor, whose own code does not rotate either, hold such keys all the same.
    """
    if "inert_keys" in reading.rows[0].flags:
        return []
    if _off(reading, rows_of(None)[0].switch) is not None:
        return []
    return [*_rotary_keys(reading)]


def _rotary_keys(reading: Reading) -> Iterator[Found]:
    for key, value in reading.keys.items():
        path = reading.at(key)
        if _speaks(key, value):
            yield Found.at(value, path)
        elif isinstance(value, dict) and "model_type" not in value:
            for inner, entry in value.items():
                if _speaks(inner, entry):
                    yield Found.at(entry, below(path, inner))


def _speaks(key: Any, value: Any) -> bool:
    if key in _KINDS:
        return value in _ROTARY
    return isinstance(key, str) and speaks_of_rotation(key) and bool(value)


def _off(reading: Reading, switch: Any) -> Found | None:
    """First key with a value that switches the embedding off."""
    for key, values in switch.items():
        if key not in reading.keys:
            continue
        value, negated = reading.keys[key], isinstance(values, dict)
        if (value in (values["not"] if negated else values)) == negated:
            return Found.at(value, reading.at(key))
    return None
