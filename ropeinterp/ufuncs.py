"""The NumPy ufuncs of the package: broadcasting, ``out=``, ``dtype=``, ``axes=``.

The ufuncs promise memory safety and the same bits for every memory layout. They check
shapes, not values; :class:`ropeinterp.RopeSpec` checks values too. ``help`` of each
says what its operands are; the turn planes come from ``RopeSpec.turn_planes``.

- ``inv_freq_<scheme>``: the frequencies of a scheme.
- ``cos_sin``: tables of cosines and sines at positions.
- ``rotate_half``, ``rotate_interleaved``, ``rotate_interleaved_to_half``: rotate by
  tables.
- ``rope``, ``rope_interleaved``, ``rope_interleaved_to_half``: rotate by positions,
  without any table.
"""

from typing import TYPE_CHECKING

import numpy as np

from ropeinterp import _core

# Those of the extension, so that a scheme has no line here.
_PUBLIC = {
    name: value
    for name, value in vars(_core).items()
    if isinstance(value, np.ufunc) and not name.startswith("_")
}
globals().update(_PUBLIC)
__all__ = sorted(_PUBLIC)

if TYPE_CHECKING:

    def __getattr__(name: str) -> np.ufunc: ...
