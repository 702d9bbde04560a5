"""A config under check: its text, its tree, and where things stand in both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ropeinterp.checks import spans
from ropeinterp.config import json_source
from ropeinterp.config.files import MOST_BYTES, read_file
from ropeinterp.config.json_source import Tree
from ropeinterp.errors import ConfigError


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
    error : ConfigError or None
        Why it is none.
    """

    file: str | None
    text: str | None
    tree: Tree | None
    error: ConfigError | None = None

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
            return Document(file, None, json_source.given(source))
        except ConfigError as error:
            return Document(file, None, None, error)
    if not isinstance(source, bytes):
        file = file or _name(os.fspath(source))
        try:
            source = read_file(os.fspath(source))
        except ConfigError as error:
            return Document(file, None, None, error)
    elif len(source) > MOST_BYTES:
        reason = f"is larger than {MOST_BYTES} bytes"
        return Document(file, None, None, ConfigError("$", None, reason, "size"))
    return _of_bytes(source, file)


def _name(path: str) -> str:
    """Name of the file that is read: that in the directory."""
    return os.path.join(path, "config.json") if os.path.isdir(path) else path


def _of_bytes(data: bytes, file: str | None) -> Document:
    text: str | None = None
    try:
        text = json_source.decoded(data)
        return Document(file, text, json_source.parsed(text))
    except ConfigError as error:
        return Document(file, text, None, error)
