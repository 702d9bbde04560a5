"""Layouts: in which channels of a head the two halves of a pair stand."""

from types import MappingProxyType
from typing import NamedTuple


class Layout(NamedTuple):
    """How a layout is rotated: kernels by name, direction, layout of the result."""

    kernel: str
    result: str
    sign: float = 1.0


LAYOUTS = MappingProxyType(
    {
        "half": Layout("half", "half"),
        "interleaved": Layout("interleaved", "interleaved"),
        "interleaved_to_half": Layout("interleaved_to_half", "half"),
        "half_reversed": Layout("half", "half_reversed", -1.0),
    }
)
