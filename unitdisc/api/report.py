"""unitdisc report: encodes what is not encoded yet, scores every probe point, and writes the page."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.encode import say_left_out, write_features, write_features_of_model, write_points
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Features
from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import Sampling
from unitdisc.evaluation.inputs import usual_labels
from unitdisc.evaluation.report_scores import score, usual_sampling
from unitdisc.experiment import ExperimentError, load, read_part
from unitdisc.files.folders import alone_in, filling
from unitdisc.jobs import WHOLE
from unitdisc.model import PROBE_POINTS
from unitdisc.reports.page import write_report
from unitdisc.reports.resyntheses import made_in
from unitdisc.training.devices import usable_device

FEATURES = "features"  # what the encoder reads, where that is something else
MANY = 10_000  # utterances, of which every one has a file at every point


def places(given: dict[str, Any]) -> list[Path]:
    """The folders that every report fills, whatever features its model reads."""
    experiment = Path(given["experiment_folder"])
    encoded = encodings_in(experiment, given["corpus"], given["utterances"], given["seed"])
    return [experiment / "report", *(encoded / point for point in PROBE_POINTS)]


def encodings_in(experiment: Path, corpus: Path, utterances: int | None = None, seed: int = 0) -> Path:
    """Where encodings of a corpus are; of some utterances of it, drawn by a seed, elsewhere than those of all."""
    name = corpus.stem if corpus.suffix == ".jsonl" else corpus.resolve().name
    return experiment / "encodings" / (name if utterances is None else f"{name}-{utterances}-by-seed-{seed}")


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
    utterances: int | None = None,
    sampling: Sampling | None = None,
    all_items: bool = False,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Path:
    """Encodes and scores a corpus at every probe point; writes EXPERIMENT/report/scores.json and index.html.

    resyntheses: a folder that `resynthesise` made (default: EXPERIMENT/resyntheses, if there is one).
    compare: other experiments that have a report. tier, context: of the labels and of ABX (default: phone and
    triphone; of line images, character and any). seed: of the probes, and of the draw of utterances.
    utterances: so many, drawn by chance, are encoded, scored and shown; None: all. Encodings are then in a folder of
    their own.
    sampling: what ABX draws; None: nothing, but of more than 4 million cells across speakers, or 100 million pairs of
    items in one context, a sample as Libri-Light's: at most 10 items of a group, 5 other speakers for each. The page
    says so. all_items: nothing, however many there are.
    access: but for its shard: a report is not shared.

    Returns the page, index.html. Raises ExperimentError where there is no model, or no report to compare with, and
    CorpusError for a corpus that cannot be used.

    >>> page = unitdisc.report("exp/vq", "data/test.jsonl", context="any")
    """
    if utterances is not None and utterances < 1:
        raise ValueError(f"`utterances` must be 1 or more, not {utterances}; leave it out for all")
    if all_items and sampling is not None:
        raise ValueError("`all_items`: nothing is drawn, so that a sample means nothing; leave out either")
    tier, context = usual_labels(corpus, tier, context)
    access = replace(access, shard=WHOLE)  # a report is of all utterances
    others = read_reports(experiment_folder, compare)
    loaded = load(experiment_folder, usable_device(device))
    kept = loaded[0].features()
    plain = plain_features(kept)
    baseline, original = plain[0].kind, plain[-1].kind
    read = [] if kept == plain[0] else [FEATURES]
    folder = encodings_in(experiment_folder, corpus, utterances, seed)
    # not before it is known which: a run that is killed leaves the folder of a lock, which nobody fills
    with alone_in(folder / point for point in (*(features.kind for features in plain), *read)):
        usable = usable_utterances(corpus, kept, access)
        chosen = drawn(usable, utterances, seed)
        say_how_many(len(chosen), len(usable), points=len(plain) + len(read) + len(PROBE_POINTS))
        table = UtteranceTable.of(chosen)
        signals = loaded[0].signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
        heard = table if len(chosen) == len(usable) else UtteranceTable.of(usable).by_speakers(table.speakers())
        signals = signals.with_speakers_of(heard)  # with all they say, or their units would be others
        problems = write_points(
            experiment_folder, loaded, table, folder, points=PROBE_POINTS, access=access, signals=signals
        )
        say_left_out(problems, len(chosen), access.strict)
        for features in plain:
            write_features(table, folder / features.kind, features, access=access)
        for point in read:
            write_features_of_model(signals, table, folder / point)
        points = {point: Encodings.open(folder / point) for point in (baseline, *read, *PROBE_POINTS)}
        there = set.intersection(*(set(encodings.codes) for encodings in points.values()))
        scored = [utterance for utterance in chosen if utterance.id in there]
        compared = sampling or (None if all_items else large_sampling(scored, tier, context))
        with console.progress("scoring", 100, "%") as advance:
            watch = Percent(advance)
            scores = score(
                points,
                scored,
                Encodings.open(folder / original),
                tier=tier,
                context=context,
                seed=seed,
                sampling=compared,
                progress=watch,
            )
        if len(chosen) < len(usable):
            scores["settings"]["drawn"] = {"utterances": len(chosen), "of": len(usable), "seed": seed}
        made = made_in(resyntheses or experiment_folder / "resyntheses")
        return write_report(experiment_folder, scored, points, scores=scores, compare=others, made=made)


def drawn(utterances: list[Utterance], number: int | None, seed: int) -> list[Utterance]:
    """Some of the utterances, in the same order: those of least hashes, so that fewer are among those of more."""
    if number is None or number >= len(utterances):
        return utterances
    hashes = [hashlib.blake2b(f"{seed}\0{each.id}".encode(errors="surrogatepass")).digest() for each in utterances]
    chosen = sorted(range(len(utterances)), key=hashes.__getitem__)[:number]
    return [utterances[place] for place in sorted(chosen)]


def say_how_many(chosen: int, total: int, points: int) -> None:
    """Says what the report is of, where it is not all, or where all are many."""
    if chosen < total:
        console.say(f"a report of {chosen:,} utterances, drawn by chance of {total:,}")
    elif chosen > MANY:
        files = f"{chosen:,} utterances, each with a file at {points} points: {points * chosen:,} files"
        console.say(f"a report of {files}; `utterances` {MANY // 2} makes one of fewer, drawn by chance")


def large_sampling(utterances: list[Utterance], tier: str, context: str) -> Sampling | None:
    """The sample that ABX of a large corpus is of, which is said; None where all can be compared."""
    sampling = usual_sampling(utterances, tier, context)
    if sampling is not None:
        console.say(
            f"ABX is of a sample: at most {sampling.max_size_group} items of one label and speaker, and "
            f"{sampling.max_x_across} other speakers for each; `all_items` compares all"
        )
    return sampling


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
