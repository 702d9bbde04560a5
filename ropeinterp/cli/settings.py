"""[tool.ropeinterp] of the nearest pyproject.toml: what to check for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ropeinterp.checks.driver import rules_of
from ropeinterp.config.files import read_file
from ropeinterp.text import printable

_NAME = "pyproject.toml"


class Settings(NamedTuple):
    """What to check for.

    Parameters
    ----------
    select, ignore : tuple of str
        Prefixes of codes: which rules apply (empty: all), and which do not.
    dialect : tuple of str
        Further readers whose behaviour counts.
    strict : bool
        Whether warnings count as errors for the exit status.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    dialect: tuple[str, ...] = ()
    strict: bool = False


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_LIST = (_is_list, "a list of words", tuple)
_KEYS: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "select": _LIST,
    "ignore": _LIST,
    "dialect": _LIST,
    "strict": (_is_bool, "true or false", bool),
}


def nearest(folder: str) -> Settings:
    """Read the nearest pyproject.toml from a directory upward.

    Parameters
    ----------
    folder : str
        Where the search begins.

    Returns
    -------
    Settings
        The defaults where there is none, or it has no such table.

    Raises
    ------
    ValueError
        If the file is no TOML, or a key is unknown or of a wrong type.
    """
    folder = os.path.abspath(folder)
    path = os.path.join(folder, _NAME)
    while not os.path.lexists(path):
        above = os.path.dirname(folder)
        if above == folder:
            return Settings()
        folder, path = above, os.path.join(above, _NAME)
    return _checked(path, _table(path))


def _table(path: str) -> Any:
    data = read_file(path)
    if b"ropeinterp" not in data:  # spares the import of a parser
        return {}
    import tomllib

    try:
        tool = tomllib.loads(data.decode("utf-8")).get("tool", {})
    except ValueError as error:
        raise ValueError(f"{path}: is not TOML: {error}") from error
    return tool.get("ropeinterp", {}) if isinstance(tool, dict) else {}


def _checked(path: str, table: Any) -> Settings:
    if not isinstance(table, dict):
        raise ValueError(f"{path}: tool.ropeinterp {printable(table)}: must be a table")
    for key, value in table.items():
        where = f"{path}: tool.ropeinterp.{key}"
        if key not in _KEYS:
            raise ValueError(f"{where}: unknown key, must be one of {', '.join(_KEYS)}")
        fits, kind, _ = _KEYS[key]
        if not fits(value):
            raise ValueError(f"{where} {printable(value)}: must be {kind}")
    settings = Settings(**{key: _KEYS[key][2](value) for key, value in table.items()})
    try:
        rules_of(settings.select, settings.ignore, settings.dialect)
    except ValueError as error:
        raise ValueError(f"{path}: tool.ropeinterp: {error}") from error
    return settings
