"""RI0xx: the file itself, and whether there is anything to check in it."""

from __future__ import annotations

from collections.abc import Iterator

from ropeinterp.checks.finding import Diagnostic
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.text import printable


class FileRule(Rule):
    """A fault that the document knows before any key has a meaning."""

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Find nothing: the driver reports the problems of the document."""
        return iter(())


class Unreadable(FileRule):
    """Not a regular file, not readable, or over a limit.

    A config is a few kilobytes of JSON. Pipes, devices, huge files, deep nesting and
    long lists are refused before a parser meets them.
    """

    code, level = "RI001", "error"
    source = "transformers 5.23.0 takes 8.2 s and 850 MB for a list of 30 MB"
    bad = '{"rope_parameters": ' + "[" * 40 + "]" * 40 + "}"
    good = '{"model_type": "bert"}'


class NotJson(FileRule):
    """Not UTF-8, or not JSON.

    No loader reads the file. A trailing comma and a missing one are the usual slips.
    """

    code, level = "RI002", "error"
    source = "two published configs, one with a trailing comma after the rope block"
    bad = '{"model_type": "bert", }'
    good = '{"model_type": "bert"}'


class NotAnObject(FileRule):
    """The top level, or a part of the config, is not an object.

    Every loader asks it for keys.
    """

    code, level = "RI003", "error"
    source = "transformers 5.23.0 configuration_utils.py"
    bad = "[1, 2]"
    good = '{"model_type": "bert"}'


class NotFinite(FileRule):
    """NaN, Infinity, 1e400, or an integer that no float64 holds, in a number in use.

    JSON has no such numbers, but Python's reader takes them: with a factor of NaN every
    frequency is NaN, and transformers says nothing.
    """

    code, level = "RI004", "error"
    source = "transformers 5.23.0: 13 of 106 hostile configs give NaN or Inf tables"
    bad = '{"model_type": "llama", "rope_theta": NaN}'
    good = '{"model_type": "bert"}'


class DuplicateKey(FileRule):
    """A key of positions or sizes twice in one object, with different values.

    Every JSON reader takes the last one, whoever wrote the file meant one of them.
    """

    code, level = "RI005", "error"
    source = "RFC 8259 section 4; a published config with rope_scaling twice"
    bad = '{"model_type": "bert", "rope_theta": 1e4, "rope_theta": 1e6}'
    good = '{"model_type": "bert"}'


class OtherDuplicateKey(FileRule):
    """Another key twice, or one of positions twice with the same value.

    The last one counts.
    """

    code, level = "RI006", "info"
    source = "RFC 8259 section 4"
    bad = '{"model_type": "bert", "torch_dtype": "float16", "torch_dtype": "float32"}'
    good = '{"model_type": "bert"}'


class ByteOrderMark(FileRule):
    """A byte order mark before the JSON text.

    transformers refuses the file.
    """

    code, level = "RI007", "warning"
    source = "transformers 5.23.0: JSONDecodeError, unexpected UTF-8 BOM"
    bad = '\ufeff{"model_type": "bert"}'
    good = '{"model_type": "bert"}'


class NoRotary(Rule):
    """A model type without rotary embedding.

    There is nothing to check.
    """

    code, level = "RI008", "info"
    source = "docs/huggingface.md"
    bad = {"model_type": "bert"}
    good = {}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the row of the model type."""
        if not target.rotary:
            word = printable(target.located.model_type)
            rule = target.reading.rows[0].layers
            reason = "has no rotary embedding"
            if rule == "refused":
                reason = "builds tables that no frequencies describe"
            yield Diagnostic(
                target.at("model_type"), f"{word} {reason}: nothing is checked"
            )


class UnknownModelType(Rule):
    """A model type that is not in our table.

    Which keys it reads is not known: only general rules apply.
    """

    code, level = "RI009", "info"
    source = "13.8 % of the collected configs have a type that transformers lacks"
    bad = {"model_type": "a-type-of-my-own"}
    good = {}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the row of the model type."""
        if target.rotary and not target.known and target.located.model_type:
            word = printable(target.located.model_type)
            message = f"{word} is not in the table of model types: general rules only"
            yield Diagnostic(target.at("model_type"), message)


RULES = (
    Unreadable(),
    NotJson(),
    NotAnObject(),
    NotFinite(),
    DuplicateKey(),
    OtherDuplicateKey(),
    ByteOrderMark(),
    NoRotary(),
    UnknownModelType(),
)
