"""How findings are printed: one small module per format."""

from __future__ import annotations

from ropeinterp.cli.formats import data, github, sarif, text

# Each from findings, the number of files, whether notes are shown, and colours.
FORMATS = {
    "text": text.render,
    "json": data.render,
    "github": github.render,
    "sarif": sarif.render,
}
