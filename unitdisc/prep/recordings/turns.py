"""Who speaks when, and what is said in all: turns, as tiers tell them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unitdisc.corpus import Interval
from unitdisc.prep.recordings.tier_kinds import LabelTier, is_silence

SPOKEN = ("word", "phone", "syllable", "canonical", "character")  # tiers whose labels are there where somebody speaks


class FittedTier(NamedTuple):
    """A tier in ticks of its recording."""

    name: str
    speaker: str
    intervals: list[Interval]


class Turn(NamedTuple):
    """A stretch [start, end) of a recording, in ticks, of a speaker, and what is said in it, if that is known."""

    start: int
    end: int
    speaker: str | None
    text: str | None = None


def turns(tiers: Sequence[FittedTier], gap: int) -> list[Turn]:
    """The turns that tiers tell, in order; [] if none does.

    The labels of a tier `speaker` are names. Or else the labels of tiers `utterance` are texts of turns, of the speaker
    of the tier. Or else where several speakers have tiers of words or phones, each has turns, with less than `gap`
    ticks between labels.
    """
    called = [tier for tier in tiers if tier.name == "speaker"]
    if called:
        found = [Turn(each.start, each.end, each.label) for tier in called for each in spoken(tier)]
        return sorted(found)
    written = [tier for tier in tiers if tier.name == "utterance"]
    if written:
        found = [Turn(i.start, i.end, tier.speaker or None, i.label) for tier in written for i in spoken(tier)]
        return sorted(found, key=lambda turn: turn[:2])
    by_speaker: dict[str, list[Interval]] = defaultdict(list)
    for tier in tiers:
        if tier.speaker and tier.name in SPOKEN:
            by_speaker[tier.speaker] += spoken(tier)
    if len(by_speaker) < 2:
        return []
    return sorted(turn for speaker, labels in by_speaker.items() for turn in runs_of(sorted(labels), speaker, gap))


def spoken(tier: FittedTier) -> list[Interval]:
    return [each for each in tier.intervals if not is_silence(each.label)]


def runs_of(labels: Iterable[Interval], speaker: str, gap: int) -> list[Turn]:
    found: list[Turn] = []
    for start, end, _ in labels:
        if found and start - found[-1].end < gap:
            found[-1] = found[-1]._replace(end=max(end, found[-1].end))
        else:
            found.append(Turn(start, end, speaker))
    return found


def speakers_of(tiers: Sequence[LabelTier | FittedTier]) -> list[str]:
    """Those that tiers name, each once."""
    return list(dict.fromkeys(tier.speaker for tier in tiers if tier.speaker))
