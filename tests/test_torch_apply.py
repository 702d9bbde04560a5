"""ropeinterp.torch.apply on plain tensors: NumPy's bits, no copies, clear errors."""

import numpy as np
import pytest

from ropeinterp import RopeSpec
from ropeinterp.arrays import small_calls

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
rt = pytest.importorskip("ropeinterp.torch")

from ropeinterp.torch import composed  # noqa: E402
from ropeinterp.torch.operators import numbers  # noqa: E402

KINDS = ["float16", "bfloat16", "float32", "float64"]
SPECS = {
    "half": RopeSpec.llama3(16, rotary_offset=1, head_dim=20),
    "interleaved": RopeSpec.default(16, 5e5, layout="interleaved"),
    "interleaved_to_half": RopeSpec.default(16, layout="interleaved_to_half"),
    "half_reversed": RopeSpec.linear(16, factor=3, layout="half_reversed"),
    "half_blocks": RopeSpec.default(16, layout="half_blocks", position_scale=2.5),
    "scaled": RopeSpec.yarn(16, factor=4, trained_length=64),
    "axes": RopeSpec.default(16, axis_map=(0, 1, 2, 0, 1, 2, 0, 1)),
    "split": RopeSpec.default(16, axis_map=(0, 1) * 8),
}
SHAPE = 2, 3, 5, 20


def tensor(kind="float32", shape=SHAPE, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(
        getattr(torch, kind)
    )


def positions_of(spec):
    """Some that no short type holds, one per token or one per axis, batch and token."""
    plain = torch.arange(5) + 2**24 + 1
    return (
        plain
        if spec.axis_map is None
        else torch.stack((plain, -plain, plain * 3))[: spec.n_axes, None].expand(
            spec.n_axes, 2, 5
        )
    )


def as_numpy(t):
    """The array of ml_dtypes or NumPy that holds the same values."""
    if t.dtype is torch.bfloat16:
        bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
        return t.view(torch.int16).numpy().view(bfloat16)
    return t.numpy()


def bits(t):
    return as_numpy(t.detach().contiguous()).tobytes()


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPECS)
def test_tensors_get_the_bits_of_arrays(name, kind, inverse):
    spec, x = SPECS[name], tensor(kind)
    if spec.splits_pairs and inverse:
        return
    p = positions_of(spec)
    want = spec.apply(as_numpy(x), p.numpy(), inverse=inverse)
    got = rt.apply(x, p, spec, inverse=inverse)
    assert got.dtype is x.dtype
    assert bits(got) == want.tobytes()
    out = torch.zeros_like(x)
    assert rt.apply(x, p, spec, inverse=inverse, out=out) is out
    assert bits(out) == want.tobytes()
    assert rt.apply(x, p, spec, inverse=inverse, out=x) is x
    assert bits(x) == want.tobytes()


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPECS)
def test_torch_operations_by_exact_tables_give_the_same_bits(name, kind, inverse):
    """The way of accelerators, on the CPU: a product, a sum, a rounding each."""
    spec, x = SPECS[name], tensor(kind)
    if spec.splits_pairs and inverse:
        return
    p = positions_of(spec)
    want = spec.apply(as_numpy(x), p.numpy(), inverse=inverse)
    got = composed.rotate(x, p, spec, None, -2, inverse)
    assert got.dtype is x.dtype
    assert bits(got) == want.tobytes()


@pytest.mark.parametrize(
    ("positions", "seq_axis"),
    [
        (None, -2),
        (None, 1),
        (7, -2),
        ([4, 3, 2, 1, 0], -2),
        (range(5), 2),
        (np.arange(3), -3),
        (torch.arange(10.0, dtype=torch.float64).reshape(2, 5) / 3, -2),
        (torch.arange(5, dtype=torch.uint8), -2),
        (torch.arange(6).reshape(2, 3, 1) - 9, -2),
    ],
)
@pytest.mark.parametrize("way", ["kernel", "operator", "composed"])
def test_positions_are_those_of_arrays(positions, seq_axis, way):
    x, spec = tensor(), SPECS["scaled"]
    given = positions.numpy() if isinstance(positions, torch.Tensor) else positions
    want = spec.apply(x.numpy(), given, seq_axis=seq_axis)
    if way == "composed":
        got = composed.rotate(x, positions, spec, None, seq_axis, False)
    else:
        x.requires_grad_(way == "operator")
        got = rt.apply(x, positions, spec, seq_axis=seq_axis)
    assert bits(got) == want.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_strided_expanded_and_empty_tensors(kind):
    spec = SPECS["half"]
    for x in (
        tensor(kind).transpose(1, 2),
        tensor(kind, (5, 20)).expand(2, 3, 5, 20),
        tensor(kind, (2, 3, 10, 40))[:, :, ::2, ::2],
        tensor(kind, (2, 0, 5, 20)),
    ):
        want = spec.apply(as_numpy(x.contiguous()))
        assert bits(rt.apply(x, None, spec)) == want.tobytes()
        assert bits(rt.apply(x.detach().requires_grad_(), None, spec)) == want.tobytes()


