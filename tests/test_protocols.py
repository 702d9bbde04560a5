"""dask arrays and xarray DataArrays through the ufunc protocol: bit-equal.

Of the methods of a spec too, where xarray calls them; tests/test_dask.py has the rest.
"""

import numpy as np
import pytest

from ropeinterp import RopeSpec, ufuncs

SPEC = RopeSpec.default(64, 5e5)
X = np.random.default_rng(71).standard_normal((2, 8, 37, 70)).astype(np.float32)
P = np.arange(1000, 1037)
KINDS = ["float16", "float32", "float64"]


def tables(kind):
    return SPEC.cos_sin(P, dtype=np.float64 if kind == "float64" else np.float32)


# ---- dask ---------------------------------------------------------------------------


@pytest.fixture
def da():
    return pytest.importorskip("dask.array", reason="dask is not installed")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["rotate_half", "rotate_interleaved"])
def test_dask_rotates_block_by_block(da, name, kind):
    x, rotate = X.astype(kind), getattr(ufuncs, name)
    cos, sin = tables(kind)
    want = rotate(x, cos, sin)
    lazy = da.from_array(x, chunks=(1, 3, 10, 70))
    got = rotate(
        lazy,
        da.from_array(cos, chunks=(10, 32)),
        da.from_array(sin, chunks=(10, 32)),
    )
    assert isinstance(got, da.Array)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert got.compute().tobytes() == want.tobytes()


def test_dask_takes_plain_tables(da):
    cos, sin = tables("float32")
    lazy = da.from_array(X, chunks=(1, 8, 37, 70))
    got = ufuncs.rotate_half(lazy, cos, sin)
    assert isinstance(got, da.Array)
    want = ufuncs.rotate_half(X, cos, sin)
    assert got.compute().tobytes() == want.tobytes()


def test_dask_makes_tables_of_lazy_positions(da):
    cos, sin = ufuncs.cos_sin(da.from_array(P, chunks=10), SPEC.turn_planes(), 1.0)
    want = SPEC.cos_sin(P)
    for lazy, table in zip((cos, sin), want, strict=True):
        assert isinstance(lazy, da.Array)
        assert lazy.compute().tobytes() == table.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_dask_runs_the_fused_gufunc(da, kind):
    """x as (batch, sequence, heads, channels): its heads are a core axis."""
    x = np.ascontiguousarray(X.swapaxes(1, 2)).astype(kind)
    lazy = da.from_array(x, chunks=(1, 10, 8, 70))
    positions = da.from_array(P.astype(float), chunks=10)
    got = ufuncs.rope(lazy, positions, SPEC.turn_planes(), 1.0)
    assert got.dtype == x.dtype
    want = ufuncs.rope(x, P, SPEC.turn_planes(), 1.0)
    assert got.compute().tobytes() == want.tobytes()


def test_dask_sweeps_bases(da):
    bases = np.linspace(1e4, 1e6, 12)
    k = np.arange(32.0)
    got = ufuncs.inv_freq_default(k, 64, da.from_array(bases, chunks=5))
    want = ufuncs.inv_freq_default(k, 64, bases)
    assert got.compute().tobytes() == want.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_methods_refuse_to_compute_lazy_arrays(da, kind):
    """They would give an ndarray, of chunks that perhaps fit no memory together."""

    def never(block):
        raise AssertionError("computed")

    x = da.from_array(X.astype(kind)).map_blocks(never, meta=X[:0].astype(kind))
    p = da.from_array(P).map_blocks(never, meta=P[:0])
    for call in (
        lambda: SPEC.apply(X, p),
        lambda: SPEC.shift(x, 1),
        lambda: SPEC.shift(X, p),
        lambda: SPEC.retarget(x, P, SPEC),
        lambda: SPEC.cos_sin(p),
    ):
        with pytest.raises(TypeError, match=r"is a lazy Array.*ropeinterp\.dask"):
            call()


# ---- xarray -------------------------------------------------------------------------


@pytest.fixture
def xr():
    return pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.mark.parametrize("kind", KINDS)
def test_xarray_keeps_names(xr, kind):
    x, (cos, sin) = X.astype(kind), tables(kind)
    named = xr.DataArray(x, dims=("batch", "head", "seq", "d"), coords={"seq": P})
    c = xr.DataArray(cos, dims=("seq", "pair"), coords={"seq": P})
    s = xr.DataArray(sin, dims=("seq", "pair"), coords={"seq": P})
    got = xr.apply_ufunc(
        ufuncs.rotate_half,
        named,
        c,
        s,
        input_core_dims=[["d"], ["pair"], ["pair"]],
        output_core_dims=[["d"]],
    )
    assert got.dims == named.dims
    want = ufuncs.rotate_half(x, cos, sin)
    assert got.dtype == want.dtype
    assert got.values.tobytes() == want.tobytes()


