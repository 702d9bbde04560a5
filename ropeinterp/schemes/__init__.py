"""The schemes: a file each, with its keys, formulas and what it asks for.

CONTRIBUTING.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ropeinterp.schemes.default import DEFAULT
from ropeinterp.schemes.dynamic import DYNAMIC
from ropeinterp.schemes.given import GIVEN
from ropeinterp.schemes.linear import LINEAR
from ropeinterp.schemes.llama3 import LLAMA3
from ropeinterp.schemes.longrope import LONGROPE
from ropeinterp.schemes.ntk import NTK
from ropeinterp.schemes.proportional import PROPORTIONAL
from ropeinterp.schemes.scheme import Key, Scheme
from ropeinterp.schemes.yarn import YARN

__all__ = ["SCHEMES", "Key", "Scheme"]

_ROWS = (
    DEFAULT,
    LINEAR,
    NTK,
    DYNAMIC,
    YARN,
    LONGROPE,
    LLAMA3,
    PROPORTIONAL,
    GIVEN,
)
SCHEMES: Mapping[str, Scheme] = MappingProxyType({row.name: row for row in _ROWS})
