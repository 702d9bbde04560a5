"""What a config says: a result for one model, or for the parts of a composite one."""

from __future__ import annotations

from typing import NamedTuple

from ropeinterp.config.block import read_block
from ropeinterp.config.json_source import below
from ropeinterp.config.layers import layers_of
from ropeinterp.config.locate import TEXT_PARTS, Located
from ropeinterp.config.models import rows_of
from ropeinterp.config.reading import Reading
from ropeinterp.config.result import Note, RopeConfig
from ropeinterp.config.switches import unrotated, unused
from ropeinterp.config.values import finite
from ropeinterp.dialects import DIALECTS, V4, is_before
from ropeinterp.errors import ConfigError

# Top-level keys of vendors' own code that change positions there and are not read.
_UNREAD = (
    "rope_ratio",
    "rotary_scaling_factor",
    "use_dynamic_ntk",
    "use_logn_attn",
    "auto_map",
)
# Each kind of layer costs a spec.
_MOST_SPECS = 16


class Reader(NamedTuple):
    """Arguments of one call of read().

    Parameters
    ----------
    dialect : str
        Whose reading it is.
    trained_length : int or None
        What the caller knows and the config may not say.
    version : str
        Version of the dialect; empty for the newest one.
    """

    dialect: str
    trained_length: int | None
    version: str = ""

    def config(self, located: Located) -> RopeConfig:
        """Read a config, or a part of one."""
        if located.parts:
            return self._composite(located)
        return self.model(located)

    def reading(self, located: Located) -> Reading:
        """Return one model with the rows of its type."""
        return Reading(
            located.keys,
            located.path,
            rows_of(located.read_as or located.model_type),
            self.dialect == V4,
            self.trained_length,
            located.notes.copy(),
        )

    def model(self, located: Located) -> RopeConfig:
        """Read one model."""
        reading, model_type = self.reading(located), located.model_type
        at = below(located.path, "model_type")
        if reading.rows[0].layers == "refused":
            raise ConfigError(
                at, model_type, "builds tables that no spec describes", "form"
            )
        reason = unrotated(reading, model_type)
        if reason is not None:
            notes = (*reading.notes, reason)
            return RopeConfig(model_type, {}, notes=notes, dialect=self.dialect)
        if reading.silent:
            value = reading.keys if model_type is None else model_type
            silence = f"{reading.silence}: pass a model's whole config"
            raise ConfigError(reading.path, value, silence, "missing")
        for stated in reading.telling():
            finite(stated)
        self._note_model(reading, model_type, at)
        found = layers_of(reading)
        if len(found.ropes) > _MOST_SPECS:
            raise ConfigError(
                reading.path,
                len(found.ropes),
                f"more than {_MOST_SPECS} kinds of layers",
                "size",
            )
        read = {
            name: None if rope is None else read_block(reading, rope)
            for name, rope in found.ropes.items()
        }
        reading.note_strays()
        return RopeConfig(
            model_type,
            {name: None if both is None else both[0] for name, both in read.items()},
            found.keys,
            notes=tuple(dict.fromkeys(reading.notes)),
            dialect=self.dialect,
            origins={
                name: {field: origin.text for field, origin in both[1].items()}
                for name, both in read.items()
                if both is not None
            },
        )

    def _note_model(self, reading: Reading, model_type: str | None, at: str) -> None:
        since = reading.rows[0].since
        version = self.version or DIALECTS[self.dialect][0]
        if since and is_before(version, since):
            message = f"is a type of transformers {since}, which {version} lacks"
            reading.note(at, message)
        if not reading.known:
            word = "missing" if model_type is None else "unknown"
            reading.note(at, f"is {word}: read by general rules")
            for key in _UNREAD:
                if key in reading.keys:
                    reading.note(reading.at(key), "is not read")
        for key in TEXT_PARTS:
            if isinstance(reading.keys.get(key), dict):
                reading.note(reading.at(key), f"is not read: {model_type} has no parts")
        if "learned" in reading.rows[0].flags:
            reading.note(at, "frequencies are multiplied by exp of a learned buffer")
        built = unused(reading)
        if built is not None:
            reading.note(built.path, built.message)
        if "off" in reading.rows[0].flags:  # a missing key does not say so
            for key in reading.rows[0].switch:
                if key not in reading.keys:
                    message = "is missing: the class default has no rotary embedding"
                    reading.note(reading.at(key), message)

    # ---- composite models -----------------------------------------------------------

    def _composite(self, located: Located) -> RopeConfig:
        """Read the parts; the layers are its own, else those of its text part."""
        parts: dict[str, RopeConfig] = {}
        whole = [self.model(located._replace(parts={}))] if located.whole else []
        notes, failed = located.notes.copy() if not whole else [], None
        for name, part in located.parts.items():
            try:
                parts[name] = self.config(part)
            except ConfigError as error:
                if part.keys:
                    raise
                message = f"cannot be read by class defaults: {error}"
                notes += [*part.notes, Note(part.path, message)]
                failed = error
        if not parts and not whole and failed is not None:
            raise failed
        text = [p for name, p in parts.items() if name.endswith(TEXT_PARTS)]
        main = (whole or text or list(parts.values()))[0]
        return RopeConfig(
            located.model_type,
            main.layers,
            main.layer_keys,
            parts,
            (*notes, *(n for read in (*whole, *parts.values()) for n in read.notes)),
            self.dialect,
            main.origins,
        )
