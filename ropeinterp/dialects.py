"""Whose reading of a config is meant, and the version whose behaviour was measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

V5, V4 = "transformers", "transformers-4"
DIALECTS: Mapping[str, str] = MappingProxyType({V5: "5.23.0", V4: "4.57.6"})
