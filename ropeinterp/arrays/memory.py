"""Memory of new results: whole huge pages, where the system has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# NumPy asks for huge pages from 4 MiB on, wherever its memory begins. What lies before
# the first boundary of 2 MiB and behind the last comes in small pages then, whose first
# touch takes several times as long.
_PAGE, _LARGE = 2**21, 2**22


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a new array, as numpy.empty() does; from 4 MiB on in whole huge pages."""
    return _paged(np.empty(shape, dtype))


def empty_like(x: NDArray[Any]) -> NDArray[Any]:
    """Return a new array of the shape and order of x, in native byte order."""
    return _paged(np.empty_like(x, dtype=x.dtype.newbyteorder("="), subok=False))


def _paged(new: NDArray[Any]) -> NDArray[Any]:
    """Exchange a new array, not yet touched, for one that begins with a huge page."""
    if new.nbytes < _LARGE:
        return new
    shape, dtype, strides, size = new.shape, new.dtype, new.strides, new.nbytes
    del new
    room = np.empty(size + _PAGE, np.uint8)
    start = -room.ctypes.data % _PAGE
    # Linux clears a huge page towards what is touched first, so that this is in the
    # cache: from the last byte that is forwards, which takes half of the time.
    room[start + _PAGE - 1 : start + size : _PAGE] = 0
    return np.ndarray(shape, dtype, room, start, strides)
