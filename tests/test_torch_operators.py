"""The registered operators: opcheck, gradients, torch.compile and torch.export."""

import pytest

from ropeinterp import RopeSpec

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
rt = pytest.importorskip("ropeinterp.torch")

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

from ropeinterp.torch import composed, operators  # noqa: E402

# torch's compilers warn about torch itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*isinstance.*:FutureWarning"
)

SPECS = {
    "scaled": RopeSpec.yarn(
        8, factor=4, trained_length=64, rotary_offset=1, head_dim=11
    ),
    "interleaved": RopeSpec.default(8, layout="interleaved"),
    "interleaved_to_half": RopeSpec.yarn(
        8, factor=2, trained_length=64, layout="interleaved_to_half", rotary_offset=2
    ),
    "half_reversed": RopeSpec.default(8, layout="half_reversed"),
    "half_blocks": RopeSpec.default(8, layout="half_blocks"),
    "axes": RopeSpec.default(8, axis_map=(0, 1, 0, 1)),
    "split": RopeSpec.default(8, axis_map=(0, 1) * 4),
}
P = torch.tensor([3, 0, 1000, 77])


def tensor(dtype=torch.float32, shape=(2, 3, 4, 12), requires_grad=False):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(shape, generator=generator).to(dtype)
    return x.requires_grad_(requires_grad)


def plain(*given, **more):
    """What NumPy's kernels give, without any operator."""
    with torch.no_grad():
        return rt.apply(*given, **more)


# ---- operators -------------------------------------------------------------------


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", SPECS)
def test_opcheck(name, dtype, requires_grad):
    x = tensor(dtype, requires_grad=requires_grad)
    given = P, *operators.numbers(SPECS[name])
    other = x.detach().transpose(1, 2).requires_grad_(requires_grad)
    if not SPECS[name].splits_pairs:
        torch.library.opcheck(operators.rotate, (x, *given, -2, False))
        torch.library.opcheck(operators.rotate, (other, *given, 1, True))
    with_axes = SPECS[name].axis_map is not None
    p = P.expand(2, 1, 4) if with_axes else P
    torch.library.opcheck(operators.tables, (p, *given[1:], with_axes, torch.bfloat16))


def test_opcheck_of_the_one_that_writes():
    x = tensor()
    given = x, P, *operators.numbers(SPECS["scaled"]), -2, False, torch.empty_like(x)
    torch.library.opcheck(operators.rotate_into, given)


# ---- gradients -------------------------------------------------------------------


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_gradcheck(name, inverse):
    spec = SPECS[name]
    if spec.splits_pairs and inverse:
        return
    x = tensor(torch.float64, (2, 2, 4, 12), requires_grad=True)

    def rotate(x):
        return rt.apply(x, P, spec, inverse=inverse)

    assert torch.autograd.gradcheck(rotate, x)
    assert torch.autograd.gradgradcheck(rotate, x)


def test_forward_mode_is_not_lost():
    x, v = tensor(), tensor() * 2
    value, change = torch.func.jvp(
        lambda x: rt.apply(x, P, SPECS["scaled"]), (x,), (v,)
    )
    assert torch.equal(value, plain(x, P, SPECS["scaled"]))
    assert torch.equal(change, plain(v, P, SPECS["scaled"]))  # linear in x
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, v)
        with pytest.raises(RuntimeError, match="x requires grad"):
            rt.apply(dual, P, SPECS["scaled"], out=dual)


def test_function_transforms():
    spec, x = SPECS["scaled"], tensor(torch.float64)

    def energy(x):
        return (rt.apply(x, P, spec) * torch.arange(12)).sum()

    y = x.clone().requires_grad_()
    (want,) = torch.autograd.grad(energy(y), y)
    torch.testing.assert_close(torch.func.grad(energy)(x), want)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(energy))(x), want)
    mapped = torch.func.vmap(lambda x: rt.apply(x, P, spec))(x)
    assert torch.equal(mapped, plain(x, P, spec))


def test_torch_operations_have_the_gradient_of_the_operator():
    spec, x = SPECS["scaled"], tensor(torch.bfloat16, requires_grad=True)
    (one,) = torch.autograd.grad(rt.apply(x, P, spec).square().sum(), x)
    (two,) = torch.autograd.grad(
        composed.rotate(x, P, spec, None, -2, False).square().sum(), x
    )
    torch.testing.assert_close(one, two)


