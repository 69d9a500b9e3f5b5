"""unitdisc find: where else a stretch of a recording, or of a line of handwriting, occurs."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unitdisc import console
from unitdisc.api.frame_index import index_for
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.inputs import open_both, refuse_units
from unitdisc.evaluation.settings import Measured, corpus_settings, extent
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import locked
from unitdisc.reports.finds import Find, write_finds
from unitdisc.retrieval.hits import FrameSpan, Hit, best
from unitdisc.retrieval.index import Index
from unitdisc.retrieval.indexed_search import parts_with, search_parts
from unitdisc.retrieval.materials import Collection, Learned, Materials, materials
from unitdisc.retrieval.places import borders, label_under
from unitdisc.retrieval.queries import Place, QueryOptions, centres_of, place_of, refuse_other, stretch_of, tier_of
from unitdisc.retrieval.search import FindOptions, query_of, search


@dataclass(frozen=True)
class FindResult:
    """The stretch that was looked for, and where else it occurs, from the best hit.

    query, hits: an utterance, the ticks `start` and `end`, the `label` of the tier there; of hits, a `cost` per frame.
    tier: of the labels; None if there are none. searched: the utterances. how: all one must know to repeat it.
    """

    query: Place
    hits: list[Place]
    tier: str | None
    encodings: Path
    searched: Sequence[Utterance]
    how: dict

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        hits = [{"rank": rank, "cost": hit.cost, **hit.facts()} for rank, hit in enumerate(self.hits, 1)]
        settings = corpus_settings(self.searched, self.tier) | self.how
        Measured({"query": self.query.facts(), "hits": hits}, self.encodings, settings).write(path)

    def write_page(self, path: Path) -> None:
        """Writes an HTML page, with the hits to see or to hear."""
        settings = {"encodings": self.encodings, **self.how, **extent(self.searched)}
        shown = [Find(hit.utterance, Interval(hit.start, hit.end, hit.label), hit.cost) for hit in self.hits]
        query = Find(self.query.utterance, Interval(self.query.start, self.query.end, self.query.label), None)
        write_finds(Path(path), query, shown, tier=self.tier, settings=settings)


@takes_paths
def find(
    encodings: Path,
    corpus: Path,
    query: QueryOptions,
    options: FindOptions = FindOptions(),
    *,
    top: int = 20,
    tier: str | None = None,
    index: Path | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> FindResult:
    """Looks for a stretch in a corpus, by dynamic time warping of its frames.

    encodings: the folder of one probe point, or another system's frames, whose frame_rate (a second) nothing else
    says. query: which stretch. top: hits, at most.
    tier: of the labels that are looked for and shown (default: character, word or phone, the first that there is).
    index: a folder that keeps an index of the corpus, which is made if there is none: it is compared exactly where the
    index has something like the query, and nowhere else.

    Raises CorpusError if there is no such stretch, saying what there is, EncodingsError if the frames of the query
    are no match for those of the corpus, and ValueError for options that cannot be.

    >>> query = unitdisc.QueryOptions(query="u03", start=0.1, end=0.3)
    >>> found = unitdisc.find("exp/vq/encodings/test/condition", "data/test.jsonl", query, top=5)
    >>> [(hit.utterance.id, hit.start / hit.utterance.rate, hit.cost) for hit in found.hits]
    """
    if top < 1:
        raise ValueError(f"`top` must be 1 or more, not {top}")
    searched = Collection(*open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes))
    refuse_units(searched.encodings, "stretches are found by their frames")
    queried = None
    if query.query_encodings and query.query_corpus:
        queried = Collection(*open_both(query.query_encodings, query.query_corpus, frame_rate, allow_pipes=allow_pipes))
        refuse_other(queried.encodings, searched.encodings)
    home, source = queried or searched, query.query_corpus or corpus
    tier = tier_of(corpus, searched.utterances, source, others=home.utterances, tier=tier)
    place = place_of(query, source, home.utterances, tier=tier)
    stretch = stretch_of(home.encodings, place)
    there = None if index is None else index_of_query(index, encodings, corpus, searched, queried, stretch, options)
    started = time.monotonic()
    if there is None:
        hits = best(all_hits(searched, queried, stretch, options), top)
    else:
        hits = best(indexed_hits(there, searched, queried, stretch, options, top), top)
    places = list(placed(searched, hits, tier))
    say_speed(searched.utterances, time.monotonic() - started)
    how = asdict(options) | {"top": top, "query_encodings": query.query_encodings and str(query.query_encodings)}
    how.pop("threads")  # which change nothing
    how |= {} if there is None else {"index": asdict(there.options)}
    return FindResult(place, places, tier, encodings, searched.utterances, how)


def index_of_query(
    folder: Path,
    encodings: Path,
    corpus: Path,
    searched: Collection,
    queried: Collection | None,
    stretch: FrameSpan,
    options: FindOptions,
) -> Index | None:
    """The index in a folder, which is made if there is none; None if the query is too short for it, which is said.

    Raises ValueError if the folder cannot hold one, or if the query cannot be looked up.
    """
    refuse_among(folder_for_results(folder), encodings)
    if folder.resolve() == encodings.resolve():
        raise ValueError(f"{folder}: holds the encodings; choose another folder for `index`")
    if queried is not None and options.by == "codes":
        raise ValueError("codes of a query of another corpus are not in the `index`; leave it out, or look for frames")
    with locked(folder):
        there = index_for(folder, corpus, searched, options)
    if stretch.last - stretch.first >= there.options.window:
        return there
    console.say(f"{folder}: the query is shorter than what is indexed, so that everything is searched.")
    return None


def all_hits(
    searched: Collection, queried: Collection | None, stretch: FrameSpan, options: FindOptions
) -> Iterator[Hit]:
    """Those of all utterances; queried: the corpus of the query, where that is another."""
    prepared = prepare(searched, queried, options)
    query = query_of(prepared, stretch, not is_elsewhere(searched, queried))
    names = [utterance.id for utterance in searched.utterances]
    with console.progress("searching", len(names)) as advance:
        for _, (hits,) in search(prepared.searched, names, [query], threads=options.threads):
            yield from hits
            advance(1)


def indexed_hits(
    index: Index,
    searched: Collection,
    queried: Collection | None,
    stretch: FrameSpan,
    options: FindOptions,
    top: int,
) -> Iterator[Hit]:
    """Those where the index has something like the query."""
    prepared = prepare(searched, queried, options, learned=index.learned)
    query = query_of(prepared, stretch, not is_elsewhere(searched, queried))
    vectors = prepared.queried.vectors(prepared.queried.read(*stretch))
    parts = parts_with(index, index.signatures_of(vectors), len(vectors), top=top, threads=options.threads)
    with console.progress("searching", len(parts)) as advance:
        for _, hits in search_parts(prepared.searched, parts, query, threads=options.threads):
            yield from hits
            advance(1)


def prepare(
    searched: Collection, queried: Collection | None, options: FindOptions, learned: Learned | None = None
) -> Materials:
    """What is compared; learned: of the corpus searched, where an index knows it."""
    passes = (len(searched.utterances) if learned is None else 0, len(queried.utterances) if queried else 0)
    with console.progress("reading", sum(passes) * options.how.passes) as advance:
        return materials(searched, queried, options.how, learned=learned, threads=options.threads, advance=advance)


def is_elsewhere(searched: Collection, queried: Collection | None) -> bool:
    return queried is not None and queried.encodings.folder.resolve() != searched.encodings.folder.resolve()


def placed(searched: Collection, hits: Iterable[Hit], tier: str | None) -> Iterator[Place]:
    """Hits in ticks, and the labels under them."""
    utterances = {utterance.id: utterance for utterance in searched.utterances}
    for hit in hits:
        utterance = utterances[hit.utterance]
        edges = borders(centres_of(searched.encodings, utterance), utterance.ticks)
        start, end = int(edges[hit.first]), int(edges[hit.last])
        yield Place(utterance, start, end, label=label_under(utterance, tier, start, end=end), cost=hit.cost)


def say_speed(utterances: Sequence[Utterance], seconds: float) -> None:
    """How long it took, beside how long it would take to listen."""
    length = sum(utterance.ticks / utterance.rate for utterance in utterances if utterance.rate)
    count = f"{len(utterances)} {'lines' if utterances[0].is_image else 'recordings'}"
    what = f"{length / 60:.1f} minutes" if length else count
    speed = f", {length / seconds:.0f} times real time" if length else f", {len(utterances) / seconds:.0f} a second"
    console.say(f"Searched {what} in {seconds:.1f} s{speed}.")
