"""Findings as SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ropeinterp.checks.finding import Finding
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.rules import RULES
from ropeinterp.cli.colour import Paint
from ropeinterp.cli.formats.text import hint
from ropeinterp.text import escaped

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)
# An absolute URI is asked for; the page of the rules comes with the sources.
_HELP = "urn:ropeinterp:docs/rules.md#"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(findings: Sequence[Finding], files: int, verbose: bool, _: Paint) -> str:
    """One run with every rule, and a result per finding, notes included.

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
    from importlib.metadata import version  # slow, and nobody else needs it

    driver = {
        "name": "ropeinterp",
        "version": version("ropeinterp"),
        "rules": [_rule(rule) for rule in RULES],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, allow_nan=False, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": type(rule).__name__,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "helpUri": f"{_HELP}{rule.code.lower()}",
        "help": {"text": f"{rule.why} Source: {rule.source}"},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    message = escaped(finding.message)
    if finding.fix:
        message += "\n" + hint(finding.fix)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.level],
        "message": {"text": message},
    }
    if finding.file is not None:
        result["locations"] = [{"physicalLocation": _location(finding, finding.file)}]
    return result


def _location(finding: Finding, file: str) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    if finding.line is not None:
        region = {"startLine": finding.line, "startColumn": finding.column}
        location["region"] = region
    return location


def _uri(file: str) -> str:
    """Return a relative reference, or a file URI of an absolute path."""
    from urllib.parse import quote  # slow, and nobody else needs it

    path = quote(os.fsencode(file.replace(os.sep, "/")))
    return f"file://{path}" if os.path.isabs(file) else path
