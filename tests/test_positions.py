"""Builders of positions; expected values from the upstream docstrings and by hand."""

import numpy as np
import pytest

from ropeinterp import ParameterError, RopeSpec, positions


def test_grid_orders_rows_then_columns():
    rows, columns = positions.grid(2, 3)
    assert rows.tolist() == [0, 0, 0, 1, 1, 1]
    assert columns.tolist() == [0, 1, 2, 0, 1, 2]


def test_merged_blocks_stand_together():
    # Qwen2-VL: hpos.reshape(h/2, 2, w/2, 2).permute(0, 2, 1, 3).flatten()
    rows, columns = positions.grid(4, 4, merge=2)
    assert rows.tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]
    assert columns.tolist() == [0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3]


def test_video_then_text_as_in_the_docstring_of_qwen2_vl():
    """get_rope_index: 3 frames of 2 x 2 patches, then 5 text tokens."""
    time, row, column = positions.multimodal([(3, 2, 2), 5])
    assert time.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7]
    assert row.tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 3, 4, 5, 6, 7]
    assert column.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 3, 4, 5, 6, 7]


def test_text_alone_counts_on_every_axis():
    spec = RopeSpec.default(8, axis_map=(0, 1, 2, 0))
    text = positions.multimodal([7])
    assert (text == np.arange(7)).all()
    for a, b in zip(spec.cos_sin(text), spec.cos_sin(range(7)), strict=True):
        assert (a == b).all()
    assert positions.multimodal([]).shape == (3, 0)


def test_patch_centres_are_symmetric():
    rows, columns = positions.patch_centres(2, 4)
    assert rows.tolist() == [-0.5] * 4 + [0.5] * 4
    assert columns.tolist() == [-0.75, -0.25, 0.25, 0.75] * 2


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: positions.grid(0, 2), ParameterError, "height 0: must be from 1"),
        (lambda: positions.grid(2.0, 2), TypeError, "height must be an int, not float"),
        (lambda: positions.grid(3, 4, merge=2), ParameterError, "height 3: is no mult"),
        (lambda: positions.grid(2, 2, merge=0), ParameterError, "merge 0: must be"),
        (lambda: positions.multimodal([3, -1]), ParameterError, "segments -1: must be"),
        (lambda: positions.multimodal([True]), TypeError, "segments must be an int"),
    ],
)
def test_bad_counts_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
