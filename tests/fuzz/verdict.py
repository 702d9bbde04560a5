"""What holds for every check of every input."""

import contextlib
import json
import time
import unicodedata

import ropeinterp as ri
from ropeinterp.checks.finding import LEVELS
from ropeinterp.checks.rules import BY_CODE
from ropeinterp.cli.formats import FORMATS, renderer

_BAD = {"Cc", "Cf", "Cs"}


def is_printable(text):
    bad = (unicodedata.category(c) in _BAD for c in text)
    return (text.isascii() and text.isprintable()) or not any(bad)


def _refuse(constant):
    raise AssertionError(constant)


def assert_harmless(source, longest=1.0):
    """Check bytes or a mapping: findings, all of them fit to be shown, and no error."""
    start = time.process_time()
    found = ri.check(source, dialects=["transformers", "transformers-4"], file="f")
    assert time.process_time() - start < longest, "slow"
    lines = source.count(b"\n") + 1 if isinstance(source, bytes) else 0
    for finding in found:
        assert finding.code in BY_CODE
        assert finding.level in LEVELS
        for text in (
            finding.message,
            finding.path,
            finding.fix and finding.fix.message,
        ):
            assert text is None or (is_printable(text) and len(text) <= 2000), text
        assert finding.message.startswith(f"{finding.path}: ")
        assert (finding.line is None) == (finding.column is None)
        assert finding.line is None or 1 <= finding.line <= lines
    for name in FORMATS:
        text = renderer(name)(found, 1, True, lambda level, words: words)
        assert is_printable(text.replace("\n", "")), name
        if name in ("json", "sarif"):
            json.loads(text, parse_constant=_refuse)
    return found


def assert_read_or_refused(source):
    """Read a mapping: a ConfigError is the only answer but a result."""
    with contextlib.suppress(ri.ConfigError):
        ri.read(source)
