"""ropeinterp.dask: lazy, in chunks along any axis but the last, the bits of NumPy."""

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from ropeinterp import RopeSpec

da = pytest.importorskip("dask.array", reason="dask is not installed")

from ropeinterp.dask import apply  # noqa: E402

SPEC = RopeSpec.yarn(64, 5e5, factor=4, trained_length=4096)
AXES = (0,) * 10 + (1,) * 11 + (2,) * 11
MROPE = RopeSpec.default(64, 1e6, axis_map=AXES)
X = np.random.default_rng(91).standard_normal((2, 6, 37, 70)).astype(np.float32)
CHUNKS = {
    "one": (2, 6, 37, 70),
    "batch": (1, 6, 37, 70),
    "heads": (2, 4, 37, 70),
    "sequence": (2, 6, 10, 70),
    "all": (1, 5, 9, 70),
    "uneven": (2, (1, 5), (0, 30, 0, 7), 70),
}
KINDS = ["float16", "bfloat16", "float32", "float64"]
ONE_THREAD = {"scheduler": "synchronous"}


def dtype(kind):
    return np.dtype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind)


def same(lazy, x, want):
    """Whether it is lazy, looks like x before, and is what NumPy gives after."""
    assert isinstance(lazy, da.Array)
    assert lazy.chunks == x.chunks
    assert lazy.dtype == lazy._meta.dtype == want.dtype
    assert type(lazy._meta) is np.ndarray
    got = lazy.compute(**ONE_THREAD)
    assert type(got) is np.ndarray
    assert got.dtype == want.dtype
    return got.tobytes() == want.tobytes()


# ---- positions that count ------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_chunks_count_from_their_offset(chunks, kind):
    x = X.astype(dtype(kind))
    lazy = da.from_array(x, chunks=CHUNKS[chunks])
    assert same(apply(lazy, None, SPEC), lazy, SPEC.apply(x))


@pytest.mark.parametrize("seq_axis", [0, 1, -3, 2])
@pytest.mark.parametrize("inverse", [False, True])
def test_along_any_axis(seq_axis, inverse):
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    how = {"seq_axis": seq_axis, "inverse": inverse}
    assert same(apply(lazy, None, SPEC, **how), lazy, SPEC.apply(X, **how))


def test_numbers_of_transformers():
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    how = {"precision": "hf32"}
    assert same(apply(lazy, None, SPEC, **how), lazy, SPEC.apply(X, **how))


def test_specs_that_depend_on_the_length():
    spec = RopeSpec.dynamic(64, factor=2, trained_length=16)
    lazy = da.from_array(X, chunks=(2, 6, 10, 70))
    with pytest.raises(ValueError, match="seq_len is missing"):
        apply(lazy, None, spec)
    assert same(apply(lazy, None, spec, seq_len=37), lazy, spec.apply(X, seq_len=37))


@pytest.mark.parametrize("layout", ["interleaved", "interleaved_to_half"])
def test_layouts(layout):
    spec = RopeSpec.default(32, layout=layout, head_dim=70, rotary_offset=6)
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    assert same(apply(lazy, None, spec), lazy, spec.apply(X))


# ---- positions that are given --------------------------------------------------------

RNG = np.random.default_rng(92)
POSITIONS = {
    "one for all": (SPEC, -2, np.array(77)),
    "sequence": (SPEC, -2, np.arange(900, 937)),
    "along heads": (SPEC, 1, np.arange(6)),
    "batch and sequence": (SPEC, -2, RNG.integers(0, 99, (2, 37))),
    "one batch and sequence": (SPEC, -2, RNG.integers(0, 99, (1, 37))),
    "batch and heads": (SPEC, 1, RNG.integers(0, 99, (2, 6))),
    "heads and sequence": (SPEC, 0, RNG.integers(0, 99, (6, 37))),
    "full": (SPEC, -2, RNG.integers(0, 99, (2, 6, 37))),
    "full with ones": (SPEC, -2, RNG.integers(0, 99, (2, 1, 37))),
    "floats": (SPEC, -2, RNG.uniform(0, 99, 37)),
    "axes": (MROPE, -2, RNG.integers(0, 99, (3, 37))),
    "axes and batch": (MROPE, -2, RNG.integers(0, 99, (3, 2, 37))),
    "plain text on three axes": (MROPE, -2, np.arange(37)),
    "one number on three axes": (MROPE, -2, np.array(5)),
}


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("name", POSITIONS)
def test_given_positions(name, lazily):
    spec, seq_axis, p = POSITIONS[name]
    want = spec.apply(X, p, seq_axis=seq_axis)
    given = da.from_array(p, chunks=(2,) * p.ndim) if lazily else p
    for chunks in CHUNKS.values():
        lazy = da.from_array(X, chunks=chunks)
        assert same(apply(lazy, given, spec, seq_axis=seq_axis), lazy, want)


