"""Forced alignment: which stretch of a line, or of a recording, each character of its text is, where nobody said.

A small network learns to write the texts (CTC, Graves et al., 2006); the best path through what it says of every frame,
given the text, tells when each character is written.
"""

from unitdisc.alignment.aligner import Aligner, AlignerError, load, save
from unitdisc.alignment.alphabet import Alphabet
from unitdisc.alignment.checking import compare_tiers
from unitdisc.alignment.training import AlignOptions, trained
from unitdisc.alignment.worth import LEAST, Worth, worth_of
from unitdisc.evaluation.texts import characters

__all__ = [
    "LEAST",
    "AlignOptions",
    "Aligner",
    "AlignerError",
    "Alphabet",
    "Worth",
    "characters",
    "compare_tiers",
    "load",
    "save",
    "trained",
    "worth_of",
]