# ---- torch.compile ---------------------------------------------------------------


@pytest.fixture
def compiled():
    """torch.compile, with nothing left of earlier tests."""
    torch.compiler.reset()
    yield lambda f: torch.compile(f, fullgraph=True, dynamic=True)
    torch.compiler.reset()


@pytest.mark.parametrize("name", SPECS)
def test_compiled_functions_for_every_length(compiled, name):
    spec = SPECS[name]
    rotate = compiled(lambda x, p: 2 * rt.apply(x, p, spec))
    for length in (4, 5, 9):
        x, p = tensor(shape=(2, 3, length, 12)), torch.arange(length) + 100
        assert torch.equal(rotate(x, p), 2 * plain(x, p, spec))
        assert torch.equal(rotate(x, None), 2 * plain(x, None, spec))


def test_compiled_gradients(compiled):
    spec = SPECS["interleaved_to_half"]
    x = tensor(requires_grad=True)
    rotate = compiled(lambda x, p: rt.apply(x, p, spec).square().sum())
    (want,) = torch.autograd.grad(rt.apply(x, P, spec).square().sum(), x)
    (got,) = torch.autograd.grad(rotate(x, P), x)
    torch.testing.assert_close(got, want)


def test_compiled_in_place(compiled):
    spec = SPECS["scaled"]

    def rotate(x, y):
        rt.apply(x, P, spec, out=x)
        rt.apply(x, P, spec, out=y)
        return x + 1

    one, two = [tensor(), tensor()], [tensor(), tensor()]
    assert torch.equal(compiled(rotate)(*one), rotate(*two))
    assert all(map(torch.equal, one, two))


def test_a_compiled_function_knows_one_spec_from_another(compiled):
    rotate = compiled(rt.apply)
    x = tensor()
    for spec in (SPECS["scaled"], RopeSpec.default(8), RopeSpec.default(8, 5e5)):
        assert torch.equal(rotate(x, P, spec), plain(x, P, spec))


def test_compiled_functions_for_lengths_that_count(compiled):
    spec, x = RopeSpec.dynamic(8, factor=2, trained_length=4), tensor()
    rotate = compiled(lambda x, n: rt.apply(x, P, spec, seq_len=n))
    for n in (4, 8, 9):
        assert torch.equal(rotate(x, n), plain(x, P, spec, seq_len=n))


def test_compiled_by_tables(compiled):
    spec = SPECS["scaled"]
    rotate = compiled(lambda x, p: composed.rotate(x, p, spec, None, -2, False))
    for length in (4, 9):
        x, p = tensor(torch.bfloat16, (2, 3, length, 12)), torch.arange(length)
        torch.testing.assert_close(rotate(x, p), plain(x, p, spec))


def test_compiled_functions_take_positions_as_tensors(compiled):
    with pytest.raises(Exception, match="positions must be a tensor or None"):
        compiled(lambda x: rt.apply(x, [3, 0, 1000, 77], SPECS["scaled"]))(tensor())


def test_tracers_see_an_operator():
    spec = SPECS["scaled"]
    traced = make_fx(lambda x: rt.apply(x, P, spec))(tensor())
    assert torch.equal(traced(tensor() + 1), plain(tensor() + 1, P, spec))


# ---- torch.export ----------------------------------------------------------------


class Rotated(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def forward(self, x, positions):
        return rt.apply(x, positions, self.spec)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_exported_programs_need_no_spec(tmp_path, name, strict):
    spec, length = SPECS[name], torch.export.Dim("length", min=2, max=4096)
    program = torch.export.export(
        Rotated(spec), (tensor(), P), dynamic_shapes=({2: length}, {0: length}),
        strict=strict,
    )  # fmt: skip
    torch.export.save(program, tmp_path / "rotated.pt2")
    loaded = torch.export.load(tmp_path / "rotated.pt2").module()
    x, p = tensor(shape=(2, 3, 7, 12)), torch.arange(7) * 1000
    assert torch.equal(loaded(x, p), plain(x, p, spec))