def test_three_axes_of_text_alone():
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    assert same(apply(lazy, None, MROPE), lazy, MROPE.apply(X))


def test_lists_and_narrow_arrays():
    x = X[0, 0]
    lazy = da.from_array(x, chunks=(10, 70))
    assert same(apply(lazy, list(range(37)), SPEC), lazy, SPEC.apply(x))
    assert same(apply(lazy[3], 5, SPEC), lazy[3], SPEC.apply(x[3], 5))
    assert same(apply(lazy[:0], None, SPEC), lazy[:0], SPEC.apply(x[:0]))


# ---- what dask expects of a collection -----------------------------------------------


def test_nothing_is_computed_before_it_is_asked_for():
    def never(block):
        raise AssertionError("computed")

    lazy = da.from_array(X, chunks=(1, 4, 10, 70)).map_blocks(never, meta=X[:0])
    p = da.arange(37, chunks=5).map_blocks(never, meta=np.arange(0))
    assert apply(lazy, None, SPEC).shape == X.shape
    assert apply(lazy, p, SPEC).shape == X.shape


def test_the_same_call_has_the_same_name():
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    names = {apply(lazy, None, spec).name for spec in (SPEC, SPEC, MROPE)}
    names |= {apply(lazy, None, SPEC, inverse=True).name}
    assert len(names) == 3


def test_chunks_of_unknown_length():
    lazy = da.from_array(X, chunks=(1, 6, 10, 70))
    keep = da.from_array(np.array([True, False]), chunks=1)
    some = lazy[keep]
    assert apply(some, None, SPEC).compute().tobytes() == SPEC.apply(X[:1]).tobytes()
    with pytest.raises(ValueError, match=r"x: the length .* x\.compute_chunk"):
        apply(some, None, SPEC, seq_axis=0)
    p = da.arange(40, chunks=10)
    with pytest.raises(ValueError, match="positions: the length of its chunks"):
        apply(lazy, p[p < 37], SPEC)


def test_a_slice_computes_its_chunks_alone():
    computed = []

    def seen(block):
        computed.append(block.shape)
        return block

    lazy = da.from_array(X, chunks=(1, 6, 10, 70)).map_blocks(seen, meta=X[:0])
    part = apply(lazy, None, SPEC)[1, :, 10:20].compute(**ONE_THREAD)
    assert computed == [(1, 6, 10, 70)]
    assert part.tobytes() == SPEC.apply(X)[1, :, 10:20].tobytes()


