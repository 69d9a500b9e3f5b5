"""unitdisc restore: damaged lines made whole, by an experiment that learned it of lines damaged on purpose."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from unitdisc.api.changed_corpus import Changed, Version, begin, made_of, refuse_own, write_versions, written
from unitdisc.api.encode import say_left_out
from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.usable_corpus import usable_utterances
from unitdisc.experiment import ExperimentError, load, weights_checksum
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.model import UnitModel
from unitdisc.objectives import Restoration
from unitdisc.training.devices import usable_device

FACTS, MANIFEST, IMAGES = "restoration.json", "restored.jsonl", "images"


@takes_paths
@filling(lambda given: [given["folder"]])
def restore(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    *,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Changed:
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
    refuse_own(
        folder,
        corpus,
        folder / MANIFEST,
        kind="damaged line",
        utterances=utterances,
        written=[path_of(folder, each) for each in utterances],
    )
    facts = {"model": weights_checksum(experiment_folder), "corpus": str(corpus.resolve())}
    begin(folder, FACTS, facts, experiment_folder)
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    restoring = Version(lambda features: restored_inks(model, features), partial(path_of, folder), "restored")
    problems = write_versions(utterances, signals, [restoring], "restoring")
    found = [written(path_of(folder, each), each, signals) for each in utterances]
    restored = [again for again in found if again is not None]
    say_left_out(problems, len(utterances), access.strict)
    write_manifest(folder / MANIFEST, restored)
    return Changed(folder / MANIFEST, len(restored), problems)


def path_of(folder: Path, utterance: Utterance) -> Path:
    return folder / IMAGES / f"{utterance.id}.png"


def restored_inks(model: UnitModel, features: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a model makes of damaged lines, [T, H] each: ink in [0, 1]."""

    def make(damaged: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
        units, _ = model.encode(damaged, lengths)
        return model.objective.restored(damaged, units.latents, mask)

    return made_of(model, features, make)
