"""Labels in seconds, fitted to the ticks of their recording: what half fits is repaired or left out, and noted."""

import math
from collections.abc import Sequence

from unitdisc.corpus import Interval
from unitdisc.prep.notes import Notes
from unitdisc.prep.textgrids import SILENCE, Timed
from unitdisc.prep.utterances import SLACK

GAPLESS = ("phone", "word", "syllable", "canonical")  # tiers whose empty labels say that nothing is said
MOST_OUTSIDE = 0.5  # of the labels of a tier that may be outside of its recording; of more, they are another's


def fitted(rows: Sequence[Timed], ticks: int, rate: int, tier: str, name: str, notes: Notes) -> list[Interval]:
    """The intervals of a tier of a recording of so many ticks, in order and apart from each other.

    Empty labels are silence in tiers of phones, words and syllables, and nothing in others. name: for notes.
    """
    length = ticks / rate
    named = [(start, end, label) for start, end, label in rows if label or tier in GAPLESS]
    outside = sum(not (start < length and end > 0) for start, end, _ in named)
    if outside > MOST_OUTSIDE * len(named):
        notes.add(f"tiers {tier!r} of which most is outside of the recording, left out whole", name)
        return []
    found: list[Interval] = []
    for start, end, label in sorted(named, key=lambda row: row[:2]):
        if not (math.isfinite(start) and math.isfinite(end)) or end < start:
            notes.add(f"labels of the tier {tier!r} whose times run backwards, or are none, left out", name)
            continue
        if start >= length or end <= 0:
            notes.add(f"labels of the tier {tier!r} outside of their recording, left out", name)
            continue
        if start < -SLACK or end > length + SLACK:
            notes.add(f"labels of the tier {tier!r} that outlast their recording, cut to it", name)
        first, last = max(round(start * rate), 0), min(round(end * rate), ticks)
        if found and first < found[-1].end:
            if found[-1].end - first > SLACK * rate:
                notes.add(f"labels of the tier {tier!r} that begin before the one before ends, cut there", name)
            last_one = found.pop()
            found += [last_one._replace(end=first)] if last_one.start < first else []
        if first == last:
            notes.add(f"labels of the tier {tier!r} without length, left out", name)
            continue
        found.append(Interval(first, last, label or SILENCE))
    return found


def within(intervals: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """Those whose middle is in [start, end), as ticks of that stretch, cut to it."""
    inside = [each for each in intervals if start <= (each.start + each.end) / 2 < end]
    return [Interval(max(each.start, start) - start, min(each.end, end) - start, each.label) for each in inside]
