"""Positions of several axes: image patches, video, text around them.

The arrays go to ``cos_sin`` and ``apply`` of specs with an `axis_map`: the leading axis
holds one position per axis. Text alone needs none of this, it counts on every axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ropeinterp.errors import ParameterError
from ropeinterp.kinds import check_integer
from ropeinterp.limits import LONGEST


def _check_count(name: str, value: int) -> int:
    check_integer(name, value)
    if not 0 < value <= LONGEST:
        raise ParameterError(name, value, "must be from 1 to 2**31")
    return int(value)


def grid(height: int, width: int, *, merge: int = 1) -> NDArray[np.int64]:
    """Rows and columns of the patches of one image.

    Parameters
    ----------
    height, width : int
        Patches.
    merge : int, optional
        Side of the blocks whose patches stand together in the sequence, as vision
        towers that merge 2 x 2 patches order them; it divides both lengths.

    Returns
    -------
    ndarray of int64, shape (2, height * width)
        Axis 0 is the row, axis 1 the column.

    Raises
    ------
    TypeError, ParameterError
        If a number is no positive integer, or `merge` does not divide the lengths.

    References
    ----------
    .. [1] transformers 5.23.0, ``rot_pos_emb`` of Qwen2-VL's vision tower.

    Examples
    --------
    >>> grid(2, 3)
    array([[0, 0, 0, 1, 1, 1],
           [0, 1, 2, 0, 1, 2]])
    """
    return grid_3d(1, height, width, merge=merge)[1:]


def grid_3d(
    frames: int, height: int, width: int, *, merge: int = 1
) -> NDArray[np.int64]:
    """Frames, rows and columns of the patches of a video.

    Parameters
    ----------
    frames, height, width : int
        Patches along each axis.
    merge : int, optional
        As for :func:`grid`.

    Returns
    -------
    ndarray of int64, shape (3, frames * height * width)
        Axis 0 is the time, axis 1 the row, axis 2 the column.

    Raises
    ------
    TypeError, ParameterError
        If a number is no positive integer, or `merge` does not divide the lengths.

    Examples
    --------
    >>> grid_3d(2, 1, 2)
    array([[0, 0, 1, 1],
           [0, 0, 0, 0],
           [0, 1, 0, 1]])
    """
    shape = tuple(
        _check_count(name, n)
        for name, n in (("frames", frames), ("height", height), ("width", width))
    )
    side = _check_count("merge", merge)
    for name, n in (("height", height), ("width", width)):
        if n % side:
            raise ParameterError(name, n, f"is no multiple of merge {side}")
    frames, height, width = shape
    blocks = (3, frames, height // side, side, width // side, side)
    ordered = np.indices(shape).reshape(blocks).transpose(0, 1, 2, 4, 3, 5)
    return ordered.reshape(3, -1).astype(np.int64)


def patch_centres(height: int, width: int) -> NDArray[np.float64]:
    """Centres of the patches of one image, from -1 to 1 along each axis.

    Parameters
    ----------
    height, width : int
        Patches.

    Returns
    -------
    ndarray of float64, shape (2, height * width)
        ``2 * (i + 0.5) / count - 1``; axis 0 is the row, axis 1 the column.

    Raises
    ------
    TypeError, ParameterError
        If a number is no positive integer.

    References
    ----------
    .. [1] transformers 5.23.0, ``get_patches_center_coordinates`` of DINOv3.

    Examples
    --------
    >>> patch_centres(1, 2)
    array([[ 0. ,  0. ],
           [-0.5,  0.5]])
    """
    counts = np.array([[height], [width]])
    return np.asarray((2.0 * grid(height, width) + 1.0) / counts - 1.0)


def multimodal(
    segments: Sequence[int | tuple[int, int, int]],
) -> NDArray[np.int64]:
    """Positions of text with images and videos in it (M-RoPE).

    Parameters
    ----------
    segments : sequence of int or (frames, height, width)
        In the order of the sequence: a number of text tokens, or the tokens of one
        image or video along each axis, after merging.

    Returns
    -------
    ndarray of int64, shape (3, tokens)
        Time, row, column. Text counts on, alike on every axis; an image begins where
        the text left off, and the text after it behind its largest position.

    Raises
    ------
    TypeError, ParameterError
        If a number is no positive integer.

    References
    ----------
    .. [1] P. Wang et al., arXiv:2409.12191 (Qwen2-VL), M-RoPE.

    Examples
    --------
    >>> multimodal([2, (1, 2, 2), 2])
    array([[0, 1, 2, 2, 2, 2, 4, 5],
           [0, 1, 2, 2, 3, 3, 4, 5],
           [0, 1, 2, 3, 2, 3, 4, 5]])
    """
    pieces, start = [np.empty((3, 0), np.int64)], 0
    for segment in segments:
        if isinstance(segment, tuple):
            piece = grid_3d(*segment)
        else:
            piece = np.tile(np.arange(_check_count("segments", segment)), (3, 1))
        pieces.append(piece + start)
        start = int(pieces[-1].max()) + 1
    return np.concatenate(pieces, axis=1)
