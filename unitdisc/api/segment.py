"""unitdisc segment: units of any system's frames, so many a second."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.adaptation.adaptation import FILE
from unitdisc.api.normalised import NormalisedEncodings, Normalising, normalised_for
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment_inputs import (
    MODELS,
    chosen_model,
    given_boundaries,
    is_even,
    open_for,
    sources_of,
    surveyed,
    that_have_frames,
    that_have_units,
)
from unitdisc.clustering.codebook_files import (
    Codebook,
    CodebookError,
    checksum,
    refuse_unfit,
    write_codebook,
)
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.encodings.folders import refuse_among, refuse_folder, tidied
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.settings import versions
from unitdisc.exports.formats import export
from unitdisc.files import take_away, write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.segmentation.corpora.codebooks import Codes, chosen_codebook, codebook_of, far_away, unit_codes
from unitdisc.segmentation.corpora.given import GivenBoundaries
from unitdisc.segmentation.corpora.learning import Workplace
from unitdisc.segmentation.corpora.options import SegmentOptions, refuse_impossible
from unitdisc.segmentation.corpora.peaks import means
from unitdisc.segmentation.corpora.segmenting import CorpusSegmentation
from unitdisc.segmentation.corpora.segmenting import segment as find_units
from unitdisc.segmentation.corpora.solving import units_in
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.durations import starts_of
from unitdisc.segmentation.phone_loop.storage import StoredPhoneLoop
from unitdisc.segmentation.templates.storage import StoredTemplates

PASSES = 30  # over the corpus that it takes, at most as a rule, to find the price of a change


@dataclass(frozen=True)
class SegmentResult:
    """What was found: units in all utterances, how many of them per second (or 100 columns), and the files of units/.

    facts: what the search ended with, as "switch_cost", the price of a change of unit, where one was found.
    """

    folder: Path
    units: int
    utterances: int
    rate: float
    per: str  # "second" or "100 columns"
    facts: dict
    files: list[Path]


@takes_paths
@filling(lambda given: [given["folder"]])
def segment(
    encodings: Path,
    corpus: Path,
    folder: Path,
    codes: Codes,
    options: SegmentOptions,
    *,
    boundaries: Path | None = None,
    per: str = "second",
    memory: float = 2.0,
    threads: int | None = None,
    frame_rate: float | None = None,
    times: str | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
    normalise: str | None = None,
    normalise_like: Path | None = None,
) -> SegmentResult:
    """Finds units in any system's frames: an encodings folder with codes, and units/ for other tools.

    encodings: one file of frames [T, D] per utterance, whose frame_rate (a second) is needed where nothing else says
    it; times: of other tools' .txt, "regular", or "column": the first is time.
    codes: where codes come from. options: how units are found, `options.rate` of them per second, or per 100 columns
    of images, as `per` says; the `method` "phone-loop" takes `codes.phone_loop`, "templates" takes `codes.templates`.
    boundaries: an encodings folder with units whose segments are to be named by these frames, for the `method` "given".
    memory: GiB for distances that are not computed again. threads: all cores by default.
    strict: raise at an utterance that cannot be segmented, and at what is doubtful, instead of saying so.
    normalise: steps by which frames are normalised as they are read, fitted to these; normalise_like: instead, what
    `normalise` learnt before, as of a codebook NAME.npy in NAME.adaptation.safetensors. Units are those of the folder
    that `unitdisc.normalise` would write; what was learnt is kept among them.

    Raises EncodingsError, CorpusError and CodebookError for what cannot be used, ValueError for options that cannot
    be, and LockedError while another run fills the folder.

    >>> options = unitdisc.SegmentOptions(rate=8, durations="poisson")
    >>> found = unitdisc.segment(
    ...     "exp/vq/encodings/test/mfcc", "data/test.jsonl", "units", unitdisc.Codes(num_codes=5), options
    ... )
    >>> found.units, found.rate, found.files
    """
    check_resources(memory=memory, threads=threads)
    folder = folder_for_results(folder)
    if folder.resolve() == encodings.resolve():
        raise ValueError(f"{folder}: holds the frames; choose another folder for their units")
    refuse_among(folder, encodings)
    how = Normalising.chosen(normalise, normalise_like, memory=memory, threads=threads, seed=codes.seed)
    utterances = read_corpus(corpus, allow_pipes)
    opened = open_for(encodings, utterances, frame_rate, times)
    stored = chosen_model(codes, options)
    codebook = stored.codebook if stored else chosen_codebook(codes)
    if codebook and codebook.spherical and options.distance != "cosine":
        raise CodebookError(
            f"{codebook.source}: its codes are of length 1 (spherical k-means); compare frames with `distance` cosine"
        )
    spherical = options.distance == "cosine"
    given = given_boundaries(boundaries, options)
    there, missing = that_have_frames(opened, utterances, corpus)
    opened = normalised_for(opened, there, how, strict=strict, kept=folder / FILE)
    if given:
        there, without = that_have_units(given, there)
        missing += without
    if codebook:
        unchecked = refuse_unfit(codebook, encodings, opened.settings, dim=StoredFrames(opened, [there[0].id]).dim)
        if unchecked:
            refuse_or_say(f"{codebook.source}: {unchecked}", strict, f"make a codebook with `{codebook.made_by}`")
    look = given.look if given else None
    timing = surveyed(
        opened, there, missing, strict=strict, spherical=spherical, look=look, rate_given=bool(frame_rate)
    )
    refuse_other_unit(timing, per, options, corpus)
    frames = StoredFrames(opened, timing.names, spherical)
    if codebook and (doubt := far_away(codebook, frames)):
        refuse_or_say(doubt, strict, "give the codebook of these frames")
    if given and given.left_out:
        told = (
            f"{given.left_out} of its {given.segments} segments have no frame of {encodings} in them, and are left out"
        )
        refuse_or_say(f"{boundaries}: {told}", strict, "name them by frames that are closer together")
    num_codes = len(codebook.vectors) if codebook else codes.num_codes
    refuse_impossible(options, timing, num_codes)
    made_of = settings_of(options, per, model=stored, codebook=codebook, given=given)
    refuse_folder(folder, {**opened.settings, "num_codes": num_codes}, made_of)
    starts = given.starts if given else {}
    place = Workplace(frames, memory, cores(threads), advance=lambda note: None, boundaries=starts)
    with tidied(folder / "units" / "codebook.npy.part") as state:
        if codebook is None:
            codebook = codebook_of(place, timing, codes, options=options, state=state, opened=opened)
            made_of["codebook"] = checksum(codebook.vectors)
        vectors = unit_codes(codebook) if spherical else codebook.vectors
        passes = PASSES * (1 + max(options.iterations, int(options.learns_priors)))
        with console.progress("segmenting", passes, "passes") as passed:
            working = replace(place, advance=lambda note: passed(1, note))
            if stored:
                found = MODELS[options.method].decode(working, timing, stored, options=options)
            else:
                found = find_units(working, timing, vectors, options=options)
        say_number(folder, found, timing, options, strict)
        usable = {*timing.names}
        corpus_there = [utterance for utterance in there if utterance.id in usable]
        write(opened, frames, corpus_there, found, folder, made_of, options.pool)
    return finish(folder, found, codebook, opened, corpus_there, timing, options)


def settings_of(
    options: SegmentOptions,
    per: str,
    *,
    model: StoredPhoneLoop | StoredTemplates | None,
    codebook: Codebook | None,
    given: GivenBoundaries | None,
) -> dict:
    """What units are made by, as encodings keep it: the same again makes the same units of the same frames."""
    apart = ("posteriors", "switch_cost")  # what was found is called so, too
    made_of = {name: value for name, value in asdict(options).items() if name not in apart} | {"per": per}
    if options.switch_cost is not None:
        made_of["switch_cost"] = options.switch_cost
    if model:
        made_of |= {"posteriors": options.posteriors, options.method.replace("-", "_"): model.checksum}
    elif codebook:
        made_of["codebook"] = checksum(codebook.vectors)  # wherever it lay
    if given:
        made_of["boundaries"] = given.checksum
    return made_of


def refuse_other_unit(timing: Timing, per: str, options: SegmentOptions, corpus: Path) -> None:
    """Raises ValueError where units are asked for per second of images, or per 100 columns of recordings."""
    if options.rate and timing.span and timing.unit != per:
        right = "`units_per_100_columns`" if per == "second" else "`units_per_second`"
        counted = "seconds" if per == "100 columns" else "columns"
        raise ValueError(f"{corpus}: its length is counted in {counted}; give {right}")


def say_number(folder: Path, found: CorpusSegmentation, timing: Timing, options: SegmentOptions, strict: bool) -> None:
    """Says where there cannot be nearly as many units as asked, or refuses it."""
    if not options.rate:
        return
    wanted = timing.segments(options.rate)
    if abs(found.units - wanted) > max(0.01 * wanted, 2):
        message = f"{folder}: {found.units} units are as near as it gets to the {wanted} asked for"
        few, many = "ask for fewer, take more codes, allow shorter units", "ask for more, allow longer units"
        refuse_or_say(message, strict, few if found.units < wanted else many)


def refuse_or_say(message: str, strict: bool, cure: str) -> None:
    if strict:
        raise ValueError(f"{message}; {cure}, or leave `strict` out")
    console.say(f"{message}; {cure}.")


def write(
    opened: AnyEncodings,
    frames: StoredFrames,
    utterances: Sequence[Utterance],
    found: CorpusSegmentation,
    folder: Path,
    made_of: dict,
    pool: bool,
) -> None:
    """Writes codes and frames of all utterances; those that an interrupted run wrote are left alone."""
    settings = {**opened.settings, "num_codes": len(found.vectors), "segmentation": made_of | found.facts}
    if found.frames_of and "dim" in settings:  # of another tool's frames
        settings["dim"] = found.frames_of(frames.names[0]).shape[1]
    writer = EncodingsWriter(folder, settings)
    if isinstance(opened, NormalisedEncodings):
        opened.adaptation.write(folder / FILE)
    with console.progress("writing units", len(utterances)) as advance:
        for utterance in utterances:
            sources = sources_of(opened, utterance.id)
            values = frames[utterance.id]
            here = (source if source.exists() else None for source in sources)
            if not all(writer.is_current(utterance.id, len(values), source) for source in here):
                codes = found.codes_of(utterance.id)
                if found.frames_of:
                    shown = found.frames_of(utterance.id)
                else:
                    shown = pooled(values, codes) if pool else found.vectors[codes]
                centres = opened[utterance.id].centres
                writer.write(Encoding(utterance.id, centres, shown, codes=codes), is_even(opened, utterance.id))
            advance(1)
    writer.finish()


def pooled(frames: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Every frame as the mean of its unit: [T, D], [T] -> [T, D]."""
    starts = starts_of(codes)
    return np.repeat(means(frames, starts[1:]), np.diff(starts, append=len(codes)), axis=0)


def finish(
    folder: Path,
    found: CorpusSegmentation,
    codebook: Codebook,
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    timing: Timing,
    options: SegmentOptions,
) -> SegmentResult:
    """Writes units/ for other tools; returns what was found."""
    written = Encodings.open(folder)
    formats = ("jsonl", "ctm", "textgrid") if timing.unit == "second" else ("jsonl",)
    files = export(written, utterances, folder / "units", formats=formats).files
    units = units_in(np.asarray(written.codes[utterance.id]) for utterance in utterances)
    rate = timing.rate(units)
    card = {"spherical": options.distance == "cosine", "frames_of": opened.settings, "from": codebook.source}
    write_codebook(folder / "units" / "codebook.npy", found.vectors, card)
    take_away(folder / "units" / "codebook.npy.part")
    summary = {"asked": options.rate, "found": rate, "per": timing.unit, "units": units, "segmentation": found.facts}
    write_json(folder / "units" / "summary.json", summary | {"versions": versions()})
    files = [*files, folder / "units" / "codebook.npy"]
    return SegmentResult(folder, units, len(utterances), rate, timing.unit, found.facts, files)
