"""Recorded data: copies in tests/data, and the shared folder where it exists."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[2] / "shared" / "data"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a .jsonl file, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
