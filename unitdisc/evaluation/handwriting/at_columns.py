"""Line images at the rate of pixel columns: every frame repeated over the columns that it covers (DistSup).

A system with a latent every 12 columns and one with a latent every 4 are then measured on the same columns. These are
the columns of lines scaled to one height, as models read them; ticks stay the columns of the image on disk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc.corpus import Interval, Utterance, labels_at
from unitdisc.encodings import Encoding, Encodings
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.frame_checks import usable
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.tasks import Items, can_be_grouped, frame_items, labels_split

GAP = "<gap>"  # the class of columns without a character, where they count


@dataclass(frozen=True)
class ColumnGrid:
    """Places on lines that are scaled to `height` rows: one in the middle of every `every` columns."""

    height: int
    every: int = 1

    def ticks(self, utterance: Utterance, columns: float = 1) -> float:
        """Columns of the scaled line in those of the image."""
        return columns * utterance.ticks / utterance.columns_at(self.height)

    def places(self, utterance: Utterance) -> np.ndarray:
        """Ticks: [columns / every], rounded up."""
        count = -(-utterance.columns_at(self.height) // self.every)
        return self.ticks(utterance) * self.every * (np.arange(count) + 0.5)


def frames_at(centres: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The frame that covers each place, the later one on the border of two: centres [T], places [N] -> [N]."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, places, side="right")


def height_of(encodings: Encodings, utterances: Iterable[Utterance]) -> int:
    """The rows of the lines that were encoded: what encodings.json says, or else the one height of the images.

    Raises UnscorableError if neither tells.
    """
    if encodings.settings.get("height"):
        return int(encodings.settings["height"])
    heights = {utterance.height for utterance in utterances}
    if len(heights) != 1 or None in heights:
        raise UnscorableError(
            f"{encodings.folder}: nothing says to what height lines were scaled; add "
            '"height": ROWS to its encodings.json, or score line images of one height'
        )
    return heights.pop()


class GriddedEncodings:
    """Encodings of line images on a grid, each frame repeated over its places; read one line at a time."""

    def __init__(self, encodings: Encodings, utterances: Iterable[Utterance], grid: ColumnGrid):
        self.encodings = encodings
        self.folder: Path = encodings.folder
        self.settings = {**encodings.settings, "stride": None, "offset": None}
        self.utterances = {utterance.id: utterance for utterance in utterances}
        self.grid = grid

    def __len__(self) -> int:
        return len(self.utterances)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.utterances and utterance in self.encodings

    def __getitem__(self, utterance: str) -> Encoding:
        """Raises EncodingsError naming the file if it is missing or unusable."""
        found = usable(self.encodings, utterance)
        places = self.grid.places(self.utterances[utterance]) if len(found.frames) else np.empty(0)
        index = frames_at(found.centres, places)
        codes = None if found.codes is None else found.codes[index]
        return Encoding(utterance, places, found.frames[index], codes=codes)


def with_gaps(utterance: Utterance, tier: str) -> Utterance:
    """The same line with its gaps labelled, so that they are a class of their own."""
    if tier not in utterance.alignment:
        return utterance
    found, position = [], 0
    for interval in labelled(utterance, tier):
        found += [Interval(position, interval.start, GAP)] if position < interval.start else []
        found.append(interval)
        position = interval.end
    found += [Interval(position, utterance.ticks, GAP)] if position < utterance.ticks else []
    return replace(utterance, alignment={**utterance.alignment, tier: found})


@dataclass(frozen=True)
class ColumnLabelTask:
    """The label under every column, read off the frame that covers it, gaps left out, on lines not learned from."""

    tier: str
    grid: ColumnGrid
    unseen_speakers: bool = False

    def items(self, point: PointFrames) -> Items:
        """Raises UnscorableError if no line has labels."""
        split = labels_split(self.unseen_speakers)
        frames, labels = [np.empty(0, int)], [np.empty(0, object)]
        for number, utterance in enumerate(point.utterances):
            centres = point.centres[point.span(number)]
            if self.tier in utterance.alignment and len(centres) and can_be_grouped(point, number, split):
                places = self.grid.places(utterance)
                found = labels_at(labelled(utterance, self.tier), places)
                frames.append(point.bounds[number] + frames_at(centres, places)[found != ""])
                labels.append(found[found != ""])
        centre = np.concatenate(frames)
        if not len(centre):
            raise UnscorableError(f"no utterance has labels in tier {self.tier!r}")
        items = frame_items(point, centre, np.zeros(len(point.frames)), split)
        return replace(items, targets=np.concatenate(labels).astype(str))


def columns_of(utterances: Sequence[Utterance], grid: ColumnGrid) -> int:
    """How wide scaled lines are together."""
    return sum(utterance.columns_at(grid.height) for utterance in utterances)