def test_xarray_aligns_axes_by_name(xr):
    cos, sin = tables("float32")
    named = xr.DataArray(X, dims=("batch", "head", "seq", "d"))
    got = xr.apply_ufunc(
        ufuncs.rotate_half,
        named.transpose("d", "seq", "head", "batch"),
        xr.DataArray(cos, dims=("seq", "pair")),
        xr.DataArray(sin, dims=("seq", "pair")),
        input_core_dims=[["d"], ["pair"], ["pair"]],
        output_core_dims=[["d"]],
    )
    want = ufuncs.rotate_half(X, cos, sin)
    assert got.transpose(*named.dims).values.tobytes() == want.tobytes()


def test_xarray_makes_tables(xr):
    got = xr.apply_ufunc(
        ufuncs.cos_sin,
        xr.DataArray(P, dims="seq"),
        xr.DataArray(SPEC.turn_planes(), dims=("plane", "pair")),
        1.0,
        input_core_dims=[[], ["plane", "pair"], []],
        output_core_dims=[["pair"], ["pair"]],
    )
    for table, want in zip(got, SPEC.cos_sin(P), strict=True):
        assert table.dims == ("seq", "pair")
        assert table.values.tobytes() == want.tobytes()


def test_xarray_over_dask(xr, da):
    cos, sin = tables("float32")
    dims = ("batch", "head", "seq", "d")
    named = xr.DataArray(da.from_array(X, chunks=(1, 3, 37, 70)), dims=dims)
    got = xr.apply_ufunc(
        ufuncs.rotate_half,
        named,
        xr.DataArray(cos, dims=("seq", "pair")),
        xr.DataArray(sin, dims=("seq", "pair")),
        input_core_dims=[["d"], ["pair"], ["pair"]],
        output_core_dims=[["d"]],
        dask="allowed",
    )
    assert got.chunks is not None
    want = ufuncs.rotate_half(X, cos, sin)
    assert got.values.tobytes() == want.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_xarray_applies_a_spec(xr, kind):
    """The sequence is a core axis, whatever its place; its coordinate are positions."""
    dims = ("batch", "seq", "head", "d")
    x = np.ascontiguousarray(X.swapaxes(1, 2)).astype(kind)
    named = xr.DataArray(x, dims=dims, coords={"seq": P}, name="k")
    got = xr.apply_ufunc(
        SPEC.apply,
        named,
        named["seq"],
        input_core_dims=[["seq", "d"], ["seq"]],
        output_core_dims=[["seq", "d"]],
        keep_attrs=True,
    ).transpose(*dims)
    want = SPEC.apply(x, P, seq_axis=1)
    xr.testing.assert_identical(got, named.copy(data=want))
    assert got.dtype == x.dtype


@pytest.mark.parametrize("chunks", [{"batch": 1, "head": 3}, {"seq": 10}])
def test_xarray_applies_a_spec_over_dask(xr, da, chunks):
    from ropeinterp.dask import apply

    dims = ("batch", "head", "seq", "d")
    named = xr.DataArray(X, dims=dims, coords={"seq": P}).chunk(chunks)
    got = xr.apply_ufunc(
        apply,
        named,
        named["seq"],
        kwargs={"spec": SPEC},
        input_core_dims=[["seq", "d"], ["seq"]],
        output_core_dims=[["seq", "d"]],
        dask="allowed",
    )
    assert got.dims == dims
    assert got.chunks == named.chunks
    assert got.values.tobytes() == SPEC.apply(X, P).tobytes()


def test_methods_refuse_to_lose_what_keys_were(xr):
    named = xr.DataArray(X, dims=("batch", "head", "seq", "d"))
    with pytest.raises(TypeError, match=r"k is a DataArray.*xarray\.apply_ufunc"):
        SPEC.shift(named, 1)
    with pytest.raises(TypeError, match="k is a lazy DataArray"):
        SPEC.shift(named.chunk({"batch": 1}), 1)
    # Positions give numbers only.
    p = xr.DataArray(P, dims="seq")
    assert SPEC.apply(X, p).tobytes() == SPEC.apply(X, P).tobytes()
