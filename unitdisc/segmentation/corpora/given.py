"""Boundaries that other units give: segments as they are, to be named by other frames."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.reading import why_no_codes
from unitdisc.encodings.runs import runs_of
from unitdisc.evaluation.foreign import AnyEncodings


def has_units(units: Encodings, utterance: str) -> bool:
    """Whether there are units of an utterance. Raises EncodingsError if there are frames of it, but no codes."""
    if utterance in units and units.codes[utterance] is None:
        raise EncodingsError(f"{units.folder}: has no units, {why_no_codes(units.settings)}")
    return utterance in units


def boundaries_of(units: Encodings, utterance: Utterance, centres: np.ndarray) -> np.ndarray:
    """The frames that are the first of a segment after the first: centres [T], in ticks -> [S - 1].

    Of segments that none of these frames lies in, the boundaries fall together.
    """
    codes = units.codes[utterance.id]
    runs = runs_of(codes, units.centres(utterance.id, len(codes)), utterance.ticks)
    starts = np.unique(np.searchsorted(centres, runs.intervals[1:, 0]))
    return starts[(starts > 0) & (starts < len(centres))]


def boundaries_in(
    units: Encodings, utterances: Sequence[Utterance], frames: AnyEncodings, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Those of all the utterances named, by name."""
    wanted = {*names}
    return {
        utterance.id: boundaries_of(units, utterance, frames[utterance.id].centres)
        for utterance in utterances
        if utterance.id in wanted
    }


def boundaries_checksum(boundaries: Mapping[str, np.ndarray]) -> str:
    """Names boundaries, wherever they lay."""
    digest = hashlib.sha256()
    for name, starts in sorted(boundaries.items()):
        digest.update(f"{name} {' '.join(map(str, starts))}\n".encode())
    return digest.hexdigest()[:16]
