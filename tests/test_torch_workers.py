"""ropeinterp.torch in the workers of a DataLoader, however they are started."""

import os
import subprocess
import sys
import textwrap

import pytest

from ropeinterp import RopeSpec

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
rt = pytest.importorskip("ropeinterp.torch")

SPEC = RopeSpec.yarn(16, factor=4, trained_length=64)
SECONDS = 120


class Rotated(torch.utils.data.Dataset):
    """Rotates where it is asked; with gradients too, through the operator."""

    def __len__(self):
        return 6

    def __getitem__(self, i):
        x = torch.full((2, 5, 16), 1.0 + i).bfloat16()
        one = rt.apply(x, None, SPEC)
        two = rt.apply(x.requires_grad_(), None, SPEC)
        (gradient,) = torch.autograd.grad(two.float().sum(), x)
        return one, two.detach(), gradient


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_give_what_the_main_process_gives(method):
    if method not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"{method} is not of this platform")
    dataset = Rotated()
    want = [dataset[i] for i in range(len(dataset))]  # used before any worker starts
    loader = torch.utils.data.DataLoader(
        dataset, None, num_workers=2, multiprocessing_context=method, timeout=SECONDS
    )
    for got, expected in zip(loader, want, strict=True):
        assert all(map(torch.equal, got, expected))


# torch's own operations do hang here where they share work among threads; what is
# compared are arrays.
FORKED = """
    import os, signal, sys, torch
    import ropeinterp as ri, ropeinterp.torch as rt

    def rotate():
        one, two = rt.apply(x.detach(), None, spec), rt.apply(x, None, spec)
        return one.numpy(), two.detach().numpy()

    torch.set_num_threads(2)
    spec = ri.RopeSpec.default(64)
    x = torch.ones(1, 8, 40000, 64, requires_grad=True)
    want = rotate()
    rt.apply(x, None, spec).sum().backward()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs is no orphan for long
        same = [a.tobytes() == b.tobytes() for a, b in zip(rotate(), want)]
        os._exit(0 if all(same) else 1)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_child_that_is_forked_after_use_never_hangs(monkeypatch, threads):
    monkeypatch.setenv("ROPEINTERP_NUM_THREADS", threads)
    program = [sys.executable, "-c", textwrap.dedent(FORKED)]
    assert subprocess.run(program, timeout=SECONDS).returncode == 0