def test_memory_is_shared_and_a_decoded_token_copies_nothing():
    x = tensor("bfloat16")
    before = x.data_ptr()
    result = rt.apply(x, None, SPECS["half"], out=x)
    assert result.data_ptr() == before
    view = x[:, 1:2]
    kept = x.clone()
    rt.apply(view, None, SPECS["half"], out=view)
    assert torch.equal(x[:, 2:], kept[:, 2:])
    assert not torch.equal(x[:, 1:2], kept[:, 1:2])


def test_overlapping_out_gets_what_a_copy_would_give():
    memory = tensor(shape=(2, 3, 6, 20))
    x, out = memory[:, :, :-1], memory[:, :, 1:]
    want = rt.apply(x.clone(), None, SPECS["half"])
    assert torch.equal(rt.apply(x, None, SPECS["half"], out=out), want)


def test_frequencies_that_depend_on_the_length():
    spec, x = RopeSpec.dynamic(16, factor=2, trained_length=4), tensor()
    with pytest.raises(ValueError, match="seq_len is missing"):
        rt.apply(x, None, spec)
    want = spec.apply(x.numpy(), seq_len=9)
    assert bits(rt.apply(x, None, spec, seq_len=9)) == want.tobytes()


def test_writing_in_place_is_seen_by_autograd():
    weight = torch.ones(20, requires_grad=True)
    x = tensor()
    y = (weight * x).sum()  # keeps x for the gradient of weight
    rt.apply(x, None, SPECS["half"], out=x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_leaf_is_rotated_in_place_without_recording():
    x = tensor().requires_grad_()
    want = rt.apply(x.detach(), None, SPECS["half"])
    with torch.no_grad():
        assert rt.apply(x, None, SPECS["half"], out=x) is x
    assert torch.equal(x, want)
    with torch.inference_mode():
        y = tensor()
        assert torch.equal(rt.apply(y, None, SPECS["half"], out=y), want)


X = tensor()
HALF = SPECS["half"]
REFUSED = {
    "an array": (lambda: rt.apply(X.numpy(), None, HALF), TypeError, "x must be a tor"),
    "integers": (lambda: rt.apply(X.int(), None, HALF), TypeError, "x is torch.int32"),
    "bool": (lambda: rt.apply(X > 0, None, HALF), TypeError, "x is torch.bool"),
    "complex": (lambda: rt.apply(X.cfloat(), None, HALF), TypeError, "torch.complex64"),
    "float8": (
        lambda: rt.apply(X.to(torch.float8_e5m2), None, HALF),
        TypeError,
        "x is torch.float8",
    ),
    "sparse": (lambda: rt.apply(X.to_sparse(), None, HALF), TypeError, "sparse_coo"),
    "meta": (lambda: rt.apply(X.to("meta"), None, HALF), TypeError, "meta device"),
    "nested": (
        lambda: rt.apply(torch.nested.nested_tensor([X[0], X[1]]), None, HALF),
        TypeError,
        "x is a nested tensor",
    ),
    "a negative bit": (
        lambda: rt.apply(X.cfloat().conj().imag, None, HALF),
        RuntimeError,
        "negative bit",
    ),
    "no axes": (lambda: rt.apply(X[0, 0, 0, 0], None, HALF), ValueError, "x has"),
    "no sequence": (lambda: rt.apply(X[0, 0, 0], None, HALF), ValueError, "seq_axis"),
    "few channels": (
        lambda: rt.apply(X[..., :11], None, HALF),
        ValueError,
        "x has 11 channels .* need 17",
    ),
    "odd channels": (
        lambda: rt.apply(X[..., :17], None, SPECS["interleaved"]),
        ValueError,
        "x has 17 channels",
    ),
    "no spec": (lambda: rt.apply(X, None, None), TypeError, "spec must be a RopeSpec"),
    "an axis": (lambda: rt.apply(X, None, HALF, seq_axis=3), ValueError, "seq_axis 3"),
    "a length": (lambda: rt.apply(X, None, HALF, seq_len=0), ValueError, "seq_len 0"),
    "inverse of none": (
        lambda: rt.apply(X, None, SPECS["split"], inverse=True),
        ValueError,
        "inverse: the two halves",
    ),
    "float positions": (
        lambda: rt.apply(X, torch.arange(5.0), HALF),
        TypeError,
        "not float32: it does not hold long positions",
    ),
    "bool positions": (
        lambda: rt.apply(X, torch.ones(5) > 0, HALF),
        TypeError,
        "positions must be integers or float64, not bool",
    ),
    "bfloat16 positions": (
        lambda: rt.apply(X, torch.arange(5).bfloat16(), HALF),
        TypeError,
        "not torch.bfloat16: it does not hold long positions",
    ),
    "sparse positions": (
        lambda: rt.apply(X, torch.arange(5).to_sparse(), HALF),
        TypeError,
        "positions is a sparse_coo",
    ),
    "meta positions": (
        lambda: rt.apply(X, torch.arange(5).to("meta"), HALF),
        TypeError,
        "positions is on the meta device",
    ),
    "followed positions": (
        lambda: rt.apply(X, torch.ones(5).double().requires_grad_(), HALF),
        RuntimeError,
        "positions require grad",
    ),
    "far positions": (
        lambda: rt.apply(X, torch.full((5,), -(2**63)), HALF),
        ValueError,
        r"positions -9223372036854775808: must be|must be at most 2\*\*53",
    ),
    "NaN positions": (
        lambda: rt.apply(X, torch.full((5,), torch.nan).double(), HALF),
        ValueError,
        "positions nan",
    ),
    "other positions": (
        lambda: rt.apply(X, torch.arange(4), HALF),
        ValueError,
        r"positions of shape \(4,\) do not fit",
    ),
    "out of another type": (
        lambda: rt.apply(X, None, HALF, out=X.double()),
        TypeError,
        "dtype of out is torch.float64, but that of x is torch.float32",
    ),
    "out of another shape": (
        lambda: rt.apply(X, None, HALF, out=X[0].clone()),
        ValueError,
        "shape of out",
    ),
    "out on another device": (
        lambda: rt.apply(X, None, HALF, out=X.to("meta")),
        TypeError,
        "out is on the meta device",
    ),
    "out that is no tensor": (
        lambda: rt.apply(X, None, HALF, out=X.numpy()),
        TypeError,
        "out must be a torch.Tensor, not ndarray",
    ),
    "out that overlaps itself": (
        lambda: rt.apply(X, None, HALF, out=torch.ones(20).expand(SHAPE)),
        ValueError,
        "out overlaps itself",
    ),
    "a leaf in place": (
        lambda: rt.apply(W, None, HALF, out=W),
        RuntimeError,
        "x requires grad, which out= cannot record",
    ),
    "a followed out": (
        lambda: rt.apply(X, None, HALF, out=W),
        RuntimeError,
        "out requires grad",
    ),
}
W = tensor().requires_grad_()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_names_the_argument_and_writes_nothing(what):
    call, error, words = REFUSED[what]
    kept = X.clone(), W.detach().clone()
    with pytest.raises(error, match=words):
        call()
    assert torch.equal(X, kept[0])
    assert torch.equal(W, kept[1])


FOLLOWED = ("few channels", "odd channels", "no sequence", "an axis", "other positions")


@pytest.mark.parametrize("what", FOLLOWED)
@pytest.mark.parametrize("way", ["operator", "composed"])
def test_the_other_ways_refuse_the_same_shapes(monkeypatch, what, way):
    call, error, words = REFUSED[what]
    if way == "operator":
        monkeypatch.setitem(globals(), "X", W)
    else:

        def rotate(x, p, spec, seq_axis=-2):
            return composed.rotate(x, p, spec, None, seq_axis, False)

        monkeypatch.setattr(rt, "apply", rotate)
    with pytest.raises(error, match=words):
        call()


def test_nan_stays_in_its_pair_and_untouched_channels_keep_their_bits():
    x = tensor()
    x[0, 0, 1, 3] = torch.nan
    x.view(torch.int32)[..., 19] = 0x7FC12345
    for y in (rt.apply(x, None, HALF), composed.rotate(x, None, HALF, None, -2, False)):
        assert (y.view(torch.int32)[..., 19] == 0x7FC12345).all()
        assert y[0, 0, 1, :19].isnan().nonzero().ravel().tolist() == [3, 11]


def test_nothing_of_x_is_copied_to_the_cpu():
    """A tensor without memory stands for one of an accelerator: a copy would raise."""
    for name, spec in SPECS.items():
        x = X.to("meta")
        with pytest.raises(NotImplementedError, match="no data"):
            x.cpu()
        got = composed.rotate(x, positions_of(spec), spec, None, -2, False)
        assert (got.device, got.shape, got.dtype) == (x.device, x.shape, x.dtype), name


def test_what_is_not_on_the_cpu_goes_that_way(monkeypatch):
    monkeypatch.setattr(composed, "rotate", lambda x, *rest: (x.device.type, *rest))
    with torch._subclasses.FakeTensorMode():
        x = torch.empty(SHAPE, device="cuda")
        got = rt.apply(x, None, HALF, seq_axis=1, inverse=True)
    assert got == ("cuda", None, HALF, None, 1, True)


@pytest.fixture
def memories(monkeypatch):
    """Whether each call was rotated as memory."""

    seen, rotated = [], small_calls.rotated_memory

    def watched(*arguments):
        seen.append(rotated(*arguments))
        return seen[-1]

    monkeypatch.setattr(small_calls, "rotated_memory", watched)
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["fresh", "out", "in place"])
def test_a_decode_step_is_rotated_as_memory(memories, kind, form):
    spec, p = SPECS["scaled"], torch.tensor([7, 9])
    x = tensor(kind, (2, 2, 8, 16)).transpose(1, 2)  # (batch, heads, tokens, channels)
    want = spec.apply(as_numpy(x.clone()), p.numpy(), inverse=True)
    out = {"fresh": None, "out": torch.zeros_like(x), "in place": x}[form]
    version = None if out is None else out._version
    got = rt.apply(x, p, spec, inverse=True, out=out)
    assert memories == [True]
    assert np.ascontiguousarray(want).tobytes() == bits(got)
    assert out is None or (got is out and out._version > version)


