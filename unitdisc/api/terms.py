"""unitdisc terms: which stretches of recordings, or of lines of handwriting, recur."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.frame_index import frame_length
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.inputs import open_both, refuse_units
from unitdisc.evaluation.settings import extent, versions
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.made_of import facts_in, refuse_other
from unitdisc.retrieval.contents import BOTH, Contents
from unitdisc.retrieval.index import Index, IndexOptions, index_of
from unitdisc.retrieval.materials import Collection, contents_of, learned_of
from unitdisc.retrieval.places import borders
from unitdisc.term_discovery.grouping import ALONE, grouped
from unitdisc.term_discovery.material import HALF, Searched, threshold_of, usable_ones
from unitdisc.term_discovery.options import Lengths, TermOptions, lengths_of
from unitdisc.term_discovery.searching import Found, Search, found_in
from unitdisc.term_discovery.writing import write

PROBLEMS = "{count} of {total} utterances cannot be searched, the first: {first}"


@dataclass(frozen=True)
class TermsResult:
    """What was found: pairs of stretches, groups of places that pairs link, and the share of frames that any covers.

    threshold: the distance from which frames are not alike. still: pairs left out, in which nothing moves.
    """

    folder: Path
    pairs: int
    groups: int
    places: int
    covered: float
    threshold: float
    still: int
    utterances: int
    files: list[Path]


@takes_paths
@filling(lambda given: [given["folder"], *([given["index"]] if given["index"] else [])])
def terms(
    encodings: Path,
    corpus: Path,
    folder: Path,
    options: TermOptions | None = None,
    *,
    speech_tier: str | None = None,
    index: Path | None = None,
    memory: float = 2.0,
    threads: int | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
) -> TermsResult:
    """Finds recurring stretches; writes pairs and groups of them into a folder.

    encodings: of any system, whose frame_rate (a second) is needed where nothing else says it. speech_tier: only what
    is between silences of this tier counts. index: a folder that keeps the index for the next time, and for `find`.
    memory: GiB for frames that are kept between readings. threads: all cores by default.
    strict: raise at an utterance that cannot be searched, instead of saying so.

    Raises EncodingsError and CorpusError for what cannot be used, ValueError for options that cannot be, and
    LockedError while another run fills the folder.

    >>> found = unitdisc.terms("features/mfcc", "data/test.jsonl", "exp/terms", unitdisc.TermOptions(alike=0.02))
    >>> found.pairs, found.groups, found.files
    """
    options = options or TermOptions()
    check_resources(memory=memory, threads=threads, seed=options.seed)
    folder = folder_for_results(folder)
    refuse_places(encodings, folder, index, options)
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes)
    if options.by != "units":
        refuse_units(opened, "they are compared as frames are")
    made_of = {"settings": opened.settings, "corpus": corpus_checksum(utterances), "options": asdict(options)}
    made_of |= {"speech_tier": speech_tier}
    refuse_folder(folder, made_of)
    with console.progress("reading", len(utterances)) as advance:
        kept, frames, counting, problems = usable_ones(
            opened, utterances, options.by, tier=speech_tier, advance=advance
        )
    if problems and (strict or 2 * len(problems) > len(utterances)):
        raise CorpusError(PROBLEMS.format(count=len(problems), total=len(utterances), first=problems[0]))
    console.say_problems(problems, len(kept))
    per_frame = frame_length(corpus, kept, sum(frames.values()))
    lengths = lengths_of(options, 1 / per_frame, images=kept[0].is_image)
    refuse_short(lengths, frames, options)
    write_json(folder / "terms.json", made_of)
    collection, there = Collection(opened, kept), None
    if options.search == "index":
        there = index_by(index or folder / "index", collection, options, lengths, cores(threads))
        contents = there.contents(collection, memory=memory)
    else:
        contents = read_contents(collection, options, cores(threads), memory)
    threshold = HALF * BOTH
    if options.by != "units":
        threshold = threshold_of(contents, frames, counting, alike=options.alike, seed=options.seed)
    if not threshold > 0:
        raise ValueError(f"{encodings}: all frames that were drawn by lot are the same; give frames that differ")
    searched = Searched(kept, contents, frames, counting=counting, threshold=threshold, lag=max(lengths.window // 2, 1))
    search = Search(searched, options, lengths, index=there)
    of = made_of | {"threshold": threshold, "frames": sum(frames.values())}  # which frames that have changed change
    found = found_in(search, folder / "state", of, threads=cores(threads), progress=console.progress)
    result = written(folder, opened, search, found, per_frame)
    shutil.rmtree(folder / "state", ignore_errors=True)
    return result


def refuse_places(encodings: Path, folder: Path, index: Path | None, options: TermOptions) -> None:
    """Raises ValueError if something would be written among the frames, or nowhere."""
    for place in (folder, index):
        if place is not None and place.resolve() == encodings.resolve():
            raise ValueError(f"{place}: holds what is searched; choose another folder")
        if place is not None:
            refuse_among(place, encodings)
    if index is not None and options.search == "exhaustive":
        raise ValueError("`index` is not used where `search` is exhaustive; leave one of them out")


def index_by(folder: Path, collection: Collection, options: TermOptions, lengths: Lengths, threads: int) -> Index:
    """The index in a folder, or a new one there."""
    asked = IndexOptions(**asdict(options.how), window=lengths.window, hop=lengths.hop, seed=options.seed)
    return index_of(folder, collection, asked, threads=threads, progress=console.progress)


def written(folder: Path, opened: AnyEncodings, search: Search, found: Found, per_frame: float) -> TermsResult:
    """Groups pairs, writes all files, and says what there is to be said."""
    there, options = search.there, search.options
    terms = grouped(found.table, options.overlap, options.linked)
    used = {place: there.utterances[place] for place in np.unique(terms.utterances).tolist()}
    edges = {place: borders(opened[used[place].id].centres, used[place].ticks) for place in used}
    files = write(
        folder,
        there.utterances,
        edges,
        table=found.table,
        terms=terms,
        per_frame=per_frame,
        threshold=there.threshold,
    )
    if not len(found.table):
        cure = "raise `alike`, or lower `min_score` or `min_duration`"
        console.say(f"{folder}: nothing recurs at this threshold; {cure}.")
    if found.still:
        console.say(f"{found.still} pairs left out in which nothing moves, as in silence or in a long vowel.")
    result = TermsResult(
        folder,
        pairs=len(found.table),
        groups=terms.count,
        places=int((terms.groups != ALONE).sum()),
        covered=terms.frames_covered() / sum(there.lengths.values()),
        threshold=there.threshold,
        still=found.still,
        utterances=len(there.utterances),
        files=files,
    )
    write_summary(result, search.lengths, per_frame, there.utterances)
    return result


def refuse_folder(folder: Path, made_of: dict) -> None:
    """Raises ValueError if a folder holds terms of other frames or options, or something else."""
    there = facts_in(folder / "terms.json")
    if there is not None:
        refuse_other(folder, "terms", there=there, asked=made_of)
    elif folder.exists() and any(path for path in folder.iterdir() if not path.name.startswith(".")):
        raise ValueError(f"{folder}: holds something else; choose another folder")


def refuse_short(lengths: Lengths, frames: dict[str, int], options: TermOptions) -> None:
    """Raises ValueError if no utterance is as long as what is looked for."""
    longest = max(frames.values())
    if lengths.shortest > longest:
        raise ValueError(f"no utterance has {lengths.shortest} frames, the shortest of a term; lower `min_duration`")
    if options.search == "index" and lengths.window > lengths.shortest:
        raise ValueError(
            f"`window` has {lengths.window} frames, more than the shortest term ({lengths.shortest}); lower it"
        )


def read_contents(collection: Collection, options: TermOptions, threads: int, memory: float) -> Contents:
    """What is compared where there is no index."""
    how = options.how
    with console.progress("reading", len(collection.utterances) * how.passes) as advance:
        learned = learned_of(collection, how, threads=threads, advance=advance)
    return contents_of(collection, how, learned, memory=memory)


def write_summary(found: TermsResult, lengths: Lengths, per_frame: float, utterances: Sequence[Utterance]) -> None:
    facts = {name: getattr(found, name) for name in ("pairs", "groups", "places", "covered", "threshold", "still")}
    facts |= {"unit": "columns" if utterances[0].is_image else "ms", "frame": per_frame, "lengths": asdict(lengths)}
    facts |= {"utterances": len(utterances), **extent(utterances)}
    write_json(found.folder / "summary.json", facts | {"versions": versions()})
