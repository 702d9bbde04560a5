"""Rotate the queries and keys of a data set in batches: plain NumPy in and out.

`rotate_batch` takes a batch and returns the columns that change, which is how
``Dataset.map(batched=True)`` of the datasets package calls a function:

    data = data.with_format("numpy")
    data.map(rotate_batch, batched=True, batch_size=64, fn_kwargs={"spec": spec})

That format matters: without it the columns are lists, which are no float32 any more.
A spec pickles and has no state, so ``num_proc=4`` works too. Nothing here needs that
package: `map_batches` does the same to a dict of arrays.
"""

from pathlib import Path

import numpy as np

import ropeinterp as ri

CONFIG = Path(__file__).parent / "configs/llama-3.1-8b.json"


def rotate_batch(batch, spec, columns=("q", "k")):
    """Rotate columns of shape (rows, heads, tokens, channels), each row by its own.

    The column "positions", of shape (rows, tokens), says where the tokens stand: rows
    that were padded on the left or packed together do not count from 0.
    """
    return {name: spec.apply(batch[name], batch["positions"]) for name in columns}


def map_batches(data, function, batch_size, **arguments):
    """Call `function` on `batch_size` rows at a time, put its columns into `data`."""
    rows = range(0, len(next(iter(data.values()))), batch_size)
    batches = ({k: v[i : i + batch_size] for k, v in data.items()} for i in rows)
    results = [function(batch, **arguments) for batch in batches]
    return data | {k: np.concatenate([r[k] for r in results]) for k in results[0]}


def left_padded(lengths, tokens):
    """Positions of rows padded on the left: 0 for the padding, then 0, 1, 2, ..."""
    return np.maximum(np.arange(tokens) - (tokens - np.array(lengths)[:, None]), 0)


def main():
    """Rotate ten rows in batches of four."""
    spec = ri.read(CONFIG).spec
    rng = np.random.default_rng(20261123)
    data = {
        "q": rng.standard_normal((10, 32, 64, 128), dtype=np.float32),
        "k": rng.standard_normal((10, 8, 64, 128), dtype=np.float32),
        "positions": left_padded(rng.integers(1, 65, 10), 64),
    }
    rotated = map_batches(data, rotate_batch, batch_size=4, spec=spec)
    for name, column in rotated.items():
        changed = "as it was" if column is data[name] else "rotated"
        print(f"{name:<10} {column.shape!s:<18} {column.dtype!s:<8} {changed}")


if __name__ == "__main__":
    main()
