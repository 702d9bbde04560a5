"""The front door of ropeinterp.torch, with torch and without."""

import doctest
import subprocess
import sys

import pytest


def run(program):
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True)


def test_without_torch_the_error_says_what_to_install():
    result = run("import sys; sys.modules['torch'] = None; import ropeinterp.torch")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "ImportError: ropeinterp.torch needs PyTorch: pip install 'ropeinterp[torch]'"
    )


def test_torch_does_without_ml_dtypes_and_transformers():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    result = run("""
import sys; sys.modules["ml_dtypes"] = sys.modules["transformers"] = None
import torch, ropeinterp, ropeinterp.torch
x = torch.ones(1, 3, 4, dtype=torch.bfloat16)
y = ropeinterp.torch.apply(x, None, ropeinterp.RopeSpec.default(4))
print(y[0, 1].tolist())""")
    # cos 1 - sin 1 and cos 1 + sin 1, cos 0.01 - sin 0.01 and their sum, as bfloat16.
    assert result.stdout == "[-0.30078125, 0.98828125, 1.3828125, 1.0078125]\n"
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["dispatch", "embedding"])
def test_the_examples_of_the_docstrings(name):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    module = __import__(f"ropeinterp.torch.{name}", fromlist=["_"])
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
