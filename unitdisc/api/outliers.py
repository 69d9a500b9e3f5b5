"""unitdisc outliers: utterances, lines and stretches that a model finds unlikely."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.heard_corpus import heard_corpus
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.evaluation.outlying import STANDS_OUT, modified_z
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import Experiment, ExperimentError, load, weights_checksum
from unitdisc.files import write_json, write_text
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.inference.likelihood import check_likelihoods
from unitdisc.inference.outliers import Unlikeliness, unlikeliness
from unitdisc.model import UnitModel
from unitdisc.reports.finds import Find
from unitdisc.reports.outliers_page import SHOWN, write_outliers_page
from unitdisc.training.devices import usable_device

LISTED, FACTS, PAGE = "outliers.jsonl", "outliers.json", "index.html"
STRETCH = {False: 0.5, True: 2.0}  # seconds, or heights of a line
KINDS = {  # of suspicion: what counts, and on which side of the middle it is suspicious
    "signal": ("bits", 1),
    "predictable": ("bits", -1),
    "stretch": ("stretch", 1),
    "units": ("worth", -1),
    "voice": ("voice", 1),
}


@dataclass(frozen=True)
class Outlier:
    """How far one utterance stands out.

    z: modified z-scores of its suspicions, more being more suspicious: "signal", it is unlikely given its units;
    "predictable", it is unusually likely, as what is empty; "stretch", its unlikeliest stretch is unlikely; "units",
    they tell little of it; and "voice", another speaker's would be likelier. because: that of the largest, `largest`.
    """

    id: str
    speaker: str | None
    because: str
    largest: float
    z: dict[str, float]
    found: Unlikeliness


@dataclass(frozen=True)
class OutliersResult:
    """The utterances of a corpus, most suspicious first, and how many stand out: their z-score is above STANDS_OUT."""

    folder: Path
    outliers: list[Outlier]
    standing_out: int


@takes_paths
@filling(lambda given: [given["folder"]])
def outliers(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    *,
    against: Path | None = None,
    voices: bool = False,
    stretch: float | None = None,
    strict: bool = False,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> OutliersResult:
    """Which utterances of a corpus does a model find unlikely: writes outliers.jsonl, outliers.json and a page.

    The model is an experiment whose decoder says how probable a target is. against: a corpus that is taken to be in
    order, whose middle and spread count, such as the one the model was trained on (default: the corpus itself, of which
    most is taken to be in order). voices: also ask whether another speaker's voice would be likelier, of all that the
    model knows, which takes as many times as there are. stretch: how long the stretch is that is looked at by itself,
    in seconds (.5), or in heights of a line (2).

    Raises ExperimentError where there is no such model, CorpusError for a corpus that cannot be used (`strict`: for any
    utterance that cannot be), and ValueError for a stretch that is not positive.

    >>> found = unitdisc.outliers("exp/vq", "data/test.jsonl", "exp/outliers", against="data/train.jsonl")
    >>> found.outliers[0].id, found.outliers[0].because, found.standing_out
    """
    if stretch is not None and not 0 < stretch < float("inf"):
        raise ValueError(f"`stretch` must be more than 0, not {stretch}")
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    check_likelihoods(model, experiment_folder)
    if voices and len(experiment.speakers) < 2:
        raise ExperimentError(f"{experiment_folder}: knows one voice only; leave `voices` out")

    def measured(path: Path) -> tuple[list[Utterance], dict[str, Unlikeliness]]:
        return measured_corpus(
            path, experiment, model, experiment_folder, voices=voices, stretch=stretch, strict=strict, access=access
        )

    utterances, found = measured(corpus)
    reference = found if against is None or against == corpus else measured(against)[1]
    ranked = rank([one for one in utterances if one.id in found], found, reference)
    standing_out = sum(one.largest > STANDS_OUT for one in ranked)
    write_text(folder / LISTED, "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in ranked))
    facts = {
        "experiment": str(experiment_folder),
        "model": weights_checksum(experiment_folder),
        "corpus": str(corpus),
        "against": None if against is None else str(against),
        "utterances": len(ranked),
        "standing_out": standing_out,
        "threshold": STANDS_OUT,
    }
    by_id = {utterance.id: utterance for utterance in utterances}
    write_outliers_page(folder / PAGE, [shown(one, by_id[one.id]) for one in ranked[:SHOWN]], facts)
    write_json(folder / FACTS, facts | {"versions": versions()})
    return OutliersResult(folder, ranked, standing_out)


def measured_corpus(
    corpus: Path,
    experiment: Experiment,
    model: UnitModel,
    folder: Path,
    *,
    voices: bool,
    stretch: float | None,
    strict: bool,
    access: CorpusAccess,
) -> tuple[list[Utterance], dict[str, Unlikeliness]]:
    """The utterances of a corpus, and how unlikely those are that can be read; says which cannot."""
    table, signals = heard_corpus(experiment, folder, corpus, access)
    utterances = list(table)
    length = STRETCH[utterances[0].is_image] if stretch is None else stretch
    with console.progress("predicting", len(utterances)) as advance:
        found, problems = unlikeliness(
            model,
            signals,
            utterances,
            speakers=experiment.speakers,
            stretch=length,
            voices=voices,
            advance=advance,
        )
    say_left_out(problems, len(utterances), strict)
    return utterances, found


def rank(
    utterances: Sequence[Utterance], found: Mapping[str, Unlikeliness], reference: Mapping[str, Unlikeliness]
) -> list[Outlier]:
    """Most suspicious first; of equals, as their ids come. Suspicions that nothing is known of do not count."""
    scores: dict[str, dict[str, float]] = {utterance.id: {} for utterance in utterances}
    for kind, (name, side) in KINDS.items():
        known = {id: getattr(found[id], name) for id in scores if getattr(found[id], name) is not None}
        among = [getattr(one, name) for one in reference.values() if getattr(one, name) is not None]
        if known and among:
            apart = side * modified_z(list(known.values()), among)
            for id, z in zip(known, apart.tolist()):
                scores[id][kind] = z
    ranked = []
    for utterance in utterances:
        z = scores[utterance.id]
        because = max(z, key=z.get)
        ranked.append(Outlier(utterance.id, utterance.speaker, because, z[because], z, found[utterance.id]))
    return sorted(ranked, key=lambda one: (-one.largest, one.id))


def shown(outlier: Outlier, utterance: Utterance) -> tuple[Find, Outlier]:
    """With its unlikeliest stretch, as the page shows it."""
    return Find(utterance, Interval(outlier.found.start, outlier.found.end, ""), outlier.largest), outlier
