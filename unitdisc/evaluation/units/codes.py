"""Codes fit to be scored, and their runs: the units of an utterance as stretches of time."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frames import file_of, usable

SLACK = 2  # frames by which the frames of an utterance may miss its end


@dataclass(frozen=True)
class CodedUtterance:
    """An utterance and the code of each of its frames."""

    utterance: Utterance
    codes: np.ndarray  # [T] int
    centres: np.ndarray  # [T] the tick in the middle of each frame, in order


@dataclass(frozen=True)
class Runs:
    """The units of one utterance: maximal runs of one code, N of them, that tile it."""

    intervals: np.ndarray  # [N, 2] int, ticks [start, end)
    codes: np.ndarray  # [N] int
    frames: np.ndarray  # [N] int, how many frames each is long


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
    step = np.diff(centres).max(initial=0) or 2 * centres[:1].sum()
    if len(codes) and abs(centres[-1] + step / 2 - utterance.ticks) > SLACK * step:
        raise EncodingsError(
            f"{file_of(encodings, utterance.id)}: the last frame is at tick {centres[-1]:g}, but {utterance.id} has "
            f"{utterance.ticks} ticks; is the frame rate right, and the corpus the one that was encoded?"
        )
    return CodedUtterance(utterance, codes, centres)


def runs(coded: CodedUtterance) -> Runs:
    """The maximal runs of one code. A border lies halfway between the centres of the frames on its two sides.

    Half a tick is rounded up, and frames that would begin at the end of the utterance or later are left out, as in
    the units that `unitdisc export` writes.
    """
    ticks, codes, centres = coded.utterance.ticks, coded.codes, coded.centres
    if not len(codes) or not ticks:
        return Runs(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, int))
    changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1  # the first frame of every run but the first
    borders = np.ceil((centres[changes - 1] + centres[changes]) / 2).astype(int)
    changes, borders = changes[borders < ticks], borders[borders < ticks]
    first = np.concatenate([[0], changes])
    edges = np.concatenate([[0], borders, [ticks]])
    return Runs(np.stack([edges[:-1], edges[1:]], 1), codes[first], np.diff(np.append(first, len(codes))))
