"""Docstrings in the reference of Python: their lists of arguments become lists. An extension of mkdocstrings."""

import sys
from pathlib import Path

import griffe

sys.path.insert(0, str(Path(__file__).parent))

from pages import explained


class Lists(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **others: object) -> None:
        if obj.docstring:
            obj.docstring.value = explained(obj.docstring.value)
