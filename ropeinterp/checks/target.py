"""One model of a config under check: its keys, its rope dicts, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ropeinterp.checks.document import Document
from ropeinterp.checks.words import is_finite
from ropeinterp.config.block import read_block
from ropeinterp.config.layers import layers_of
from ropeinterp.config.locate import Located
from ropeinterp.config.reader import Reader
from ropeinterp.config.reading import Reading
from ropeinterp.config.result import Note
from ropeinterp.config.rope_dict import RopeDict
from ropeinterp.config.switches import unrotated
from ropeinterp.config.values import Found, Origin
from ropeinterp.dialects import V5
from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES, Scheme
from ropeinterp.schemes.scheme import LENGTH_KEY
from ropeinterp.spec import RopeSpec

# Type words of an embedding without scaling; other words can mean the same.
UNSCALED = tuple(n for n, s in SCHEMES.items() if s.dialects and not s.scales)


def type_word(block: Mapping[str, Any]) -> Any:
    """Type word of a rope dict that counts."""
    return block.get("rope_type", block.get("type", "default"))


class Layer(NamedTuple):
    """One layer type: its rope dict and what it means.

    Parameters
    ----------
    name : str
        The layer type, "default" where one table serves all.
    rope : RopeDict
        The rope dict, and the row of the layer type.
    spec : RopeSpec or None
        None where it cannot be read.
    origins : mapping of str to Origin
        Where the fields of the spec come from.
    error : ConfigError or None
        Why it cannot be read.
    """

    name: str
    rope: RopeDict
    spec: RopeSpec | None
    origins: Mapping[str, Origin]
    error: ConfigError | None = None

    @property
    def word(self) -> Any:
        """The type word that counts."""
        return type_word(self.rope.block)

    @property
    def scheme(self) -> str | None:
        """The scheme, also of a dict that cannot be read; None for an unknown word."""
        if self.spec is not None:
            return self.spec.scheme
        word = self.word
        known = isinstance(word, str)
        return self.rope.row.type_words.get(word, word) if known else None

    @property
    def traits(self) -> Scheme | None:
        """What its scheme has and asks for; None for an unknown word."""
        return SCHEMES.get(self.scheme or "")

    def has(self, key: str) -> bool:
        """Whether its scheme has a key, required or optional."""
        return self.traits is not None and self.traits.has(key)

    def requires(self, key: str) -> bool:
        """Whether its scheme has no numbers without a key."""
        return self.traits is not None and self.traits.requires(key)

    def get(self, key: str) -> Any:
        """Value of a key of the rope dict; None where it is missing or null."""
        return self.rope.block.get(key)

    def path_of(self, field: str) -> str:
        """JSON path that gives a field of the spec; empty where no key does."""
        origin = self.origins.get(field)
        return origin.paths[0] if origin and origin.paths else ""


class Target(NamedTuple):
    """One model of a config.

    Parameters
    ----------
    document : Document
        The whole config.
    located : Located
        Where the model stands in it.
    reader : Reader
        Whose reading it is.
    reading : Reading
        Its keys and the rows of its type.
    layers : tuple of Layer
        Layer types that are rotated.
    error : ConfigError or None
        Why no layer type could be found.
    """

    document: Document
    located: Located
    reader: Reader
    reading: Reading
    layers: tuple[Layer, ...] = ()
    error: ConfigError | None = None

    @property
    def keys(self) -> Mapping[str, Any]:
        """The config of the model."""
        return self.reading.keys

    @property
    def known(self) -> bool:
        """Whether its model type is in our table."""
        return self.reading.known

    @property
    def top(self) -> bool:
        """Whether it is the whole config and no part of one."""
        return self.reading.path == "$"

    @property
    def rotary(self) -> bool:
        """Whether it may have a rotary embedding that a spec describes."""
        refused = self.reading.rows[0].layers == "refused"
        silent = self.reading.silent
        return not (refused or silent) and self.unrotated is None

    @property
    def unrotated(self) -> Note | None:
        """Why the model has no rotary embedding; None if it has one."""
        return unrotated(self.reading, self.located.model_type)

    def at(self, key: str) -> str:
        """JSON path of a key of the model."""
        return self.reading.at(key)

    def given(self) -> Iterator[Layer]:
        """Layer types whose rope dict stands in the config, each dict once."""
        seen = set()
        for layer in self.layers:
            if layer.rope.given and layer.rope.path not in seen:
                seen.add(layer.rope.path)
                yield layer

    def errors(self) -> Iterator[ConfigError]:
        """Everything that keeps a reader from giving numbers."""
        if self.error is not None:
            yield self.error
        yield from (x.error for x in self.layers if x.error is not None)

    def find(self, *names: str) -> Found | None:
        """First of the keys that is present and not null."""
        found = (self.reading.find(name) for name in names)
        return next((f for f in found if f is not None and f.value is not None), None)

    def length(self) -> Found | None:
        """Length that the file itself states."""
        found = self.reading.named(LENGTH_KEY)
        return found if found is not None and is_finite(found.value) else None

    def reread(self, layer: Layer, **changes: Any) -> RopeSpec | None:
        """Spec of a layer type if keys of its rope dict were others; None if none.

        A value of None takes the key away.
        """
        block = _changed(layer.rope.block, changes)
        return self._read(self.reading.scratch(), replace(layer.rope, block=block))

    def reread_top(self, layer: Layer, **changes: Any) -> RopeSpec | None:
        """Spec of a layer type if top-level keys of the model were others."""
        keys = {k: v for k, v in (dict(self.keys) | changes).items() if v is not None}
        return self._read(self.reading.scratch(keys), replace(layer.rope))

    def read_by(self, located: Located, reader: Reader) -> tuple[Layer, ...]:
        """Layers of the model with other keys, or as another dialect reads them."""
        return examine(self.document, located, reader).layers

    @staticmethod
    def _read(reading: Reading, rope: RopeDict) -> RopeSpec | None:
        try:
            return read_block(reading, rope)[0]
        except ConfigError:
            return None


def _changed(keys: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(keys) | dict(changes)
    return {k: v for k, v in both.items() if v is not None or k not in changes}


def examine(document: Document, located: Located, reader: Reader) -> Target:
    """Read one model as far as it can be read.

    Parameters
    ----------
    document : Document
        The whole config.
    located : Located
        Where the model stands in it.
    reader : Reader
        Whose reading it is.

    Returns
    -------
    Target
    """
    reading = reader.reading(located)
    target = Target(document, located, reader, reading)
    if not target.rotary:
        return target
    try:
        ropes = layers_of(reading).ropes
    except ConfigError as error:
        return target._replace(error=error)
    layers = [_layer(reading, name, rope) for name, rope in ropes.items() if rope]
    return target._replace(layers=tuple(layers))


def _layer(reading: Reading, name: str, rope: RopeDict) -> Layer:
    try:
        spec, origins = read_block(reading, rope)
    except ConfigError as error:
        return Layer(name, rope, None, {}, error)
    return Layer(name, rope, spec, origins)


def targets(document: Document, located: Located) -> Iterator[Target]:
    """Read all models of a config, as transformers 5 does.

    Parameters
    ----------
    document : Document
        The config.
    located : Located
        Its models.

    Yields
    ------
    Target
        But for parts that are missing.
    """
    reader = Reader(V5, None)
    for model in located.models():
        if model.keys:
            yield examine(document, model, reader)
