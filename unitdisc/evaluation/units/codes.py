"""Codes fit to be scored."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.encodings.runs import Runs, refuse_span, runs_of
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frame_checks import file_of, usable


@dataclass(frozen=True)
class CodedUtterance:
    """An utterance and the code of each of its frames."""

    utterance: Utterance
    codes: np.ndarray  # [T] int
    centres: np.ndarray  # [T] the tick in the middle of each frame, in order

    @property
    def runs(self) -> Runs:
        """Its units."""
        return runs_of(self.codes, self.centres, self.utterance.ticks)


def coded(encodings: Encodings, utterances: Iterable[Utterance]) -> list[CodedUtterance]:
    """The codes of utterances.

    Raises UnscorableError if there are none, EncodingsError naming the file if they do not fit their frames.
    """
    found = [coded_utterance(encodings, utterance) for utterance in utterances]
    if not found:
        raise UnscorableError(f"{encodings.folder}: no utterance to score; give a corpus that was encoded")
    return found


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
