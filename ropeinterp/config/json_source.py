"""Where a config comes from: file, text, mapping or object, read strictly.

A config comes from a stranger. Its size and its depth are checked before anything looks
at a key, its numbers where they are read; every fault names the JSON path.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ropeinterp.config.files import read_file
from ropeinterp.config.result import Note
from ropeinterp.errors import ConfigError
from ropeinterp.text import printable

_MOST_VALUES = 2**16
_MOST_KEYS = 2**12  # of a config, and of a rope dict; tables of labels have more
_DEEPEST = 32
NO_OBJECT = "must be a JSON object"
_TOO_DEEP = f"is nested deeper than {_DEEPEST} levels"
_MOST_DIGITS = 400
_MOST_FAULTS = 100
_LARGEST = 10**308
_LONGEST_PATH = 1000
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,79}")
# Strings, and the beginning of one without end.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"|".*', re.DOTALL)
_NUMBERS = frozenset((int, float))
_SCALARS = _NUMBERS | {str, bool, type(None)}
BYTE_ORDER_MARK = "\ufeff"


class Fault(NamedTuple):
    """A number that float64 does not hold."""

    path: str
    value: Any
    reason: str

    @property
    def message(self) -> str:
        """What is wrong with it, for a number in use."""
        return f"{printable(self.value)} {self.reason}"

    @property
    def unused(self) -> str:
        """The same for a number that nothing reads."""
        return f"{self.message}, though not in use"


class Repeated(NamedTuple):
    """A key that is there twice in one object; the last value counts in JSON."""

    path: str
    first: Any
    last: Any


class Tree(NamedTuple):
    """A config in plain dicts and lists, and what is odd about it.

    Parameters
    ----------
    keys : dict
        The config.
    faults : list of Fault
        Numbers that are not finite.
    repeated : list of Repeated
        Keys that are there twice.
    marked : bool
        Whether the text begins with a byte order mark.
    """

    keys: dict[str, Any]
    faults: list[Fault]
    repeated: list[Repeated]
    marked: bool


def below(path: str, key: str | int) -> str:
    """JSON path of an entry of what stands at `path`."""
    if len(path) > _LONGEST_PATH:
        return path  # of what holds it
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{printable(key)}]"


def is_within(path: str, holder: str) -> bool:
    """Whether a path is another one, or stands in it."""
    return path == holder or path.startswith((f"{holder}.", f"{holder}["))


def load(source: object) -> tuple[dict[str, Any], list[Note]]:
    """Read a config and check everything that can be checked without its meaning.

    Parameters
    ----------
    source : mapping, str, os.PathLike or object with ``to_dict()``
        The config, or where its JSON file or directory is.

    Returns
    -------
    config : dict
        With string keys. Its numbers are judged where they are read.
    notes : list of Note

    Raises
    ------
    ConfigError
        If it is no JSON object, too large or too deep.
    FileNotFoundError
        If a path does not exist.
    TypeError
        If `source` is of another type.
    """
    if isinstance(source, (str, os.PathLike)):
        tree = parsed(decoded(read_file(os.fspath(source))))
    else:
        tree = given(source)
    for repeated in tree.repeated:
        raise ConfigError(repeated.path, repeated.last, "is there twice", "form")
    notes = [Note(fault.path, fault.unused) for fault in first_faults(tree)]
    if tree.marked:
        notes.append(Note("$", "a byte order mark stands before the JSON text"))
    return tree.keys, notes


def first_faults(tree: Tree) -> Iterator[Fault]:
    """Numbers that float64 does not hold; of a list the first is enough."""
    lists = set()
    for fault in tree.faults:
        holder = fault.path.partition("[")[0]
        if holder not in lists:
            lists.add(holder)
            yield fault


def given(source: object) -> Tree:
    """Tree of a mapping, or of an object that can become one."""
    if isinstance(source, Mapping):
        return checked(source)
    to_dict = getattr(source, "to_dict", None)
    if callable(to_dict) and not isinstance(source, type):
        return checked(to_dict())
    raise TypeError(
        "a config must be a mapping, a path or an object with to_dict(), "
        f"not {type(source).__name__}"
    )


# ---- JSON ------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """An object as parsed: duplicate keys are still there."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Pairs:
    result = dict(pairs)
    return result if len(result) == len(pairs) else _Pairs(pairs)


