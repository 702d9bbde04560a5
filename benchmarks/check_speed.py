"""How long `ropeinterp check` takes: one file from its start, and 200 files in all.

    make bench-check

Nothing is asserted: a busy machine is slower. Targets: 0.2 s and 3 s.
"""

import compileall
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from records import DATA, HERE, lines

ROOT = Path(__file__).parents[1]
FILES = 200
RUNS = 7


def texts():
    """Texts of real configs: the collected ones, else those of the recorded results."""
    good = DATA / "configs" / "good"
    if good.is_dir():
        return [path.read_text() for path in sorted(good.glob("*.json"))]
    return [json.dumps(record["config"]) for record in lines(HERE / "core.jsonl")]


def tree(folder):
    """A directory with FILES models."""
    found = texts()
    for i in range(FILES):
        path = Path(folder, f"{i:03}", "config.json")
        path.parent.mkdir()
        path.write_text(found[i % len(found)])


def fastest(*arguments):
    """Shortest of a few runs, in seconds: what the machine can do when it is free."""
    took = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
        took.append(time.perf_counter() - start)
    return min(took)


def main():
    command = ("-m", "ropeinterp", "check")
    compileall.compile_dir(ROOT / "ropeinterp", quiet=1)  # as pip does for a wheel
    with tempfile.TemporaryDirectory() as folder:
        tree(folder)
        rows = {
            "python -c pass": (fastest("-c", "pass"), None),
            "import numpy": (fastest("-c", "import numpy"), None),
            "check, 1 file": (fastest(*command, f"{folder}/000/config.json"), 0.2),
            f"check, {FILES} files": (fastest(*command, folder), 3.0),
        }
    print(f"fastest of {RUNS}, seconds    took  target")
    for name, (took, target) in rows.items():
        print(f"{name:22} {took:8.3f}  {target or ''}".rstrip())


if __name__ == "__main__":
    main()
