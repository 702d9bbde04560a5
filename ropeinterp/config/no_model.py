"""Files that lie beside a model's config, or are handed over in its place.

They hold no model: whatever they were read as would be invented. The rows of
data/files.csv say what marks each of them, and what to pass instead. A mark is a key, a
path of keys ``a.b``, or a key with its value ``key=value``, all of them with ``*``; of
the marks of a row each must be there, of ``a|b`` one. The column `unless` says what
speaks against the row: "type", a model type; "size", that or the width of a head or of
the model; "rotary", those or a rotary key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ropeinterp.config import names
from ropeinterp.config.models import FileKind, file_kinds, rows_of
from ropeinterp.errors import ConfigError


def refuse_no_model(keys: Mapping[str, Any]) -> None:
    """Refuse what holds no model by the name of what it is.

    Parameters
    ----------
    keys : mapping
        The whole file.

    Raises
    ------
    ConfigError
        With the mark, what it marks, and what to pass instead.
    """
    if not keys:
        raise ConfigError("$", keys, "holds no key: pass a model's config", "form")
    against = _against(keys)
    for kind in file_kinds():
        found = "" if kind.unless in against else _first_mark(keys, kind)
        if found:
            reason = f"marks {kind.what}: pass {kind.instead}"
            raise ConfigError("$", found, reason, "form")


def _against(keys: Mapping[str, Any]) -> frozenset[str]:
    """Words of the column `unless` that hold."""
    if keys.get("model_type"):
        return frozenset(("type", "size", "rotary"))
    general = rows_of(None)
    if _states(keys, names.of_width(general)):
        return frozenset(("size", "rotary"))
    # A file that names a class of a model is one, whatever else it lacks.
    rotary = _states(keys, names.of_rotation(general) | {"architectures"})
    return frozenset(("rotary",) if rotary else ())


def _states(keys: Mapping[str, Any], wanted: frozenset[str]) -> bool:
    """Whether a config, or a part of it, gives one of some keys a value."""
    parts = (
        v for k, v in keys.items() if k.endswith("_config") and isinstance(v, dict)
    )
    return any(names.states_any(part, wanted) for part in (keys, *parts))


def _first_mark(keys: Mapping[str, Any], kind: FileKind) -> str:
    """Name of the first mark, if all of a row are there; else an empty word."""
    found = [next(_marked(keys, choice), "") for choice in kind.marks]
    return found[0] if all(found) else ""


def _marked(keys: Mapping[str, Any], choice: tuple[str, ...]) -> Iterator[str]:
    for mark in choice:
        way, _, value = mark.partition("=")
        first, _, rest = way.partition(".")
        for key, entry in keys.items():
            if not fnmatchcase(key, first):
                continue
            if rest and not (isinstance(entry, dict) and rest in entry):
                continue
            if not value or (isinstance(entry, str) and fnmatchcase(entry, value)):
                yield key
