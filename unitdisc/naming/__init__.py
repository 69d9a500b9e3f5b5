"""What units are called: a person names some of them, the names spread, and utterances are read by them."""

from importlib import import_module
from typing import Any

from unitdisc.naming.material import Inventory, Material, Occurrence
from unitdisc.naming.questions import Question, answer, next_question
from unitdisc.naming.session import Session
from unitdisc.naming.spread import SILENCE, Spread, spread
from unitdisc.naming.table import Answer, NamesError, read_names, write_names

__all__ = [
    "SILENCE",
    "Answer",
    "Inventory",
    "Material",
    "NamesError",
    "Occurrence",
    "Question",
    "Reader",
    "ReaderOptions",
    "Session",
    "Spread",
    "Token",
    "answer",
    "fit",
    "next_question",
    "read_names",
    "spread",
    "write_names",
]
COMPILED = ("Reader", "ReaderOptions", "Token", "fit")  # what reads; imported when first asked for, as it loads numba


def __getattr__(name: str) -> Any:
    if name in COMPILED:
        return getattr(import_module("unitdisc.naming.reader"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
