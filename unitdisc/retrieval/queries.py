"""Which stretch is looked for: what was asked, in ticks and in frames, or why there is no such stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.runs import refuse_span
from unitdisc.evaluation.inputs import check_tier
from unitdisc.retrieval.hits import FrameSpan
from unitdisc.retrieval.places import frames_within, in_ticks, label_under, occurrences, to_read, unit_of

TIERS = ("character", "word", "phone")  # the first that there is tells what lies under a hit
SAME = ("point", "model", "features", "num_codes", "dim", "segmentation")  # settings of frames that can be compared


@dataclass(frozen=True)
class QueryOptions:
    """Which stretch is looked for: part of an utterance, or a label somewhere.

    query: the id of an utterance; start, end: in seconds, or pixel columns of an image (default: the whole of it).
    label: instead, the `number`-th stretch with this label in the tier, in that utterance or in the corpus.
    query_encodings, query_corpus: where the query lies, if in another corpus than the one that is searched.
    Raises ValueError for what does not go together.
    """

    query: str | None = None
    start: float | None = None
    end: float | None = None
    label: str | None = None
    number: int = 1
    query_encodings: Path | None = None
    query_corpus: Path | None = None

    def __post_init__(self):
        if self.query is None and self.label is None:
            raise ValueError("nothing is looked for; say `query` UTTERANCE, with `start` and `end`, or `label`")
        if self.label is not None and (self.start, self.end) != (None, None):
            raise ValueError("`label` says where the query is, and so do `start` and `end`; leave one of them out")
        if self.label is not None and not self.label.strip():
            raise ValueError("`label` is empty; give a label of the tier, or several in a row")
        if self.number < 1:
            raise ValueError(f"`number` counts from 1, and cannot be {self.number}")
        if (self.query_encodings is None) != (self.query_corpus is None):
            raise ValueError("`query_encodings` and `query_corpus` belong together; give both or none")


@dataclass(frozen=True)
class Place:
    """A stretch in ticks, and what is said of it."""

    utterance: Utterance
    start: int
    end: int
    label: str
    cost: float | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Start and end in seconds, or in pixel columns of an image."""
        return to_read(self.utterance, self.start), to_read(self.utterance, self.end)

    @property
    def unit(self) -> str:
        """What `span` counts."""
        return unit_of(self.utterance)

    def facts(self) -> dict:
        """For the JSON file; "from" and "to" in seconds, or in pixel columns of an image."""
        facts = {"utterance": self.utterance.id, "speaker": self.utterance.speaker}
        facts |= {"start": self.start, "end": self.end, "label": self.label}
        return facts | dict(zip(("from", "to"), self.span))


def refuse_other(queried: Encodings, searched: Encodings) -> None:
    """Raises EncodingsError if what made the frames of the query is known to be something else."""
    one, other = queried.settings, searched.settings
    different = [name for name in SAME if name in one and name in other and one[name] != other[name]]
    if different:
        raise EncodingsError(
            f"{queried.folder}: its frames are no match for those of {searched.folder} ({', '.join(different)} "
            "differ); encode both with one model, and take the same point"
        )


def tier_of(
    corpus: Path, utterances: Sequence[Utterance], source: Path, others: Sequence[Utterance], tier: str | None
) -> str | None:
    """The tier whose labels are shown: the one asked for, or the first of the usual ones that there is."""
    if tier is not None:
        check_tier(source, others, tier)
        if source != corpus:
            check_tier(corpus, utterances, tier)
        return tier
    tiers = {name for utterance in chain(utterances, others) for name in utterance.alignment}
    return next((name for name in TIERS if name in tiers), None)


def place_of(asked: QueryOptions, corpus: Path, utterances: Sequence[Utterance], tier: str | None) -> Place:
    """The stretch that is asked for, in ticks. Raises CorpusError saying why there is none, and what there is."""
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    if asked.query is not None:
        utterances = [named(asked.query, corpus, utterances)]
    if asked.label is None:
        utterance = utterances[0]
        start, end = ends_of(asked, utterance)
        return Place(utterance, start, end, label_under(utterance, tier, start, end))
    if tier is None:
        raise CorpusError(f"{corpus}: has no labels, so {asked.label!r} cannot be looked up; give `start` and `end`")
    there = list(islice(occurrences(utterances, tier, asked.label), asked.number))
    if len(there) < asked.number:
        where = f"{corpus}: {asked.label!r} stands " + (f"only {len(there)} times" if there else "nowhere")
        labels = {each.label for u in utterances for each in u.alignment.get(tier, [])}
        near = get_close_matches(asked.label, sorted(labels), 5, 0.5) if not there else []
        cure = f"is it one of {', '.join(near)}?" if near else "choose another `label`, `number` or `tier`"
        raise CorpusError(f"{where} in tier {tier!r}" + (f" of {asked.query}" if asked.query else "") + f"; {cure}")
    utterance, interval = there[-1]
    return Place(utterance, interval.start, interval.end, asked.label)


def named(name: str, corpus: Path, utterances: Sequence[Utterance]) -> Utterance:
    for utterance in utterances:
        if utterance.id == name:
            return utterance
    near = get_close_matches(name, [utterance.id for utterance in utterances], 3, 0.4)
    cure = f"is it {' or '.join(near)}?" if near else f"the first of its utterances is {utterances[0].id}"
    raise CorpusError(f"{corpus}: no encoded utterance is called {name!r}; {cure}")


def ends_of(asked: QueryOptions, utterance: Utterance) -> tuple[int, int]:
    """The ticks [start, end) that are asked for. Raises CorpusError if they are none of the utterance."""
    last = to_read(utterance, utterance.ticks)
    start, end = (0 if asked.start is None else asked.start), (last if asked.end is None else asked.end)
    unit = unit_of(utterance)
    if not 0 <= start < end:
        what = f"nothing lies between `start` {start:g} and `end` {end:g} {unit}"
        raise CorpusError(f"{utterance.id}: {what}; `start` must be 0 or more, and `end` beyond it")
    ticks = in_ticks(utterance, start), in_ticks(utterance, min(end, 2 * last))
    if ticks[1] > utterance.ticks:
        raise CorpusError(f"{utterance.id}: ends at {last:g} {unit}, before `end` {end:g}; give {last:g} or less")
    return ticks


def stretch_of(encodings: Encodings, place: Place) -> FrameSpan:
    """The frames of a stretch. Raises EncodingsError if there is none in it, or they are of another utterance."""
    utterance = place.utterance
    first, last = frames_within(centres_of(encodings, utterance), place.start, place.end)
    if first == last:
        span = f"{to_read(utterance, place.start):g} to {to_read(utterance, place.end):g}"
        raise EncodingsError(
            f"{encodings.folder}: no frame of {utterance.id} lies from {span} {unit_of(utterance)}; "
            "give a longer stretch"
        )
    return FrameSpan(utterance.id, first, last)


def centres_of(encodings: Encodings, utterance: Utterance) -> np.ndarray:
    """The tick in the middle of each frame. Raises EncodingsError if frames do not end where the utterance does."""
    centres = encodings[utterance.id].centres
    if len(centres):
        refuse_span(encodings.folder, utterance.id, utterance.ticks, centres=centres)
    return centres
