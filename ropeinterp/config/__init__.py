"""read(): a model's config becomes specs, one per layer type, and notes.

This package alone knows what the keys of model types mean; export.py writes some
back. What follows has numbers
only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from ropeinterp.arrays.arguments import check_seq_len
from ropeinterp.config.json_source import load
from ropeinterp.config.locate import locate
from ropeinterp.config.no_model import refuse_no_model
from ropeinterp.config.reader import Reader
from ropeinterp.config.result import Note, RopeConfig
from ropeinterp.dialects import V5, parse

__all__ = ["Note", "RopeConfig", "read"]


class HasToDict(Protocol):
    """A config object."""

    def to_dict(self) -> Mapping[str, Any]:
        """Return the config as a mapping."""


def read(
    source: Mapping[str, Any] | str | os.PathLike[str] | HasToDict,
    *,
    dialect: str = V5,
    trained_length: int | None = None,
    context_length: int | None = None,
) -> RopeConfig:
    """Read what a model's config says about its positions.

    Parameters
    ----------
    source : mapping, path, or object with ``to_dict()``
        The config, its JSON file, or a directory with config.json.
    dialect : {"transformers", "transformers-4"}, optional
        Whose reading is meant: that of transformers 5.x or of 4.57. A version that was
        measured may be added, "transformers==5.24.0", which the name alone means,
        "transformers==5.23.0" or "transformers-4==4.57.6".
    trained_length : int, optional
        Tokens of the original context, where the config cannot say it: counts for
        types that have no key for it (default, linear), else before
        ``max_position_embeddings`` and after ``original_max_position_embeddings``;
        "dynamic" always takes ``max_position_embeddings``. Where a length of the config
        counts instead, a note at its key says so.
    context_length : int, optional
        Tokens that an engine was configured to; neither dialect depends on it.

    Returns
    -------
    RopeConfig

    Raises
    ------
    ConfigError
        If the config cannot be read; it names the JSON path, the value and the reason.
    FileNotFoundError
        If a path does not exist.
    TypeError, ValueError
        If an argument is of a wrong type or unknown.

    Examples
    --------
    >>> read({"model_type": "llama", "hidden_size": 512, "num_attention_heads": 128,
    ...       "rope_theta": 1e4}).spec.inv_freq()
    array([1.  , 0.01])
    """
    name, version = parse(dialect)
    trained_length = _checked_length("trained_length", trained_length)
    _checked_length("context_length", context_length)
    keys, notes = load(source)
    refuse_no_model(keys)
    return Reader(name, trained_length, version).config(locate(keys, "$", notes))


def _checked_length(name: str, value: Any) -> int | None:
    """Return the length as an int; integers of NumPy count, too."""
    if value is None:
        return None
    check_seq_len(value, name)
    return int(value)
