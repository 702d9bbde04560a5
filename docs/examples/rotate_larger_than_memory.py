"""Rotate an array that does not fit into memory, from .npy files to .npy files.

    python docs/examples/rotate_larger_than_memory.py --mib 4096 --memory-mib 256

The process first limits itself to so much more memory than it has after its imports,
and shows that NumPy cannot have the array at once. The keys are a stack of .npy files,
one per chunk, which NumPy alone reads and writes; with zarr installed,
``da.from_zarr`` and ``to_zarr`` take the same two places. Linux only, for the limit and
the peak that it prints.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import dask
import dask.array as da
import numpy as np

import ropeinterp as ri
from ropeinterp.dask import apply

HEADS, CHANNELS = 8, 128
MIB = 2**20
SPEC = ri.RopeSpec.yarn(CHANNELS, 1e6, factor=4, trained_length=32768)


def memory(field):
    """MiB of this process: VmData is what it asked for, VmHWM its peak in RAM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(s.split()[1]) for s in lines if s.startswith(field)) / 1024


def limit_memory(mib):
    """Allow `mib` more than there is now; mapped files do not count, arrays do."""
    limit = int((memory("VmData") + mib) * MIB)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def check_bits(keys, rotated, tokens_per_chunk):
    """Compare every file with what NumPy makes of it; positions go on through files."""
    files = sorted(keys.glob("*.npy"), key=lambda path: int(path.stem))
    for i, path in enumerate(files):
        k = np.load(path)
        positions = i * tokens_per_chunk + np.arange(k.shape[1])
        want = SPEC.apply(k, positions, out=k).view(np.uint32)
        assert np.array_equal(np.load(rotated / path.name).view(np.uint32), want), path
    return len(files)


def run(folder, mib, memory_mib, tokens_per_chunk):
    """Make keys, rotate them, compare; print sizes and peaks."""
    tokens = mib * MIB // (4 * HEADS * CHANNELS)
    shape, chunks = (HEADS, tokens, CHANNELS), (HEADS, tokens_per_chunk, CHANNELS)
    before = memory("VmHWM")
    limit_memory(memory_mib)
    try:
        np.ones(shape, np.float32)
    except MemoryError as error:
        print(f"keys {shape} float32, {mib} MiB; at once: {error}")
    else:
        raise SystemExit(f"--mib {mib} fits into --memory-mib {memory_mib}")
    keys, rotated = folder / "keys", folder / "rotated"
    k = da.random.default_rng(20261123).standard_normal(shape, chunks=chunks)
    da.to_npy_stack(keys, k.astype(np.float32), axis=1)

    start = time.perf_counter()
    k = da.from_npy_stack(keys)
    da.to_npy_stack(rotated, apply(k, None, SPEC), axis=1)
    seconds = time.perf_counter() - start
    files = check_bits(keys, rotated, tokens_per_chunk)
    print(f"rotated from {files} files to {files} files in {seconds:.1f} s")
    print("every bit as NumPy has it, chunk by chunk")
    print(f"peak memory {memory('VmHWM'):.0f} MiB, {before:.0f} MiB of it for imports")


def main():
    """Read the arguments, work in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the keys")
    parser.add_argument("--memory-mib", type=int, default=256, help="limit of memory")
    parser.add_argument("--tokens-per-chunk", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="where the files go for a while")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=args.folder) as folder,
        dask.config.set(scheduler="threads", num_workers=2),
    ):
        run(Path(folder), args.mib, args.memory_mib, args.tokens_per_chunk)


if __name__ == "__main__":
    main()
