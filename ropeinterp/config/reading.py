"""One config while it is read: its keys, its model type's rows, and what to note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ropeinterp.config import names
from ropeinterp.config.json_source import below
from ropeinterp.config.models import Model
from ropeinterp.config.result import Note
from ropeinterp.config.values import Found, whole
from ropeinterp.kinds import is_number


@dataclass
class Reading:
    """One config of one model type; collects notes while it is read.

    Parameters
    ----------
    keys : mapping
        The config.
    path : str
        Where it stands in the file.
    rows : tuple of Model
        What is known of its model type.
    v4 : bool
        Whether transformers 4.57 is the dialect.
    trained_length : int or None
        What the caller knows and the config may not say.
    notes : list of Note
        Collected.
    counted, strays : set of str, dict of str
        Collected: paths of the top-level values that a layer type took, and what to
        note of those that a layer type left: another one may take them.
    """

    keys: Mapping[str, Any]
    path: str
    rows: tuple[Model, ...]
    v4: bool
    trained_length: int | None
    notes: list[Note]
    counted: set[str] = field(default_factory=set, init=False)
    strays: dict[str, str] = field(default_factory=dict, init=False)

    def scratch(self, keys: Mapping[str, Any] | None = None) -> Reading:
        """Return the same without what it has collected, or with other keys."""
        return replace(self, keys=self.keys if keys is None else keys, notes=[])

    @property
    def known(self) -> bool:
        """Whether the model type is in the table."""
        return "unknown" not in self.rows[0].flags

    @property
    def rotary(self) -> bool:
        """Whether the model type has a rotary embedding that a spec describes."""
        return self.rows[0].layers not in ("none", "refused")

    @property
    def silent(self) -> bool:
        """Whether the type is unknown, and no key says what its positions could be."""
        if self.known:
            return False
        wanted = names.of_width(self.rows) | names.of_rotation(self.rows)
        return not names.states_any(self.keys, wanted)

    @property
    def silence(self) -> str:
        """What a silent config lacks."""
        nothing = "holds no size and no rotary key"
        if self.keys.get("model_type"):
            return f"is no known model type, and the config {nothing}"
        return f"{nothing}, and no model_type"

    # ---- notes -------------------------------------------------------------------

    def note(self, path: str, message: str) -> None:
        """Add a note; the result holds it once."""
        self.notes.append(Note(path, message))

    def defect(self, path: str, number: str, what: str) -> None:
        """Note what transformers 5.23.0 does instead of what is read."""
        if not self.v4:
            self.note(path, f"transformers 5.23.0 {what} ({number})")

    def note_strays(self) -> None:
        """Note the keys that no layer type took; a list is taken entry by entry."""
        taken = {path.partition("[")[0] for path in self.counted} | self.counted
        for path, message in self.strays.items():
            if path not in taken:
                self.note(path, message)

    # ---- keys --------------------------------------------------------------------

    def telling(self) -> Iterator[Found]:
        """Yield the keys that tell this model type its positions and its sizes."""
        own = names.of_rows(self.rows)
        for key, value in self.keys.items():
            if key in names.OF_ROPE_DICTS and isinstance(value, dict):
                yield from _telling_block(value, self.at(key))
            elif key in own:
                yield Found.at(value, self.at(key))

    def at(self, key: str) -> str:
        """JSON path of a top-level key."""
        return below(self.path, key)

    def find(self, *keys: str) -> Found | None:
        """First of the keys that is present, null included."""
        for name in keys:
            if name in self.keys:
                return Found.at(self.keys[name], self.at(name))
        return None

    def named(self, name: str) -> Found | None:
        """Find a key under its own name or one of its aliases, null included."""
        return self.find(name, *self.rows[0].aliases.get(name, ()))

    def size_or_none(self, name: str) -> int | None:
        """Return a whole number that the config itself states."""
        found = self.named(name)
        if found is None or not is_number(found.value) or found.value % 1:
            return None
        return int(found.value)

    def size(self, name: str) -> Found | None:
        """Find a whole number; a missing or null one is the class default."""
        found = self.named(name)
        if found is not None and found.value is not None:
            return whole(found)
        default = self.rows[0].sizes.get(name)
        if default is None:
            return None
        return Found.words(default, self.rows[0].described)


def _telling_block(block: Mapping[str, Any], path: str) -> Iterator[Found]:
    """Yield the keys of a rope dict, or of one per layer type, with a meaning."""
    for key, value in block.items():
        if key in names.OF_BLOCKS:
            yield Found.at(value, below(path, key))
        elif isinstance(value, dict):
            yield from _telling_block(value, below(path, key))
