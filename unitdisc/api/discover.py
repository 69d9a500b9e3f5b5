"""unitdisc discover: units that teach their own network, round after round."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.encode import encode, features
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment import is_even, open_for
from unitdisc.api.templates import make, timing_of, with_rate
from unitdisc.api.train import train
from unitdisc.clustering.codebook_files import read_codebook, write_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance, corpus_checksum
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.data.base import Features
from unitdisc.data.features import features_class, features_of_kind
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import config
from unitdisc.exports.formats import export
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.text import read_json, read_lines
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates import rounds
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.model import Templates
from unitdisc.segmentation.templates.names import AgreedNames, agreed_names, agreed_number, numbers
from unitdisc.segmentation.templates.options import TemplateOptions
from unitdisc.segmentation.templates.pieces import Pieces
from unitdisc.segmentation.templates.stability import unit_stability
from unitdisc.segmentation.templates.states import StateScores
from unitdisc.segmentation.templates.storage import (
    SCORES,
    SUMMARY,
    StoredTemplates,
    read_scores,
    read_templates,
    write_scores,
)

ASKED = "options.json"
FRAMES, TEMPLATES = "frames", "templates.safetensors"
FIRST, OFTEN = 100, 8  # templates to begin with, and how often each occurs at least, on average
FORMS = 2  # names for every kind that halves agree about: most characters have more than one form
POINTS = ("bottleneck", "prediction")  # what names pieces, and what cuts


@dataclass(frozen=True)
class DiscoverOptions:
    """What is looked for.

    templates: what the first units are. If `units` is not given, there are 100; of lines, after the first round, two
    for every kind that halves of the corpus agree about. rounds: how often units teach a network; 0: templates alone.
    """

    templates: TemplateOptions = field(default_factory=TemplateOptions)
    rounds: int = 3

    def __post_init__(self):
        if self.rounds < 0:
            raise ValueError(f"`rounds` must be 0 or more, not {self.rounds}")


@dataclass(frozen=True)
class DiscoverResult:
    """What was found.

    folder: units/ in it are encodings with codes, and files for other tools. rounds: what is known of each without
    labels: "units", "kinds" of them, "agreement" with the round before (AMI of frames), "accuracy" of the network on
    held-out utterances. rate: units per second, or per 100 columns.
    """

    folder: Path
    rounds: list[dict]
    units: int
    rate: float
    per: str


@dataclass(frozen=True)
class Place:
    """Where discovery is at work, and with what."""

    folder: Path
    corpus: Path
    access: CorpusAccess
    memory: float
    threads: int
    device: str | None


@takes_paths
@filling(lambda given: [given["folder"]])
def discover(
    config_source: str,
    corpus: Path,
    folder: Path,
    options: DiscoverOptions = DiscoverOptions(),
    overrides: Sequence[str] = (),
    *,
    frames: Path | None = None,
    memory: float = 2.0,
    threads: int | None = None,
    device: str | None = None,
    access: CorpusAccess = CorpusAccess(),
) -> DiscoverResult:
    """Finds units from nothing: templates first, then networks that are taught them and cut the corpus anew.

    Every round trains a network on the states of the units so far, augmented, aligns the corpus by its posteriors, and
    names the pieces by its frames (HuBERT's loop, Hsu et al., 2021, with durations in it). What a stage has written is
    kept: an interrupted run goes on, and gives the same units.

    config_source: a TOML file or preset of the network, whose objective is "classify", as "discover-handwriting"; or a
    folder that was filled by `discover` before, whose units are looked for in this corpus, by what was learned there.
    overrides: "TABLE.OPTION=VALUE" each, of the network. folder: to create, or to go on with.
    frames: encodings that templates are made of (default: gradients of lines; MFCC normalised per speaker).
    memory: GiB for frames that are not read again. threads: all cores by default. device: of the network.

    Raises ConfigError for a network that cannot be, CorpusError and EncodingsError for what cannot be used, ValueError
    for options that cannot be, and LockedError while another run fills the folder.

    >>> options = unitdisc.DiscoverOptions(unitdisc.TemplateOptions(units=20, rate=8), rounds=1)
    >>> small = ["training.steps=3"]
    >>> found = unitdisc.discover("discover-speech", "data/train.jsonl", "exp/found", options, small)
    >>> unitdisc.discover("exp/found", "data/test.jsonl", "exp/found-test").units
    """
    check_resources(memory=memory, threads=threads)
    place = Place(folder_for_results(folder), corpus, access, memory, cores(threads), device)
    known = Path(config_source)
    if (known / SUMMARY).exists():
        if overrides or frames or options != DiscoverOptions():
            raise ValueError(f"{known}: its units are known; leave options, `overrides` and `frames` out")
        return applied(known, place)
    if (known / ASKED).exists():
        raise ValueError(f"{known}: discovery has not come to its end there; run it again, and it goes on")
    refuse_other_objective(config_source, overrides)
    return learned(config_source, place, options, overrides=overrides, frames=frames)


def refuse_other_objective(config_source: str, overrides: Sequence[str]) -> None:
    """Raises ConfigError unless the network is one that classifies frames."""
    table = config.read(config_source, overrides)
    kind = table.get("objective", {}).get("kind", "reconstruction")
    if kind != "classify":
        raise config.ConfigError(
            f"{config_source}: [objective] kind is {kind!r}, but units are taught by 'classify'; take the preset "
            "discover-handwriting or discover-speech, or set objective.kind"
        )
    if table.get("codes"):
        raise config.ConfigError(f"{config_source}: [codes] are those that `discover` finds; leave the table out")


@dataclass(frozen=True)
class Beginning:
    """What all rounds begin with and have in common."""

    config_source: str
    overrides: Sequence[str]
    seed: int  # of networks: that of the first
    options: DiscoverOptions
    rate: float  # of units, that was asked for or found
    utterances: Sequence[Utterance]
    encodings: AnyEncodings  # that templates were made of
    timing: Timing
    templates: Templates


def learned(
    config_source: str, place: Place, options: DiscoverOptions, *, overrides: Sequence[str], frames: Path | None
) -> DiscoverResult:
    """Units from nothing."""
    begun = beginning(config_source, place, options, overrides=overrides, frames=frames)
    names, encodings, templates = begun.timing.names, begun.encodings, begun.templates
    with console.progress("cutting", len(names)) as advance:
        found = rounds.by_templates(templates, encodings, names, threads=place.threads, advance=advance)
    targets, durations, named_by = found, templates.durations.scaled(templates.pool), encodings
    told, tried = [{"units": found.units, "kinds": found.kinds}], None
    for number in range(1, options.rounds + 1):
        before = found
        found, named_by, durations = one_round(begun, place, number, targets=targets, durations=durations)
        known = {"agreement": found.agreement(before), **of_held_out(round_folder(place, number) / "experiment")}
        told.append({"units": found.units, "kinds": found.kinds, **known})
        say(number, told[-1])
        if number < options.rounds:
            seed = begun.seed + number - 1
            pieces = rounds.pieces_of(found, StoredFrames(named_by, names), place.threads)
            if tried is None:  # by the network that was taught templates: others divide what they were taught
                tried = numbers_tried(begun, place, pieces)
            kinds = FORMS * agreed_number(tried) if tried else found.kinds
            targets, durations = rounds.renamed(
                found, pieces, durations, count=kinds, seed=seed, memory=place.memory, threads=place.threads
            )
    vectors = rounds.mean_frames_of(found, StoredFrames(named_by, names))
    pieces = rounds.pieces_of(found, StoredFrames(named_by, names), place.threads)
    stable = unit_stability(pieces, lambda name: found.segments[name].units, seed=begun.seed, threads=place.threads)
    summary = {
        "found": told,
        "rounds": options.rounds,
        "numbers": [*map(asdict, tried or ())],
        "stability": [*map(asdict, stable)],
        "versions": versions(),
    }
    write_json(place.folder / SUMMARY, summary)
    return written(place, found, vectors, begun.timing, begun.utterances, told=told)


def beginning(
    config_source: str, place: Place, options: DiscoverOptions, *, overrides: Sequence[str], frames: Path | None
) -> Beginning:
    """The first templates."""
    network = config.read(config_source, overrides)
    utterances = read_corpus(place.corpus, place.access.allow_pipes)
    asked = {"options": asdict(options), "network": network, "frames": frames and str(frames)}
    refuse_others(place.folder, asked | {"corpus": corpus_checksum(utterances)})
    if frames is None:
        frames = place.folder / FRAMES
        features(place.corpus, frames, first_features(network), access=place.access)
    encodings = open_for(frames, utterances, None, None)
    timing = timing_of(encodings, utterances, place.corpus, strict=place.access.strict)
    polarity = network.get("features", {}).get("polarity", "auto")
    stored = first_templates(place, encodings, timing, utterances, options=options, polarity=polarity)
    seed = network.get("training", {}).get("seed", 0)
    return Beginning(
        config_source,
        overrides,
        seed,
        options=options,
        rate=stored.card["options"]["rate"],
        utterances=utterances,
        encodings=encodings,
        timing=timing,
        templates=stored.templates,
    )


def round_folder(place: Place, number: int) -> Path:
    return place.folder / f"round-{number}"


def one_round(
    begun: Beginning, place: Place, number: int, *, targets: rounds.Alignment, durations: Durations
) -> tuple[rounds.Alignment, Encodings, Durations]:
    """Teaches a network the units so far, and cuts the corpus by its posteriors.

    durations: of units, in frames of the targets. Returns the cut, the network's frames, and durations in frames of it.
    """
    at, last, seed = round_folder(place, number), number == begun.options.rounds, begun.seed + number - 1
    log_priors = rounds.write_targets(at / "targets", targets)
    codes = [f"codes.folders={json.dumps([str(at / 'targets')])}", f"codes.num_codes={len(log_priors)}"]
    overrides = [*begun.overrides, *codes, f"training.seed={seed}"]
    train(begun.config_source, place.corpus, at / "experiment", overrides, access=place.access, device=place.device)
    named_by, predictions = encoded(at / "experiment", at / "encodings", place)
    lengths = {name: len(predictions[name].centres) for name in begun.timing.names}
    durations = durations.scaled(sum(lengths.values()) / targets.frames)
    scores = rounds.priced(
        StateScores(durations, log_priors, begun.templates.price),
        predictions,
        lengths,
        share=begun.timing.segments(begun.rate) / sum(lengths.values()),
        seed=seed,
        memory=place.memory,
        threads=place.threads,
    )
    finer = rounds.frames_within(begun.encodings, predictions) if last else 1
    found = cut_by_states(scores, predictions, begun.timing.names, finer=finer, threads=place.threads)
    write_scores(at / SCORES, scores, finer)
    return found, named_by, durations


def numbers_tried(begun: Beginning, place: Place, pieces: Pieces) -> list[AgreedNames]:
    """How well halves agree about numbers of names; nothing if the number was given, or if there are too few pieces.

    Of speech neither: there halves agree about a few broad classes.
    """
    if begun.options.templates.units is not None or begun.timing.unit == "second":
        return []
    with console.progress("numbers of names", len(numbers())) as advance:
        return agreed_names(pieces, seed=begun.seed, threads=place.threads, advance=lambda note: advance(1, note=note))


def applied(known: Path, place: Place) -> DiscoverResult:
    """The units of a corpus by what `learned` has left in a folder."""
    number = read_json(known / SUMMARY)["rounds"]
    utterances = read_corpus(place.corpus, place.access.allow_pipes)
    if number:
        at = known / f"round-{number}"
        _, encodings = encoded(at / "experiment", place.folder / "encodings", place)
        timing = timing_of(encodings, utterances, place.corpus, strict=place.access.strict)
        scores, finer = read_scores(at / SCORES)
        found = cut_by_states(scores, encodings, timing.names, finer=finer, threads=place.threads)
    else:
        features_like(known, place)
        encodings = open_for(place.folder / FRAMES, utterances, None, None)
        timing = timing_of(encodings, utterances, place.corpus, strict=place.access.strict)
        templates = read_templates(known / TEMPLATES).templates
        found = rounds.by_templates(templates, encodings, timing.names, threads=place.threads)
    vectors = read_codebook(known / "units" / "units" / "codebook.npy").vectors
    return written(place, found, vectors, timing, utterances, told=[])


def cut_by_states(
    scores: StateScores, predictions: Encodings, names: Sequence[str], *, finer: int, threads: int
) -> rounds.Alignment:
    """As `rounds.by_states`, with progress."""
    with console.progress("cutting", len(names)) as advance:
        return rounds.by_states(scores, predictions, names, finer=finer, threads=threads, advance=advance)


def features_like(known: Path, place: Place) -> None:
    """Writes the frames that templates cut, of the kind that they were learned from."""
    network, frames = (read_json(known / ASKED)[name] for name in ("network", "frames"))
    if frames is not None:
        raise ValueError(
            f"{known}: its templates are of the frames in {frames}; give those of this corpus to `unitdisc segment`, "
            f"with `templates` {known / TEMPLATES}"
        )
    features(place.corpus, place.folder / FRAMES, first_features(network), access=place.access)


def first_features(network: Mapping) -> Features:
    """What templates are made of: the direction of strokes of lines, or MFCC of speakers made alike."""
    table = network.get("features", {})
    if not features_class(table.get("kind", "mfcc")).images:
        known = {name: table[name] for name in ("rate", "hop", "resample") if name in table}
        return features_of_kind("mfcc", normalise="speaker", **known)
    known = {name: table[name] for name in ("height", "polarity", "contrast", "slant", "body") if name in table}
    return features_of_kind("gradients", **known)


def refuse_others(folder: Path, asked: dict) -> None:
    """Raises ValueError if a folder holds units that were found in another way; notes how they are found in this."""
    path, asked = folder / ASKED, json.loads(json.dumps(asked))
    if path.exists():
        there = read_json(path)
        different = sorted(name for name in asked if there.get(name) != asked[name])
        if different:
            raise ValueError(
                f"{folder}: was begun with other {', '.join(different)}; give the same, or choose another folder"
            )
    elif folder.exists() and any(each.name[0] != "." for each in folder.iterdir()):  # a lock lies there
        raise ValueError(f"{folder}: holds something else; choose another folder")
    write_json(path, asked)


def first_templates(
    place: Place,
    encodings: AnyEncodings,
    timing: Timing,
    utterances: Sequence[Utterance],
    *,
    options: DiscoverOptions,
    polarity: str,
) -> StoredTemplates:
    """Those of an interrupted run, if it came so far. polarity: of lines, by which their rate is found."""
    path = place.folder / TEMPLATES
    if path.exists():
        return read_templates(path)
    first = with_rate(options.templates, timing, utterances, polarity=polarity)
    if first.units is None and options.rounds:
        first = replace(first, units=max(2, min(FIRST, timing.segments(first.rate) // OFTEN)))
    return make(encodings, timing, path, first, memory=place.memory, threads=place.threads)


def encoded(experiment: Path, folder: Path, place: Place) -> tuple[Encodings, Encodings]:
    """What a network makes of the corpus: frames by which pieces are named, and those by which they are cut."""
    folders = encode(experiment, place.corpus, folder, POINTS, access=place.access, device=place.device)
    return tuple(map(Encodings.open, folders))


def of_held_out(experiment: Path) -> dict[str, float]:
    """How well a network tells the states of utterances that it did not learn from."""
    rows = (json.loads(line) for _, line in read_lines(experiment / "log.jsonl"))
    measured = [row for row in rows if row.get("split") == "valid"]
    return {"accuracy": measured[-1]["metrics"]["accuracy"]} if measured else {}


def say(number: int, told: Mapping[str, float]) -> None:
    facts = [f"{told['units']} units of {told['kinds']} kinds", f"agreement with those before {told['agreement']:.2f}"]
    if "accuracy" in told:
        facts.append(f"states told of held-out utterances {told['accuracy']:.0%}")
    console.say(f"round {number}: {', '.join(facts)}")


def written(
    place: Place,
    found: rounds.Alignment,
    vectors: np.ndarray,
    timing: Timing,
    utterances: Sequence[Utterance],
    *,
    told: list[dict],
) -> DiscoverResult:
    """Writes units/: encodings whose frames are what codes stand for, and files for other tools."""
    folder, by_id = place.folder / "units", {utterance.id: utterance for utterance in utterances}
    settings = {**rounds.finer_grid(found.encodings.settings, found.finer), "point": "units", "num_codes": len(vectors)}
    if found.has_blank:
        settings["blank"] = found.blank
    writer = EncodingsWriter(folder, settings)
    with console.progress("writing units", len(timing.names)) as advance:
        for name in timing.names:
            centres = found.centres(name)
            inside = centres < by_id[name].ticks
            codes, centres = found.codes(name)[inside], centres[inside]
            writer.write(Encoding(name, centres, vectors[codes], codes=codes), is_even(found.encodings, name))
            advance(1)
    writer.finish()
    there = [by_id[name] for name in timing.names]
    formats = ("jsonl", "ctm", "textgrid") if timing.unit == "second" else ("jsonl",)
    export(Encodings.open(folder), there, folder / "units", formats=formats)
    write_codebook(folder / "units" / "codebook.npy", vectors, {"frames_of": found.encodings.settings})
    return DiscoverResult(place.folder, told, found.units, timing.rate(found.units), timing.unit)