def test_what_somebody_follows_is_not_rotated_as_memory(memories):
    spec, p = RopeSpec.default(16), torch.arange(5)
    x = tensor(shape=(2, 5, 16)).requires_grad_()
    rt.apply(x, p, spec).sum().backward()
    torch.func.vmap(lambda t: rt.apply(t, p, spec))(x.detach())
    torch.compile(lambda t: rt.apply(t, p, spec), backend="eager")(x.detach())
    with pytest.raises(RuntimeError):  # as before: no values of one position
        torch.func.vmap(lambda q: rt.apply(x.detach()[0], q, spec))(torch.stack([p, p]))
    with pytest.raises(RuntimeError, match="positions require grad"):
        rt.apply(x.detach(), p.double().requires_grad_(), spec)
    rt.apply(x.detach(), [0, 1, 2, 3, 4], spec)
    rt.apply(x.detach(), p.to(torch.int32), spec)
    assert memories == []


# ---- memory that is gone ---------------------------------------------------------


def without_storage(t, size):
    """The same tensor after its storage was resized, as sharded training does."""
    t.untyped_storage().resize_(size)
    return t


WAYS = {
    "small": lambda x, p, out: rt.apply(x, p, SPEC8, out=out),
    "long": lambda x, p, out: rt.apply(x, p.double(), SPEC8, out=out),
    "counted": lambda x, p, out: rt.apply(x, None, SPEC8, out=out),
    "spec": lambda x, p, out: SPEC8.apply(x, p, out=out),
    "operator": lambda x, p, out: (
        torch.ops.ropeinterp.rotate(x, p, *numbers(SPEC8), -2, False)
        if out is None
        else torch.ops.ropeinterp.rotate_into(x, p, *numbers(SPEC8), -2, False, out)
    ),
}
SPEC8 = RopeSpec.default(8)


