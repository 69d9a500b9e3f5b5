"""What labelled utterances say: which label each unit has, what follows what, and how long each lasts."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.evaluation import silences_of
from unitdisc.naming.material import Material
from unitdisc.naming.reader import Known
from unitdisc.naming.spread import SILENCE

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


def under(intervals: Iterable[Interval], spans: np.ndarray, utterance: Utterance) -> list[tuple[str, ...]]:
    """What is under stretches of an utterance, ticks [N, 2]: the labels whose middle is in each.

    Where there is none, the label that has most of the stretch, or SILENCE where most of it has none.
    """
    there = [(start, end, name_of(label, utterance)) for start, end, label in intervals]
    there = [each for each in there if each[2] != SILENCE]
    starts, ends = (np.array([each[column] for each in there], dtype=float) for column in (0, 1))
    middles = (starts + ends) / 2
    found = []
    for start, end in spans.tolist():
        inside = np.flatnonzero((middles >= start) & (middles < end))
        if not len(inside) and len(there):
            shared = np.minimum(ends, end) - np.maximum(starts, start)
            inside = np.flatnonzero(shared == shared.max())[:1] if shared.max() > (end - start) / 2 else inside
        found.append(tuple(there[place][2] for place in inside) or (SILENCE,))
    return found


def learned(
    material: Material, tier: str, chosen: Iterable[Utterance] | None = None
) -> tuple[dict[str, dict[str, float]], Known]:
    """Counts of names under units, and what names do, by the labels of a tier: unit -> name -> count.

    A unit that covers several labels counts as their names with blanks between, as a person would write them.
    """
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    follows: dict[tuple[str, str], float] = defaultdict(float)
    ticks: dict[str, list[float]] = defaultdict(list)
    for utterance in material.utterances if chosen is None else chosen:
        intervals = utterance.alignment.get(tier, [])
        spans = material.runs[utterance.id].intervals
        for unit, names in zip(material.names[utterance.id], under(intervals, spans, utterance)):
            counts[unit][" ".join(names)] += 1
        order = [BORDER, *(name_of(label, utterance) for _, _, label in intervals), BORDER]
        for pair in pairwise(order):
            follows[pair] += 1
        for start, end, label in intervals:
            ticks[name_of(label, utterance)].append(end - start)
    return {unit: dict(names) for unit, names in counts.items()}, Known(dict(follows), dict(ticks))
