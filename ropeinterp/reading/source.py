"""Where a config comes from: file, directory, mapping or object, read strictly.

A config comes from a stranger. Its size, its depth and its numbers are checked before
anything looks at a key, and every fault names the JSON path.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from typing import Any

import numpy as np

from ropeinterp.errors import ConfigError, printable
from ropeinterp.reading.result import Note

_MOST_BYTES = 2**20
_MOST_VALUES = 2**19
_DEEPEST = 32
_MOST_DIGITS = 400
_LONGEST_PATH = 1000
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,79}")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def below(path: str, key: str | int) -> str:
    """JSON path of an entry of what stands at `path`."""
    if len(path) > _LONGEST_PATH:
        return path  # of what holds it
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{printable(key)}]"


def load(source: object) -> tuple[dict[str, Any], list[Note]]:
    """Read a config and check everything that can be checked without its meaning.

    Parameters
    ----------
    source : mapping, str, os.PathLike or object with ``to_dict()``
        The config, or where its JSON file or directory is.

    Returns
    -------
    config : dict
        With string keys and finite numbers.
    notes : list of Note

    Raises
    ------
    ConfigError
        If it is no JSON object, too large, too deep, or holds a number that float64
        does not.
    FileNotFoundError
        If a path does not exist.
    TypeError
        If `source` is of another type.
    """
    notes: list[Note] = []
    if isinstance(source, (str, os.PathLike)):
        tree = _parse(_read_file(os.fspath(source)), notes)
    elif isinstance(source, Mapping):
        tree = source
    elif callable(to_dict := getattr(source, "to_dict", None)) and not isinstance(
        source, type
    ):
        tree = to_dict()
    else:
        raise TypeError(
            "a config must be a mapping, a path or an object with to_dict(), "
            f"not {type(source).__name__}"
        )
    if not isinstance(tree, (Mapping, _Pairs)):
        raise ConfigError("$", tree, "must be a JSON object")
    return _Walk().checked(tree, "$", 1), notes


# ---- files -----------------------------------------------------------------------


def _read_file(path: str | bytes) -> bytes:
    if isinstance(path, bytes):
        raise TypeError("a path must be str or os.PathLike[str], not bytes")
    if "\0" in path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if os.path.isdir(path):
        inside = os.path.join(path, "config.json")
        if not os.path.lexists(inside):
            raise ConfigError("$", path, "is a directory without config.json")
        path = inside
    if path.endswith(".gguf"):
        raise ConfigError("$", path, "GGUF files are not supported yet")
    try:
        return _read_bytes(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError("$", path, f"cannot be read: {reason}") from error


def _read_bytes(path: str) -> bytes:
    # A FIFO without a writer would block the open, a device the read.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError("$", path, "is not a regular file")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ConfigError("$", path, f"is larger than {_MOST_BYTES} bytes")
    return data


# ---- JSON ------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """An object as parsed: duplicate keys are still there."""


def _parse(data: bytes, notes: list[Note]) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("$", data[:16], f"is not UTF-8: {error.reason}") from error
    if text.startswith("\ufeff"):
        notes.append(Note("$", "a byte order mark stands before the JSON text"))
        text = text[1:]
    _check_depth(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_int=_integer,
            parse_constant=float,
        )
    except ValueError as error:
        raise ConfigError("$", text[:40], f"is not JSON: {error}") from error


def _integer(digits: str) -> int | float:
    """Return the integer; infinity for one that float64 cannot hold anyway."""
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def _check_depth(text: str) -> None:
    """Refuse deep nesting before a recursive parser meets it."""
    depth = 0
    for match in _STRUCTURE.finditer(text):
        symbol = match.group()
        if symbol in ("[", "{"):
            depth += 1
            if depth > _DEEPEST:
                raise ConfigError(
                    "$", symbol, f"is nested deeper than {_DEEPEST} levels"
                )
        elif symbol in ("]", "}"):
            depth -= 1


# ---- values ----------------------------------------------------------------------


class _Walk:
    """A copy of a tree in plain dicts and lists, with every number checked."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def checked(self, value: Any, path: str, depth: int) -> Any:
        if depth > _DEEPEST + 1:
            raise ConfigError(path, "...", f"is nested deeper than {_DEEPEST} levels")
        if isinstance(value, (Mapping, _Pairs)):
            items = value if isinstance(value, _Pairs) else list(value.items())
            self.count(len(items), path)
            return self.object(items, path, depth)
        if isinstance(value, (list, tuple)):
            self.count(len(value), path)
            return [
                self.checked(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)
            ]
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(path, value, "must be a finite number")
        if isinstance(value, int) and abs(value) > 10**308:
            raise ConfigError(path, value, "is beyond the range of float64")
        return value

    def count(self, n: int, path: str) -> None:
        self.left -= n
        if self.left < 0:
            raise ConfigError(path, n, f"makes more than {_MOST_VALUES} values")

    def object(
        self, items: list[tuple[Any, Any]], path: str, depth: int
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            name = key if isinstance(key, str) else str(key)
            here = below(path, name)
            if name in result:
                raise ConfigError(here, name, "is there twice")
            result[name] = self.checked(value, here, depth + 1)
        return result
