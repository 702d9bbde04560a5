"""How findings are printed: a format is the module of its name, with a render()."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

FORMATS = ("text", "json", "github", "sarif")


def renderer(name: str) -> Callable[..., str]:
    """Return the function of a format; its module is loaded when it is asked for.

    Parameters
    ----------
    name : str
        One of `FORMATS`.

    Returns
    -------
    callable
        From findings, the number of files, whether notes are shown, and colours, to
        what is printed.
    """
    render: Callable[..., str] = import_module(f"{__name__}.{name}").render
    return render
