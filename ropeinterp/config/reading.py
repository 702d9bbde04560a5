"""Finding keys: a flat config, where its values stand, what its class defaults to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ropeinterp.config.json_source import below
from ropeinterp.config.models import Model
from ropeinterp.config.result import Note
from ropeinterp.errors import ConfigError


class Found(NamedTuple):
    """A value and where it comes from: a JSON path, or words."""

    value: Any
    origin: str


Fields = dict[str, Found]

_MOST_NUMBERS = 2**13


class Reading(NamedTuple):
    """One flat config of one model type.

    Parameters
    ----------
    keys : mapping
        The config.
    path : str
        Where it stands in the file.
    rows : tuple of Model
        What is known of its model type.
    v4 : bool
        Whether transformers 4.57 is the dialect.
    trained_length : int or None
        What the caller knows and the config may not say.
    notes : list of Note
        Grows while the config is read.
    counted, strays : set of str, dict of str
        Paths of the top-level values that a layer type took, and what to note of those
        that a layer type left: another one may take them.
    """

    keys: Mapping[str, Any]
    path: str
    rows: tuple[Model, ...]
    v4: bool
    trained_length: int | None
    notes: list[Note]
    counted: set[str]
    strays: dict[str, str]

    def at(self, key: str) -> str:
        """JSON path of a top-level key."""
        return below(self.path, key)

    def note(self, path: str, message: str) -> None:
        """Add a note; the result holds it once."""
        self.notes.append(Note(path, message))

    def defect(self, path: str, number: str, what: str) -> None:
        """Note what transformers 5.23.0 does instead of what is read."""
        if not self.v4:
            self.note(path, f"transformers 5.23.0 {what} ({number})")

    def note_strays(self) -> None:
        """Note the keys that no layer type took; a list is taken entry by entry."""
        taken = {path.partition("[")[0] for path in self.counted} | self.counted
        for path, message in self.strays.items():
            if path not in taken:
                self.note(path, message)

    def note_default(
        self,
        rope: RopeDict,
        key: str,
        keys: tuple[str, ...],
        inside: bool,
        value: float,
    ) -> None:
        """Note a class default at the key that would have counted.

        That is the key of the rope dict where the dict counts, else the first of the
        top-level keys; where there is neither, nothing in a config changes the value.
        """
        row = rope.row
        path = self.at(keys[0].partition("/")[0] if keys else key)
        if inside:
            block = rope.path if rope.given else self.at("rope_parameters")
            path = below(block, key)
        word = "missing" if inside or keys else "fixed"
        layer = f" for {row.layer}" if row.layer and not rope.nested else ""
        of = " of head_dim" if keys and "/" in keys[0] and not inside else ""
        self.note(path, f"is {word}: {value:g}{of} is the {row.described}{layer}")

    @property
    def known(self) -> bool:
        """Whether the model type is in the table."""
        return "unknown" not in self.rows[0].flags

    def find(self, *names: str) -> Found | None:
        """First of the names that is present, null included."""
        for name in names:
            if name in self.keys:
                return Found(self.keys[name], self.at(name))
        return None

    def plain(self, name: str) -> Found | None:
        """Return a plain key under its own name or one of its aliases."""
        return self.find(name, *self.rows[0].aliases.get(name, ()))

    def size_or_none(self, name: str) -> int | None:
        """Return a plain whole number that the config itself states."""
        found = self.plain(name)
        if found is None or not _is_number(found.value) or found.value % 1:
            return None
        return int(found.value)

    def size(self, name: str) -> Found | None:
        """Return a plain whole number; a missing or null one is the class default."""
        found = self.plain(name)
        if found is not None and found.value is not None:
            return whole(found)
        default = self.rows[0].sizes.get(name)
        return None if default is None else Found(default, self.rows[0].described)


@dataclass(frozen=True)
class RopeDict:
    """Which rope dict serves a layer type.

    Parameters
    ----------
    row : Model
        Facts of the layer type.
    block : mapping
        The rope dict.
    path : str
        Where it stands: a JSON path, or words for a class default.
    nested : bool
        Whether it is one entry of a dict per layer type.
    layer : mapping of str to Found
        What the config says about the first layer of this type alone.
    theta, scheme : Found or None
        The base and the type, where the layer lists decide them.
    used : set of str
        Keys of the dict that were read.
    """

    row: Model
    block: Mapping[str, Any]
    path: str
    nested: bool = False
    layer: Mapping[str, Found] = field(default_factory=dict)
    theta: Found | None = None
    scheme: Found | None = None
    used: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """Where a key of the dict stands."""
        return below(self.path, key) if self.given else self.path

    @property
    def given(self) -> bool:
        """Whether the config holds the dict."""
        return self.path.startswith("$")

    def get(self, key: str) -> Found | None:
        """Value of a key of the dict, null included."""
        self.used.add(key)
        return Found(self.block[key], self.at(key)) if key in self.block else None


# ---- kinds of JSON values: wrong ones are refused before they reach a spec -----------


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, (bool, np.bool_)
    )


def number(found: Found) -> Found:
    """Refuse what is no number."""
    if not _is_number(found.value):
        raise ConfigError(where(found.origin), found.value, "must be a number", "type")
    return found


def whole(found: Found) -> Found:
    """Refuse what is no whole number; 8192.0 stands for 8192."""
    value = number(found).value
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ConfigError(
            where(found.origin), found.value, "must be a whole number", "type"
        )
    return Found(int(found.value), found.origin)


def flag(found: Found) -> Found:
    """Refuse what is not true or false."""
    if not isinstance(found.value, (bool, np.bool_)):
        raise ConfigError(
            where(found.origin), found.value, "must be true or false", "type"
        )
    return found


def numbers(found: Found) -> Found:
    """Refuse what is no list of numbers."""
    if not isinstance(found.value, list):
        raise ConfigError(
            where(found.origin), found.value, "must be a list of numbers", "type"
        )
    if len(found.value) > _MOST_NUMBERS:
        reason = f"has {len(found.value)} items; no head has as many pairs"
        raise ConfigError(where(found.origin), found.value, reason, "size")
    for i, value in enumerate(found.value):
        if not _is_number(value):
            raise ConfigError(f"{found.origin}[{i}]", value, "must be a number", "type")
    return Found(tuple(found.value), found.origin)


KINDS = {"number": number, "length": whole, "bool": flag, "numbers": numbers}


def joined(sign: str, *origins: str) -> str:
    """Origin of a computed value; a class default is named once."""
    return f" {sign} ".join(dict.fromkeys(origins))


_JOINED = re.compile(r" (?://|[/*+]|and) ")


def where(origin: str, otherwise: str = "$") -> str:
    """JSON path in an origin; computed values name several, the first one counts."""
    return _JOINED.split(origin)[0] if origin.startswith("$") else otherwise
