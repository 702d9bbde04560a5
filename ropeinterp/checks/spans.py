"""Where things stand in a JSON text: the standard decoder does not say it.

Nothing is built for the whole text: the way to one path is walked, and what lies beside
it is skipped by the decoder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from json import decoder
from typing import NamedTuple

from ropeinterp.config.json_source import BYTE_ORDER_MARK, below

_SPACE = re.compile(r"[ \t\n\r]*")
_ENTRY = re.compile(r"[ \t\n\r,]*")
_COLON = re.compile(r"[ \t\n\r:]*")
# Numbers stay text: an integer of a million digits would take long to convert.
_SCAN = json.JSONDecoder(parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]


def scanstring(text: str, start: int) -> tuple[str, int]:
    """Value and end of the string whose first character stands at `start`."""
    value, end = decoder.scanstring(text, start)  # type: ignore[attr-defined]
    return str(value), int(end)


class Entry(NamedTuple):
    """One entry of an object or array: where its key and its value stand."""

    key: str | int
    key_start: int
    start: int
    end: int


class Place(NamedTuple):
    """What stands at a path, or the nearest thing that holds it.

    `exact` tells which; `start` and `end` are those of the value.
    """

    exact: bool
    key_start: int
    start: int
    end: int


def _skip_space(text: str, i: int) -> int:
    match = _SPACE.match(text, i)
    assert match is not None
    return match.end()


def _skip_colon(text: str, i: int) -> int:
    match = _COLON.match(text, i)
    assert match is not None
    return match.end()


def value_end(text: str, start: int) -> int:
    """End of the value that begins at `start`."""
    return int(_SCAN(text, start)[1])


def entries(text: str, start: int) -> Iterator[Entry]:
    """Entries of the object or array that begins at `start`, in order.

    Parameters
    ----------
    text : str
        Valid JSON.
    start : int
        Where the opening bracket stands.

    Yields
    ------
    Entry
    """
    named, i, index = text[start] == "{", start + 1, 0
    while (match := _ENTRY.match(text, i)) and text[match.end()] not in "]}":
        key: str | int = index
        i = key_start = match.end()
        if named:
            key, i = scanstring(text, i + 1)
            i = _skip_colon(text, i)
        end = value_end(text, i)
        yield Entry(key, key_start, i, end)
        i, index = end, index + 1


class Way:
    """Which steps lead from the whole config towards some paths."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._prefixes = {prefix for path in paths for prefix in holders(path)}
        last = [prefix.rpartition(".")[2] for prefix in self._prefixes]
        self._names = {name.partition("[")[0] for name in last}
        indices = (name.rpartition("[")[2].removesuffix("]") for name in last)
        self._indices = {int(index) for index in indices if index.isdecimal()}
        self._last = max(self._indices, default=-1)
        # Keys that are no identifiers are quoted in a path.
        self._unquoted = not any("['" in p or '["' in p for p in self._prefixes)

    def is_past(self, key: str | int) -> bool:
        """Whether no later item of a list lies on the way."""
        return isinstance(key, int) and key > self._last

    def step(self, here: str, key: str | int) -> str | None:
        """Path of an entry that lies on the way; None for any other."""
        # Writing the path of each of many entries would take the longest.
        if isinstance(key, int):
            if key not in self._indices:
                return None
        elif self._unquoted and key not in self._names:
            return None
        at = below(here, key)
        return at if at in self._prefixes and at != here else None


def find_all(text: str, paths: Iterable[str]) -> dict[str, Place]:
    """Find paths in one walk; of two equal keys the last one counts.

    Parameters
    ----------
    text : str
        Valid JSON.
    paths : iterable of str
        ``$.a.b[3]``.

    Returns
    -------
    dict
        The place of each path, or of the nearest thing that holds it.
    """
    wanted = {path: list(holders(path)) for path in paths}
    way = Way(wanted)
    start = _skip_space(text, len(BYTE_ORDER_MARK) * text.startswith(BYTE_ORDER_MARK))
    end = len(text.rstrip(" \t\n\r"))
    found = {"$": Place(True, start, start, end)}
    left = ["$"]
    while left:
        here = left.pop()
        if text[found[here].start] not in "[{":
            continue
        inside = {}
        for entry in entries(text, found[here].start):
            if way.is_past(entry.key):
                break
            if (at := way.step(here, entry.key)) is not None:
                inside[at] = Place(True, *entry[1:])
        found |= inside
        left += inside
    return {
        path: next(
            found[prefix]._replace(exact=prefix == path)
            for prefix in ways
            if prefix in found
        )
        for path, ways in wanted.items()
    }


def holders(path: str) -> Iterator[str]:
    """Yield a path and the paths of all that can hold it, the longest first."""
    yield path
    for i in range(len(path) - 1, 0, -1):
        if path[i] in ".[":
            yield path[:i]
    yield "$"


def find(text: str, path: str) -> Place:
    """Find one path, see :func:`find_all`."""
    return find_all(text, [path])[path]


def line_and_column(text: str, i: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, i) + 1, i - text.rfind("\n", 0, i)
