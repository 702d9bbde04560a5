"""Memory of large results: where it begins, and that its order is NumPy's."""

import numpy as np
import pytest

import ropeinterp as ri
from ropeinterp.arrays import memory

HUGE_PAGE = 2**21  # x86-64, and arm64 with pages of 4 KiB
SPEC = ri.RopeSpec.default(64)


def begins_a_page(array):
    return array.ctypes.data % HUGE_PAGE == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_results_begin_a_page(dtype):
    x = np.ones((2**24 // 64 // np.dtype(dtype).itemsize, 64), dtype)
    got = SPEC.apply(x, None)
    assert begins_a_page(got)
    few = slice(-3, None)
    np.testing.assert_array_equal(got[few], SPEC.apply(x[few], range(len(x))[few]))


def test_large_tables_begin_a_page():
    for table in SPEC.cos_sin(np.arange(2**16)):
        assert begins_a_page(table)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_memory_order_is_kept(axes):
    x = np.empty((64, 128, 256), np.float32).transpose(axes)
    new = memory.empty_like(x)
    assert begins_a_page(new)
    assert new.shape == x.shape
    assert new.strides == np.empty_like(x).strides
    assert new.dtype == x.dtype
    assert new.flags.writeable
    new[...] = 1  # all of it is ours
    assert new.base.size >= new.nbytes


def test_others_are_as_they_were():
    assert memory.empty((1000,), np.dtype(np.float64)).base is None
