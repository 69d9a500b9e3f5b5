"""unitdisc words: utterances cut into word-like segments, and these grouped into types."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment import is_even
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.encodings import Encoding, EncodingsError, EncodingsWriter
from unitdisc.encodings.folders import refuse_among, refuse_folder
from unitdisc.encodings.tokens import LISTED, TOKENS
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable
from unitdisc.evaluation.inputs import open_both, refuse_units
from unitdisc.evaluation.settings import versions
from unitdisc.exports.classes import write_classes
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.jsonl import write_units_jsonl
from unitdisc.exports.textgrid import write_textgrids
from unitdisc.exports.units import Units
from unitdisc.files import write_json, write_text
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.segmentation.corpora.timing import COLUMNS
from unitdisc.word_segmentation.cutting import Found, asked_words, on_either, on_units, span_of
from unitdisc.word_segmentation.frames import FrameStretches
from unitdisc.word_segmentation.naming import on_frames, typed
from unitdisc.word_segmentation.options import ON_FRAMES, ON_UNITS, WordOptions
from unitdisc.word_segmentation.stretches import Stretch, numbered, of_codes, of_frames, of_tier, spans_of
from unitdisc.word_segmentation.types import Types
from unitdisc.word_segmentation.words import Segments

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


@dataclass(frozen=True)
class Tiers:
    """Tiers of the corpus that take the place of what is found."""

    units: str | None = None  # whose labels are the units
    speech: str | None = None  # between whose silences words are
    boundaries: str | None = None  # which words begin and end at, for the `method` "given"


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
    memory: GiB for k-means. threads: all cores by default.
    strict: raise at an utterance that cannot be cut, instead of saying so.

    Raises EncodingsError and CorpusError for what cannot be used, ValueError for options that cannot be, and
    LockedError while another run fills the folder.

    >>> options = unitdisc.WordOptions("dp-unigram")
    >>> found = unitdisc.words("exp/units", "data/test.jsonl", "exp/words", options)
    >>> found.words, found.types, found.files
    """
    check_resources(memory=memory, threads=threads, seed=options.seed)
    folder = folder_for_results(folder)
    if folder.resolve() == encodings.resolve():
        raise ValueError(f"{folder}: holds the units; choose another folder for words")
    refuse_among(folder, encodings)
    tiers = Tiers(units_tier, speech_tier, boundaries_tier)
    refuse_tiers(options, tiers)
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes)
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    if options.method in ON_FRAMES or options.named_by == "kmeans":
        refuse_units(opened, "words are cut, or named, by frames")
    made_of = {"words": asdict(options), "tiers": asdict(tiers), "per": per, "corpus": corpus_checksum(utterances)}
    made_of = json.loads(json.dumps(made_of))
    settings = {**opened.settings, "point": "words", TOKENS: LISTED}
    if settings.get("dim", 1) is None:
        settings["dim"] = 1
    refuse_folder(folder, settings, made_of)
    there = material(opened, utterances, options, tiers, strict=strict)
    by_id = {utterance.id: utterance for utterance in utterances}
    span = span_of(there.stretches, by_id, COLUMNS)
    unit = unit_of(by_id[there.stretches[0].utterance], corpus, options, per)
    wanted = asked_words(there.stretches, span, options.rate)
    state = folder / "words.part"
    means = None
    if options.method in ON_UNITS:
        kinds = len(there.symbols)
        found = on_units(there.stretches, kinds, options, wanted, state=state, progress=console.progress)
    elif options.method in ON_FRAMES:
        cut = FrameStretches(there.stretches, there.offsets, StoredFrames(opened, there.names))
        per_ms = frames_per_ms(there.stretches, span, unit)
        found, means = on_frames(
            cut, options, wanted, per_ms=per_ms, memory=memory, threads=cores(threads), progress=console.progress
        )
    else:
        found = on_either(there.stretches, options, wanted, by_id, tier=boundaries_tier)
    if wanted is not None:
        say_number(folder, found.words, wanted, options.rate, strict)
    segments = Segments.of(there.stretches, found.starts)
    types = typed(segments, options, opened, means=means, memory=memory, threads=cores(threads))
    files = write(opened, utterances, there, segments, types, folder, settings, made_of | found.facts)
    write_summary(folder, segments, types, found, span, unit, options)
    state.unlink(missing_ok=True)
    return WordsResult(
        folder, len(segments.utterances), types.count, len(there.names), found.words / span, unit, found.facts, files
    )


def refuse_tiers(options: WordOptions, tiers: Tiers) -> None:
    """Raises ValueError where tiers and method do not go together."""
    if (tiers.boundaries is None) == (options.method == "given"):
        raise ValueError("`boundaries_tier` and `method` given belong together; give both, or another method")
    if tiers.units and options.method in ON_FRAMES:
        raise ValueError(f"`units_tier` is of units, and `method` {options.method} reads frames; leave it out")


@dataclass(frozen=True)
class Material:
    """What is cut."""

    stretches: list[Stretch]
    symbols: list[str]  # what units are called; none on frames
    offsets: list[int]  # on frames: the first frame of each stretch

    @property
    def names(self) -> list[str]:
        """Utterances with a stretch."""
        return sorted({stretch.utterance for stretch in self.stretches})


