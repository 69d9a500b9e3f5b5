"""Terms as files: pairs, and groups of places, for people and for other tools."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.exports.classes import write_classes
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.jsonl import write_units_jsonl
from unitdisc.exports.textgrid import write_textgrids
from unitdisc.exports.units import Units
from unitdisc.files import write_text
from unitdisc.term_discovery.grouping import ALONE, Terms


def write(
    folder: Path,
    utterances: Sequence[Utterance],
    edges: Mapping[int, np.ndarray],
    table: np.ndarray,
    terms: Terms,
    per_frame: float,
    threshold: float,
) -> list[Path]:
    """Writes pairs.jsonl, terms.jsonl and terms.ctm and, of recordings, textgrid/, classes.txt and pairs.txt.

    edges: of every utterance in a pair, where its frames begin and end, in ticks. table: pairs [n, 7]. per_frame: ms,
    or columns.
    """
    lines = pair_lines(utterances, edges, table, terms, per_frame, threshold)
    write_text(folder / "pairs.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    kept = np.flatnonzero(terms.groups != ALONE)
    columns = (each[kept].tolist() for each in (terms.utterances, terms.firsts, terms.lasts, terms.groups))
    found = [
        Interval(int(edges[one][first]), int(edges[one][last]), str(group)) for one, first, last, group in zip(*columns)
    ]
    units = by_utterance(utterances, terms.utterances[kept], found)
    files = {"terms.jsonl": write_units_jsonl, "terms.ctm": write_ctm}
    if all(utterance.rate for utterance in utterances):
        files |= {"classes.txt": write_classes}
        write_textgrids(folder / "textgrid", map(without_overlaps, units), tier="term")
        write_classes(folder / "pairs.txt", as_pairs(utterances, edges, table))
    for name, write_file in files.items():
        write_file(folder / name, units)
    others = [name for name in ("textgrid", "pairs.txt") if (folder / name).exists()]
    return [folder / name for name in ("pairs.jsonl", *files, *others)]


def pair_lines(
    utterances: Sequence[Utterance],
    edges: Mapping[int, np.ndarray],
    table: np.ndarray,
    terms: Terms,
    per_frame: float,
    threshold: float,
) -> list[dict]:
    """Both stretches of every pair in ticks, its score in ms (or columns), and the mean distance of its frames."""
    lines = []
    for (score, *pair), ends in zip(table.tolist(), terms.groups[terms.ends].tolist()):
        places = [list(map(int, pair[3 * side : 3 * side + 3])) for side in (0, 1)]
        frames = sum(last - first for _, first, last in places) / 2
        stretches = [
            {
                "utterance": utterances[place].id,
                "start": int(edges[place][first]),
                "end": int(edges[place][last]),
                "group": None if group == ALONE else group,
            }
            for (place, first, last), group in zip(places, ends)
        ]
        cost = threshold * (1 - score / frames)
        lines.append({"score": round(score * per_frame, 4), "cost": round(cost, 6), "stretches": stretches})
    return lines


def by_utterance(utterances: Sequence[Utterance], places: np.ndarray, intervals: Sequence[Interval]) -> list[Units]:
    """Those of every utterance that has any, in order of time."""
    own: dict[int, list[Interval]] = {}
    for place, interval in zip(places.tolist(), intervals):
        own.setdefault(place, []).append(interval)
    return [Units(utterances[place], [], sorted(own[place])) for place in sorted(own)]


def as_pairs(utterances: Sequence[Utterance], edges: Mapping[int, np.ndarray], table: np.ndarray) -> list[Units]:
    """Every pair as a class of its own."""
    places, intervals = [], []
    for number, (_, *pair) in enumerate(table.tolist()):
        for side in (0, 1):
            place, first, last = map(int, pair[3 * side : 3 * side + 3])
            places.append(place)
            intervals.append(Interval(int(edges[place][first]), int(edges[place][last]), str(number)))
    return by_utterance(utterances, np.array(places, int), intervals)


def without_overlaps(units: Units) -> Units:
    """For a tier: of places that overlap, those of the largest group."""
    kept: list[Interval] = []
    for interval in sorted(units.intervals, key=lambda each: (int(each.label), each.start)):
        if all(interval.end <= other.start or other.end <= interval.start for other in kept):
            kept.append(interval)
    return Units(units.utterance, [], sorted(kept))
