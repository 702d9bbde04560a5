"""The C extension. Every name that does not stand here is a NumPy ufunc.

The ufuncs are the rows of rows[] in src/module/ufuncs.c and of rope_formulas[] in
src/frequencies/schemes.c: no line here repeats them.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

isa: str
isas: tuple[str, ...]

def __getattr__(name: str) -> np.ufunc: ...
def _frequencies(
    scheme: str,
    n: int,
    parameters: tuple[float | None, ...],
    of_pair: tuple[float, ...],
    with_planes: bool,
    /,
) -> NDArray[np.float64]: ...
def _rotate_small(
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
