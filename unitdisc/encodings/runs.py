"""What a unit is: a maximal run of one code, as a stretch of time. The one definition, for export, scores and reports.

A unit reaches from halfway between its first frame and the frame before to halfway between its last frame and the
frame after, so that the units of an utterance tile it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.corpus import Interval
from unitdisc.encodings.reading import EncodingsError

SLACK = 2  # frames by which the frames of an utterance may miss its end


@dataclass(frozen=True)
class Runs:
    """Maximal runs of one code, N of them, that tile an utterance."""

    intervals: np.ndarray  # [N, 2] int, ticks [start, end)
    codes: np.ndarray  # [N] int
    frames: np.ndarray  # [N] int, how many frames each is long, those past the end included

    def labelled(self) -> list[Interval]:
        """The same as intervals of a tier, labelled by their codes."""
        return [Interval(start, end, str(code)) for (start, end), code in zip(self.intervals.tolist(), self.codes)]


def runs_of(codes: Iterable[int], centres: np.ndarray, ticks: int) -> Runs:
    """The maximal runs of one code; none where there are no frames, or no ticks.

    codes: [T]; centres: [T], the tick in the middle of each frame, in order and at least one tick apart.
    Half a tick is rounded up, so that start <= centre < end. Frames that would begin at or after `ticks` (a padded
    last frame) are left out. Every other frame lies in the run of its code, as `corpus.labels_at` looks it up.
    Raises ValueError if there is not one centre for every code.
    """
    codes, centres = np.asarray(codes), np.asarray(centres, dtype=np.float64)
    if codes.shape != centres.shape:
        raise ValueError(f"{len(codes)} codes have {len(centres)} centres")
    if not len(codes) or ticks < 1:
        return Runs(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0, int))
    changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1  # the first frame of every run but the first
    borders = np.ceil((centres[changes - 1] + centres[changes]) / 2).astype(int)
    changes, borders = changes[borders < ticks], borders[borders < ticks]
    first = np.concatenate([[0], changes])
    edges = np.concatenate([[0], borders, [int(ticks)]])
    return Runs(np.stack([edges[:-1], edges[1:]], 1), codes[first], np.diff(np.append(first, len(codes))))


def refuse_span(place: Path, id: str, ticks: int, centres: np.ndarray) -> None:
    """Raises EncodingsError if the frames of an utterance do not end where it does.

    place: where they were read; centres: [T], the tick in the middle of each frame, at least one.
    """
    step = np.diff(centres).max(initial=0) or 2 * centres[0]
    if abs(centres[-1] + step / 2 - ticks) > SLACK * step:
        raise EncodingsError(
            f"{place}: the last frame is at tick {centres[-1]:g}, but {id} has {ticks} ticks; "
            "is the frame rate right, and the corpus the one that was encoded?"
        )
