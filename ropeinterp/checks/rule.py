"""What a rule is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ropeinterp.checks.document import Document
from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.target import Target
from ropeinterp.config.locate import Located


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
    stops : bool
        Whether no model is looked at where it finds an error.
    gives_way : bool
        Whether it says nothing about a path of which another rule speaks.
    error_kinds : tuple of str
        Kinds of errors of the reader that are this fault, whatever the key.
    errors_at : tuple of str
        Keys at which another error of the reader is this fault.
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
    stops: ClassVar[bool] = False
    gives_way: ClassVar[bool] = False
    error_kinds: ClassVar[tuple[str, ...]] = ()
    errors_at: ClassVar[tuple[str, ...]] = ()
    at_key: ClassVar[bool] = False
    dialects: ClassVar[tuple[str, ...]] = ()

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Find the fault in the file itself, before any key has a meaning."""
        return iter(())

    def check_config(self, located: Located) -> Iterator[Diagnostic]:
        """Find the fault beside the models of a config."""
        return iter(())

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Find the fault in one model."""
        return iter(())

    def is_error(self, diagnostic: Diagnostic) -> bool:
        """Whether what was found is an error."""
        return (diagnostic.level or self.level) == "error"

    @property
    def what(self) -> str:
        """First line of the docstring: what it finds."""
        return (self.__doc__ or "").strip().partition("\n")[0]

    @property
    def why(self) -> str:
        """The rest of it: why that matters."""
        rest = (self.__doc__ or "").strip().partition("\n")[2]
        return " ".join(rest.split())
