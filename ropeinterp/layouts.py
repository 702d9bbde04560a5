"""Layouts: in which channels of a head the two halves of a pair stand."""

from types import MappingProxyType
from typing import NamedTuple


class Layout(NamedTuple):
    """How a layout is rotated: kernels by name, direction, layout of the result.

    With several blocks each one holds whole pairs and is rotated on its own.
    """

    kernel: str
    result: str
    sign: float = 1.0
    blocks: int = 1


LAYOUTS = MappingProxyType(
    {
        "half": Layout("half", "half"),
        "interleaved": Layout("interleaved", "interleaved"),
        "interleaved_to_half": Layout("interleaved_to_half", "half"),
        "half_reversed": Layout("half", "half_reversed", -1.0),
        "half_blocks": Layout("half", "half_blocks", blocks=2),
    }
)
