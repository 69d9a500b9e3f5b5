"""What labelled utterances say: which label each unit has, what follows what, and how long each lasts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.evaluation import silences_of
from unitdisc.naming.material import Material
from unitdisc.naming.reader import Known
from unitdisc.naming.spread import SILENCE

LEAST = 3  # occurrences of a unit with the same labels under it
BORDER = "\0"  # what is before the first label, and after the last


def name_of(label: str, utterance: Utterance) -> str:
    """The name of a label: SILENCE for those that are left out of scores; blanks within become no-break spaces."""
    return SILENCE if label.strip() in silences_of(utterance) else "\u00a0".join(label.split())


def tiers_of(utterances: Iterable[Utterance], tier: str, place: str) -> list[Utterance]:
    """The utterances that have labels in a tier. Raises CorpusError if there are none."""
    utterances = list(utterances)
    found = [utterance for utterance in utterances if utterance.alignment.get(tier)]
    if not found:
        there = sorted({name for utterance in utterances for name in utterance.alignment})
        raise CorpusError(f"{place}: has no labels in tier {tier!r}, only in {there or 'none'}; choose with `tier`")
    return found


def sequence_of(utterance: Utterance, tier: str) -> list[str]:
    """The labels of an utterance, silences left out; a label of a recording that lasts counts once."""
    names = [name_of(label, utterance) for _, _, label in utterance.alignment.get(tier, [])]
    if not utterance.is_image:
        names = [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
    return [name for name in names if name != SILENCE]


def under(
    intervals: Iterable[Interval], spans: np.ndarray, utterance: Utterance
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What is under stretches of an utterance, ticks [N, 2]: the labels whose middle is in each; and the largest alone.

    Where there is none, the label that has most of the stretch, or SILENCE where most of it has none.
    """
    there = [(start, end, name_of(label, utterance)) for start, end, label in intervals]
    there = [each for each in there if each[2] != SILENCE]
    starts, ends = (np.array([each[column] for each in there], dtype=float) for column in (0, 1))
    middles = (starts + ends) / 2
    found = []
    for start, end in spans.tolist():
        inside = np.flatnonzero((middles >= start) & (middles < end))
        shared = np.minimum(ends, end) - np.maximum(starts, start)
        largest = np.flatnonzero(shared == shared.max(initial=0))[:1]
        if not len(inside) and shared.max(initial=0) > (end - start) / 2:
            inside = largest
        names = tuple(there[place][2] for place in inside) or (SILENCE,)
        found.append((names, tuple(there[place][2] for place in largest) if len(inside) else names))
    return found


def learned(
    material: Material, tier: str, chosen: Iterable[Utterance] | None = None
) -> tuple[dict[str, dict[str, float]], Known]:
    """Counts of names under units, and what names do, by the labels of a tier: unit -> name -> count.

    A unit that covers several labels counts as their names with blanks between, as a person would write them, if it
    does so in most of LEAST cases and more; else as the largest of them.
    """
    seen: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
    follows: dict[tuple[str, str], float] = defaultdict(float)
    ticks: dict[str, list[float]] = defaultdict(list)
    for utterance in material.utterances if chosen is None else chosen:
        intervals = utterance.alignment.get(tier, [])
        spans = material.runs[utterance.id].intervals
        for unit, names in zip(material.names[utterance.id], under(intervals, spans, utterance)):
            seen[unit].append(names)
        order = [BORDER, *(name_of(label, utterance) for _, _, label in intervals), BORDER]
        for pair in pairwise(order):
            follows[pair] += 1
        for start, end, label in intervals:
            ticks[name_of(label, utterance)].append(end - start)
    counts = {unit: Counter(counted(names)) for unit, names in seen.items()}
    return {unit: {name: float(count) for name, count in own.items()} for unit, own in counts.items()}, Known(
        dict(follows), dict(ticks)
    )


def counted(names: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> Iterator[str]:
    """The name of every occurrence of one unit."""
    common = Counter(inside for inside, _ in names)
    for inside, largest in names:
        usual = common[inside] >= LEAST and 2 * common[inside] > len(names)
        yield " ".join(inside if usual or len(inside) == 1 else largest)
