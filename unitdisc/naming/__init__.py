"""What units are called: a person names some of them, the names spread, and utterances are read by them."""

from unitdisc.naming.material import Inventory, Material, Occurrence
from unitdisc.naming.questions import Question, answer, next_question
from unitdisc.naming.reader import Reader, ReaderOptions, Token, fit
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
