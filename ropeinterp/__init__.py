"""Rotary position embeddings: what a model's config means, exactly, and applied.

``read(config)`` gives a :class:`RopeConfig` with one :class:`RopeSpec` per layer type;
its methods give frequencies, tables of cosines and sines, and rotated arrays.
"""

from ropeinterp import frequencies, layouts, positions, ufuncs
from ropeinterp.config import Note, RopeConfig, read
from ropeinterp.errors import ConfigError, ParameterError
from ropeinterp.frequencies import base_scale, interpolate_positions
from ropeinterp.planning import Coverage, coverage
from ropeinterp.precision import TableError, table_error
from ropeinterp.spec import RopeSpec

__all__ = [
    "ConfigError",
    "Coverage",
    "Note",
    "ParameterError",
    "RopeConfig",
    "RopeSpec",
    "TableError",
    "base_scale",
    "coverage",
    "frequencies",
    "interpolate_positions",
    "layouts",
    "positions",
    "read",
    "table_error",
    "ufuncs",
]
