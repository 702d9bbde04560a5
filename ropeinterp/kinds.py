"""What counts as an integer and as a number: bool never does, NumPy's scalars do."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an int or an integer of NumPy, and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number of Python or NumPy, and no bool."""
    return is_integer(value) or isinstance(value, (float, np.floating))


def check_integer(name: str, value: object) -> None:
    """Refuse an argument that is no integer."""
    if not is_integer(value):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
