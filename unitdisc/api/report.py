"""unitdisc report: encodes what is not encoded yet, scores every probe point, and writes the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.encode import say_left_out, write_features, write_features_of_model, write_points
from unitdisc.api.paths import takes_paths
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.encodings import Encodings
from unitdisc.evaluation.inputs import usual_labels
from unitdisc.evaluation.report_scores import score
from unitdisc.experiment import ExperimentError, load, read_part
from unitdisc.files.folders import alone_in, filling
from unitdisc.jobs import WHOLE
from unitdisc.model import PROBE_POINTS
from unitdisc.reports import made_in, write_report
from unitdisc.training.devices import usable_device

FEATURES = "features"  # what the encoder reads, where that is something else


def places(given: dict[str, Any]) -> list[Path]:
    """The folders that every report fills, whatever features its model reads."""
    experiment = Path(given["experiment_folder"])
    encoded = encodings_in(experiment, given["corpus"])
    return [experiment / "report", *(encoded / point for point in PROBE_POINTS)]


def encodings_in(experiment: Path, corpus: Path) -> Path:
    return experiment / "encodings" / (corpus.stem if corpus.suffix == ".jsonl" else corpus.resolve().name)


@takes_paths
@filling(places)
def report(
    experiment_folder: Path,
    corpus: Path,
    *,
    resyntheses: Path | None = None,
    compare: Sequence[Path] = (),
    tier: str | None = None,
    context: str | None = None,
    seed: int = 0,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Path:
    """Encodes and scores a corpus at every probe point; writes EXPERIMENT/report/scores.json and index.html.

    resyntheses: a folder that `resynthesise` made (default: EXPERIMENT/resyntheses, if there is one).
    compare: other experiments that have a report. tier, context: of the labels and of ABX (default: phone and
    triphone; of line images, character and any). seed: of the probes. access: but for its shard: a report is of all.

    Returns the page, index.html. Raises ExperimentError where there is no model, or no report to compare with, and
    CorpusError for a corpus that cannot be used.

    >>> page = unitdisc.report("exp/vq", "data/test.jsonl", context="any")
    """
    tier, context = usual_labels(corpus, tier, context)
    access = replace(access, shard=WHOLE)  # a report is of all utterances
    others = read_reports(experiment_folder, compare)
    loaded = load(experiment_folder, usable_device(device))
    kept = loaded[0].features()
    plain = plain_features(kept)
    baseline, original = plain[0].kind, plain[-1].kind
    read = [] if kept == plain[0] else [FEATURES]
    folder = encodings_in(experiment_folder, corpus)
    # not before it is known which: a run that is killed leaves the folder of a lock, which nobody fills
    with alone_in(folder / point for point in (*(features.kind for features in plain), *read)):
        usable = usable_utterances(corpus, kept, access)
        table = UtteranceTable.of(usable)
        signals = loaded[0].signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
        signals = signals.with_speakers_of(table)
        problems = write_points(
            experiment_folder, loaded, table, folder, points=PROBE_POINTS, access=access, signals=signals
        )
        say_left_out(problems, len(usable), access.strict)
        for features in plain:
            write_features(table, folder / features.kind, features, access=access)
        for point in read:
            write_features_of_model(signals, table, folder / point)
        points = {point: Encodings.open(folder / point) for point in (baseline, *read, *PROBE_POINTS)}
        there = set.intersection(*(set(encodings.codes) for encodings in points.values()))
        utterances = [utterance for utterance in usable if utterance.id in there]
        with console.progress("scoring", 100, "%") as advance:
            watch = Percent(advance)
            scores = score(
                points,
                utterances,
                Encodings.open(folder / original),
                tier=tier,
                context=context,
                seed=seed,
                progress=watch,
            )
        made = made_in(resyntheses or experiment_folder / "resyntheses")
        return write_report(experiment_folder, utterances, points, scores=scores, compare=others, made=made)


def plain_features(features: Features) -> list[Features]:
    """What is scored beside the model, and what probes reconstruct: MFCC and log-mel, or the columns of pixels."""
    if features.images:
        return [replace(features, normalise="none", adaptation="")]
    plain = {"normalise": "none", "resample": features.resample}
    return [AcousticFeatures(kind, features.rate, features.hop, **plain) for kind in ("mfcc", "log-mel")]


class Percent:
    """Turns "so many of so many jobs" into steps of a bar."""

    def __init__(self, advance):
        self.advance = advance
        self.done = 0

    def __call__(self, done: int, jobs: int, job: str) -> None:
        percent = round(100 * done / jobs)
        self.advance(percent - self.done, job)
        self.done = percent


def read_reports(experiment: Path, others: Sequence[Path]) -> dict[str, dict]:
    """The scores of other experiments by the names of their folders, or by the whole paths where names repeat."""
    names = [folder.resolve().name for folder in (experiment, *others)]
    unique = len(set(names)) == len(names)
    return {name if unique else str(other): read_report(other) for name, other in zip(names[1:], others)}


def read_report(experiment: Path) -> dict:
    if not (experiment / "report" / "scores.json").exists():
        raise ExperimentError(f"{experiment}: has no report to compare with; run `unitdisc report` on it first")
    return read_part(experiment / "report", "scores.json", dict, cure="run `unitdisc report` on it again")
