"""unitdisc templates: units with a shape, learned together with where they are, from any system's frames."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from unitdisc import console
from unitdisc.api.normalised import TIME
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment_inputs import open_for, surveyed
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.character_rate import characters_per_100_columns
from unitdisc.encodings import EncodingsError
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.settings import versions
from unitdisc.files import take_away
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file
from unitdisc.segmentation.corpora.sample import drawn
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates.learning import learn
from unitdisc.segmentation.templates.number import fewest_nats, number_of_units
from unitdisc.segmentation.templates.options import TemplateOptions
from unitdisc.segmentation.templates.storage import StoredTemplates, write_templates

PER_SECOND = 10.0  # phones of read and spoken language are 7 to 15


@takes_paths
def templates(
    encodings: Path,
    corpus: Path,
    file: Path,
    options: TemplateOptions,
    *,
    memory: float = 2.0,
    threads: int | None = None,
    frame_rate: float | None = None,
    times: str | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
) -> dict:
    """Learns templates of any system's frames, however many, for `unitdisc.segment`; an interrupted run goes on.

    A template is a short sequence of frames; the utterances are cut into stretches that are like one of them (segmental
    k-means, as ES-KMeans of Kamper et al., 2017, with durations and a price per unit).

    encodings, frame_rate, times: as of `segment`. corpus: says how long utterances are.
    file: NAME.safetensors to write. memory: GiB for frames that are not read again. threads: all cores by default.
    strict: raise where an utterance cannot be used, instead of saying so.

    Returns the card: "used", units of one segment at least; "units", segments; "costs" of every pass, per frame;
    "numbers" of units that were tried, and the "nats" that held-out utterances then took for a unit; and others.
    Raises EncodingsError and CorpusError for what cannot be used, ValueError for options that cannot be, LockedError
    while another run makes the same file.

    >>> mfcc, corpus = "exp/vq/encodings/test/mfcc", "data/test.jsonl"
    >>> card = unitdisc.templates(mfcc, corpus, "templates.safetensors", unitdisc.TemplateOptions(units=5, rate=8))
    >>> codes, options = unitdisc.Codes(templates="templates.safetensors"), unitdisc.SegmentOptions(8, "templates")
    >>> unitdisc.segment(mfcc, corpus, "template-units", codes, options).units
    """
    if file.suffix != ".safetensors":
        raise ValueError(f"{file}: must end in .safetensors, the format in which templates are written")
    check_resources(memory=memory, threads=threads)
    file_for_results(file, "TEMPLATES")
    refuse_among(file, encodings)
    with locked_file(file):
        utterances = read_corpus(corpus, allow_pipes)
        opened = open_for(encodings, utterances, frame_rate, times)
        timing = timing_of(opened, utterances, corpus, strict=strict, rate_given=bool(frame_rate))
        options = with_rate(options, timing, utterances)
        return make(opened, timing, file, options, memory=memory, threads=cores(threads)).card


def timing_of(
    opened: AnyEncodings, utterances: Sequence[Utterance], corpus: Path, *, strict: bool, rate_given: bool = False
) -> Timing:
    """As `surveyed`, of all utterances that have frames. Raises EncodingsError if none has."""
    there = [utterance for utterance in utterances if utterance.id in opened]
    if not there:
        raise EncodingsError(
            f"{opened.folder}: holds none of the {len(utterances)} utterances of {corpus}; encode them"
        )
    missing = [opened.why_missing(utterance.id) for utterance in utterances if utterance.id not in opened]
    return surveyed(opened, there, missing, strict=strict, rate_given=rate_given)


def with_rate(
    options: TemplateOptions, timing: Timing, utterances: Sequence[Utterance], polarity: str = "auto"
) -> TemplateOptions:
    """The options with a rate, which is said where it was not given. Raises ImageError if lines cannot be measured."""
    if options.rate is not None:
        return options
    if timing.unit == "second":
        console.say(f"rate: {PER_SECOND:g} units a second, as phones; give one if that is not what you look for")
        return replace(options, rate=PER_SECOND)
    some = set(drawn(timing.lengths, options.seed))
    lines = [utterance for utterance in utterances if utterance.id in some]
    rate = float(f"{characters_per_100_columns(lines, polarity):.3g}")  # what is said is what is used
    if not rate:
        raise ValueError("the lines hold no strokes by which to tell how many units there are; give `rate`")
    console.say(f"rate: {rate:g} units per 100 columns, one for every one and a half strokes; give one to change it")
    return replace(options, rate=rate)


def make(
    opened: AnyEncodings, timing: Timing, file: Path, options: TemplateOptions, *, memory: float, threads: int
) -> StoredTemplates:
    """As `templates`, where no other run makes this one."""
    frames = StoredFrames(opened, timing.names)
    unfinished = file.with_name(file.name + ".part")
    blank = options.blank == "zero" or (options.blank == "auto" and timing.unit != "second")
    tried = []
    if options.units is None:
        tried = number_of_units(
            frames, timing, options, blank=blank, memory=memory, threads=threads, progress=console.progress
        )
        options = replace(options, units=fewest_nats(tried))
        console.say(
            f"units: {options.units} describe held-out utterances in the fewest nats; give a number to change it"
        )
    found = learn(
        frames,
        timing,
        options,
        blank=blank,
        memory=memory,
        threads=threads,
        state_file=unfinished,
        progress=console.progress,
    )
    card = {
        "frames_of": {name: value for name, value in opened.settings.items() if name not in TIME},
        "encodings": str(opened.folder),
        "utterances": len(frames.names),
        "used": int((found.counts >= 1).sum()),
        "units": int(found.counts.sum()),
        "costs": list(found.costs),
        "numbers": [asdict(each) for each in tried],
        "options": asdict(options),
        "versions": versions(),
    }
    write_templates(file, found.templates, card)
    forget_states(file)
    return StoredTemplates(found.templates, card, str(file))


def forget_states(file: Path) -> None:
    """Removes what an interrupted run would have gone on from, now that the templates are there."""
    for leftover in file.parent.glob(f"{file.name}.part*"):
        take_away(leftover)
