"""The rounds of `unitdisc discover`: what they begin with, how one goes, and when it is enough."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from unitdisc import console
from unitdisc.api.encode import encode, features
from unitdisc.api.segment_inputs import open_for
from unitdisc.api.templates import forget_states, make, timing_of, with_rate
from unitdisc.api.train import train
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance, corpus_checksum
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.data.base import Features
from unitdisc.data.features import features_class, features_of_kind
from unitdisc.encodings import Encodings
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.experiment import config
from unitdisc.files import write_json
from unitdisc.files.text import read_json, read_lines
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates import rounds
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.model import Templates
from unitdisc.segmentation.templates.names import AgreedNames, Halvings, agreed_names, agreed_number, numbers
from unitdisc.segmentation.templates.options import TemplateOptions
from unitdisc.segmentation.templates.pieces import Pieces
from unitdisc.segmentation.templates.states import StateScores
from unitdisc.segmentation.templates.storage import (
    ASKED,
    SCORES,
    StoredTemplates,
    read_scores,
    read_templates,
    round_folder,
    write_scores,
)

FRAMES, TEMPLATES = "frames", "templates.safetensors"
FIRST, OFTEN = 100, 8  # templates to begin with, and how often each occurs at least, on average
FORMS = 2  # names for every kind that halves agree about: most characters have more than one form
POINTS = ("bottleneck", "prediction")  # what names pieces, and what cuts
EDGES = ("ink", "frames")  # where units of lines begin and end
USUAL, MOST = 3, 6  # rounds; as many where nothing says when it is enough, and at most


@dataclass(frozen=True)
class DiscoverOptions:
    """What is looked for.

    templates: what the first units are. If `units` is not given, there are 100; of lines, after the first round, two
    for every kind that halves of the corpus agree about. rounds: how often units teach a network; 0: templates alone;
    "auto": for as long as halves of the corpus agree better about as many names, 6 times at most; the round about
    which they agree best is kept. edges: "ink": units of lines begin and end at the columns where their ink does;
    "frames": where frames are cut, as always in recordings.
    """

    templates: TemplateOptions = field(default_factory=TemplateOptions)
    rounds: int | str = USUAL
    edges: str = EDGES[0]

    def __post_init__(self):
        if self.edges not in EDGES:
            raise ValueError(f"`edges` must be one of {', '.join(EDGES)}, not {self.edges}")
        if self.rounds != "auto" and not (isinstance(self.rounds, int) and self.rounds >= 0):
            raise ValueError(f"`rounds` must be 0 or more, or auto, not {self.rounds}")

    @property
    def most(self) -> int:
        """Rounds, at most."""
        return MOST if self.rounds == "auto" else self.rounds


@dataclass(frozen=True)
class Place:
    """Where discovery is at work, and with what."""

    folder: Path
    corpus: Path
    access: CorpusAccess
    memory: float
    threads: int
    device: str | None


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


def first_features(network: Mapping) -> Features:
    """What templates are made of: the direction of strokes of lines, or MFCC of speakers made alike."""
    table = network.get("features", {})
    if not features_class(table.get("kind", "mfcc")).images:
        known = {name: table[name] for name in ("rate", "hop", "resample") if name in table}
        return features_of_kind("mfcc", normalise="speaker", **known)
    known = {name: table[name] for name in ("height", "polarity", "contrast", "slant", "body") if name in table}
    return features_of_kind("gradients", **known)


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
        forget_states(path)  # of a run that was killed before it could
        return read_templates(path)
    first = with_rate(options.templates, timing, utterances, polarity=polarity)
    if first.units is None and options.most:
        first = replace(first, units=max(2, min(FIRST, timing.segments(first.rate) // OFTEN)))
    return make(encodings, timing, path, first, memory=place.memory, threads=place.threads)


@dataclass(frozen=True)
class Taught:
    """What rounds came to.

    found: the corpus, cut by the round that is kept, 0 for templates. named_by: frames that pieces are named by.
    told: what is known of every round. tried: how well halves agreed about numbers of names.
    """

    found: rounds.Alignment
    named_by: AnyEncodings
    kept: int
    told: list[dict]
    tried: list[AgreedNames]


def taught(begun: Beginning, place: Place) -> Taught:
    """Round after round, as many as are asked for, or until halves of the corpus agree no better."""
    names, encodings, templates, options = begun.timing.names, begun.encodings, begun.templates, begun.options
    with console.progress("cutting", len(names)) as advance:
        found = rounds.by_templates(templates, encodings, names, threads=place.threads, advance=advance)
    told, tried = [{"units": found.units, "kinds": found.kinds}], None
    if not options.most:
        return Taught(found, encodings, 0, told, [])
    targets, durations = found, templates.durations.scaled(templates.pool)
    for number in range(1, options.most + 1):
        before, seed = found, begun.seed + number - 1
        found, named_by, durations = one_round(begun, place, number, targets=targets, durations=durations)
        pieces = rounds.pieces_of(found, StoredFrames(named_by, names), place.threads)
        halves = Halvings.drawn(pieces, begun.seed).agreed(found.kinds, place.threads)
        known = {"agreement": found.agreement(before), **of_held_out(round_folder(place.folder, number) / "experiment")}
        told.append(
            {"units": found.units, "kinds": found.kinds, **known} | ({"halves": halves.agreement} if halves else {})
        )
        say(number, told[-1])
        if number == options.most or (options.rounds == "auto" and is_enough(told)):
            break
        if tried is None:  # by the network that was taught templates: others divide what they were taught
            tried = numbers_tried(begun, place, pieces)
        kinds = FORMS * agreed_number(tried) if tried else found.kinds
        targets, durations = rounds.renamed(
            found, pieces, durations, count=kinds, seed=seed, memory=place.memory, threads=place.threads
        )
    kept = best_of(told) if options.rounds == "auto" else number
    at = round_folder(place.folder, kept)
    named_by, predictions = (Encodings.open(at / "encodings" / point) for point in POINTS)
    scores, finer = read_scores(at / SCORES)
    found = cut_by_states(scores, predictions, names, finer=finer, threads=place.threads)
    told[kept]["units"] = found.units
    return Taught(found, named_by, kept, told, tried or [])


def is_enough(told: Sequence[Mapping[str, float]]) -> bool:
    """Whether halves agree no better after the last round than before, about as many names."""
    last, before = told[-1], [each.get("halves") for each in told[:-1] if each["kinds"] == told[-1]["kinds"]]
    if "halves" not in last:  # too few pieces to tell
        return len(told) > USUAL
    return any(each is not None and each >= last["halves"] for each in before)


def best_of(told: Sequence[Mapping[str, float]]) -> int:
    """The round about whose names halves agree best, of those with as many names as the last; else the last."""
    alike = [number for number, each in enumerate(told) if number and each["kinds"] == told[-1]["kinds"]]
    return max(alike, key=lambda number: (told[number].get("halves", 0.0), number))


def one_round(
    begun: Beginning, place: Place, number: int, *, targets: rounds.Alignment, durations: Durations
) -> tuple[rounds.Alignment, Encodings, Durations]:
    """Teaches a network the units so far, and cuts the corpus by its posteriors.

    durations: of units, in frames of the targets. Returns the cut, the network's frames, and durations in frames of it.
    """
    at, seed = round_folder(place.folder, number), begun.seed + number - 1
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
    write_scores(at / SCORES, scores, rounds.frames_within(begun.encodings, predictions))
    found = cut_by_states(scores, predictions, begun.timing.names, finer=1, threads=place.threads)
    return found, named_by, durations


def encoded(experiment: Path, folder: Path, place: Place) -> tuple[Encodings, Encodings]:
    """What a network makes of the corpus: frames by which pieces are named, and those by which they are cut."""
    folders = encode(experiment, place.corpus, folder, POINTS, access=place.access, device=place.device)
    return tuple(map(Encodings.open, folders))


def cut_by_states(
    scores: StateScores, predictions: Encodings, names: Sequence[str], *, finer: int, threads: int
) -> rounds.Alignment:
    """As `rounds.by_states`, with progress."""
    with console.progress("cutting", len(names)) as advance:
        return rounds.by_states(scores, predictions, names, finer=finer, threads=threads, advance=advance)


def numbers_tried(begun: Beginning, place: Place, pieces: Pieces) -> list[AgreedNames]:
    """How well halves agree about numbers of names; nothing if the number was given, or if there are too few pieces.

    Of speech neither: there halves agree about a few broad classes.
    """
    if begun.options.templates.units is not None or begun.timing.unit == "second":
        return []
    with console.progress("numbers of names", len(numbers())) as advance:
        return agreed_names(pieces, seed=begun.seed, threads=place.threads, advance=lambda note: advance(1, note=note))


def of_held_out(experiment: Path) -> dict[str, float]:
    """How well a network tells the states of utterances that it did not learn from."""
    rows = (json.loads(line) for _, line in read_lines(experiment / "log.jsonl"))
    measured = [row for row in rows if row.get("split") == "valid"]
    return {"accuracy": measured[-1]["metrics"]["accuracy"]} if measured else {}


def say(number: int, told: Mapping[str, float]) -> None:
    facts = [f"{told['units']} units of {told['kinds']} kinds", f"agreement with those before {told['agreement']:.2f}"]
    if "accuracy" in told:
        facts.append(f"states told of held-out utterances {told['accuracy']:.0%}")
    if "halves" in told:
        facts.append(f"halves agree by {told['halves']:.3f}")
    console.say(f"round {number}: {', '.join(facts)}")
