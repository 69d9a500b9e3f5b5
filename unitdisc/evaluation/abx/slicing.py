"""Which frames belong to an item, and those frames as a distance needs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.encodings import Encoding, Encodings, EncodingsError
from unitdisc.evaluation.abx.items import AbxItems
from unitdisc.evaluation.frame_checks import file_of, usable

SLACK = 1e-6  # ticks: far below any real difference, far above what rounding does to a centre between ticks


@dataclass(frozen=True)
class Slices:
    """The frames [starts, stops) of every item, counted in its utterance."""

    starts: np.ndarray  # [N]
    stops: np.ndarray  # [N]; not after `starts` where an item has no frames

    @property
    def lengths(self) -> np.ndarray:
        return np.maximum(self.stops - self.starts, 0)


def exact(starts: np.ndarray, ends: np.ndarray, encoding: Encoding, settings: dict) -> tuple[np.ndarray, np.ndarray]:
    """All frames with start <= centre <= end: ABXpy, fastabx."""
    return (
        np.searchsorted(encoding.centres, starts - SLACK, side="left"),
        np.searchsorted(encoding.centres, ends + SLACK, side="right"),
    )


def librilight(
    starts: np.ndarray, ends: np.ndarray, encoding: Encoding, settings: dict
) -> tuple[np.ndarray, np.ndarray]:
    """The frames that Libri-Light's code and what was built on it take: all but the last of them, in its arithmetic.

    Scores so found are not comparable with others, but with all published ones since Libri-Light.
    """
    stride, rate = settings.get("stride"), settings.get("rate")
    ticks_per_second = rate or 1  # seconds and the frame rate, so that rounding is what it is there
    step = ticks_per_second / stride
    first = np.ceil(step * (starts / ticks_per_second) - 0.5).astype(np.int64)
    last = np.floor(step * (ends / ticks_per_second) - 0.5).astype(np.int64)
    return np.maximum(first, 0), np.minimum(last, len(encoding.frames))


SLICINGS = {"exact": exact, "librilight": librilight}


def sliced(items: AbxItems, encodings: Encodings, slicing: str) -> Iterator[tuple[np.ndarray, Encoding, Slices]]:
    """The rows of every utterance's items, its encoding, and where in it they are.

    Raises EncodingsError naming the file that is missing, unusable, or too short for its items.
    """
    stride = encodings.settings.get("stride")
    if slicing == "librilight" and (not stride or encodings.settings.get("offset") != stride / 2):
        raise EncodingsError(
            f"{encodings.folder}: librilight slicing knows only evenly spaced frames, the first centred half a frame "
            "after the beginning; choose exact slicing"
        )
    missing = [utterance for utterance in items.rows_of if utterance not in encodings]
    if missing:
        rows = items.rows_of[missing[0]]
        raise EncodingsError(
            f"{items.where(rows[0])}{file_of(encodings, missing[0])}: no such encoding, but {len(rows)} items are "
            f"in {missing[0]}; {len(missing)} of {len(items.rows_of)} utterances are missing: encode them too"
        )
    for utterance, rows in items.rows_of.items():
        encoding = usable(encodings, utterance)
        refuse_short(items, rows[items.ends[rows].argmax()], file_of(encodings, utterance), encoding)
        yield (
            rows,
            encoding,
            Slices(*SLICINGS[slicing](items.starts[rows], items.ends[rows], encoding, encodings.settings)),
        )


def refuse_short(items: AbxItems, last: int, path: Path, encoding: Encoding) -> None:
    """Raises EncodingsError if an encoding ends long before its last item does."""
    end, steps = items.ends[last], np.diff(encoding.centres)
    evenly = len(steps) and np.ptp(steps) <= SLACK
    if not len(encoding.frames):
        raise EncodingsError(
            f"{items.where(last)}{path}: has no frames, but an item ends on tick {end:g}; "
            f"encode {encoding.utterance} again, or take its items out"
        )
    if evenly and end - encoding.centres[-1] > 2 * steps[0]:  # one missing is rounding
        centre = encoding.centres[-1]
        raise EncodingsError(
            f"{items.where(last)}{path}: the last of {len(encoding.frames)} frames is "
            f"centred on tick {centre}, but an item ends on tick {end:g}; "
            f"is the frame rate right, and was all of {encoding.utterance} encoded?"
        )
