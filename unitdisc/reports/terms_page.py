"""Stretches that recur, on one page to judge by ear (or eye): groups of them, each with examples by several people."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from unitdisc import __version__
from unitdisc.corpus import Interval, Utterance, corpus_checksum
from unitdisc.evaluation import labelled
from unitdisc.files import write_text
from unitdisc.files.text import json_in, read_json, read_lines
from unitdisc.reports import summary
from unitdisc.reports.examples import Occurrence, by_different_speakers
from unitdisc.reports.finds import Find, FindCard, card, widest
from unitdisc.reports.rendering import sources, template
from unitdisc.reports.summary import ReportError
from unitdisc.reports.unit_cards import EXAMPLES, Progress
from unitdisc.reports.wording import words_of

SETTINGS = "terms.json"
PLACES = "terms.jsonl"
PAIRS = "pairs.jsonl"
AGAIN = "find terms again"

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Group:
    """Places that pairs link. cost: of the pairs within the group on average; the lower, the more alike."""

    number: int
    places: list[Occurrence]
    cost: float

    @property
    def speakers(self) -> int:
        """How many are known to say it."""
        return len({place.utterance.speaker for place in self.places} - {None})

    @property
    def length(self) -> float:
        """The median: seconds, or heights of the line."""
        return float(np.median([place.length for place in self.places]))


@dataclass(frozen=True)
class GroupCard:
    """A group, and where to hear or see it."""

    group: Group
    examples: list[FindCard]


def write_terms_page(
    path: Path, folder: Path, utterances: Sequence[Utterance], *, tier: str, most: int, progress: Progress
) -> None:
    """Writes the page; what cannot be read any more is said in its place.

    folder: as `unitdisc terms` has filled it. utterances: of the corpus that was searched. tier: of the labels that are
    shown beside, where there are any. most: groups that are shown, half of them those that most people say, then those
    of all others that are most alike.
    Raises ReportError for a folder of another corpus, for a damaged one, and where nothing recurs.
    """
    settings = settings_of(folder, utterances)
    groups = read_groups(folder, utterances)
    words = words_of(utterances)
    tiers = {name for utterance in utterances for name in utterance.alignment}
    tier = tier if tier in tiers else None
    chosen = shared_and_alike(groups, most)
    with progress("drawing", sum(map(len, chosen)), "groups") as advance:
        cards = [[group_card(group, tier, advance) for group in some] for some in chosen]
    page = (
        template()
        .environment.get_template("terms_page.html.jinja")
        .render(
            name=folder.resolve().name,
            version=__version__,
            words=words,
            tier=tier,
            groups=len(groups),
            places=sum(len(group.places) for group in groups),
            shared=cards[0],
            alike=cards[1],
            widest=widest(example for some in cards for one in some for example in one.examples),
            corpus=summary.corpus_table("corpus", utterances),
            settings=summary.table("terms", made_of(folder, settings)),
            **sources(),
        )
    )
    write_text(path, page)


def shared_and_alike(groups: Sequence[Group], most: int) -> tuple[list[Group], list[Group]]:
    """The groups of most speakers, of as many the most alike; and the most alike ones of all others."""
    shared = sorted(groups, key=lambda group: (-group.speakers, group.cost, group.number))[: (most + 1) // 2]
    taken = {group.number for group in shared}
    rest = [group for group in groups if group.number not in taken]
    return shared, sorted(rest, key=lambda group: (group.cost, group.number))[: most - len(shared)]


def group_card(group: Group, tier: str | None, advance: Callable[[int], None]) -> GroupCard:
    examples = by_different_speakers(group.places, EXAMPLES, seed=group.number)
    shown = [card(Find(one.utterance, named(one, tier)), tier) for one in examples]
    advance(1)
    return GroupCard(group, shown)


def named(place: Occurrence, tier: str | None) -> Interval:
    """The place, called what the labels that have their middles in it say, but for silences."""
    start, end, _ = place.interval
    said = labelled(place.utterance, tier) if tier in place.utterance.alignment else []
    inside = [one.label for one in said if start <= (one.start + one.end) / 2 < end]
    return Interval(start, end, ("" if place.utterance.is_image else " ").join(inside))


def read_groups(folder: Path, utterances: Sequence[Utterance]) -> list[Group]:
    """All groups of a folder that `unitdisc terms` has filled, the largest first."""
    by_id = {utterance.id: utterance for utterance in utterances}
    places: defaultdict[int, list[Occurrence]] = defaultdict(list)
    for own in parsed(folder / PLACES, lambda entry: occurrences_in(entry, by_id)):
        for place in own:
            places[int(place.interval.label)].append(place)
    costs: defaultdict[int, list[float]] = defaultdict(list)
    for group, cost in parsed(folder / PAIRS, linked_and_cost):
        costs[group].append(cost)
    if not places:
        raise ReportError(f"{folder}: nothing recurs, so there is nothing to show; {AGAIN} with a greater `alike`")
    if alone := sorted(places.keys() - costs.keys()):
        raise ReportError(f"{folder / PAIRS}: has no pair of group {alone[0]}; {AGAIN}")
    return [Group(number, places[number], float(np.mean(costs[number]))) for number in sorted(places)]


def parsed(path: Path, parse: Callable[[dict], Parsed]) -> Iterator[Parsed]:
    """What is in the lines of a file. Raises ReportError if there is none, or where it is damaged."""
    if not path.exists():
        raise ReportError(f"{path}: no such file, so the search has not ended; {AGAIN}")
    for number, line in read_lines(path, ReportError, AGAIN):
        try:
            found = parse(json_in(line))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ReportError(f"{path}:{number}: damaged; {AGAIN}") from error
        yield found


def occurrences_in(entry: dict, by_id: Mapping[str, Utterance]) -> list[Occurrence]:
    """The places of one utterance, each called after its group."""
    utterance = by_id[entry["utterance"]]
    spans = [Interval(int(unit["start"]), int(unit["end"]), str(int(unit["code"]))) for unit in entry["units"]]
    if any(not 0 <= start < end <= utterance.ticks for start, end, _ in spans):
        raise ValueError("a place lies outside of its utterance")
    return [Occurrence(utterance, span) for span in spans]


def linked_and_cost(entry: dict) -> tuple[int, float]:
    """The group in which a pair links two places, -1 if it does not, and how far they are from each other."""
    first, second = (stretch["group"] for stretch in entry["stretches"])
    cost = float(entry["cost"])
    if not math.isfinite(cost):
        raise ValueError("a cost is no number")
    return int(first) if first is not None and first == second else -1, cost


def settings_of(folder: Path, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """What terms.json says. Raises ReportError for one that cannot be read, and for one of other utterances."""
    try:
        settings = read_json(folder / SETTINGS)
    except (OSError, ValueError) as error:
        raise ReportError(f"{folder / SETTINGS}: damaged ({error}); {AGAIN}") from error
    if not isinstance(settings, dict) or settings.get("corpus") != corpus_checksum(utterances):
        raise ReportError(f"{folder}: holds terms of another corpus; give the one that was searched, or {AGAIN}")
    return settings


def made_of(folder: Path, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """How terms were found, as far as the folder says it."""
    options = settings.get("options")
    return {"folder": str(folder), **(options if isinstance(options, Mapping) else {})}
