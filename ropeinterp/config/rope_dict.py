"""A rope dict, the layer type that it serves, and which of its keys were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ropeinterp.config.json_source import below
from ropeinterp.config.models import Model
from ropeinterp.config.reading import Reading
from ropeinterp.config.values import Found, Origin


@dataclass
class RopeDict:
    """The rope dict of a layer type; collects which of its keys are read.

    Parameters
    ----------
    row : Model
        Facts of the layer type.
    block : mapping
        The rope dict.
    path : str
        Where it stands, or would stand if the config held one.
    given : bool
        Whether the config holds it; else it is the class default, or empty.
    nested : bool
        Whether it is one entry of a dict per layer type.
    layer : mapping of str to Found
        What the config says about the first layer of this type alone.
    theta, scheme : Found or None
        The base and the type, where the layer lists decide them.
    used : set of str
        Collected: keys of the dict that were read.
    """

    row: Model
    block: Mapping[str, Any]
    path: str
    given: bool = True
    nested: bool = False
    layer: Mapping[str, Found] = field(default_factory=dict)
    theta: Found | None = None
    scheme: Found | None = None
    used: set[str] = field(default_factory=set, init=False)

    def at(self, key: str) -> str:
        """JSON path of a key of the dict."""
        return below(self.path, key)

    def origin(self, path: str) -> Origin:
        """Origin of what stands at a path of the dict."""
        return Origin.key(path) if self.given else Origin.words(self.row.described)

    def get(self, key: str) -> Found | None:
        """Value of a key of the dict, null included."""
        self.used.add(key)
        if key not in self.block:
            return None
        return Found(self.block[key], self.origin(self.at(key)))

    def note_default(
        self,
        reading: Reading,
        key: str,
        keys: tuple[str, ...],
        inside: bool,
        value: float,
    ) -> None:
        """Note a class default at the key that would have counted.

        That is the key of the rope dict where the dict counts, else the first of the
        top-level keys; where there is neither, nothing in a config changes the value.
        """
        first, _, divisor = (keys[0] if keys else key).partition("/")
        word = "missing" if inside or keys else "fixed"
        of = " of head_dim" if divisor and not inside else ""
        layer = f" for {self.row.layer}" if self.row.layer and not self.nested else ""
        message = f"is {word}: {value:g}{of} is the {self.row.described}{layer}"
        reading.note(self.at(key) if inside else reading.at(first), message)