def decoded(data: bytes) -> str:
    """Text of a JSON file."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            "$", data[:16], f"is not UTF-8: {error.reason}", "syntax"
        ) from error


def parsed(text: str) -> Tree:
    """Tree of a JSON text.

    Parameters
    ----------
    text : str
        As the file has it, byte order mark included.

    Returns
    -------
    Tree

    Raises
    ------
    ConfigError
        If it is no JSON object, too large or too deep.
    """
    check_size(text)
    value = json_value(text)
    check_keys(value)
    return checked(value, marked=text.startswith(BYTE_ORDER_MARK))


def json_value(text: str) -> Any:
    """Value of a JSON text of checked size; objects keep their duplicate keys."""
    body = text.removeprefix(BYTE_ORDER_MARK)
    try:
        return json.loads(
            body, object_pairs_hook=_object, parse_int=_integer, parse_constant=float
        )
    except ValueError as error:
        raise ConfigError("$", body[:40], f"is not JSON: {error}", "syntax") from error
    except RecursionError:
        raise ConfigError("$", body[:40], _TOO_DEEP, "size") from None


def _integer(digits: str) -> int | float:
    """Return the integer; infinity for one that float64 cannot hold anyway."""
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def check_size(text: str) -> None:
    """Refuse what would take long or much memory before a parser meets it."""
    if text.count(",") > _MOST_VALUES:
        n = _STRING.sub("", text).count(",")
        if n > _MOST_VALUES:
            raise ConfigError("$", n, f"makes more than {_MOST_VALUES} values", "size")


def check_keys(
    value: Any, path: str = "$", is_rope: bool = True, depth: int = 1
) -> None:
    """Refuse more keys than any config or rope dict has; tables of labels have more."""
    if not isinstance(value, (dict, _Pairs)) or depth > _DEEPEST:
        return
    if len(value) > _MOST_KEYS:
        if is_rope:
            raise ConfigError(path, len(value), f"keys: more than {_MOST_KEYS}", "size")
        return
    for key, entry in value.items() if isinstance(value, dict) else value:
        if isinstance(entry, (dict, _Pairs)):
            check_keys(entry, below(path, key), key.startswith("rope"), depth + 1)


# ---- values ----------------------------------------------------------------------


def checked(value: object, marked: bool = False) -> Tree:
    """Tree of a value, if it is an object."""
    if not isinstance(value, (Mapping, _Pairs)):
        raise ConfigError("$", value, NO_OBJECT, "type")
    for key in value if isinstance(value, Mapping) else ():
        if not isinstance(key, str):
            raise ConfigError("$", key, "is a key, and must be a string", "type")
    tree = Tree({}, [], [], marked)
    tree.keys.update(_Walk(tree).copied(value, (), 1))
    return tree


def _path(trail: Any) -> str:
    """JSON path of a trail: () for the whole, else the trail of the holder and a key.

    Few values need their path, so that the walk does not write it for each.
    """
    return below(_path(trail[0]), trail[1]) if trail else "$"


def beyond_float64(value: object) -> str:
    """Why float64 does not hold a number; empty where it does, or for no number."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return "is beyond the range of float64"
    return ""


class _Walk:
    """A copy of a tree in plain dicts and lists; odd numbers are collected."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.left = _MOST_VALUES

    def copied(self, value: Any, trail: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is float or kind is int:
            return self.number(value, trail)
        if kind is not list and not isinstance(value, (Mapping, list, tuple)):
            return self.number(
                value.item() if isinstance(value, np.generic) else value, trail
            )
        if depth > _DEEPEST + 1:
            raise ConfigError(_path(trail), "...", _TOO_DEEP, "size")
        self.left -= len(value)
        if self.left < 0:
            reason = f"makes more than {_MOST_VALUES} values"
            raise ConfigError(_path(trail), len(value), reason, "size")
        if kind is not list and isinstance(value, (Mapping, _Pairs)):
            items = value.items() if isinstance(value, Mapping) else value
            return self.object(items, trail, depth)
        if _SCALARS.issuperset(map(type, value)):
            return self.scalars(value, trail)
        return [self.copied(v, (trail, i), depth + 1) for i, v in enumerate(value)]

    def scalars(self, values: Sequence[Any], trail: Any) -> list[Any]:
        """Copy a list of what JSON has beside lists and objects; most lists are one."""
        for i, value in enumerate(values):
            if type(value) in _NUMBERS and not -_LARGEST <= value <= _LARGEST:
                self.number(value, (trail, i))
                if len(self.tree.faults) == _MOST_FAULTS:
                    break
        return list(values)

    def number(self, value: Any, trail: Any) -> Any:
        reason = beyond_float64(value)
        if reason and len(self.tree.faults) < _MOST_FAULTS:
            self.tree.faults.append(Fault(_path(trail), value, reason))
        return value

    def object(
        self, items: Iterable[tuple[Any, Any]], trail: Any, depth: int
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            name = key if isinstance(key, str) else str(key)
            here = (trail, name)
            copy = self.copied(value, here, depth + 1)
            if name in result and len(self.tree.repeated) < _MOST_FAULTS:
                self.tree.repeated.append(Repeated(_path(here), result[name], copy))
            result[name] = copy
        return result
