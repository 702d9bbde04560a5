"""What operands of a command line name: files, directories, standard input, a cache."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping

from ropeinterp.config.files import held, read_file
from ropeinterp.errors import ConfigError
from ropeinterp.text import printable

STANDARD_INPUT = "-"
_CONFIG = "config.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*")
# Variable and what stands below it; the first that is set counts.
_CACHES = (
    ("HF_HUB_CACHE", ""),
    ("HUGGINGFACE_HUB_CACHE", ""),
    ("HF_HOME", "hub"),
    ("XDG_CACHE_HOME", "huggingface/hub"),
)


def find(operands: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Find the configs that operands of a command line name, each once.

    Parameters
    ----------
    operands : iterable of str
        Files, directories, "-", or ids ``owner/name`` of the local Hugging Face cache.
    environment : mapping of str to str
        Says where that cache is.

    Returns
    -------
    list of str
        Paths, or `STANDARD_INPUT`, in the order of the operands; below a directory in
        that of the names.

    Raises
    ------
    FileNotFoundError
        If an operand names nothing, or a directory holds no config.json.
    OSError
        If a directory cannot be read.
    ValueError
        If a file is of a kind that is not supported.
    """
    found = (path for operand in operands for path in _named(operand, environment))
    return list(dict.fromkeys(found))


def _named(operand: str, environment: Mapping[str, str]) -> Iterator[str]:
    if operand == STANDARD_INPUT:
        yield operand
    elif os.path.isdir(operand):
        yield from _in_directory(operand)
    elif operand.endswith(".gguf"):
        raise ValueError(f"{operand}: GGUF files are not supported yet")
    elif os.path.lexists(operand):
        yield operand
    elif _HUB_ID.fullmatch(operand) and not operand.endswith(".json"):
        yield _cached(operand, environment)
    else:
        raise _missing(operand, os.strerror(errno.ENOENT))


def _missing(name: str, reason: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, reason, name)


# ---- directories -----------------------------------------------------------------


def _in_directory(top: str) -> Iterator[str]:
    """Yield the config of a model's directory, or every config.json below another."""
    own = os.path.join(top, _CONFIG)
    paths = [own] if os.path.lexists(own) else sorted(_below(top))
    if not paths:
        reason = "no config.json in it or below it; links are not followed"
        raise _missing(top, f"{reason}; {held(top)}")
    yield from map(os.path.normpath, paths)


def _below(top: str) -> Iterator[str]:
    for folder, _, files in os.walk(top, onerror=_refuse):
        path = os.path.join(folder, _CONFIG)
        if _CONFIG in files and not os.path.islink(path):
            yield path


def _refuse(error: OSError) -> None:
    raise error


# ---- the cache of Hugging Face ---------------------------------------------------


def _cached(word: str, environment: Mapping[str, str]) -> str:
    """Path of the config of a repository; the network is never asked."""
    cache = _cache(environment)
    folder = os.path.join(cache, "models--" + word.replace("/", "--"))
    revision = _revision(folder)
    path = os.path.join(folder, "snapshots", revision, _CONFIG)
    if not revision or not os.path.exists(path):
        where = f"the local Hugging Face cache {printable(cache)}"
        raise _missing(word, f"no such file, and not in {where}; nothing is downloaded")
    return path


def _cache(environment: Mapping[str, str]) -> str:
    for name, below in _CACHES:
        if environment.get(name):
            return os.path.join(os.path.expanduser(environment[name]), below)
    return os.path.expanduser("~/.cache/huggingface/hub")


def _revision(folder: str) -> str:
    """Revision of the main branch; empty where the cache has none."""
    try:
        revision = read_file(os.path.join(folder, "refs", "main")).decode().strip()
    except (OSError, ConfigError, UnicodeDecodeError):
        return ""
    return revision if _REVISION.fullmatch(revision) else ""