@pytest.mark.parametrize("size", [0, 16])
@pytest.mark.parametrize(
    ("way", "gone"),
    [(way, gone) for way in WAYS for gone in ("x", "out")]
    + [(way, "positions") for way in ("small", "spec", "operator")],
)
def test_storage_that_was_freed_or_shrunk_is_refused(way, gone, size):
    given = {
        "x": torch.ones(2, 3, 5, 8),
        "positions": torch.arange(5),
        "out": torch.full((2, 3, 5, 8), 7.0) if gone == "out" else None,
    }
    without_storage(given[gone], size)
    with pytest.raises(ValueError, match=rf"{gone} of shape .* beyond its storage"):
        WAYS[way](given["x"], given["positions"], given["out"])


def test_a_gradient_is_not_taken_of_storage_that_was_freed():
    x = torch.ones(5, 8, requires_grad=True)
    without_storage(x, 0)
    with pytest.raises(ValueError, match="x of shape"):
        rt.apply(x, torch.arange(5), SPEC8)


def test_views_of_a_larger_storage_are_rotated():
    x = torch.ones(64)[7:47].view(5, 8)
    turned = torch.as_strided(torch.ones(64), (5, 8), (0, 1), 56)
    want = rt.apply(torch.ones(5, 8), torch.arange(5), SPEC8)
    assert torch.equal(rt.apply(x, torch.arange(5), SPEC8), want)
    assert torch.equal(rt.apply(turned, torch.arange(5), SPEC8), want)
    assert rt.apply(torch.ones(0, 8), torch.arange(0), SPEC8).shape == (0, 8)
