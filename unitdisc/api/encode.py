"""unitdisc encode, unitdisc features: from a corpus to folders of encodings."""

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.bottlenecks import Coded
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.corpus import CorpusError
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.base import Features
from unitdisc.data.cache import DiskCache
from unitdisc.data.extractor import Signals
from unitdisc.data.features import features_class
from unitdisc.data.normalisation import Normaliser, fit
from unitdisc.experiment import Experiment, load, weights_checksum
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.inference.encoding import encode as encode_utterances
from unitdisc.inference.encoding import encode_features, refuse_nothing, shares_of
from unitdisc.jobs import Shard
from unitdisc.jobs.cluster import Cluster, done_on
from unitdisc.model import PROBE_POINTS, UnitModel
from unitdisc.training.devices import usable_device
from unitdisc.validation.usable_corpus import usable_table


@filling(lambda given: [Path(given["folder"]) / point for point in given["points"]])
def encode(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    points: Sequence[str] = PROBE_POINTS,
    *,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Writes folder/POINT/ for every probe point; of all utterances, or of the share of a shard.

    cluster: shards are done there, instead of here. The experiment, the corpus and the folder must be found at the
    same place on all its machines.
    """
    folder = folder_for_results(folder)
    loaded = load(experiment_folder, usable_device(device) if cluster is None else "cpu")
    utterances = usable_table(corpus, loaded[0].features(), access, thorough=access.strict)
    if cluster is None:
        problems = write_points(experiment_folder, loaded, utterances, folder, points=points, access=access)
    else:
        work = partial(write_share, experiment_folder, utterances, folder, points=points, access=access)
        problems = list(chain(*done_on(cluster, work, device, "encoding")))
    say_left_out(problems, len(utterances) if access.shard.is_whole else None, access.strict)


def write_share(
    experiment_folder: Path,
    utterances: UtteranceTable,
    folder: Path,
    shard: Shard,
    device: str,
    *,
    points: Sequence[str],
    access: CorpusAccess,
) -> list[str]:
    """As `write_points`, by a worker of a cluster, whose shares are judged together."""
    loaded = load(experiment_folder, usable_device(device))
    own = replace(access, shard=shard)
    return write_points(experiment_folder, loaded, utterances, folder, points=points, access=own, refuse=False)


def write_points(
    experiment_folder: Path,
    loaded: tuple[Experiment, UnitModel],
    utterances: UtteranceTable,
    folder: Path,
    *,
    points: Sequence[str],
    access: CorpusAccess,
    refuse: bool = True,
) -> list[str]:
    """Writes folder/POINT/ for every probe point; returns what could not be read after all, as messages.

    refuse: raise CorpusError if nothing could be read.
    """
    experiment, model = loaded
    signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    own, shard = utterances, access.shard
    if not shard.is_whole:
        places = [place for batch in shares_of(utterances, signals, shard) for place in batch]
        own = utterances.take(np.array(places, dtype=np.int64))
    signals = signals.with_speakers_of(all_by_speakers_of(own, utterances))
    source = {"model": weights_checksum(experiment_folder), "experiment": experiment_folder.resolve().name}
    source |= {"num_codes": model.bottleneck.num_codes if isinstance(model.bottleneck, Coded) else None}
    if waits := codebook_waits(model.bottleneck):
        source["codebook_waits"] = dict(zip(("trained", "begins"), waits))
        console.say(
            f"{experiment_folder}: its codebook has not been started: it was trained for {waits[0]} steps, and codes "
            f"are placed after {waits[1]}. There will be no units; train on."
        )
    with console.progress("encoding", len(own)) as advance:
        return encode_utterances(model, signals, utterances, folder, points, source, advance, shard, refuse)


def all_by_speakers_of(own: UtteranceTable, utterances: UtteranceTable) -> UtteranceTable:
    """All that the speakers of some utterances say: what a speaker sounds like does not depend on the shard."""
    return utterances.by_speakers(own.speakers())


def features_of_kind(kind: str, *, rate: int, hop: int, height: int, normalise: str, resample: bool) -> Features:
    """The plain features that options of the command line stand for; those that a kind has not are left out."""
    options = {"kind": kind, "rate": rate, "hop": hop, "height": height, "normalise": normalise, "resample": resample}
    factory = features_class(kind)
    return factory(**{field.name: options[field.name] for field in fields(factory) if field.name in options})


@filling(lambda given: [Path(given["folder"])])
def features(
    corpus: Path,
    folder: Path,
    options: Features,
    *,
    access: CorpusAccess = CorpusAccess(),
    cluster: Cluster | None = None,
) -> None:
    """Writes plain features, the baseline of every comparison, as encodings; cluster as of `encode`."""
    folder = folder_for_results(folder)
    utterances = usable_table(corpus, options, access, thorough=access.strict)
    if cluster is None:
        problems = write_features(utterances, folder, options, access=access)
    else:
        work = partial(write_features_of_share, utterances, folder, options, access=access)
        of_all = options.normalise == "global"  # every shard gathers statistics of the whole corpus
        problems = list(chain(*done_on(cluster, work, "cpu", options.kind, per_processor=1 if of_all else 4)))
    say_left_out(problems, len(utterances) if access.shard.is_whole else None, access.strict)


def write_features(
    utterances: UtteranceTable,
    folder: Path,
    options: Features,
    *,
    access: CorpusAccess,
    refuse: bool = True,
) -> list[str]:
    """Writes plain features as encodings; returns and raises as `write_points` does."""
    none = Normaliser("none", {})
    raw = Signals(options, None, none, none, DiskCache(access.cache), access.allow_pipes)  # nothing is predicted
    own = access.shard.of(utterances)
    alike = all_by_speakers_of(own, utterances) if options.normalise == "speaker" else utterances
    signals = replace(raw, feature_normaliser=fit(options.normalise, raw.readable(alike)))
    with console.progress(options.kind, len(own)) as advance:
        point = folder.resolve().name
        return encode_features(options, signals, utterances, folder, point, advance, access.shard, refuse)


def write_features_of_share(
    utterances: UtteranceTable,
    folder: Path,
    options: Features,
    shard: Shard,
    device: str,
    *,
    access: CorpusAccess,
) -> list[str]:
    """As `write_features`, by a worker of a cluster, whose shares are judged together."""
    return write_features(utterances, folder, options, access=replace(access, shard=shard), refuse=False)


def say_left_out(problems: Sequence[str], total: int | None, strict: bool = False) -> None:
    """Raises CorpusError if nothing is left, or, with `strict`, if anything is missing. total: None of a share."""
    if total is not None:
        refuse_nothing(problems, total)
    if problems and strict:
        of_all = "" if total is None else f" of {total}"
        raise CorpusError(f"{len(problems)}{of_all} utterances could not be encoded, the first: {problems[0]}")
    console.say_problems(problems, None if total is None else total - len(problems))
