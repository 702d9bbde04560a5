"""Rotary position embeddings: what a model's config means, exactly, and applied.

``read(config)`` gives a :class:`RopeSpec`; its methods give frequencies, tables of
cosines and sines, and rotated arrays.
"""

from importlib import import_module
from typing import TYPE_CHECKING

try:
    import ropeinterp._core  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "ropeinterp._core":
        raise
    raise ImportError(
        f"ropeinterp is imported from {__path__[0]}, where its C extension _core was "
        "not built for this Python. In a clone, build it: pip install --editable . "
        "(or make test); to use an installed ropeinterp, start Python in another "
        "directory."
    ) from error

from ropeinterp import frequencies, layouts, positions, ufuncs
from ropeinterp.errors import ConfigError, ParameterError
from ropeinterp.frequencies import base_scale, interpolate_positions
from ropeinterp.spec import RopeSpec

if TYPE_CHECKING:
    from ropeinterp.checks import Finding, check
    from ropeinterp.config import Note, RopeConfig, read
    from ropeinterp.planning import Coverage, coverage
    from ropeinterp.precision import TableError, table_error

# Loaded when they are first asked for: half of the time that the import would take.
_LATER = {
    "Finding": "checks",
    "check": "checks",
    "Note": "config",
    "RopeConfig": "config",
    "read": "config",
    "Coverage": "planning",
    "coverage": "planning",
    "TableError": "precision",
    "table_error": "precision",
}

__all__ = [
    "ConfigError",
    "Coverage",
    "Finding",
    "Note",
    "ParameterError",
    "RopeConfig",
    "RopeSpec",
    "TableError",
    "base_scale",
    "check",
    "coverage",
    "frequencies",
    "interpolate_positions",
    "layouts",
    "positions",
    "read",
    "table_error",
    "ufuncs",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'ropeinterp' has no attribute {name!r}")
    return getattr(import_module(f"ropeinterp.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
