"""From a path to bytes: regular files up to a size, nothing else is opened."""

from __future__ import annotations

import errno
import os
import re
import stat

from ropeinterp.errors import ConfigError
from ropeinterp.schemes import SCHEMES
from ropeinterp.text import escaped

MOST_BYTES = 2**20
_LONGEST_NAME = 80
_MOST_NAMES = 6  # of what a directory holds
_CONFIGS = (".json", ".gguf")
# What people pass in place of a path, and what to pass instead.
_HINTS = (
    (re.compile(r"\s*[{\[].*", re.DOTALL), "it is JSON: pass json.loads(text)"),
    (re.compile(r"[a-z0-9]+://.*"), "nothing is downloaded: pass a file"),
    (
        re.compile(r"(?!.*\.[a-z]+$)[A-Za-z0-9][\w.-]*/[\w.-]+"),
        "a repository id is no path: pass the directory that it was downloaded to",
    ),
)


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
    hint = _hint(path)
    if hint and not os.path.lexists(path):
        reason = f"{os.strerror(errno.ENOENT)}; {hint}"
        raise FileNotFoundError(errno.ENOENT, reason, path[:_LONGEST_NAME])
    if os.path.isdir(path):
        inside = os.path.join(path, "config.json")
        if not os.path.lexists(inside):
            reason = f"is a directory without config.json; {held(path)}"
            raise ConfigError("$", path, reason, "missing")
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


def _hint(text: str) -> str:
    """Say what to pass in place of a text that is no path; empty where it may be."""
    if text in SCHEMES:
        return "it is a rope type: pass a config, or make a spec such as RopeSpec.yarn"
    return next((hint for kind, hint in _HINTS if kind.fullmatch(text)), "")


def held(folder: str) -> str:
    """Say what a directory holds; files that could be configs come first."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name + ("/" if e.is_dir() else "") for e in entries]
    except OSError as error:
        return f"it cannot be listed: {error.strerror or type(error).__name__}"
    if not names:
        return "it is empty"
    names.sort(key=lambda name: (not name.endswith(_CONFIGS), name))
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    shown = [escaped(name)[:_LONGEST_NAME] for name in names[:_MOST_NAMES]]
    return f"it holds {', '.join((*shown, *more))}"


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
