"""What encodings carry: ABX, probes, units against labels, bitrate. Reads corpora and encodings; knows no models."""

from unitdisc.corpus import Interval, Utterance

SILENCES = frozenset({"SIL", "sil", "sp", "spn", "SPN", "", "_", "pau"})  # labels that are not speech: left out
GAPS = frozenset({"", " "})  # the same of line images, where "_" may be a character


class UnscorableError(ValueError):
    """A corpus has nothing that a score could be counted on; the message says what is missing."""


def silences_of(utterance: Utterance) -> frozenset[str]:
    """The labels of an utterance that stand for nothing said or written, and are left out of every score."""
    return GAPS if utterance.is_image else SILENCES


def labelled(utterance: Utterance, tier: str) -> list[Interval]:
    """The intervals of a tier that say something; KeyError if there is no such tier."""
    silences = silences_of(utterance)
    return [interval for interval in utterance.alignment[tier] if interval.label not in silences]


def spans_of(utterance: Utterance, speech: str | None) -> list[tuple[int, int]]:
    """Stretches of speech in ticks: what a tier has between silences, or the whole utterance."""
    if speech is None:
        return [(0, utterance.ticks)]
    found: list[tuple[int, int]] = []
    for start, end, _ in labelled(utterance, speech):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
