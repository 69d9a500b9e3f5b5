"""What training reads of a corpus: its two parts, statistics, and codes, which the first process finds for all."""

import math
from collections.abc import Callable
from pathlib import Path

from unitdisc import console
from unitdisc.api.origin import Origin
from unitdisc.bottlenecks import BOTTLENECKS, OfWholeItems
from unitdisc.corpus import held_out_places
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import Features
from unitdisc.data.codes import FeatureCodes, StoredCodes
from unitdisc.data.fitted_utterances import fitted_of
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, config
from unitdisc.model import UnitModel
from unitdisc.objectives import MakesItems
from unitdisc.training.codes import feature_codes, find_codes, read_feature_codes, read_found_codes
from unitdisc.training.distributed import Agreement, rank
from unitdisc.training.trainer import TrainingOptions

MOST_VALIDATION = 64  # utterances


def refuse_cut_items(model: UnitModel, training: TrainingOptions) -> None:
    """Raises ConfigError if items that have one latent each would be cut, or told of at other places than they are."""
    if not isinstance(model.bottleneck, OfWholeItems):
        return
    kind = next(name for name, each in BOTTLENECKS.items() if type(model.bottleneck) is each)
    if training.crop:
        what = (
            f"[training] crop = {training.crop} would cut items, of which the bottleneck {kind!r} makes one latent each"
        )
        raise config.ConfigError(f"{what}; set training.crop=0")
    if model.jitter is not None and model.jitter.probability:
        what = f"[jitter] probability = {model.jitter.probability:g} would tell the decoder that steps lie elsewhere in"
        raise config.ConfigError(f"{what} their item, of which {kind!r} makes one latent; set jitter.probability=0")


def refuse_wide_items(model: UnitModel, utterances: UtteranceTable, features: Features) -> None:
    """Raises ConfigError for an item that is longer than those that the objective makes, before anything is read."""
    if not isinstance(model.objective, MakesItems) or not len(utterances):
        return
    longest, most = max(utterances, key=features.frames_in), model.objective.columns
    if (frames := features.frames_in(longest)) > most:
        what = f"[objective] {longest.id} has {frames} frames, and whole items of at most {most} are made"
        room = 1 << math.ceil(math.log2(frames))  # which can be halved as often as any
        raise config.ConfigError(f"{what}: set objective.columns to {room}, say, or leave longer items out")


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
