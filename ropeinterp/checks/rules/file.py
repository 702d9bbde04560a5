"""RI001 to RI010, RI018: the file itself, and whether it holds anything to check."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ropeinterp.checks.document import Document
from ropeinterp.checks.finding import Diagnostic, Fix, diagnostic_of
from ropeinterp.checks.rule import Rule
from ropeinterp.checks.target import Target
from ropeinterp.checks.words import is_used
from ropeinterp.config.json_source import first_faults, is_within
from ropeinterp.config.locate import locate
from ropeinterp.config.no_model import refuse_no_model
from ropeinterp.config.reader import Reader
from ropeinterp.config.switches import rotary_keys
from ropeinterp.dialects import V5
from ropeinterp.errors import ConfigError
from ropeinterp.text import printable


class Unreadable(Rule):
    """Not a regular file, not readable, or over a limit.

    A config is a few kilobytes of JSON. Pipes, devices, huge files, deep nesting and
    long lists are refused before a parser meets them.
    """

    code, level, stops = "RI001", "error", True
    source = "transformers 5.23.0 takes 8.2 s and 850 MB for a list of 30 MB"
    bad = '{"rope_parameters": ' + "[" * 40 + "]" * 40 + "}"
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Look at errors that are not those of the next two rules."""
        error = document.error
        if error is not None and error.kind not in ("syntax", "type"):
            yield diagnostic_of(error)


class NotJson(Rule):
    """Not UTF-8, or not JSON.

    No loader reads the file. A trailing comma and a missing one are the usual slips.
    """

    code, level, stops = "RI002", "error", True
    source = "two published configs, one with a trailing comma after the rope block"
    bad = '{"model_type": "bert", }'
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Say where the parser stopped."""
        error = document.error
        if error is None or error.kind != "syntax":
            return
        cause, text = error.__cause__, document.text
        if isinstance(cause, json.JSONDecodeError) and text is not None:
            message = f"is not JSON: {_syntax(text, cause)}"
            yield Diagnostic("$", message, offset=cause.pos)
        else:
            yield diagnostic_of(error)


def _syntax(text: str, cause: json.JSONDecodeError) -> str:
    """Say what stands where the parser stopped, and what it should be."""
    there = printable(text[cause.pos : cause.pos + 20] or "the end of the file")
    before = text[: cause.pos].rstrip()
    if before.endswith(",") and text[cause.pos : cause.pos + 1] in ("}", "]"):
        return f"a comma too many stands before {there}"
    if cause.msg == "Expecting ',' delimiter":
        return f"a comma is missing before {there}"
    return f"{cause.msg}, at {there}"


class NotAnObject(Rule):
    """The top level, or a part of the config, is not an object.

    Every loader asks it for keys.
    """

    code, level, stops = "RI003", "error", True
    source = "transformers 5.23.0 configuration_utils.py"
    bad = "[1, 2]"
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Show what stands there instead, null included."""
        error = document.error
        if error is not None and error.kind == "type":
            yield Diagnostic(error.path, f"{printable(error.value)} {error.reason}")


class NotFinite(Rule):
    """NaN, Infinity, 1e400, or an integer that no float64 holds, in a number in use.

    JSON has no such numbers, but Python's reader takes them: with a factor of NaN every
    frequency is NaN, and transformers says nothing.
    """

    code, level, stops = "RI004", "error", True
    source = "transformers 5.23.0: 13 of 106 hostile configs give NaN or Inf tables"
    bad = '{"model_type": "llama", "rope_theta": NaN}'
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Look at what parsing has seen, and at what a reader takes of it."""
        if document.tree is None or not document.tree.faults:
            return
        used = _told(document.tree.keys)
        for fault in first_faults(document.tree):
            if any(is_within(fault.path, path) for path in used):
                yield Diagnostic(fault.path, fault.message)
            else:
                yield Diagnostic(fault.path, fault.unused, level="info")


def _told(keys: Mapping[str, Any]) -> list[str]:
    """Paths of the keys that tell some model of a config its positions."""
    try:
        located = locate(keys, "$", [])
    except ConfigError:
        return []  # another rule says why
    models = (Reader(V5, None).reading(model) for model in located.models())
    return [f.path for reading in models if reading.rotary for f in reading.telling()]


class DuplicateKey(Rule):
    """A key of positions or sizes twice in one object, with different values.

    Every JSON reader takes the last one, whoever wrote the file meant one of them.
    """

    code, level = "RI005", "error"
    source = "RFC 8259 section 4; a published config with rope_scaling twice"
    bad = (
        '{"hidden_size": 512, "num_attention_heads": 8, "model_type": "llama", '
        '"rope_theta": 1e4, "rope_theta": 1e6}'
    )
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Look at what parsing has seen."""
        return _repeated(document, harmful=True)


