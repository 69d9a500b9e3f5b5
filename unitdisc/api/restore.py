"""unitdisc restore: damaged lines made whole, by an experiment that learned it of lines damaged on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from unitdisc import console
from unitdisc.api.encode import say_left_out
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Utterance, scaled
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.data.cache import file_of
from unitdisc.data.loader import FRAMES_IN_A_BATCH, features_of, stacked, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.experiment import ExperimentError, load, weights_checksum
from unitdisc.files import take_away, write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.made_of import facts_in, refuse_other
from unitdisc.media.image import BLANK, ImageError, image_info, write_image
from unitdisc.model import UnitModel
from unitdisc.objectives import Restoration
from unitdisc.training.devices import usable_device

FACTS, MANIFEST, IMAGES = "restoration.json", "restored.jsonl", "images"


@dataclass(frozen=True)
class RestoreResult:
    """What was written: a manifest of restored lines, and how many there are. left_out: why others are not there."""

    manifest: Path
    lines: int
    left_out: list[str]


@takes_paths
@filling(lambda given: [given["folder"]])
def restore(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    *,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> RestoreResult:
    """Writes every line of a corpus as it may have been: folder/images/ID.png, and folder/restored.jsonl.

    experiment_folder: of the objective "restore", as the preset restore-handwriting makes. Lines get the height of its
    features; ids, writers, texts and tiers stay, the latter at the new columns. An interrupted run is completed.
    access: how the corpus is read, but for the shard. device: cpu, cuda, cuda:1 (default: a GPU if there is one).

    Raises ExperimentError where there is no such model, CorpusError if nothing (or, if `access` is strict, not all) can
    be read, ValueError for a folder that holds the lines themselves, or restored ones of another model or corpus, and
    LockedError while another run fills it.

    >>> unitdisc.restore("exp/restorer", "data/damaged.jsonl", "data/restored").manifest
    """
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    if not isinstance(model.objective, Restoration):
        kind = experiment.options["objective"]["kind"]
        raise ExperimentError(f"{experiment_folder}: learned by {kind!r}, not to restore; train by restore-handwriting")
    utterances = usable_utterances(corpus, experiment.features(), replace(access, trust=False))
    refuse_own(folder, corpus, utterances)
    facts = {"model": weights_checksum(experiment_folder), "corpus": str(corpus.resolve())}
    there = facts_in(folder / FACTS)
    if there is not None:
        refuse_other(folder, "lines", there={name: there.get(name) for name in facts}, asked=facts)
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    write_json(folder / FACTS, facts | {"experiment": str(experiment_folder)})
    problems = []
    with console.progress("restoring", len(utterances), "lines") as advance:
        for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
            wanted = [utterances[place] for place in group]  # all of them, or what is beside a line would change it
            if not all(is_done(path_of(folder, each), each, signals) for each in wanted):
                problems += restore_group(model, signals, wanted, folder)
            advance(len(group))
    restored = [again for each in utterances if (again := restored_line(folder, each, signals)) is not None]
    say_left_out(problems, len(utterances), access.strict)
    write_manifest(folder / MANIFEST, restored)
    return RestoreResult(folder / MANIFEST, len(restored), problems)


def path_of(folder: Path, utterance: Utterance) -> Path:
    return folder / IMAGES / f"{utterance.id}.png"


def refuse_own(folder: Path, corpus: Path, utterances: Sequence[Utterance]) -> None:
    """Raises ValueError if what is restored would take the place of what it is made of."""
    own = {path_of(folder, utterance).resolve() for utterance in utterances}
    if corpus.resolve() == (folder / MANIFEST).resolve() or own & {Path(each.path).resolve() for each in utterances}:
        raise ValueError(f"{folder}: holds the damaged lines, which would be overwritten; choose another folder")


def is_done(path: Path, utterance: Utterance, signals: Signals) -> bool:
    """Whether a restored line is there, of the right size, and not older than the file it was made from."""
    source = file_of(utterance)
    try:
        size = (signals.frames_in(utterance), signals.features.height)
        return image_info(path) == size and (source is None or source.stat().st_mtime_ns <= path.stat().st_mtime_ns)
    except (ImageError, OSError):
        return False


def restore_group(model: UnitModel, signals: Signals, wanted: Sequence[Utterance], folder: Path) -> list[str]:
    """Writes some lines together; returns what is wrong with those that are not written, and leaves no older ones."""
    features, there, problems = features_of(signals, wanted)
    for utterance in wanted:
        take_away(path_of(folder, utterance))
    if not there:
        return problems
    for ink, utterance in zip(restored_inks(model, features), there, strict=True):
        path = path_of(folder, utterance)
        if np.ptp(ink) < BLANK:
            problems.append(f"{utterance.path}: nothing is left of {utterance.id} once it is restored; look at it")
            continue
        try:
            write_image(path, ink)
        except ImageError as error:
            problems.append(str(error))
    return problems


@torch.inference_mode()
def restored_inks(model: UnitModel, features: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a model makes of damaged lines, [T, H] each: ink in [0, 1]."""
    device, stride = next(model.parameters()).device, model.encoder.stride
    sizes = [len(frames) for frames in features]
    lengths = torch.tensor(sizes, device=device)
    damaged = stacked(features, -(-max(sizes) // stride) * stride).to(device)
    units, _ = model.encode(damaged, lengths)
    mask = torch.arange(damaged.shape[1], device=device) < lengths[:, None]
    told = model.objective.restored(damaged, units.latents, mask).float().cpu().numpy()
    return [line[:size] for line, size in zip(told, sizes, strict=True)]


def restored_line(folder: Path, utterance: Utterance, signals: Signals) -> Utterance | None:
    """A line as it stands in the folder, with all that is known of it; None if it is not there."""
    path = path_of(folder, utterance)
    if not path.exists():
        return None
    again = scaled(utterance, signals.frames_in(utterance))
    return replace(again, path=str(path.absolute()), start=0, height=signals.features.height)
