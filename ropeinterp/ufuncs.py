"""The NumPy ufuncs of the package: broadcasting, ``out=``, ``dtype=``, ``axes=``.

The ufuncs promise memory safety and the same bits for every memory layout. They check
shapes, not values; :class:`ropeinterp.RopeSpec` checks values too.
"""

from ropeinterp._core import (
    cos_sin,
    inv_freq_default,
    inv_freq_dynamic,
    inv_freq_linear,
    inv_freq_llama3,
    inv_freq_longrope,
    inv_freq_ntk,
    inv_freq_proportional,
    inv_freq_yarn,
    rope,
    rope_interleaved,
    rope_interleaved_to_half,
    rotate_half,
    rotate_interleaved,
    rotate_interleaved_to_half,
)

__all__ = [
    "cos_sin",
    "inv_freq_default",
    "inv_freq_dynamic",
    "inv_freq_linear",
    "inv_freq_llama3",
    "inv_freq_longrope",
    "inv_freq_ntk",
    "inv_freq_proportional",
    "inv_freq_yarn",
    "rope",
    "rope_interleaved",
    "rope_interleaved_to_half",
    "rotate_half",
    "rotate_interleaved",
    "rotate_interleaved_to_half",
]
