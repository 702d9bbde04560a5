"""Float32 in the order of operations of transformers, for ``precision="hf32"``.

Every array operation is rounded, as in transformers 5.23.0 (modeling_rope_utils.py). It
is there for comparison with transformers, not for accuracy: at 128k positions these
angles are up to 9e-3 off. The order is part of each scheme; here is what they share.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ropeinterp.fields import Fields

Float32: TypeAlias = NDArray[np.float32]


def powers(fields: Fields, base: float | np.floating[Any] | None = None) -> Float32:
    """Tokens per radian of every pair before scaling, ``base ** (2 k / dim)``.

    A rounded exponent, a real power of it, one rounding.

    Parameters
    ----------
    fields : Fields
        Of a spec: how many pairs it has.
    base : float, optional
        Rotary base, by default that of the spec.

    Returns
    -------
    ndarray of float32, shape (ceil(dim / 2),)
    """
    k = np.arange((fields.dim + 1) // 2)
    exponent = (2 * k).astype(np.float32) / np.float32(fields.dim)
    rounded = np.float32(fields.base if base is None else base)
    power = np.float64(rounded) ** exponent.astype(np.float64)
    return np.asarray(power.astype(np.float32))
