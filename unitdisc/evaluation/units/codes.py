"""Codes fit to be scored."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.encodings.runs import Runs, refuse_span, runs_of
from unitdisc.encodings.tokens import read_tokens, shifted
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frame_checks import file_of, usable


@dataclass(frozen=True)
class CodedUtterance:
    """An utterance and the code of each of its frames."""

    utterance: Utterance
    codes: np.ndarray  # [T] int
    centres: np.ndarray  # [T] the tick in the middle of each frame, in order
    listed: Runs | None = None  # tokens that the folder lists beside its codes
    shift: int = 0  # ticks by which boundaries are moved

    @property
    def tokens(self) -> Runs:
        """What is scored as segments: its units, or the tokens that are listed, all their boundaries shifted."""
        tokens = self.runs if self.listed is None else self.listed
        return shifted(tokens, self.utterance.ticks, self.shift) if self.shift else tokens

    @property
    def runs(self) -> Runs:
        """Its units."""
        return runs_of(self.codes, self.centres, self.utterance.ticks)


def coded(encodings: Encodings, utterances: Iterable[Utterance]) -> list[CodedUtterance]:
    """The codes of utterances, and the tokens that the folder lists.

    Raises UnscorableError if there are none, EncodingsError naming the file if they do not fit their frames.
    """
    tokens = read_tokens(encodings) if isinstance(encodings, Encodings) else None
    none = Runs(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, int))
    found = [coded_utterance(encodings, utterance) for utterance in utterances]
    if tokens is not None:
        found = [replace(entry, listed=tokens.get(entry.utterance.id, none)) for entry in found]
    if not found:
        raise UnscorableError(f"{encodings.folder}: no utterance to score; give a corpus that was encoded")
    return found


def shifted_by(coded: Iterable[CodedUtterance], shift: float) -> list[CodedUtterance]:
    """The same, with boundaries so many ms later, or pixel columns where there is no rate."""
    return [replace(one, shift=round(shift * (one.utterance.rate or 1000) / 1000)) for one in coded]


def coded_utterance(encodings: Encodings, utterance: Utterance) -> CodedUtterance:
    encoding = usable(encodings, utterance.id)
    if encoding.codes is None:
        waits = "codebook_waits" in encodings.settings
        why = why_no_codes(encodings.settings) if waits else "only a bottleneck with a codebook gives units"
        raise UnscorableError(f"{encodings.folder}: has no codes{', ' if waits else '; '}{why}")
    codes, centres = encoding.codes, np.asarray(encoding.centres, dtype=np.float64)
    if len(codes) and codes.dtype.kind not in "iu":
        listed = encodings.folder / "units.jsonl"
        raise EncodingsError(f"{listed}: codes of {utterance.id} must be whole numbers; encode the corpus again")
    if len(codes):
        refuse_span(file_of(encodings, utterance.id), utterance.id, utterance.ticks, centres=centres)
    return CodedUtterance(utterance, codes, centres)
