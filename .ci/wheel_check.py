"""Run in an empty venv with the wheel: its files, the main promise, import time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "docs/examples/configs/llama-3.1-8b.json"
READ = (
    f"s = ri.read({str(CONFIG)!r}).spec; print(s.inv_freq()[:3], s.attention_scaling)"
)
MOST_MS = 50.0


def run(code: str) -> str:
    """Output of a fresh interpreter that sees no directory of ours."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def shipped(package: Path) -> list[Path]:
    """Files of the package that a wheel must hold, in whatever folder."""
    kinds = ("*.py", "*.pyi", "*.csv", "py.typed")
    return [p.relative_to(package) for kind in kinds for p in package.rglob(kind)]


def import_ms(module: str) -> float:
    """Least time of an import in a fresh interpreter; other programs only add to it."""
    code = (
        "import time; t = time.perf_counter()\n"
        f"import {module}\nprint(1e3 * (time.perf_counter() - t))"
    )
    return min(float(run(code)) for _ in range(15))


def main() -> None:
    """Raise, or print what was seen."""
    with tempfile.TemporaryDirectory() as elsewhere:
        os.chdir(elsewhere)
        where = run("import ropeinterp; print(ropeinterp.__file__)").strip()
        assert not Path(where).is_relative_to(ROOT / "ropeinterp"), where
        for name in shipped(ROOT / "ropeinterp"):
            assert (Path(where).parent / name).exists(), f"the wheel lacks {name}"
        print(run(f"import ropeinterp as ri; {READ}"), end="")
        command = Path(sys.executable).with_name("ropeinterp")
        subprocess.run([command, "show", CONFIG], check=True, stdout=subprocess.DEVNULL)
        numpy, ours = import_ms("numpy"), import_ms("ropeinterp")
        print(f"import: numpy {numpy:.0f} ms, ropeinterp {ours - numpy:+.0f} ms more")
        assert ours - numpy <= MOST_MS
        os.chdir(ROOT)
    print("wheel-check: 1 passed, 0 failed")


if __name__ == "__main__":
    main()
