"""What a check returns: findings, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ropeinterp.errors import ConfigError
from ropeinterp.text import printable

LEVELS = ("error", "warning", "info")
REMOVE: Any = object()


@dataclass(frozen=True)
class Edit:
    """One change of a config.

    Parameters
    ----------
    path : str
        JSON path of the object that holds the key.
    key : str
        The key.
    value : object
        Its new value, or `REMOVE`.
    """

    path: str
    key: str
    value: Any


@dataclass(frozen=True)
class Fix:
    """What to write instead.

    Parameters
    ----------
    message : str
        In words.
    edits : tuple of Edit
        The changes; empty where only the author of the model knows the answer.
    certain : bool
        Whether exactly one answer is right; ``--unsafe-fixes`` takes the others.
    """

    message: str
    edits: tuple[Edit, ...] = ()
    certain: bool = True


@dataclass(frozen=True)
class Finding:
    """One fault of one config.

    Attributes
    ----------
    code, level : str
        Of the rule; "error", "warning" or "info".
    file : str or None
        None where the config is no file.
    path : str
        JSON path, ``$.a.b[3]``.
    line, column : int or None
        From 1; None where there is no text.
    message : str
        What is wrong, and what it does to the model.
    value : object
        What stands there; None where it is missing.
    fix : Fix or None
        What to write instead.
    """

    code: str
    level: str
    file: str | None
    path: str
    line: int | None
    column: int | None
    message: str
    value: Any = None
    fix: Fix | None = None


class Diagnostic(NamedTuple):
    """What a rule yields; the driver adds code, file and line.

    Parameters
    ----------
    path : str
        JSON path.
    message : str
        What is wrong with what stands there, and its effect.
    fix : Fix or None
        What to write instead.
    level : str
        Where it differs from that of the rule.
    offset : int or None
        Character of the text, where no path leads to it.
    instead_of : str
        Path of what was meant; that it is missing needs no second finding.
    """

    path: str
    message: str
    fix: Fix | None = None
    level: str = ""
    offset: int | None = None
    instead_of: str = ""


def diagnostic_of(error: ConfigError) -> Diagnostic:
    """Say what the reader of a config refuses; a missing value is not shown."""
    shown = "" if error.value is None else f"{printable(error.value)} "
    return Diagnostic(error.path, shown + error.reason)