# ---- refusals, before anything is computed -------------------------------------------


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "x is ndarray, not a dask array", lambda x: apply(X, None, SPEC)),
        (TypeError, "spec must be a RopeSpec, not No", lambda x: apply(x, None, None)),
        (ValueError, r"chunks \(35, 35\).*x.rechunk\(\{-1: -1\}\)",
         lambda x: apply(x.rechunk({-1: 35}), None, SPEC)),
        (ValueError, r"chunks \(nan,\) along its last axis",
         lambda x: apply(x[..., x[0, 0, 0] < 9], None, SPEC)),
        (TypeError, "x is int32, not flo", lambda x: apply(x.astype("i4"), 1, SPEC)),
        (ValueError, "x has no axes", lambda x: apply(x[0, 0, 0, 0], 1, SPEC)),
        (ValueError, "x has 60 channels", lambda x: apply(x[..., :60], None, SPEC)),
        (ValueError, "x has 1 axes", lambda x: apply(x[0, 0, 0], None, SPEC)),
        (ValueError, "seq_axis 7", lambda x: apply(x, None, SPEC, seq_axis=7)),
        (ValueError, "seq_axis 3", lambda x: apply(x, [1], SPEC, seq_axis=3)),
        (TypeError, "seq_axis must be", lambda x: apply(x, None, SPEC, seq_axis=1.0)),
        (ValueError, "seq_len 0", lambda x: apply(x, None, SPEC, seq_len=0)),
        (ValueError, "precision 'a'", lambda x: apply(x, None, SPEC, precision="a")),
        (ValueError, r"positions of shape \(5,\)", lambda x: apply(x, range(5), SPEC)),
        (ValueError, r"positions of shape \(5,\)",
         lambda x: apply(x, da.arange(5), SPEC)),
        (TypeError, "positions must be integers or float64, not float32",
         lambda x: apply(x, da.ones(37, dtype="f4"), SPEC)),
        (ValueError, "positions nan", lambda x: apply(x, [np.nan] * 37, SPEC)),
        (ValueError, "the 3 position", lambda x: apply(x, np.ones((2, 37)), MROPE)),
    ],
)  # fmt: skip
def test_refused_at_once(error, match, call):
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    with pytest.raises(error, match=match):
        call(lazy)


def test_values_of_lazy_positions_are_refused_with_their_chunk():
    lazy = da.from_array(X, chunks=(1, 4, 10, 70))
    p = da.from_array(np.where(np.arange(37) == 20, np.inf, 0.0), chunks=10)
    with pytest.raises(ValueError, match="positions inf"):
        apply(lazy, p, SPEC).compute(**ONE_THREAD)


# ---- processes -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def client():
    """A cluster of two processes of one thread each."""
    distributed = pytest.importorskip("distributed", reason="no distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            memory_limit="1GiB",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("kind", KINDS)
def test_processes_give_the_same_bits(client, kind):
    x = X.astype(dtype(kind))
    lazy = da.from_array(x, chunks=(1, 4, 10, 70))
    p = da.from_array(np.arange(900, 937), chunks=8)
    futures = client.compute([apply(lazy, None, SPEC), apply(lazy, p, SPEC)])
    want = [SPEC.apply(x), SPEC.apply(x, np.arange(900, 937))]
    for future, rotated in zip(futures, want, strict=True):
        got = future.result(timeout=60)
        assert got.dtype == x.dtype
        assert got.tobytes() == rotated.tobytes()


def test_a_chain_through_processes_never_meets_here(client):
    """Made, rotated, rotated back and compared where the chunks are."""
    x = da.random.default_rng(93).standard_normal(
        (4, 8, 1024, 64), chunks=(1, 4, 256, 64)
    )
    x = x.astype(np.float32)
    spec = RopeSpec.default(64)
    back = apply(apply(x, None, spec), None, spec, inverse=True)
    worst = client.compute(abs(back - x).max()).result(timeout=60)
    # Two rotations of four roundings each, of pairs no longer than 8.
    assert worst <= 8 * 8 * np.finfo(np.float32).eps / 2


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_memory_of_processes_stays_bounded(client, capsys):
    """512 MiB in chunks of 4 MiB through two processes: made, rotated and summed up."""

    def peak():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(s.split()[1]) for s in lines if s.startswith("VmHWM")) / 1024

    before = max(client.run(peak).values())
    ones = da.ones((8, 131072, 128), chunks=(8, 1024, 128), dtype=np.float32)
    spec = RopeSpec.default(128)
    rotated = apply(ones, None, spec)
    # Each pair (1, 1) keeps its square of 2, but for float32's roundings.
    mean = (rotated.astype(np.float64) ** 2).mean()
    assert abs(client.compute(mean).result(timeout=120) - 1) < 1e-6
    after = max(client.run(peak).values())
    with capsys.disabled():
        print(f"\npeak of a process {after:.0f} MiB, {before:.0f} MiB of it before")
    assert after - before < 128
