"""The units of an utterance, as they are exported: its codes, and the stretches of time of their runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Interval, Utterance, is_pipe
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.encodings.runs import refuse_span, runs_of
from unitdisc.files.folders import is_there

OF_IMAGES = ("jsonl", "ctm", "dataset")  # the formats that can say columns


class ExportError(ValueError):
    """The units cannot be written in this format; the message names the utterance and the cure."""


@dataclass(frozen=True)
class Units:
    """The units of one utterance."""

    utterance: Utterance
    codes: list[int]  # [T], one for every frame
    intervals: list[Interval]  # maximal runs of one code, labelled by it; they tile [0, utterance.ticks)
    confidences: list[float] | None = None  # of readings: how probable each label is


def coded(encodings: Encodings, utterance: Utterance) -> tuple[Sequence[int], np.ndarray]:
    """The codes of one utterance, and the tick in the middle of each frame: [T], [T]; also of another tool's units.

    Raises EncodingsError if there are no codes, and says why.
    """
    of_others = None if isinstance(encodings, Encodings) else encodings[utterance.id]
    codes = encodings.codes[utterance.id] if of_others is None else of_others.codes
    if codes is None:
        raise EncodingsError(f"{encodings.folder}: {utterance.id} has no codes, {why_no_codes(encodings.settings)}")
    return codes, encodings.centres(utterance.id, len(codes)) if of_others is None else of_others.centres


def read_units(encodings: Encodings, utterance: Utterance) -> Units:
    """The units of one utterance of a folder of encodings, or of those of another tool.

    Raises EncodingsError if the folder has no such utterance, no codes (which says why), or frames that
    do not span the utterance.
    """
    if utterance.id not in encodings:
        raise EncodingsError(f"{encodings.folder}: nothing of utterance {utterance.id}; encode the corpus again")
    codes, centres = coded(encodings, utterance)
    if len(centres) != len(codes) or not len(codes):
        raise EncodingsError(
            f"{encodings.folder}: {utterance.id} has {len(codes)} codes for {len(centres)} frames; "
            "encode the corpus again"
        )
    refuse_span(encodings.folder, utterance.id, utterance.ticks, centres=centres)
    codes = list(map(int, codes))
    return Units(utterance, codes, runs_of(codes, centres, utterance.ticks).labelled())


def why_no_path(utterance: Utterance) -> str | None:
    """Why the recording of an utterance is in no file that other tools open; None if it may be."""
    if is_pipe(utterance.path):
        return f"is what the command {utterance.path!r} writes"
    if re.search(r":\d+$", utterance.path) and not is_there(utterance.path):
        return f"is a part of {utterance.path.rpartition(':')[0]}"
    return None


def seconds(utterance: Utterance, ticks: float) -> float:
    """Ticks in seconds.

    Raises ExportError if the utterance has no rate, as a line image has none.
    """
    if not utterance.rate:
        cure = f"choose one of the formats {', '.join(OF_IMAGES)}" if utterance.is_image else "choose the format jsonl"
        raise ExportError(f"{utterance.id}: has no rate, so its ticks are no seconds; {cure}")
    return ticks / utterance.rate
