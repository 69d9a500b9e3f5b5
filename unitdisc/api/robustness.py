"""unitdisc robustness: how small a change of the signal turns units, and what is read off frames."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.heard_corpus import heard_corpus
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import CorpusError, Utterance, labels_at
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.data.signals import Signals
from unitdisc.encodings import centres_in_ticks
from unitdisc.evaluation import labelled
from unitdisc.evaluation.inputs import check_tier, usual_labels
from unitdisc.evaluation.probes.models import linear_reader
from unitdisc.evaluation.settings import Measured
from unitdisc.experiment import ExperimentError, load, weights_checksum
from unitdisc.inference.attacks import Attack, AttackOptions
from unitdisc.model import UnitModel
from unitdisc.training.devices import usable_device

NO_LABEL = -1


@dataclass(frozen=True)
class Example:
    """Features of one utterance [T, C], and the labels of encoded frames [T'], NO_LABEL where there is none."""

    utterance: Utterance
    features: Tensor
    labels: Tensor


@takes_paths
def robustness(
    experiment_folder: Path,
    corpus: Path,
    options: AttackOptions = AttackOptions(),
    *,
    tier: str | None = None,
    limit: int | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Measured:
    """How small a change of the features of a corpus turns the units of an experiment, or what a reader reads.

    Changes are adversarial (projected gradient ascent, Madry et al., 2018), or by lot and as large. Units are counted
    where the bottleneck has codes. Labels of the tier (default: phone; of line images, character), where there are any,
    are read by a linear classifier of frames before the bottleneck, trained on every second speaker (or utterance, of
    one speaker) and attacked on the others. limit: of utterances that are attacked.

    Returns figures["units"] and ["labels"], a row for every size: "size", and of units the shares of frames that get
    another code, of labels the accuracies, "by_lot" and "adversarial"; figures["accuracy"] is that without a change.
    Raises ExperimentError if there is neither, CorpusError for a corpus that cannot be used, UnscorableError if it has
    labels, but not in the tier that is asked for, and ValueError for a limit below 1.

    >>> found = unitdisc.robustness("exp/vq", "data/test.jsonl", unitdisc.AttackOptions(sizes=(0.1,), steps=2), limit=2)
    >>> found.figures["units"][0]["adversarial"]
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be 1 or more, not {limit}")
    asked, (tier, _) = tier, usual_labels(corpus, tier)
    experiment, model = load(experiment_folder, usable_device(device))
    model.requires_grad_(False)
    table, signals = heard_corpus(experiment, experiment_folder, corpus, access)
    there = {utterance.id for utterance in table}  # a table knows no labels
    utterances = [utterance for utterance in read_corpus(corpus, access.allow_pipes) if utterance.id in there]
    if asked:
        check_tier(corpus, utterances, tier)
    learned, attacked = halves(utterances)
    names = sorted({label for u in utterances if tier in u.alignment for *_, label in labelled(u, tier)})
    has_codes = getattr(model.bottleneck, "num_codes", None) is not None
    if not has_codes and not names:
        raise ExperimentError(f"{experiment_folder}: has no codes, and {corpus} no labels in the tier {tier!r} to read")
    problems: list[str] = []
    reader = None
    if names:
        known = examples(learned, model, signals, names=names, tier=tier, problems=problems)
        reader = read_by(model, known, len(names))
    shown = examples(attacked[:limit], model, signals, names=names, tier=tier, problems=problems)
    why = "every second speaker is kept to learn from" + (f", and `limit` is {limit}" if limit else "")
    console.say(f"{len(shown)} of {len(utterances)} utterances are attacked: {why}")
    turned, right = np.zeros((len(options.sizes), 2)), np.zeros((len(options.sizes), 2))
    frames = told = read = 0
    with console.progress("attacking", len(shown)) as advance:
        for place, example in enumerate(shown):
            attack = Attack(model, example.features, options, seed=options.seed + place)
            if has_codes:
                if attack.codes(attack.features) is None:
                    raise ExperimentError(
                        f"{experiment_folder}: has no codes yet, for all of its training was bottleneck.warmup_steps; "
                        "train it further, or lower these"
                    )
                changes = turned_codes(attack)
                turned, frames = turned + changes[0], frames + changes[1]
            if reader is not None and (example.labels != NO_LABEL).any():
                plain, under_attack = readings(attack, reader, example.labels)
                right, read = right + under_attack, read + plain
                told += int((example.labels != NO_LABEL).sum())
            advance(1)
    say_left_out(problems, len(utterances))
    figures = {}
    if frames:
        figures["units"] = rows(options.sizes, turned / frames)
    if told:
        figures |= {"accuracy": read / told, "labels": rows(options.sizes, right / told)}
    else:
        why = f"no labels of the tier {tier!r} are read: they must be with those learned from and with those attacked"
        if not figures:
            raise CorpusError(f"{corpus}: {why}")
        console.say(why)
    settings = {"tier": tier, "corpus": str(corpus), "utterances": len(shown), **asdict(options)}
    settings["sizes"] = list(options.sizes)
    return Measured(figures, experiment_folder, settings | {"model": weights_checksum(experiment_folder)})


def halves(utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """By every second speaker; of one speaker, every second utterance. Raises CorpusError if one half is empty."""
    groups = sorted({utterance.speaker or "" for utterance in utterances})
    if len(groups) > 1:
        first = {*groups[::2]}
        parts = [[u for u in utterances if ((u.speaker or "") in first) == side] for side in (True, False)]
    else:
        parts = [[*utterances[::2]], [*utterances[1::2]]]
    if not all(parts):
        raise CorpusError(
            "one utterance is too few: a reader learns from one half, and the other is attacked; give more"
        )
    return parts[0], parts[1]


def examples(
    utterances: Sequence[Utterance],
    model: UnitModel,
    signals: Signals,
    *,
    names: Sequence[str],
    tier: str,
    problems: list[str],
) -> list[Example]:
    """Those that can be read; why others cannot is added to `problems`."""
    device = next(model.parameters()).device
    grid = signals.features.grid(model.encoder.stride, model.encoder.offset)
    codes = {name: code for code, name in enumerate(names)}
    found = []
    for utterance in utterances:
        try:
            features = signals.features_of(utterance)
        except CorpusError as error:
            problems.append(str(error))
            continue
        if not len(features):
            problems.append(f"{utterance.id}: is shorter than a frame, so it has no units; leave it out")
            continue
        frames = -(-len(features) // model.encoder.stride)
        centres = centres_in_ticks(frames, grid, signals.features.scale(utterance))
        intervals = labelled(utterance, tier) if tier in utterance.alignment else []
        labels = [codes.get(label, NO_LABEL) for label in labels_at(intervals, centres)]
        found.append(Example(utterance, torch.from_numpy(features).to(device), torch.tensor(labels, device=device)))
    return found


def read_by(model: UnitModel, known: Sequence[Example], classes: int) -> nn.Module | None:
    """A linear reader of frames before the bottleneck; None if no frame of these has a label."""
    frames, labels = [], []
    for example in known:
        with torch.no_grad():
            projected = Attack(model, example.features, AttackOptions(), seed=0).projected(example.features)
        there = example.labels != NO_LABEL
        frames.append(projected[there])
        labels.append(example.labels[there])
    if not any(map(len, labels)):
        return None
    return linear_reader(torch.cat(frames), torch.cat(labels), classes)


def turned_codes(attack: Attack) -> tuple[np.ndarray, int]:
    """Frames of an utterance whose code is another, for every size by lot and by ascent [S, 2]; and all frames."""
    before = attack.codes(attack.features)
    turned = [
        [int((attack.codes(changed) != before).sum()) for changed in (attack.by_lot(size), attack.drawn_away(size))]
        for size in attack.options.sizes
    ]
    return np.array(turned), len(before)


def readings(attack: Attack, reader: nn.Module, labels: Tensor) -> tuple[int, np.ndarray]:
    """Labels that are read right without a change; and for every size, by lot and by ascent: [S, 2]."""
    there = labels != NO_LABEL

    def loss(projected: Tensor) -> Tensor:
        return F.cross_entropy(reader(projected[there]), labels[there], reduction="sum")

    def right(features: Tensor) -> int:
        with torch.no_grad():
            return int((reader(attack.projected(features)[there]).argmax(-1) == labels[there]).sum())

    under_attack = [[right(attack.by_lot(size)), right(attack.ascent(size, loss))] for size in attack.options.sizes]
    return right(attack.features), np.array(under_attack)


def rows(sizes: Sequence[float], shares: np.ndarray) -> list[dict[str, float]]:
    return [
        {"size": size, "by_lot": by_lot, "adversarial": adversarial}
        for size, (by_lot, adversarial) in zip(sizes, shares.tolist())
    ]
