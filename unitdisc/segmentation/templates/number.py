"""How many units there are: as many as describe utterances that they were not learned from in the fewest nats.

A unit is described by which it is, by how long it lasts, and by how it differs from its template. Neighbouring frames
are far from independent: those of a unit count as one. More units fit what they were learned from ever better, but not
what they were not, and take more to name (minimum description length, Rissanen 1978, with a held-out half in the place
of a price for parameters).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.clustering import Progress, quiet
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, SomeFrames, in_order
from unitdisc.encodings import EncodingsError
from unitdisc.segmentation.corpora.sample import drawn
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates.learning import counted, learn
from unitdisc.segmentation.templates.model import Templates
from unitdisc.segmentation.templates.options import TemplateOptions

FIRST, MOST = 5, 320  # numbers of units that are tried, each twice the one before
PATIENCE = 2  # numbers in a row that are worse than the best before the search ends


@dataclass(frozen=True)
class TriedNumber:
    """units: K. nats: that one unit of what was not learned from takes, but for a constant."""

    units: int
    nats: float


@dataclass(frozen=True)
class Described:
    """What describing some utterances takes. squares: distances of frames from what describes them, added up."""

    frames: int
    squares: float
    choices: float

    def __add__(self, other: "Described") -> "Described":
        return Described(self.frames + other.frames, self.squares + other.squares, self.choices + other.choices)


def number_of_units(
    frames: FrameSource,
    timing: Timing,
    options: TemplateOptions,
    blank: bool,
    *,
    memory: float = 2.0,
    threads: int = 1,
    progress: Progress = quiet,
) -> list[TriedNumber]:
    """Learns numbers of units of one half of the utterances, or of a sample, and describes the other half.

    Raises EncodingsError for a single utterance, or if there are too few segments for any number.
    """
    names = drawn(timing.lengths, options.seed)
    if len(names) < 2:
        raise EncodingsError(f"{frames.folder}: one utterance does not tell how many units there are; give `units`")
    halves = [timing.part(names[start::2]) for start in (0, 1)]
    seen, unseen = (KeptFrames(SomeFrames(frames, half.names), memory / 2) for half in halves)
    tried, units = [], FIRST
    while units <= MOST and worse_in_a_row(tried) < PATIENCE:
        asked = replace(options, units=units, starts=1)
        try:
            found = learn(seen, halves[0], asked, blank, memory=memory / 4, threads=threads, progress=progress)
        except EncodingsError:
            if not tried:
                raise
            break  # no more segments than units
        told = description(found.templates, unseen, threads)
        wanted = halves[1].segments(options.rate)
        tried.append(TriedNumber(units, nats_per_unit(told, wanted, found.templates.means.shape[2])))
        units *= 2
    return tried


def fewest_nats(tried: Sequence[TriedNumber]) -> int:
    return min(tried, key=lambda each: each.nats).units


def worse_in_a_row(tried: Sequence[TriedNumber]) -> int:
    """How many numbers were tried since the best."""
    return len(tried) - 1 - int(np.argmin([each.nats for each in tried])) if tried else 0


def description(templates: Templates, frames: FrameSource, threads: int) -> Described:
    """What utterances take, cut by templates."""

    def describe(name: str) -> Described:
        projected = templates.projected(frames[name])
        segments = templates.cut(projected)
        of_units = counted(templates, projected, segments).distance
        outside = segments.codes(len(projected), templates.units) == templates.units
        of_blanks = float(np.square(projected[outside] - templates.blank).sum()) if len(templates.blank) else 0.0
        widths = np.unique(segments.widths)
        costs = templates.durations.costs(1.0, 1.0, widths)
        choices = costs[np.searchsorted(widths, segments.widths), segments.units].sum()
        return Described(len(projected), of_units + of_blanks, float(choices))

    found = list(in_order(describe, frames.names, threads))
    return sum(found[1:], found[0])


def nats_per_unit(described: Described, units: int, dims: int) -> float:
    """units: as many as were wanted, whichever number of different ones there is."""
    return dims / 2 * float(np.log(described.squares / described.frames)) + described.choices / units
