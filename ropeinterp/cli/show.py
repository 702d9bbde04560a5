"""What a config means, as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from ropeinterp import planning
from ropeinterp.config import RopeConfig
from ropeinterp.planning import Coverage, Pairs
from ropeinterp.precision import table_error
from ropeinterp.spec import RopeSpec

Report = dict[str, Any]

_ALWAYS = ("scheme", "base", "factor", "trained_length", "length", "head_dim", "layout")
# Shown on lines of their own, or of no use to a reader.
_ELSEWHERE = ("attention_scaling", "seq_len", "frequencies")
# Of a pair; the last three only where the trained length is known.
_COLUMNS = (
    "period_before",
    "period_after",
    "kind",
    "turns",
    "inside",
    "inside_unscaled",
)


def describe(
    config: RopeConfig, length: int | None = None, precision: bool = False
) -> Report:
    """Everything that ``ropeinterp show`` says, ready for :func:`json.dumps`.

    Parameters
    ----------
    config : RopeConfig
        A config that has been read.
    length : int, optional
        Tokens of the sequence; by default the longest that each embedding is made for.
    precision : bool, optional
        Add how far float32 tables are from exact ones.

    Returns
    -------
    dict
        "model_type", "layers" (per name an object, or None where nothing rotates),
        "layer_keys", "parts" (the same again for each part) and "notes". Infinite
        periods are None.
    """
    return {
        "model_type": config.model_type,
        "layers": {
            name: spec and _layer(spec, config.origins.get(name, {}), length, precision)
            for name, spec in config.layers.items()
        },
        "layer_keys": list(config.layer_keys),
        "parts": {
            name: describe(part, length, precision)
            for name, part in config.parts.items()
        },
        "notes": [{"path": n.path, "message": n.message} for n in config.notes],
    }


def _layer(
    spec: RopeSpec, origins: Mapping[str, str], length: int | None, precision: bool
) -> Report:
    tokens = length or spec.length or spec.trained_length
    frozen = spec.at(tokens or 1)
    seen = planning.coverage(spec, tokens or 1) if spec.trained_length else None
    return {
        "parameters": _parameters(spec, origins),
        "origins": dict(origins),
        "rotary_dim": spec.rotary_dim,
        "attention_scaling": frozen.attention_scaling,
        "coverage": _coverage(seen) if seen and tokens else None,
        "pairs": _pairs(seen or planning.pairs(spec, tokens or 1)),
        "precision": _precision(spec, tokens) if precision and tokens else None,
    }


def _parameters(spec: RopeSpec, origins: Mapping[str, str]) -> Report:
    """Return the fields that say something: read, or other than the default."""
    shown: Report = {}
    for f in fields(spec):
        value = getattr(spec, f.name)
        says = f.name in _ALWAYS or f.name in origins or value != f.default
        if f.repr and says and value is not None and f.name not in _ELSEWHERE:
            shown[f.name] = float(value) if isinstance(value, Fraction) else value
    return shown


def _coverage(seen: Coverage) -> Report:
    return {
        "length": seen.length,
        "trained_length": seen.trained_length,
        "pairs_outside": int((~seen.inside).sum()),
        "pairs_outside_unscaled": int((~seen.inside_unscaled).sum()),
        "fraction_outside": seen.fraction_outside,
        "fraction_outside_unscaled": seen.fraction_outside_unscaled,
        "reach": _finite(seen.reach),
    }


def _pairs(seen: Coverage | Pairs) -> list[Report]:
    """Return a row per pair; what training showed where that is known."""
    columns = {n: getattr(seen, n) for n in _COLUMNS if hasattr(seen, n)}
    rows = zip(*(c.tolist() for c in columns.values()), strict=True)
    return [
        {"pair": k} | {n: _finite(v) for n, v in zip(columns, row, strict=True)}
        for k, row in enumerate(rows)
    ]


def _precision(spec: RopeSpec, length: int) -> Report:
    error = table_error(spec, length)
    return {
        "length": error.length,
        "exhaustive": error.exhaustive,
        "phase": error.phase.tolist(),
        "table": error.table.tolist(),
    }


def _finite(x: Any) -> Any:
    return None if isinstance(x, float) and not math.isfinite(x) else x
