"""Findings for programs: one array of strict JSON, in ASCII."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ropeinterp.checks.finding import REMOVE, Edit, Finding, Fix
from ropeinterp.cli.colour import Paint
from ropeinterp.limits import LARGEST_EXACT
from ropeinterp.text import escaped, printable

# Integers that every reader of JSON holds.
_LONGEST = 80
_MOST_ENTRIES = 16


def render(findings: Sequence[Finding], files: int, verbose: bool, _: Paint) -> str:
    """One array of objects, notes included.

    Parameters
    ----------
    findings : sequence of Finding
        In the order in which they are shown.
    files, verbose : int, bool
        Of no influence.

    Returns
    -------
    str
    """
    return json.dumps([_object(f) for f in findings], allow_nan=False, indent=2) + "\n"


def _object(finding: Finding) -> dict[str, Any]:
    fields = {
        name: escaped(value) if isinstance(value, str) else value
        for name, value in vars(finding).items()
    }
    return fields | {"value": _shown(finding.value), "fix": _fix(finding.fix)}


def _shown(value: Any, deep: bool = False) -> Any:
    """Return a value of a stranger's file so that it is short and has no NaN."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST:
        return escaped(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < LARGEST_EXACT:
        return value
    if not deep and isinstance(value, dict) and len(value) <= _MOST_ENTRIES:
        return {escaped(k[:_LONGEST]): _shown(v, True) for k, v in value.items()}
    if not deep and isinstance(value, list) and len(value) <= _MOST_ENTRIES:
        return [_shown(v, True) for v in value]
    return printable(value)


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    return {
        "message": escaped(fix.message),
        "certain": fix.certain,
        "edits": [_edit(edit) for edit in fix.edits],
    }


def _edit(edit: Edit) -> dict[str, Any]:
    """Return the change; a key that goes has no value, null is one."""
    if edit.value is REMOVE:
        return {"path": edit.path, "key": edit.key, "remove": True}
    return asdict(edit) | {"value": _finite(edit.value)}


def _finite(value: Any) -> Any:
    """Return a value that JSON can hold: a private key of the config may be NaN."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    odd = isinstance(value, float) and not math.isfinite(value)
    return printable(value) if odd else value
