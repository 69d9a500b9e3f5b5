"""unitdisc find: where else a stretch of a recording, or of a line of handwriting, occurs."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from unitdisc import console
from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.inputs import keep, open_both, refuse_units
from unitdisc.evaluation.settings import extent
from unitdisc.files.folders import file_for_results
from unitdisc.reports.finds import Find, write_finds
from unitdisc.retrieval.hits import Hit, Stretch, best
from unitdisc.retrieval.material import Material
from unitdisc.retrieval.places import borders, label_under, to_read, unit_of
from unitdisc.retrieval.queries import Asked, Found, centres_of, place_of, refuse_other, stretch_of, tier_of
from unitdisc.retrieval.searching import Collection, FindOptions, Query, materials, search


@dataclass(frozen=True)
class Wanted:
    """Where the results go: a JSON file, a page, and the number of hits."""

    top: int
    output: Path | None
    page: Path | None

    def check(self, encodings: Path) -> None:
        """Raises ValueError, before the work begins, if there can be no such results."""
        if self.top < 1:
            raise ValueError(f"--top must be 1 or more, not {self.top}")
        for path, option in ((self.output, "--output"), (self.page, "--page")):
            file_for_results(path, option)
            if path is not None:
                refuse_among(path, encodings)


def find(
    encodings: Path,
    corpus: Path,
    asked: Asked,
    wanted: Wanted,
    options: FindOptions,
    tier: str | None,
    frame_rate: float | None,
    allow_pipes: bool,
) -> None:
    """Looks for a stretch in a corpus and prints the best hits."""
    wanted.check(encodings)
    searched = Collection(*open_both(encodings, corpus, frame_rate, allow_pipes))
    refuse_units(searched.encodings, "stretches are found by their frames")
    queried = None
    if asked.encodings:
        queried = Collection(*open_both(asked.encodings, asked.corpus, frame_rate, allow_pipes))
        refuse_other(queried.encodings, searched.encodings)
    home, source = queried or searched, asked.corpus or corpus
    tier = tier_of(corpus, searched.utterances, source, home.utterances, tier)
    place = place_of(asked, source, home.utterances, tier)
    stretch = stretch_of(home.encodings, place)
    started = time.monotonic()
    hits = list(found_in(searched, queried, stretch, wanted.top, options, tier))
    say_speed(searched.utterances, time.monotonic() - started)
    typer.echo("\n".join(lines(place, hits, tier)))
    how = asdict(options) | {"top": wanted.top, "query_encodings": asked.encodings and str(asked.encodings)}
    how.pop("threads")  # which change nothing
    found = {"query": place.facts(), "hits": [{"rank": n, "cost": h.cost, **h.facts()} for n, h in enumerate(hits, 1)]}
    keep(wanted.output, found, encodings, searched.utterances, tier, how)
    if wanted.page is not None:
        settings = {"encodings": encodings, **how, **extent(searched.utterances)}
        shown = [Find(h.utterance, Interval(h.start, h.end, h.label), h.cost) for h in hits]
        query = Find(place.utterance, Interval(place.start, place.end, place.label), None)
        write_finds(wanted.page, query, shown, tier, settings)
        typer.echo(wanted.page)


def found_in(
    searched: Collection,
    queried: Collection | None,
    stretch: Stretch,
    top: int,
    options: FindOptions,
    tier: str | None,
) -> Iterator[Found]:
    """The best hits, in order; queried: the corpus of the query, where that is another."""
    total = len(searched.utterances) + (len(queried.utterances) if queried else 0)
    passes = (options.normalise != "none") + (options.by == "codes")
    with console.progress("reading", total * passes) as advance:
        prepared = materials(searched, queried, options, advance)
    elsewhere = queried is not None and queried.encodings.folder.resolve() != searched.encodings.folder.resolve()
    query = Query(prepared.queried.take(stretch), None if elsewhere else stretch)
    with console.progress("searching", len(searched.utterances)) as advance:
        hits = best(stream(searched, prepared.searched, query, options.threads, advance), top)
    utterances = {utterance.id: utterance for utterance in searched.utterances}
    for hit in hits:
        utterance = utterances[hit.utterance]
        edges = borders(centres_of(searched.encodings, utterance), utterance.ticks)
        start, end = int(edges[hit.first]), int(edges[hit.last])
        yield Found(utterance, start, end, label_under(utterance, tier, start, end), hit.cost)


def stream(
    searched: Collection, material: Material, query: Query, threads: int, advance: Callable[[int], None]
) -> Iterator[Hit]:
    for _, (hits,) in search(material, [utterance.id for utterance in searched.utterances], [query], threads):
        yield from hits
        advance(1)


def say_speed(utterances: Sequence[Utterance], seconds: float) -> None:
    """How long it took, beside how long it would take to listen."""
    length = sum(utterance.ticks / utterance.rate for utterance in utterances if utterance.rate)
    count = f"{len(utterances)} {'lines' if utterances[0].is_image else 'recordings'}"
    what = f"{length / 60:.1f} minutes" if length else count
    speed = f", {length / seconds:.0f} times real time" if length else f", {len(utterances) / seconds:.0f} a second"
    console.say(f"Searched {what} in {seconds:.1f} s{speed}.")


def lines(query: Found, hits: Sequence[Found], tier: str | None) -> Iterator[str]:
    """The table of hits."""
    yield f"query: {query.utterance.id}, {span(query)}" + (f", {tier} {query.label}" if query.label else "")
    if not hits:
        yield "no hits: no utterance is long enough to hold it, in half its length or more"
        return
    width = max(len(hit.utterance.id) for hit in hits)
    who = "scribe" if query.utterance.is_image else "speaker"
    speakers = max(len(who), *(len(hit.utterance.speaker or "") for hit in hits))
    head = f"{'rank':>4} {'cost':>7}  {'utterance':{width}}  {who:{speakers}}  {'from':>8} {'to':>8}"
    yield f"{head}  {tier or ''}".rstrip()
    for rank, hit in enumerate(hits, 1):
        first, last = (shown(hit.utterance, ticks) for ticks in (hit.start, hit.end))
        named = f"{hit.utterance.id:{width}}  {hit.utterance.speaker or '':{speakers}}"
        yield f"{rank:4d} {hit.cost:7.4f}  {named}  {first:>8} {last:>8}  {hit.label}".rstrip()


def span(found: Found) -> str:
    ends = (shown(found.utterance, ticks) for ticks in (found.start, found.end))
    return f"{' to '.join(ends)} {unit_of(found.utterance)}"


def shown(utterance: Utterance, ticks: int) -> str:
    return f"{to_read(utterance, ticks):.2f}" if utterance.rate else str(ticks)


def usual_threads(threads: int | None) -> int:
    return threads if threads is not None else os.cpu_count() or 1
