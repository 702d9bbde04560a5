"""Arrays of other packages: each is rotated by the module that knows its kind.

So they come back as what they were. The module is loaded when such an array is first
met; nothing here imports the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple


class Adapter(NamedTuple):
    """The module whose apply() rotates arrays of a package.

    `takes` names the arguments that it takes beside those that all do.
    """

    module: str
    takes: frozenset[str]


# By the package that defines the type of an array.
ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        "torch": Adapter("ropeinterp.torch", frozenset({"out"})),
        "dask": Adapter("ropeinterp.dask", frozenset({"precision"})),
        "xarray": Adapter("ropeinterp.xarray", frozenset({"precision", "threads"})),
    }
)

# Arguments that not every adapter takes, as they are where a caller says nothing.
_NEUTRAL: Mapping[str, object] = MappingProxyType(
    {"out": None, "precision": "exact", "threads": None}
)


def adapter_of(x: object) -> Adapter | None:
    """Return the adapter for an array; None for NumPy's and what becomes one."""
    packages = (t.__module__.partition(".")[0] for t in type(x).__mro__)
    return next((ADAPTERS[name] for name in packages if name in ADAPTERS), None)


def apply(adapter: Adapter, x: Any, *given: Any, **more: Any) -> Any:
    """Rotate an array of another package.

    Parameters
    ----------
    adapter : Adapter
        From :func:`adapter_of`.
    x : array of another package
        What to rotate.
    *given
        Positions and spec.
    **more
        All other arguments of :meth:`ropeinterp.RopeSpec.apply`.

    Returns
    -------
    array
        Of the kind of `x`.

    Raises
    ------
    TypeError
        If an argument has no meaning for such an array.
    """
    for name, neutral in _NEUTRAL.items():
        value = more[name]
        same = value is neutral or (isinstance(value, str) and value == neutral)
        if name not in adapter.takes and not same:
            raise TypeError(f"{name} is not taken with a {type(x).__name__} as x")
    taken = {k: v for k, v in more.items() if k not in _NEUTRAL or k in adapter.takes}
    return import_module(adapter.module).apply(x, *given, **taken)
