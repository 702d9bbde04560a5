"""Whose reading of a config is meant, and the versions whose behaviour was measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ropeinterp.text import printable

V5, V4 = "transformers", "transformers-4"
# The newest version first: it is what the name alone means.
DIALECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {V5: ("5.24.0", "5.23.0"), V4: ("4.57.6",)}
)


def parse(dialect: str) -> tuple[str, str]:
    """Split "transformers==5.23.0" into name and version, the newest if none is given.

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If the name or the version is unknown; the message lists what was verified.
    """
    if not isinstance(dialect, str):
        raise TypeError(f"dialect must be a str, not {type(dialect).__name__}")
    name, exact, version = dialect.partition("==")
    if name not in DIALECTS or (exact and version not in DIALECTS[name]):
        known = ", ".join(f"{n} (=={_range(v)})" for n, v in DIALECTS.items())
        raise ValueError(f"dialect {printable(dialect)}: must be one of {known}")
    return name, version or DIALECTS[name][0]


def is_before(version: str, other: str) -> bool:
    """Whether one version is older than another one."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _range(versions: tuple[str, ...]) -> str:
    """Name verified versions, the oldest first."""
    return " or ".join(reversed(versions))
