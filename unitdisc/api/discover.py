"""unitdisc discover: units that teach their own network, round after round."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.discover_edges import Edges
from unitdisc.api.discover_rounds import (
    FRAMES,
    TEMPLATES,
    Beginning,
    DiscoverOptions,
    Place,
    beginning,
    cut_by_states,
    encoded,
    first_features,
    taught,
)
from unitdisc.api.encode import features
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment_inputs import open_for
from unitdisc.api.templates import timing_of
from unitdisc.clustering.codebook_files import read_codebook, write_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsWriter
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import config
from unitdisc.exports.formats import export
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.text import read_json
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates import rounds
from unitdisc.segmentation.templates.stability import unit_stability
from unitdisc.segmentation.templates.storage import (
    ASKED,
    LEARNED,
    SCORES,
    SUMMARY,
    VECTORS,
    read_scores,
    read_templates,
    round_folder,
)


@dataclass(frozen=True)
class DiscoverResult:
    """What was found.

    folder: units/ in it are encodings with codes, and files for other tools. rounds: what is known of each without
    labels: "units", "kinds" of them, "agreement" with the round before (AMI of frames), "accuracy" of the network on
    held-out utterances, and "halves": how well two halves of the corpus agree about as many names (AMI of pieces).
    kept: the round that units/ are of. rate: units per second, or per 100 columns.
    """

    folder: Path
    rounds: list[dict]
    kept: int
    units: int
    rate: float
    per: str


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
    return learned(beginning(config_source, place, options, overrides=overrides, frames=frames), place)


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


def learned(begun: Beginning, place: Place) -> DiscoverResult:
    """Units from nothing."""
    result = taught(begun, place)
    found, frames = result.found, StoredFrames(result.named_by, begun.timing.names)
    vectors = rounds.mean_frames_of(found, frames)
    pieces = rounds.pieces_of(found, frames, place.threads)
    stable = unit_stability(pieces, lambda name: found.segments[name].units, seed=begun.seed, threads=place.threads)
    summary = {
        "found": result.told,
        "rounds": result.kept,
        "numbers": [*map(asdict, result.tried)],
        "stability": [*map(asdict, stable)],
        "versions": versions(),
    }
    write_json(place.folder / SUMMARY, summary)
    edges = Edges.asked(place.folder)
    told, kept = result.told, result.kept
    return written(place, found, vectors, begun.timing, begun.utterances, edges=edges, kept=kept, told=told)


def applied(known: Path, place: Place) -> DiscoverResult:
    """The units of a corpus by what `learned` has left in a folder."""
    summary = read_json(known / SUMMARY)
    number = summary["rounds"]
    utterances = read_corpus(place.corpus, place.access.allow_pipes)
    if number:
        at = round_folder(known, number)
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
    vectors = read_codebook(known / VECTORS).vectors
    write_json(place.folder / LEARNED, summary)
    return written(place, found, vectors, timing, utterances, edges=Edges.asked(known), kept=number)


def features_like(known: Path, place: Place) -> None:
    """Writes the frames that templates cut, of the kind that they were learned from."""
    network, frames = (read_json(known / ASKED)[name] for name in ("network", "frames"))
    if frames is not None:
        raise ValueError(
            f"{known}: its templates are of the frames in {frames}; give those of this corpus to `unitdisc segment`, "
            f"with `templates` {known / TEMPLATES}"
        )
    features(place.corpus, place.folder / FRAMES, first_features(network), access=place.access)


def written(
    place: Place,
    found: rounds.Alignment,
    vectors: np.ndarray,
    timing: Timing,
    utterances: Sequence[Utterance],
    *,
    edges: Edges,
    kept: int,
    told: Sequence[dict] = (),
) -> DiscoverResult:
    """Writes units/: encodings whose frames are what codes stand for, and files for other tools."""
    folder, by_id = place.folder / "units", {utterance.id: utterance for utterance in utterances}
    lines = all(utterance.is_image for utterance in utterances)
    settings = {**edges.settings(found, lines), "point": "units", "num_codes": len(vectors)}
    if found.has_blank:
        settings["blank"] = found.blank
    writer = EncodingsWriter(folder, settings)
    with console.progress("writing units", len(timing.names)) as advance:
        for name in timing.names:
            writer.write(*edges.written(found, by_id[name], vectors))
            advance(1)
    writer.finish()
    there = [by_id[name] for name in timing.names]
    formats = ("jsonl", "ctm", "textgrid") if timing.unit == "second" else ("jsonl",)
    export(Encodings.open(folder), there, folder / "units", formats=formats)
    write_codebook(place.folder / VECTORS, vectors, {"frames_of": found.encodings.settings})
    return DiscoverResult(place.folder, [*told], kept, found.units, timing.rate(found.units), timing.unit)