def material(
    opened: AnyEncodings, utterances: Sequence[Utterance], options: WordOptions, tiers: Tiers, *, strict: bool
) -> Material:
    """The stretches of all utterances; says which cannot be used, and raises CorpusError if that is more than half."""
    symbols: dict[str, int] = {}
    stretches, offsets, problems = [], [], []
    on_strings = options.method in ON_UNITS or tiers.units is not None or options.named_by in ("string", "graph")
    with console.progress("reading units" if on_strings else "reading frames", len(utterances)) as advance:
        for utterance in utterances:
            try:
                own, first = stretches_of(opened, utterance, tiers, symbols, on_strings=on_strings)
            except (EncodingsError, CorpusError) as error:
                problems.append(str(error))
            else:
                stretches += own
                offsets += first
            advance(1)
    if problems and (strict or 2 * len(problems) > len(utterances)):
        raise CorpusError(PROBLEMS.format(count=len(problems), total=len(utterances), first=problems[0]))
    console.say_problems(problems, len(utterances) - len(problems))
    if not stretches:
        raise CorpusError("there is nothing to cut: no utterance has speech; look at the tier of `speech_tier`")
    if on_strings and tiers.units is None:
        stretches, names = numbered(stretches)
        return Material(stretches, names, [])
    return Material(stretches, list(symbols), offsets)


def stretches_of(
    opened: AnyEncodings, utterance: Utterance, tiers: Tiers, symbols: dict[str, int], *, on_strings: bool
) -> tuple[list[Stretch], list[int]]:
    """The stretches of one utterance, and where the frames of each begin. Raises CorpusError for a tier it lacks."""
    for name, tier in asdict(tiers).items():
        if tier is not None and tier not in utterance.alignment:
            have = sorted(utterance.alignment) or "none"
            raise CorpusError(f"{utterance.id}: has no tier {tier!r}, only {have}; choose another `{name}_tier`")
    spans = spans_of(utterance, tiers.speech)
    encoding = usable(opened, utterance.id)
    if tiers.units is not None:
        own = list(of_tier(utterance, tiers.units, symbols, spans))
    elif not on_strings:
        own = list(of_frames(utterance, encoding, spans))
    elif encoding.codes is None:
        raise EncodingsError(
            f"{opened.folder}: {utterance.id} has no codes, and words are strings of them; give units, as of "
            "`unitdisc segment`, or cut frames by `method` prominence or es-kmeans"
        )
    else:
        own = list(of_codes(utterance, encoding, spans))
    return own, [int(np.searchsorted(encoding.centres, stretch.edges[0])) for stretch in own]


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


def write(
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    there: Material,
    segments: Segments,
    types: Types,
    folder: Path,
    settings: dict,
    made_of: dict,
) -> list[Path]:
    """Writes codes and frames of all utterances, and words/ for other tools; returns the files of that."""
    owned, blank = segments.by_utterance(), types.count
    writer = EncodingsWriter(
        folder, {**settings, "num_codes": types.count + 1, "blank": blank, "segmentation": made_of}
    )
    units, listed = [], [utterance for utterance in utterances if utterance.id in owned]
    with console.progress("writing words", len(listed)) as advance:
        for utterance in listed:
            encoding, places = usable(opened, utterance.id), owned[utterance.id]
            codes = np.full(len(encoding.centres), blank)
            first, last = (
                np.searchsorted(encoding.centres, edges[places]) for edges in (segments.starts, segments.ends)
            )
            frames = np.array(encoding.frames, np.float32)
            for place, start, end in zip(places, first, last):
                codes[start:end] = types.codes[place]
                if end > start:
                    frames[start:end] = frames[start:end].mean(0, dtype=np.float64)
            writer.write(Encoding(utterance.id, encoding.centres, frames, codes=codes), is_even(opened, utterance.id))
            units.append(Units(utterance, codes.tolist(), segments.intervals(places, types)))
            advance(1)
    files = write_files(folder / "words", units, there, segments, types)
    writer.finish()
    return files


def write_files(folder: Path, units: Sequence[Units], there: Material, segments: Segments, types: Types) -> list[Path]:
    """words.jsonl, and, of recordings, words.ctm, textgrid/ and classes.txt; lexicon.jsonl, and of units words.txt."""
    files = {"words.jsonl": write_units_jsonl, "words.ctm": write_ctm}
    if all(entry.utterance.rate for entry in units):
        files |= {"textgrid": partial(write_textgrids, tier="found word"), "classes.txt": write_classes}
    for name, write_file in files.items():
        write_file(folder / name, units)
    spelled = [None if string is None else [there.symbols[code] for code in string] for string in types.strings]
    counts = np.bincount(types.codes, minlength=types.count)
    entries = [{"type": code, "tokens": int(counts[code]), "units": own} for code, own in enumerate(spelled)]
    write_text(folder / "lexicon.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries))
    paths = [folder / name for name in (*files, "lexicon.jsonl")]
    if segments.strings is not None:
        write_text(folder / "words.txt", "".join(f"{line}\n" for line in lines(there, segments)))
        paths.append(folder / "words.txt")
    return paths


def lines(there: Material, segments: Segments) -> list[str]:
    """A line for every stretch: units with a space between, words with ` | ` between."""
    found: list[list[str]] = [[] for _ in there.stretches]
    for stretch, string in zip(segments.stretches.tolist(), segments.strings):
        found[stretch].append(" ".join(there.symbols[code] for code in string))
    return [" | ".join(own) for own in found]


def write_summary(
    folder: Path, segments: Segments, types: Types, found: Found, span: float, unit: str, options: WordOptions
) -> None:
    tokens = len(segments.utterances)
    summary = {"asked": options.rate, "found": tokens / span, "per": unit, "words": tokens, "types": types.count}
    write_json(folder / "words" / "summary.json", summary | {"facts": found.facts, "versions": versions()})
