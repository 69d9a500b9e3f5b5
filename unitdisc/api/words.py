"""unitdisc words: utterances cut into word-like segments, and these grouped into types."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.encodings.folders import refuse_among, refuse_folder
from unitdisc.encodings.tokens import LISTED, TOKENS
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import open_for
from unitdisc.evaluation.inputs import open_both, refuse_units
from unitdisc.evaluation.settings import versions
from unitdisc.files import take_away, write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.segmentation.corpora.timing import COLUMNS
from unitdisc.word_segmentation.cutting import Found, asked_words, on_either, on_units, span_of
from unitdisc.word_segmentation.frames import FrameStretches
from unitdisc.word_segmentation.material import Tiers, material
from unitdisc.word_segmentation.naming import on_frames, typed
from unitdisc.word_segmentation.options import BY_FRAMES, ON_FRAMES, ON_UNITS, WordOptions
from unitdisc.word_segmentation.stretches import Stretch
from unitdisc.word_segmentation.types import Types
from unitdisc.word_segmentation.words import Segments
from unitdisc.word_segmentation.writing import write

PROBLEMS = "{count} of {total} utterances cannot be cut into words, the first: {first}"


@dataclass(frozen=True)
class WordsResult:
    """What was found: words of so many types, in all utterances, how many per second (or 100 columns) of what was cut.

    facts: what was learned on the way, as the size of a "lexicon". files: those in words/.
    """

    folder: Path
    words: int
    types: int
    utterances: int
    rate: float
    per: str  # "second" or "100 columns"
    facts: dict
    files: list[Path]


@takes_paths
@filling(lambda given: [given["folder"]])
def words(
    encodings: Path,
    corpus: Path,
    folder: Path,
    options: WordOptions,
    *,
    units_tier: str | None = None,
    speech_tier: str | None = None,
    boundaries_tier: str | None = None,
    types_from: Path | None = None,
    per: str = "second",
    memory: float = 2.0,
    threads: int | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
) -> WordsResult:
    """Cuts utterances into words, groups these into types; writes an encodings folder, and words/ for other tools.

    encodings: of any system, with codes for the methods on units, whose frame_rate (a second) is needed where nothing
    else says it. options: how words are found, `options.rate` of them per second, or per 100 columns of images, as
    `per` says.
    units_tier: the labels of this tier are the units, instead of codes. speech_tier: only what is between silences of
    this tier is cut; else whole utterances. boundaries_tier: of the `method` "given".
    types_from: frames of another system, which name the words instead, for `types_by` kmeans and warping.
    memory: GiB for frames, and for distances of words. threads: all cores by default.
    strict: raise at an utterance that cannot be cut, instead of saying so.

    Raises EncodingsError and CorpusError for what cannot be used, ValueError for options that cannot be, and
    LockedError while another run fills the folder.

    >>> options = unitdisc.WordOptions("dp-unigram")
    >>> found = unitdisc.words("exp/units", "data/test.jsonl", "exp/words", options)
    >>> found.words, found.types, found.files
    """
    check_resources(memory=memory, threads=threads, seed=options.seed)
    folder = folder_for_results(folder)
    for what, read in (("units", encodings), ("frames that name words", types_from)):
        if read is not None and folder.resolve() == read.resolve():
            raise ValueError(f"{folder}: holds the {what}; choose another folder for words")
        if read is not None:
            refuse_among(folder, read)
    tiers = Tiers(units_tier, speech_tier, boundaries_tier)
    refuse_tiers(options, tiers)
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes)
    named_by = open_names(types_from, utterances, options, frame_rate) or opened
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    if options.method in ON_FRAMES:
        refuse_units(opened, "words are cut by frames")
    if options.named_by in BY_FRAMES:
        refuse_units(named_by, "words are named by frames")
    units = opened.settings.get("segmentation")  # how `segment` found what is read
    made_of = {
        "units": units,
        "words": asdict(options),
        "tiers": asdict(tiers),
        "per": per,
        "types_from": None if types_from is None else named_by.settings,
        "corpus": corpus_checksum(utterances),
    }
    made_of = json.loads(json.dumps(made_of))
    settings = {**opened.settings, "point": "words", TOKENS: LISTED}
    for of_units in ("num_codes", "segmentation"):
        settings.pop(of_units, None)
    if settings.get("dim", 1) is None:
        settings["dim"] = 1
    refuse_folder(folder, settings, made_of)
    with console.progress("reading", len(utterances)) as advance:
        there, problems = material(opened, utterances, options, tiers=tiers, named_by=named_by, advance=advance)
    if problems and (strict or 2 * len(problems) > len(utterances)):
        raise CorpusError(PROBLEMS.format(count=len(problems), total=len(utterances), first=problems[0]))
    console.say_problems(problems, len(utterances) - len(problems))
    by_id = {utterance.id: utterance for utterance in utterances}
    span = span_of(there.stretches, by_id, COLUMNS)
    unit = unit_of(by_id[there.stretches[0].utterance], corpus, options, per)
    wanted = asked_words(there.stretches, span, options.rate)
    state = folder / "words.part"
    means = None
    if options.method in ON_UNITS:
        kinds = len(there.symbols)
        found = on_units(there.stretches, kinds, options, words=wanted, state=state, progress=console.progress)
    elif options.method in ON_FRAMES:
        cut = FrameStretches(there.stretches, there.offsets, StoredFrames(opened, there.names))
        per_ms = frames_per_ms(there.stretches, span, unit)
        found, means = on_frames(
            cut, options, words=wanted, per_ms=per_ms, memory=memory, threads=cores(threads), progress=console.progress
        )
    else:
        found = on_either(there.stretches, options, wanted, utterances=by_id, tier=boundaries_tier)
    if wanted is not None:
        say_number(folder, found.words, wanted, options.rate, strict)
    segments = Segments.of(there.stretches, found.starts)
    means = means if types_from is None else None
    types = typed(
        segments, options, named_by, means=means, memory=memory, threads=cores(threads), progress=console.progress
    )
    with console.progress("writing words", len(there.names)) as advance:
        files = write(
            opened,
            utterances,
            there,
            segments=segments,
            types=types,
            folder=folder,
            settings=settings,
            made_of=made_of | found.facts,
            advance=advance,
        )
    write_summary(folder, segments, types, found, span, unit, options)
    take_away(state)
    return WordsResult(
        folder, len(segments.utterances), types.count, len(there.names), found.words / span, unit, found.facts, files
    )


def open_names(
    folder: Path | None, utterances: Sequence[Utterance], options: WordOptions, frame_rate: float | None
) -> AnyEncodings | None:
    """The frames of another system that name words. Raises ValueError where words are named by something else."""
    if folder is None:
        return None
    if options.named_by not in BY_FRAMES:
        raise ValueError(f"`types_from` is of `types_by` {' and '.join(BY_FRAMES)}, not {options.named_by}")
    return open_for(folder, utterances, frame_rate)


def refuse_tiers(options: WordOptions, tiers: Tiers) -> None:
    """Raises ValueError where tiers and method do not go together."""
    if (tiers.boundaries is None) == (options.method == "given"):
        raise ValueError("`boundaries_tier` and `method` given belong together; give both, or another method")
    if tiers.units and options.method in ON_FRAMES:
        raise ValueError(f"`units_tier` is of units, and `method` {options.method} reads frames; leave it out")


def unit_of(utterance: Utterance, corpus: Path, options: WordOptions, per: str) -> str:
    """What length is counted in. Raises ValueError if the rate is of another."""
    unit = "second" if utterance.rate else "100 columns"
    if options.rate and unit != per:
        right = "`words_per_second`" if unit == "second" else "`words_per_100_columns`"
        raise ValueError(f"{corpus}: its length is counted in {unit.removeprefix('100 ')}s; give {right}".rstrip())
    return unit


def frames_per_ms(stretches: Sequence[Stretch], span: float, unit: str) -> float:
    """Or per column."""
    return sum(map(len, stretches)) / span / (1000 if unit == "second" else COLUMNS)


def say_number(folder: Path, found: int, wanted: int, rate: float, strict: bool) -> None:
    """Says where there are not nearly as many words as asked, or refuses it."""
    if abs(found - wanted) > max(0.02 * wanted, 2):
        message = f"{folder}: {found} words are as near as it gets to the {wanted} asked for"
        if strict:
            raise ValueError(f"{message}; ask for another number, or leave `strict` out")
        console.say(f"{message}.")


def write_summary(
    folder: Path, segments: Segments, types: Types, found: Found, span: float, unit: str, options: WordOptions
) -> None:
    tokens = len(segments.utterances)
    summary = {"asked": options.rate, "found": tokens / span, "per": unit, "words": tokens, "types": types.count}
    write_json(folder / "words" / "summary.json", summary | {"facts": found.facts, "versions": versions()})
