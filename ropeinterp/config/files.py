"""From a path to bytes: regular files up to a size, nothing else is opened."""

from __future__ import annotations

import errno
import os
import stat

from ropeinterp.errors import ConfigError

MOST_BYTES = 2**20


def read_file(path: str | bytes) -> bytes:
    """Bytes of a config file, or of config.json in a directory.

    Parameters
    ----------
    path : str
        From a user; the file is a stranger's.

    Returns
    -------
    bytes
        At most 1 MiB of them.

    Raises
    ------
    ConfigError
        If it is no regular file that can be read, or too large.
    FileNotFoundError
        If it does not exist.
    """
    if isinstance(path, bytes):
        raise TypeError("a path must be str or os.PathLike[str], not bytes")
    if "\0" in path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if os.path.isdir(path):
        inside = os.path.join(path, "config.json")
        if not os.path.lexists(inside):
            raise ConfigError(
                "$", path, "is a directory without config.json", "missing"
            )
        path = inside
    if path.endswith(".gguf"):
        raise ConfigError("$", path, "GGUF files are not supported yet", "form")
    try:
        return _read_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError("$", path, f"cannot be read: {reason}", "form") from error


def _read_regular(path: str) -> bytes:
    # A FIFO without a writer would block the open, a device the read.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError("$", path, "is not a regular file", "form")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError("$", path, f"is larger than {MOST_BYTES} bytes", "size")
    return data
