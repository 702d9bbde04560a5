"""Values of a config: where they come from, and which kind of JSON value they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ropeinterp.config.json_source import below, beyond_float64
from ropeinterp.errors import ConfigError
from ropeinterp.kinds import is_number

# Larger than any number of tokens or channels; nothing is computed beyond it.
LARGEST = 2.0**60
# No head has as many pairs.
_MOST_NUMBERS = 2**13


class Origin(NamedTuple):
    """Where a value comes from.

    Parameters
    ----------
    paths : tuple of str
        JSON paths of the keys that give it, the one to name first; empty where no key
        of the config does.
    text : str
        The same for a reader: the path of a key, a formula of paths, or words.
    """

    paths: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def key(cls, path: str) -> Origin:
        """Origin of what stands at a key."""
        return cls((path,), path)

    @classmethod
    def words(cls, text: str) -> Origin:
        """Origin of what no key gives."""
        return cls((), text)


class Found(NamedTuple):
    """A value and where it comes from."""

    value: Any
    origin: Origin

    @classmethod
    def at(cls, value: Any, path: str) -> Found:
        """Value of a key."""
        return cls(value, Origin.key(path))

    @classmethod
    def words(cls, value: Any, text: str) -> Found:
        """Value that no key gives: a class default, an argument, a formula."""
        return cls(value, Origin.words(text))

    @property
    def stated(self) -> bool:
        """Whether a key of the config gives it."""
        return bool(self.origin.paths)

    @property
    def path(self) -> str:
        """JSON path to name for it; that of the whole file where no key gives it."""
        return self.path_or("$")

    def path_or(self, otherwise: str) -> str:
        """JSON path to name for it; another one where no key gives it."""
        return self.origin.paths[0] if self.stated else otherwise


FieldValues = dict[str, Found]


def formula(text: str, *origins: Origin) -> Origin:
    """Origin of a computed value; a class default that comes first leaves no key."""
    paths = tuple(path for origin in origins for path in origin.paths)
    return Origin(paths if origins[0].paths else (), text)


def computed(sign: str, *origins: Origin) -> Origin:
    """Origin of a value computed by one operation; a class default is named once."""
    text = f" {sign} ".join(dict.fromkeys(origin.text for origin in origins))
    return formula(text, *origins)


# ---- numbers that float64 holds ------------------------------------------------------


def finite(found: Found) -> Found:
    """Refuse numbers that float64 does not hold, those in lists and objects too."""
    reason = beyond_float64(found.value)
    if reason:
        raise ConfigError(found.path, found.value, reason, "range")
    for key, entry in _entries(found.value):
        finite(Found.at(entry, below(found.path, key)))
    return found


def _entries(value: object) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


# ---- kinds of JSON values: wrong ones are refused before they reach a spec -----------


def number(found: Found) -> Found:
    """Refuse what is no number."""
    if not is_number(found.value):
        raise ConfigError(found.path, found.value, "must be a number", "type")
    return finite(found)


def whole(found: Found) -> Found:
    """Refuse what is no whole number; 8192.0 stands for 8192."""
    value = number(found).value
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ConfigError(found.path, found.value, "must be a whole number", "type")
    return Found(int(found.value), found.origin)


def flag(found: Found) -> Found:
    """Refuse what is not true or false."""
    if not isinstance(found.value, (bool, np.bool_)):
        raise ConfigError(found.path, found.value, "must be true or false", "type")
    return found


def numbers(found: Found) -> Found:
    """Refuse what is no list of numbers."""
    if not isinstance(found.value, list):
        raise ConfigError(found.path, found.value, "must be a list of numbers", "type")
    if len(found.value) > _MOST_NUMBERS:
        reason = f"has {len(found.value)} items; no head has as many pairs"
        raise ConfigError(found.path, found.value, reason, "size")
    for i, value in enumerate(found.value):
        if not is_number(value):
            raise ConfigError(below(found.path, i), value, "must be a number", "type")
    finite(found)
    return Found(tuple(found.value), found.origin)


KINDS = {"number": number, "length": whole, "bool": flag, "numbers": numbers}
