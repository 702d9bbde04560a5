"""A config under check: its text, its tree, and what is wrong with the file itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ropeinterp.checks import spans
from ropeinterp.checks.finding import Fix
from ropeinterp.checks.words import is_used
from ropeinterp.config import json_source as json_source
from ropeinterp.config.files import MOST_BYTES, read_file
from ropeinterp.config.json_source import Tree
from ropeinterp.errors import ConfigError
from ropeinterp.text import printable


class Problem(NamedTuple):
    """A fault that can be told before any key has a meaning."""

    code: str
    path: str
    message: str
    offset: int | None = None
    fix: Fix | None = None
    level: str = ""


class Document(NamedTuple):
    """One config and where it comes from.

    Parameters
    ----------
    file : str or None
        Its name in findings.
    text : str or None
        None where it is no file.
    tree : Tree or None
        None where the file is no JSON object.
    problems : sequence of Problem
        What is wrong with the file itself.
    """

    file: str | None
    text: str | None
    tree: Tree | None
    problems: Sequence[Problem] = ()

    def value(self, path: str) -> Any:
        """Return what stands at a path; None where there is nothing."""
        return self.values([path])[path]

    def values(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return what stands at paths, in one walk; None where there is nothing."""
        found: dict[str, Any] = dict.fromkeys(paths)
        way = spans.Way(found)
        left: list[tuple[str, Any]] = [("$", self.tree.keys if self.tree else None)]
        while left:
            here, value = left.pop()
            if here in found:
                found[here] = value
            for key, entry in _entries(value):
                if way.is_past(key):
                    break
                if (at := way.step(here, key)) is not None:
                    left.append((at, entry))
        return found

    def places(self, paths: Iterable[str]) -> Mapping[str, spans.Place]:
        """Where paths stand in the text, or what should hold them."""
        if self.text is None or self.tree is None:
            return {}
        return spans.find_all(self.text, paths)

    def line_and_column(self, offset: int | None) -> tuple[int | None, int | None]:
        """Line and column of a character; those of the first where none is named."""
        if self.text is None:
            return None, None
        return spans.line_and_column(self.text, offset or 0)


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def open_document(source: object, file: str | None = None) -> Document:
    """Read a config as far as it can be read.

    Parameters
    ----------
    source : str, os.PathLike, bytes, mapping or object with ``to_dict()``
        A path; the bytes of a file; or the config itself.
    file : str, optional
        Name in findings; by default the path.

    Returns
    -------
    Document

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    TypeError
        If `source` is of another type.
    """
    if not isinstance(source, (str, bytes, os.PathLike)):
        try:
            tree = json_source.given(source)
        except ConfigError as error:
            return Document(file, None, None, [_problem(error)])
        return Document(file, None, tree, list(_problems(tree)))
    if not isinstance(source, bytes):
        file = file or _name(os.fspath(source))
        try:
            source = read_file(os.fspath(source))
        except ConfigError as error:
            return Document(file, None, None, [_problem(error)])
    elif len(source) > MOST_BYTES:
        message = f"is larger than {MOST_BYTES} bytes"
        return Document(file, None, None, [Problem("RI001", "$", message)])
    return _of_bytes(source, file)


def _name(path: str) -> str:
    """Name of the file that is read: that in the directory."""
    return os.path.join(path, "config.json") if os.path.isdir(path) else path


def _of_bytes(data: bytes, file: str | None) -> Document:
    text: str | None = None
    try:
        text = json_source.decoded(data)
        tree = json_source.parsed(text)
    except ConfigError as error:
        return Document(file, text, None, [_problem(error, text)])
    return Document(file, text, tree, list(_problems(tree)))


def _problems(tree: Tree) -> Iterator[Problem]:
    """Faults of a tree that parsing has seen."""
    lists = set()
    for path, value, reason in tree.faults:
        holder = path.partition("[")[0]
        if holder in lists:  # of a list the first is enough
            continue
        lists.add(holder)
        level, rest = ("", "") if is_used(path) else ("info", ", though not in use")
        message = f"{printable(value)} {reason}{rest}"
        yield Problem("RI004", path, message, level=level)
    for path, first, last in tree.repeated:
        code = "RI005" if is_used(path) and first != last else "RI006"
        both = f"{printable(first)} and {printable(last)}"
        message = f"is there twice, {both}: readers of JSON take the last one"
        yield Problem(code, path, message)
    if tree.marked:
        message = "a byte order mark stands before the text"
        yield Problem("RI007", "$", message, 0, Fix("remove the byte order mark"))


def _problem(error: ConfigError, text: str | None = None) -> Problem:
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError) and text is not None:
        words = _syntax(text, cause)
        return Problem("RI002", "$", f"is not JSON: {words}", cause.pos)
    code = "RI001"  # too much of something
    if isinstance(cause, ValueError):
        code = "RI002"
    elif error.reason == json_source.NO_OBJECT:
        code = "RI003"
    return Problem(code, error.path, f"{printable(error.value)} {error.reason}")


def _syntax(text: str, cause: json.JSONDecodeError) -> str:
    """Say what stands where the parser stopped, and what it should be."""
    there = printable(text[cause.pos : cause.pos + 20] or "the end of the file")
    before = text[: cause.pos].rstrip()
    if before.endswith(",") and text[cause.pos : cause.pos + 1] in ("}", "]"):
        return f"a comma too many stands before {there}"
    if cause.msg == "Expecting ',' delimiter":
        return f"a comma is missing before {there}"
    return f"{cause.msg}, at {there}"
