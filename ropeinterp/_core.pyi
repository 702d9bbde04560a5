"""The C extension: every name of rows[] in src/ufuncs.c is a NumPy ufunc."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

isa: str
isas: tuple[str, ...]

def _frequencies(
    scheme: str,
    n: int,
    parameters: tuple[float | None, ...],
    of_pair: tuple[float, ...],
    with_planes: bool,
    /,
) -> NDArray[np.float64]: ...

_cos_sin_bfloat16: np.ufunc
_rope_bfloat16: np.ufunc
_rope_interleaved_bfloat16: np.ufunc
_rope_interleaved_qk: np.ufunc
_rope_interleaved_qk_bfloat16: np.ufunc
_rope_interleaved_to_half_bfloat16: np.ufunc
_rope_interleaved_to_half_qk: np.ufunc
_rope_interleaved_to_half_qk_bfloat16: np.ufunc
_rope_qk: np.ufunc
_rope_qk_bfloat16: np.ufunc
_rotate_half_bfloat16: np.ufunc
_rotate_interleaved_bfloat16: np.ufunc
_rotate_interleaved_to_half_bfloat16: np.ufunc
cos_sin: np.ufunc
inv_freq_default: np.ufunc
inv_freq_dynamic: np.ufunc
inv_freq_linear: np.ufunc
inv_freq_llama3: np.ufunc
inv_freq_longrope: np.ufunc
inv_freq_ntk: np.ufunc
inv_freq_proportional: np.ufunc
inv_freq_yarn: np.ufunc
rope: np.ufunc
rope_interleaved: np.ufunc
rope_interleaved_to_half: np.ufunc
rotate_half: np.ufunc
rotate_interleaved: np.ufunc
rotate_interleaved_to_half: np.ufunc

def _rotate_plain(
    layout: int,
    xs: tuple[NDArray[Any], ...],
    positions: ArrayLike | None,
    planes: NDArray[np.float64],
    scale: float,
    backwards: bool,
    seq_axis: int,
    outs: tuple[NDArray[Any] | None, ...],
    /,
) -> tuple[NDArray[Any], ...] | None: ...
def _rotate_memory(
    layout: int,
    x: tuple[Any, ...],
    positions: tuple[Any, ...],
    planes: NDArray[np.float64],
    scale: float,
    backwards: bool,
    seq_axis: int,
    out: tuple[Any, ...],
    /,
) -> bool: ...
