"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from ropeinterp.checks.subject import Subject

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


class Hit(NamedTuple):
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


class Rule:
    """One kind of fault. The docstring says what it finds and why that matters.

    Attributes
    ----------
    code, level : str
        "RI302"; "error", "warning" or "info".
    source : str
        The paper, file or thread that shows it.
    bad, good : mapping or str
        Keys over those of a plain config, or a whole text: tests and documentation.
    silences : tuple of str
        Prefixes of codes that say nothing more about the same object.
    errors_at : tuple of str
        Keys at which an error of the reader is this fault.
    at_key : bool
        Whether a finding points at the key, not at its value.
    dialects : tuple of str
        Whose readings it is about; empty for all.
    """

    code: ClassVar[str]
    level: ClassVar[str]
    source: ClassVar[str]
    bad: ClassVar[Mapping[str, Any] | str]
    good: ClassVar[Mapping[str, Any] | str]
    silences: ClassVar[tuple[str, ...]] = ()
    errors_at: ClassVar[tuple[str, ...]] = ()
    at_key: ClassVar[bool] = False
    dialects: ClassVar[tuple[str, ...]] = ()

    def check(self, subject: Subject) -> Iterator[Hit]:
        """Find the fault in one model."""
        raise NotImplementedError

    def is_error(self, hit: Hit) -> bool:
        """Whether what was found is an error."""
        return (hit.level or self.level) == "error"

    @property
    def what(self) -> str:
        """First line of the docstring: what it finds."""
        return (self.__doc__ or "").strip().partition("\n")[0]

    @property
    def why(self) -> str:
        """The rest of it: why that matters."""
        rest = (self.__doc__ or "").strip().partition("\n")[2]
        return " ".join(rest.split())
