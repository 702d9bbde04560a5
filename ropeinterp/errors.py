"""The two errors of the package: a number out of range, and a config that says so."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ropeinterp.text import printable

Kind: TypeAlias = Literal["range", "missing", "type", "form", "syntax", "size"]


class ParameterError(ValueError):
    """A parameter of a rotary embedding that no formula can use.

    Parameters
    ----------
    argument : str
        Name of the parameter.
    value : object
        What was given.
    reason : str
        What is wrong with it; follows the value in the message.
    """

    def __init__(self, argument: str, value: object, reason: str) -> None:
        self.argument, self.value, self.reason = argument, value, reason
        super().__init__(f"{argument} {printable(value)}: {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, object, str]]:
        return type(self), (self.argument, self.value, self.reason)


class ConfigError(ValueError):
    """A model config whose positions cannot be read.

    Parameters
    ----------
    path : str
        JSON path of the fault, ``$.a.b[3]``; ``$`` for faults of the whole file.
    value : object
        What stands there.
    reason : str
        What is wrong with it; follows the value in the message.
    kind : {"range", "missing", "type", "form", "syntax", "size"}, optional
        What kind of fault that is: a number that no formula can use; a key that is
        needed; a value of another JSON type; words, values or sources that are unknown
        or do not fit each other; a text that is no JSON; more of something than any
        config has.
    """

    def __init__(
        self, path: str, value: object, reason: str, kind: Kind = "range"
    ) -> None:
        self.path, self.value, self.reason, self.kind = path, value, reason, kind
        super().__init__(f"{path}: {printable(value)}: {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, object, str, Kind]]:
        return type(self), (self.path, self.value, self.reason, self.kind)
