"""Arrays of other packages come back as what they were, from spec.apply itself."""

import numpy as np
import pytest

import ropeinterp as ri

SPEC = ri.RopeSpec.yarn(8, factor=4, trained_length=64)
X = np.random.default_rng(3).normal(size=(2, 3, 5, 8)).astype(np.float32)
WANT = SPEC.apply(X, inverse=True)


def imported(name):
    return pytest.importorskip(name, reason=f"{name} is not installed")


def test_a_tensor_comes_back_as_one():
    torch = imported("torch")
    x = torch.from_numpy(X.copy())
    got = SPEC.apply(x, inverse=True)
    assert isinstance(got, torch.Tensor)
    assert got.numpy().tobytes() == WANT.tobytes()
    assert SPEC.apply(x, inverse=True, out=x) is x
    assert x.numpy().tobytes() == WANT.tobytes()


def test_a_dask_array_comes_back_lazy():
    da = imported("dask.array")
    got = SPEC.apply(da.from_array(X, chunks=(1, 2, 3, 8)), inverse=True)
    assert isinstance(got, da.Array)
    assert got.compute().tobytes() == WANT.tobytes()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_data_array_keeps_its_names(chunked):
    xr = imported("xarray")
    x = xr.DataArray(
        X,
        dims=("batch", "head", "seq", "d"),
        coords={"seq": np.arange(5)},
        name="k",
        attrs={"layer": 3},
    )
    if chunked:
        imported("dask")
        x = x.chunk({"seq": 2})
    got = SPEC.apply(x, x["seq"].values, inverse=True)
    assert isinstance(got, xr.DataArray)
    assert (got.dims, got.name, got.attrs) == (x.dims, x.name, x.attrs)
    assert (got["seq"] == x["seq"]).all()
    assert got.chunks == x.chunks
    assert got.values.tobytes() == WANT.tobytes()


def test_a_matrix_of_numpy_goes_no_other_way():
    class Mine(np.ndarray):
        pass

    assert type(SPEC.apply(X.view(Mine))) is np.ndarray


@pytest.mark.parametrize(
    ("package", "argument"),
    [
        ("torch", {"precision": "hf32"}),
        ("torch", {"threads": 2}),
        ("dask.array", {"out": X}),
        ("xarray", {"out": X}),
    ],
)
def test_an_argument_without_a_meaning_is_named(package, argument):
    module = imported(package)
    make = {
        "torch": lambda: module.from_numpy(X),
        "dask.array": lambda: module.from_array(X),
        "xarray": lambda: module.DataArray(X),
    }
    (name,) = argument
    with pytest.raises(TypeError, match=f"{name} is not taken with a"):
        SPEC.apply(make[package](), **argument)
