"""Boundaries that other units give: segments as they are, to be named by other frames."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.reading import why_no_codes
from unitdisc.encodings.runs import runs_of


def has_units(units: Encodings, utterance: str) -> bool:
    """Whether there are units of an utterance. Raises EncodingsError if there are frames of it, but no codes."""
    if utterance in units and units.codes[utterance] is None:
        raise EncodingsError(f"{units.folder}: has no units, {why_no_codes(units.settings)}")
    return utterance in units


@dataclass
class GivenBoundaries:
    """The segments of other units, as boundaries between the frames that are to name them."""

    units: Encodings
    starts: dict[str, np.ndarray] = field(default_factory=dict)  # utterance -> [S - 1], see `look`
    segments: int = 0  # of the units
    left_out: int = 0  # of these: no frame lies in them

    def look(self, utterance: Utterance, centres: np.ndarray) -> None:
        """Notes the frames that are the first of a segment after the first: centres [T], in ticks -> [S - 1]."""
        codes = self.units.codes[utterance.id]
        runs = runs_of(codes, self.units.centres(utterance.id, len(codes)), utterance.ticks)
        starts = np.unique(np.searchsorted(centres, runs.intervals[1:, 0]))
        starts = starts[(starts > 0) & (starts < len(centres))]
        self.starts[utterance.id] = starts
        self.segments += len(runs.codes)
        self.left_out += len(runs.codes) - len(starts) - 1

    @property
    def checksum(self) -> str:
        """Names the boundaries, wherever they lay."""
        digest = hashlib.sha256()
        for name, starts in sorted(self.starts.items()):
            digest.update(f"{name} {' '.join(map(str, starts))}\n".encode())
        return digest.hexdigest()[:16]
