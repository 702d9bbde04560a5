"""check(): what is wrong with the positions of a config, as findings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ropeinterp.checks.document import open_document
from ropeinterp.checks.driver import check_document, rules_of
from ropeinterp.checks.finding import Edit, Finding, Fix
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import RULES

__all__ = ["RULES", "Edit", "Finding", "Fix", "Rule", "check"]


def check(
    source: Mapping[str, Any] | str | bytes | os.PathLike[str] | Any,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    dialects: Iterable[str] = (),
    *,
    file: str | None = None,
) -> list[Finding]:
    """Find what is wrong with the positions of a config.

    Parameters
    ----------
    source : mapping, path, bytes, or object with ``to_dict()``
        The config; its JSON file, the directory with it, or the bytes of it.
    select, ignore : iterable of str, optional
        Prefixes of codes: which rules apply (default: all), and which do not.
    dialects : iterable of str, optional
        Further readers whose behaviour counts: "transformers", "transformers-4".
    file : str, optional
        Name in the findings; by default the path.

    Returns
    -------
    list of Finding
        In the order of the file; empty where nothing is to be said.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    TypeError, ValueError
        If `source` is of another type, or a code or dialect is unknown.

    Examples
    --------
    >>> found = check({"model_type": "llama", "hidden_size": 4096,
    ...                "num_attention_heads": 32, "max_position_embeddings": 8192,
    ...                "rope_scaling": {"rope_type": "linear", "factor": 0.25}})
    >>> [(f.code, f.path) for f in found if f.level == "warning"]
    [('RI203', '$.rope_scaling.factor')]
    """
    chosen = rules_of(select, ignore, dialects)
    document = open_document(source, file)
    return check_document(document, chosen)
