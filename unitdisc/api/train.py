"""unitdisc train: from a corpus to an experiment."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.origin import Origin, with_origin
from unitdisc.api.paths import takes_paths
from unitdisc.bottlenecks import CutsUtterances
from unitdisc.corpus import held_out_places
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.augmentation import Views
from unitdisc.data.base import Features
from unitdisc.data.codes import FeatureCodes, StoredCodes, read_codes
from unitdisc.data.crops import CropPlan
from unitdisc.data.fitted_utterances import fitted_of
from unitdisc.data.loader import CropBatches, batches
from unitdisc.data.pretrained import run_on
from unitdisc.data.signals import Signals
from unitdisc.data.tar_crops import ShardBatches, ShardPlan, in_shards, places_of
from unitdisc.experiment import WEIGHTS, Experiment, ExperimentError, config, load, save_weights
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import LockedError, locked
from unitdisc.model import UnitModel
from unitdisc.objectives import ComparesViews
from unitdisc.training.codes import feature_codes, find_codes, read_feature_codes, read_found_codes
from unitdisc.training.compile import check_compiler
from unitdisc.training.devices import usable_device
from unitdisc.training.distributed import Agreement, processes, rank, together, world_size
from unitdisc.training.memory import keep_freed_memory
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions
from unitdisc.training.whole_utterances import WholeUtterances

MOST_VALIDATION = 64  # utterances
VALIDATION_BATCHES = 8
MAY_CHANGE = {  # between a stop and a resume
    "decoder.checkpoint",
    "encoder.folder",  # encoder.network says whether it is the same
    "training.checkpoint_every",
    "training.compile",
    "training.deterministic",
    "training.gradient_accumulation",
    "training.log_every",
    "training.steps",
    "training.valid_every",
    "training.workers",
}
DECIDING = ("kind", "reconstruction", "model", "revision")  # which other options there are, and their defaults


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
    if training.compile:
        check_compiler(device, untrained.decoder)
    utterances = usable_table(corpus, features, access, thorough=True)
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
        if by_shard:
            plan = ShardPlan(frames, places_of(part), training.batch_size, crop=crop, stride=stride, seed=seed)
            return ShardBatches(
                part,
                signals,
                plan,
                context=context,
                speakers=experiment.speakers,
                share=share,
                codes=codes,
                views=views,
            )
        plan = CropPlan(frames, training.batch_size, crop, stride=stride, seed=seed)
        return CropBatches(
            part, signals, plan, context=context, speakers=experiment.speakers, share=share, codes=codes, views=views
        )

    views = views_of(untrained, experiment, signals, training.seed)
    examples = dataset(training_set, training.seed, (rank(), world_size()), by_shard, views)
    valid = []
    if validation_set:
        held_out = dataset(validation_set, training.seed, (0, 1))
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


def split(utterances: UtteranceTable, share: float, seed: int) -> tuple[UtteranceTable, UtteranceTable]:
    """Training and validation utterances. Raises ConfigError if the share leaves nothing to train on."""
    training, validation = held_out_places(len(utterances), share, seed, most=MOST_VALIDATION)
    if not len(training):
        raise config.ConfigError(f"[training]: valid_share {share} holds out all utterances; 0.05 is usual")
    return utterances.take(training), utterances.take(validation)


def speakers_of(utterances: UtteranceTable) -> list[str]:
    return sorted(speaker for speaker in utterances.speakers() if speaker is not None) or ["?"]


def description(corpus: Path, utterances: UtteranceTable, features: Features) -> dict:
    return {
        "path": str(corpus),
        "checksum": utterances.checksum()[:16],
        "utterances": len(utterances),
        "speakers": len(utterances.speakers()),
        **features.amount(utterances),
    }


def with_order(options: dict, by_shard: bool) -> dict:
    """The options with how the corpus is read, where that was left to the corpus: it may not change on the way."""
    return {**options, "training": {**options.get("training", {}), "order": "shards" if by_shard else "random"}}


def check_same(experiment: Experiment, folder: Path) -> None:
    """Raises ExperimentError if the folder holds an experiment that differs: it cannot be continued."""
    if not (folder / "experiment.json").exists():
        if any((folder / "checkpoints").glob("step-*.pt")):
            raise ExperimentError(
                f"{folder}: has checkpoints but no experiment.json; restore it, or choose another folder"
            )
        return
    found = Experiment.read(folder)
    kinds = {
        table: {name: options[name] for name in DECIDING if name in options}
        for table, options in experiment.options.items()
    }
    defaults = replace(experiment, options=kinds).with_defaults(TrainingOptions)  # of what an older version had not
    once = {"training.order": "random", "objective.kind": "reconstruction"}  # there was no other
    old = flat(defaults.options) | once | flat(found.options)
    new = flat(experiment.options)
    different = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    falls_to_the_end = {"training.steps"} if new["training.schedule"] == "cosine" else set()  # its rates are by steps
    different = [name for name in different if name not in MAY_CHANGE - falls_to_the_end]
    if found.corpus.get("checksum") != experiment.corpus["checksum"] or found.speakers != experiment.speakers:
        there, here = (each.corpus.get("utterances") for each in (found, experiment))
        fewer = f", where {there} utterances could be used, here {here}" if there != here else ""
        different.append(f"the corpus ({found.corpus.get('path')} there{fewer})")
    if found.corpus.get("codes") != experiment.corpus.get("codes"):
        different.append("the codes in codes.folders")
    if different:
        raise ExperimentError(
            f"{folder}: holds another experiment, which differs in {', '.join(different)}; "
            "choose another folder, or remove this one"
        )


def flat(tables: dict[str, dict]) -> dict:
    """{table: {option: value}} as {"table.option": value}, as JSON would give it back."""
    plain = json.loads(json.dumps(tables))
    return {f"{table}.{name}": value for table, options in plain.items() for name, value in options.items()}


def prepare(
    experiment: Experiment,
    utterances: UtteranceTable,
    folder: Path,
    access: CorpusAccess,
    known: tuple[Origin, UtteranceTable] | None = None,
) -> Signals:
    """Statistics of the corpus, gathered by the first process and shared through the folder.

    known: whose statistics of features are taken over, and all whose speakers they must have.
    """
    agreement = Agreement()
    if rank() == 0:
        if (folder / "experiment.json").exists():  # the last file to be written: the statistics are complete
            signals = experiment.signals(folder, cache=access.cache, allow_pipes=access.allow_pipes)
        else:
            features, target = experiment.features(), experiment.target()
            kinds = {features.normalise, target.normalise} & {"speaker", "global"}
            some = max((len(fitted_of(utterances, kind)) for kind in kinds), default=len(utterances))
            sample = f"a sample of {some} of " if some < len(utterances) else ""
            console.say(f"gathering statistics of {sample}{len(utterances)} utterances")
            if known is None:
                signals = Signals.fitted(
                    features, target, utterances, cache=access.cache, allow_pipes=access.allow_pipes
                )
            else:
                signals = known[0].signals(access).with_speakers_of(known[1]).with_target(target, utterances)
        experiment.save(folder, signals)
    agreement.wait()
    return experiment.signals(folder, cache=access.cache, allow_pipes=access.allow_pipes)


def codes_of_units(
    make: Callable[[], UnitModel], signals: Signals, utterances: UtteranceTable, folder: Path, device: str
) -> StoredCodes:
    """The codes of whole utterances by a bottleneck that knows them, found by the first process for all.

    A crop would cut the units at its ends, and force others in; so the network is asked once, before the first step.
    """
    agreement = Agreement()
    if rank() == 0:
        find_codes(folder, make, signals, utterances=utterances, device=device, progress=console.progress)
    agreement.wait()
    return read_found_codes(folder, utterances)


def codes_of_features(
    experiment: Experiment, signals: Signals, utterances: UtteranceTable, folder: Path, stride: int, seed: int
) -> FeatureCodes:
    """The codes of a codebook that the first process finds, and shares through the folder."""
    agreement = Agreement()
    if rank() == 0:
        num_codes = experiment.codes().num_codes
        feature_codes(
            folder, signals, utterances, num_codes=num_codes, stride=stride, seed=seed, progress=console.progress
        )
    agreement.wait()
    return read_feature_codes(folder, stride)


def geometry(model: UnitModel) -> tuple[int, float, int]:
    """The encoder's stride and offset, and how many frames of context a crop needs on either side."""
    encoder = model.encoder
    return encoder.stride, encoder.offset, encoder.reach
