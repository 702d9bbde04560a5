"""The programs of docs/examples do what their first lines say."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest

import ropeinterp as ri

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def run(name, *arguments):
    """Output of an example, in a process of its own; a warning is an error."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_of_a_data_set_are_rotated_by_their_own_positions():
    path = EXAMPLES / "map_batches.py"
    loader = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(example)
    rng = np.random.default_rng(101)
    data = {
        "q": rng.standard_normal((5, 4, 6, 8)).astype(np.float32),
        "k": rng.standard_normal((5, 2, 6, 8)).astype(np.float32),
        "positions": example.left_padded([6, 1, 4, 6, 2], 6),
        "text": np.array(list("abcde")),
    }
    assert data["positions"][2].tolist() == [0, 0, 0, 1, 2, 3]
    spec = ri.RopeSpec.linear(8, factor=2)
    got = example.map_batches(data, example.rotate_batch, batch_size=2, spec=spec)
    w = np.array(oracle.linear(8, 10000, 2), float)
    angles = data["positions"][:, None, :, None] * w
    for name in ("q", "k"):
        z = data[name][..., :4].astype(complex) + 1j * data[name][..., 4:]
        z *= np.exp(1j * angles)
        # Table, products and sum are rounded in float32.
        bound = 3 * np.finfo(np.float32).eps / 2 * abs(z).max()
        want = np.concatenate((z.real, z.imag), axis=-1)
        np.testing.assert_allclose(got[name], want, rtol=0, atol=bound)
        assert got[name].dtype == np.float32
    assert got["text"] is data["text"]


def test_a_data_set_in_batches():
    lines = run("map_batches.py").splitlines()
    assert [line.split()[0] for line in lines] == ["q", "k", "positions"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")
def test_an_array_larger_than_memory(capsys):
    pytest.importorskip("dask.array", reason="dask is not installed")
    sizes = ["--mib", "192", "--memory-mib", "96", "--tokens-per-chunk", "512"]
    out = run("rotate_larger_than_memory.py", *sizes)
    assert "at once: Unable to allocate 192" in out
    assert "every bit as NumPy has it" in out
    peak, imports = map(int, re.findall(r"(\d+) MiB", out.splitlines()[-1]))
    assert peak - imports < 96
    with capsys.disabled():
        print("", out.splitlines()[-1], sep="\n")
