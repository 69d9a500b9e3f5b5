"""unitdisc train: from a corpus to an experiment."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.origin import with_origin
from unitdisc.api.paths import takes_paths
from unitdisc.api.train_continued import check_same
from unitdisc.api.train_corpus import (
    codes_of_features,
    codes_of_units,
    description,
    prepare,
    refuse_cut_items,
    refuse_wide_items,
    speakers_of,
    split,
)
from unitdisc.bottlenecks import CutsUtterances
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.augmentation import Views
from unitdisc.data.codes import read_codes
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches, batches
from unitdisc.data.pretrained import run_on
from unitdisc.data.signals import Signals
from unitdisc.data.tar_crops import ShardBatches, ShardPlan, in_shards, places_of
from unitdisc.experiment import WEIGHTS, Experiment, config, load, save_weights
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import LockedError, locked
from unitdisc.model import UnitModel
from unitdisc.objectives import ChangedInValidation, ComparesViews, Conversion, Vocoding
from unitdisc.training.compile import check_compiler
from unitdisc.training.devices import usable_device
from unitdisc.training.distributed import Agreement, processes, rank, together, world_size
from unitdisc.training.hardening import refuse_hardening
from unitdisc.training.memory import keep_freed_memory
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions
from unitdisc.training.whole_utterances import WholeUtterances

VALIDATION_BATCHES = 8


@takes_paths
def train(
    config_source: str,
    corpus: Path,
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    units: Path | None = None,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
) -> Path:
    """Trains a model, or goes on training it; returns the folder, an experiment that `unitdisc.load` opens.

    config_source: a TOML file, or the name of a preset, such as "small". folder: to create, or to go on with.
    overrides: "TABLE.OPTION=VALUE" each. units: a folder that `discover` filled, or another experiment, whose network
    is the encoder: of the presets "units-handwriting" and "units-speech", and of encoder.kind "experiment". It is read
    when training begins, and then no more. access: how the corpus is read. device: cpu, cuda, cuda:1 (default: a GPU if
    there is one).

    Raises ConfigError for options that cannot be, CorpusError for a corpus that cannot be used, ExperimentError if the
    folder holds another experiment, FloatingPointError if the loss is no number, LockedError while another run trains
    there, and LostProcessError where several processes train, and another one goes away.

    >>> unitdisc.train("small", "data/train.jsonl", "exp/mine", ["training.steps=3", "bottleneck.num_codes=8"])
    """
    with processes(device) as own, together(), locked_by_first(folder_for_results(folder)):
        place = usable_device(own)
        train_together(config_source, corpus, folder, overrides, units=units, access=access, device=place)
    return folder


@contextmanager
def locked_by_first(folder: Path) -> Iterator[None]:
    """Keeps other runs out of an experiment, by the first process for all. Raises LockedError on the first alone."""
    with ExitStack() as stack:
        refusal = None
        if rank() == 0:
            try:
                stack.enter_context(locked(folder))
            except (LockedError, OSError) as error:
                refusal = str(error)
        refusal = Agreement().of_all(refusal)[0]
        if refusal is not None:
            raise LockedError(refusal) if rank() == 0 else SystemExit(1)
        yield


def train_together(
    config_source: str,
    corpus: Path,
    folder: Path,
    overrides: Sequence[str],
    *,
    units: Path | None,
    access: CorpusAccess,
    device: str,
) -> None:
    """As `train`, on a process that has joined the others."""
    run_on(device)
    folder = folder_for_results(folder)
    options, origin = with_origin(config.read(config_source, overrides), units, folder)
    training = config.construct("[training]", TrainingOptions, options.get("training", {}))
    random.seed(training.seed)
    np.random.seed(training.seed)
    features = Experiment(options, [], {}).features()
    untrained = Experiment(options, ["?"], {}).build()  # a wrong option shows now, not after the corpus is read
    stride, offset, context = geometry(untrained)
    crop = training.crop or None
    CropPlan([1], training.batch_size, crop, stride=stride, seed=training.seed)
    refuse_cut_items(untrained, training)
    if training.adversarial:
        refuse_hardening(untrained.objective)
    if isinstance(untrained.objective, Vocoding):
        untrained.objective.refuse_other(untrained)
    if training.compile:
        check_compiler(device, untrained.decoder)
    utterances = usable_table(corpus, features, access, thorough=True)
    refuse_wide_items(untrained, utterances, features)
    training_set, validation_set = split(utterances, training.valid_share, training.seed)
    corpus_used = description(corpus, utterances, features)
    wanted, codes = Experiment(options, [], {}).codes(), None
    if wanted is not None and wanted.folders:
        codes = read_codes(wanted, utterances, features, stride=stride, offset=offset)
        corpus_used["codes"] = codes.checksum()
    by_shard = in_shards(training.order, training_set)
    options = with_order(options, by_shard)
    if by_shard and rank() == 0:
        why = "all recordings lie in them" if training.order == "auto" else "as training.order says"
        console.say(f"reading shards from beginning to end, {why}; training.order=random jumps about in them")
    experiment = Experiment(options, speakers_of(utterances), corpus_used).with_defaults(TrainingOptions)
    if experiment.has("adversary") and len(experiment.speakers) < 2:
        raise config.ConfigError("[adversary] takes two speakers to tell apart, and the corpus names none or one")
    if isinstance(untrained.objective, Conversion) and len(experiment.speakers) < 2:
        raise config.ConfigError(
            "[objective] 'convert' takes two scribes, or speakers, and the corpus names none or one"
        )
    check_same(experiment, folder)
    signals = prepare(experiment, training_set, folder, access, known=origin and (origin, utterances))

    def build() -> UnitModel:
        model = experiment.build()
        if origin is not None:
            origin.give(model)
        return model

    if isinstance(untrained.bottleneck, CutsUtterances):
        codes = codes_of_units(build if origin else lambda: load(folder)[1], signals, utterances, folder, device)
    if codes is None and experiment.codes() is not None:
        codes = codes_of_features(experiment, signals, training_set, folder, stride, training.seed)

    def dataset(
        part: UtteranceTable,
        seed: int,
        share: tuple[int, int],
        by_shard: bool = False,
        views: Views | None = None,
    ) -> CropBatches:
        frames = part.measured(signals.features.frames_in)
        kind, cut = CropBatches, {"crop": crop, "stride": stride, "seed": seed}
        if by_shard:
            kind, plan = ShardBatches, ShardPlan(frames, places_of(part), training.batch_size, **cut)
        else:
            plan = CropPlan(frames, training.batch_size, **cut)
        return kind(
            part, signals, plan, context=context, speakers=experiment.speakers, share=share, codes=codes, views=views
        )

    views = views_of(untrained, experiment, signals, training.seed)
    examples = dataset(training_set, training.seed, (rank(), world_size()), by_shard, views)
    valid = []
    if validation_set:
        changed = views if isinstance(untrained.objective, ChangedInValidation) else None
        held_out = dataset(validation_set, training.seed, (0, 1), views=changed)
        valid = [held_out[step] for step in range(min(held_out.plan.batches_per_epoch, VALIDATION_BATCHES))]

    keep_freed_memory()  # from here on: what reading the corpus took is handed back
    calibrate = WholeUtterances(signals, training_set, training.seed)

    def keep(model: UnitModel) -> None:
        calibrate(model)
        save_weights(folder, model)

    watching = console.progress("training", training.steps, "steps") if rank() == 0 else nullcontext(lambda *_: None)
    with watching as advance:
        progress = Progress(Steps(advance), console.say if rank() == 0 else lambda message: None)
        trainer = Trainer(build, training, folder, device=device, progress=progress)
        progress.step.done = trainer.step
        advance(trainer.step)
        trainer.run(
            lambda step: batches(
                examples, step, training.steps, workers=training.workers, pinned=device.startswith("cuda")
            ),
            valid,
            keep,
            examples.magnitudes,
        )
        if rank() == 0 and not (folder / WEIGHTS).exists():  # removed, and no step was left to train
            keep(trainer.average.copy)
    Agreement().wait()


def views_of(model: UnitModel, experiment: Experiment, signals: Signals, seed: int) -> Views | None:
    """How the encoder hears crops in training; None: as they are, once."""
    augmentation, objective = experiment.augmentation(), model.objective
    second = objective.second_view if isinstance(objective, ComparesViews) else None
    return Views(signals, augmentation, seed, second=second) if augmentation.is_on else None


class Steps:
    """Moves the bar, and shows the losses when there are some."""

    def __init__(self, advance):
        self.advance = advance
        self.done = 0

    def __call__(self, step: int, losses: dict) -> None:
        self.advance(step - self.done, "  ".join(f"{name} {value:.4f}" for name, value in losses.items()))
        self.done = step


def with_order(options: dict, by_shard: bool) -> dict:
    """The options with how the corpus is read, where that was left to the corpus: it may not change on the way."""
    return {**options, "training": {**options.get("training", {}), "order": "shards" if by_shard else "random"}}


def geometry(model: UnitModel) -> tuple[int, float, int]:
    """The encoder's stride and offset, and how many frames of context a crop needs on either side."""
    encoder = model.encoder
    return encoder.stride, encoder.offset, encoder.reach