def _repeated(document: Document, harmful: bool) -> Iterator[Diagnostic]:
    """Yield keys that are there twice: those that change a number, or the others."""
    for path, first, last in document.tree.repeated if document.tree else ():
        if (is_used(path) and first != last) == harmful:
            both = f"{printable(first)} and {printable(last)}"
            message = f"is there twice, {both}: readers of JSON take the last one"
            yield Diagnostic(path, message)


class OtherDuplicateKey(Rule):
    """Another key twice, or one of positions twice with the same value.

    The last one counts.
    """

    code, level = "RI006", "info"
    source = "RFC 8259 section 4"
    bad = '{"model_type": "bert", "torch_dtype": "float16", "torch_dtype": "float32"}'
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Look at what parsing has seen."""
        return _repeated(document, harmful=False)


class ByteOrderMark(Rule):
    """A byte order mark before the JSON text.

    transformers refuses the file.
    """

    code, level = "RI007", "warning"
    source = "transformers 5.23.0: JSONDecodeError, unexpected UTF-8 BOM"
    bad = '\ufeff{"model_type": "bert"}'
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Ask the parser, which leaves it out."""
        if document.tree is not None and document.tree.marked:
            fix = Fix("remove the byte order mark")
            yield Diagnostic(
                "$", "a byte order mark stands before the text", fix, "", 0
            )


class NoRotary(Rule):
    """A model type without rotary embedding.

    There is nothing to check.
    """

    code, level = "RI008", "info"
    source = "docs/huggingface.md"
    bad = {"model_type": "bert", "rope_theta": None}
    good = {}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask the row of the model type."""
        refused = target.reading.rows[0].layers == "refused"
        if refused or target.unrotated is not None:
            word = printable(target.located.model_type)
            path = target.at("model_type")
            reason = f"{word} builds tables that no frequencies describe"
            if target.unrotated is not None:
                path, reason = target.unrotated.path, target.unrotated.message
            yield Diagnostic(path, f"{reason}: nothing is checked")


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
        if not target.known and target.located.model_type:
            word = printable(target.located.model_type)
            what = "general rules only"
            if target.reading.silent:
                what = "no size and no rotary key, nothing is checked"
            message = f"{word} is not in the table of model types: {what}"
            yield Diagnostic(target.at("model_type"), message)


class FileHoldsNoModel(Rule):
    """A file that holds no model, or only a part of one.

    Files that lie beside a config, a rope dict alone and an empty object say nothing
    about the positions of a model; whatever they were read as would be invented.
    """

    code, level, stops = "RI010", "error", True
    source = "30 of 381 public files: adapters, tokenizers, pipelines, package files"
    bad = '{"peft_type": "LORA", "r": 16, "base_model_name_or_path": "a/b"}'
    good = '{"model_type": "bert"}'

    def check_file(self, document: Document) -> Iterator[Diagnostic]:
        """Ask the table of kinds of files."""
        if document.tree is None:
            return
        try:
            refuse_no_model(document.tree.keys)
        except ConfigError as error:
            yield diagnostic_of(error)

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Ask a model without a type for a key that says anything."""
        if target.reading.silent and not target.located.model_type:
            message = f"{target.reading.silence}: it holds no model"
            yield Diagnostic(target.reading.path, message)


class RotaryKeysUnread(Rule):
    """Keys of a rotary embedding in a model type that has none.

    The class of transformers does not read them; the file is of a model with code of
    its own, or its model_type is wrong.
    """

    code, level, at_key = "RI018", "warning", True
    source = "published configs: Chronos-2 is t5 with rope_theta, MPT has attn_config"
    bad = {"model_type": "t5", "rope_theta": 10000.0}
    good = {"model_type": "t5", "rope_theta": None}

    def check(self, target: Target) -> Iterator[Diagnostic]:
        """Look at keys whose names speak of rotation."""
        if target.reading.rows[0].layers == "none":
            word = printable(target.located.model_type)
            message = f"is not read: in transformers {word} has no rotary embedding"
            for found in rotary_keys(target.reading):
                yield Diagnostic(found.path, message)
