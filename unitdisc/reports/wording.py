"""What the page calls things: recordings are spoken and heard, lines of handwriting are written and seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from unitdisc.corpus import Utterance
from unitdisc.evaluation.units.boundaries import TOLERANCE_COLUMNS, TOLERANCE_MS


@dataclass(frozen=True)
class Words:
    """The words of one kind of corpus."""

    written: bool  # lines of handwriting, not recordings
    tier: str  # that labels are in unless somebody says otherwise
    utterance: str
    speaker: str
    voice: str  # what the units should not carry
    signal: str  # what a corpus holds
    baseline: str  # the probe point before any learning, as sentences call it
    apart: str  # by how much a boundary may be missed


RECORDINGS = Words(
    written=False,
    tier="phone",
    utterance="utterance",
    speaker="speaker",
    voice="voice",
    signal="speech",
    baseline="untrained features (MFCC)",
    apart=f"{TOLERANCE_MS:g} ms",
)
LINES = Words(
    written=True,
    tier="character",
    utterance="line",
    speaker="scribe",
    voice="hand",
    signal="writing",
    baseline="plain columns of pixels",
    apart=f"{TOLERANCE_COLUMNS:g} column{'s' if TOLERANCE_COLUMNS != 1 else ''}",
)


def words_of(utterances: Iterable[Utterance]) -> Words:
    return LINES if any(utterance.is_image for utterance in utterances) else RECORDINGS
