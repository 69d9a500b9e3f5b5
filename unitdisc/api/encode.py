"""unitdisc encode, unitdisc features: from a corpus to folders of encodings."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc import console
from unitdisc.adaptation.vtln import FILE as WARPS
from unitdisc.adaptation.vtln import Warps
from unitdisc.api.normalise import fill_from, refuse_share
from unitdisc.api.normalised import Normalising
from unitdisc.api.paths import takes_paths
from unitdisc.bottlenecks import Coded, CutsUtterances
from unitdisc.bottlenecks.codes.quantiser import codebook_waits
from unitdisc.corpus import CorpusError
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.usable_corpus import usable_table
from unitdisc.data.base import Adaptable, Features, Warpable
from unitdisc.data.cache import DiskCache
from unitdisc.data.normalisation import Normaliser, fit
from unitdisc.data.pretrained import PretrainedNetwork, run_on
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, load, weights_checksum
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.inference.encode_corpus import encode as encode_utterances
from unitdisc.inference.encode_corpus import encode_features, refuse_nothing, shares_of
from unitdisc.jobs import Shard
from unitdisc.jobs.cluster import Cluster, done_on
from unitdisc.model import PREDICTION, PROBE_POINTS, UnitModel
from unitdisc.objectives import PredictsCodes
from unitdisc.training.devices import usable_device

PLAIN = "plain"  # in a folder of normalised frames: the frames as they were


def folders_of_points(given: dict[str, Any]) -> list[Path]:
    """The folders that `encode` fills. Raises ValueError for a probe point that there is not."""
    if unknown := sorted({*given["points"]} - (known := {*PROBE_POINTS, PREDICTION})):
        raise ValueError(f"`points` {unknown}: the probe points are {sorted(known)}")
    return [given["folder"] / point for point in given["points"]]


@takes_paths
@filling(folders_of_points)
def encode(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    points: Sequence[str] = PROBE_POINTS,
    *,
    access: CorpusAccess = CorpusAccess(),
    device: str | None = None,
    cluster: Cluster | None = None,
    normalise: str | None = None,
    normalise_like: Path | None = None,
) -> list[Path]:
    """Writes what a model makes of every utterance, and returns the folders, folder/POINT of every probe point.

    points: some of encoder, projection, bottleneck and condition; and prediction, of a model that tells codes: the
    square roots of how probable each is. An interrupted run is completed.
    access: how the corpus is read; of a shard, its share is encoded.
    device: cpu, cuda, cuda:1 (default: a GPU if there is one).
    cluster: shards are done there, instead of here. The experiment, the corpus and the folder must be found at the
    same place on all its machines.
    normalise: steps that the frames of every point go through, fitted to them, as by `unitdisc.normalise`;
    normalise_like: instead, a folder that was filled so before, with folders of the same points in it. The frames as
    they were, and the codes, stay in folder/plain/POINT.

    Of each utterance: frames [T, D] float32, and at the bottleneck of a quantiser codes [T] int64, with `centres` [T],
    the ticks in the middle of each frame: see `unitdisc.Encodings`, which opens such a folder.
    Raises ExperimentError where there is no such model, CorpusError if nothing (or, if `access` is strict, not all)
    could be read, and LockedError while another run fills the folder.

    >>> (folder,) = unitdisc.encode("exp/vq", "data/test.jsonl", "encodings", ["bottleneck"])
    >>> encodings = unitdisc.Encodings.open(folder)
    >>> encodings["u00"].frames.shape, encodings["u00"].codes, encodings["u00"].centres / 16_000  # in seconds
    """
    how = Normalising.chosen(normalise, normalise_like)
    refuse_share(access.shard, how)
    folder = folder_for_results(folder)
    plain = folder if how is None else folder / PLAIN
    place = usable_device(device) if cluster is None else "cpu"
    run_on(place)
    loaded = load(experiment_folder, place)
    if PREDICTION in points and not isinstance(loaded[1].objective, PredictsCodes):
        raise ValueError(
            f"`points` {PREDICTION}: {experiment_folder} learned by another objective than masked, and tells no codes; "
            f"choose of {list(PROBE_POINTS)}"
        )
    utterances = usable_table(corpus, loaded[0].features(), access, thorough=access.strict)
    if cluster is None:
        problems = write_points(experiment_folder, loaded, utterances, plain, points=points, access=access)
    else:
        work = partial(write_share, experiment_folder, utterances, plain, points=points, access=access)
        problems = list(chain(*done_on(cluster, work, device, title="encoding")))
    say_left_out(problems, len(utterances) if access.shard.is_whole else None, access.strict)
    for point in points if how is not None else ():
        like = None if how.like is None else how.like / point
        fill_from(plain / point, folder / point, corpus, replace(how, like=like), access.allow_pipes)
    return [folder / point for point in points]


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
    run_on(usable_device(device))
    loaded = load(experiment_folder, device)
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
    signals: Signals | None = None,
    refuse: bool = True,
) -> list[str]:
    """Writes folder/POINT/ for every probe point; returns what could not be read after all, as messages.

    signals: of the experiment, if it has met speakers of these already. refuse: raise CorpusError if nothing could be
    read.
    """
    experiment, model = loaded
    if signals is None:
        signals = experiment.signals(experiment_folder, cache=access.cache, allow_pipes=access.allow_pipes)
    own, shard = utterances, access.shard
    if not shard.is_whole:
        places = [place for batch in shares_of(utterances, signals, shard) for place in batch]
        own = utterances.take(np.array(places, dtype=np.int64))
    signals = signals.with_speakers_of(all_by_speakers_of(own, utterances))
    source = {"model": weights_checksum(experiment_folder), "experiment": experiment_folder.resolve().name}
    source |= {"num_codes": model.bottleneck.num_codes if isinstance(model.bottleneck, Coded) else None}
    if isinstance(model.bottleneck, CutsUtterances) and model.bottleneck.blank is not None:
        source["blank"] = model.bottleneck.blank
    if waits := codebook_waits(model.bottleneck):
        source["codebook_waits"] = dict(zip(("trained", "begins"), waits))
        console.say(
            f"{experiment_folder}: its codebook has not been started: it was trained for {waits[0]} steps, and codes "
            f"are placed after {waits[1]}. There will be no units; train on."
        )
    with console.progress("encoding", len(own)) as advance:
        return encode_utterances(
            model,
            signals,
            utterances,
            folder=folder,
            points=points,
            source=source,
            advance=advance,
            shard=shard,
            refuse=refuse,
        )


def write_features_of_model(signals: Signals, utterances: UtteranceTable, folder: Path) -> list[str]:
    """Writes the features that the encoder reads, speakers made alike and all; returns as `write_points` does."""
    with console.progress("features", len(utterances)) as advance:
        return encode_features(signals.features, signals, utterances, folder=folder, point=folder.name, advance=advance)


def all_by_speakers_of(own: UtteranceTable, utterances: UtteranceTable) -> UtteranceTable:
    """All that the speakers of some utterances say: what a speaker sounds like does not depend on the shard."""
    return utterances.by_speakers(own.speakers())


@takes_paths
@filling(lambda given: [Path(given["folder"])])
def features(
    corpus: Path,
    folder: Path,
    options: Features,
    *,
    like: Path | None = None,
    access: CorpusAccess = CorpusAccess(),
    cluster: Cluster | None = None,
    device: str | None = None,
    normalise: str | None = None,
    normalise_like: Path | None = None,
) -> Path:
    """Writes plain features, the baseline of every comparison, as encodings [T, D] float32; returns the folder.

    options: which ones, as `unitdisc.AcousticFeatures("mfcc")`, `unitdisc.ColumnFeatures(height=32)` of line images, or
    `unitdisc.PretrainedFeatures(model="hubert-base-ls960", layer=9)`, frames of a network that others trained.
    like: where options.vtln is set, a folder that was filled with such features, or its vtln.safetensors: speakers get
    their warps under the mixture found there. Without it one is found of this corpus. It is kept in the folder.
    normalise, normalise_like: as of `encode`, but for what lies in normalise_like: frames as they were stay in
    folder/plain. options.normalise is done before.
    access, cluster: as of `encode`. device: where such a network runs; all others are computed on the CPU.
    Raises CorpusError and LockedError as `encode` does.

    >>> folder = unitdisc.features("data/test.jsonl", "encodings/log-mel", unitdisc.AcousticFeatures("log-mel"))
    >>> unitdisc.Encodings.open(folder)["u00"].frames.shape
    """
    is_network = isinstance(options, PretrainedNetwork)
    if device is not None and not is_network:
        raise ValueError(f"`device` {device}: the features {options.kind!r} are computed on the CPU; leave it out")
    how = Normalising.chosen(normalise, normalise_like)
    refuse_share(access.shard, how)
    folder = folder_for_results(folder)
    plain, point = folder if how is None else folder / PLAIN, folder.resolve().name
    if isinstance(options, Adaptable) and options.adaptation:
        raise ValueError("`options.adaptation` is for the input of models; write plain features, then `normalise` them")
    warps = None if like is None else warps_of(like, options)
    utterances = usable_table(corpus, options, access, thorough=access.strict)
    if cluster is None:
        if is_network:
            run_on(usable_device(device))
        problems = write_features(utterances, plain, options, warps, access=access, point=point)
    else:
        work = partial(write_features_of_share, utterances, plain, options, warps, access=access, point=point)
        of_all = options.normalise == "global"  # every shard gathers statistics of the whole corpus
        place = device if is_network else "cpu"
        problems = list(chain(*done_on(cluster, work, place, title=options.kind, per_processor=1 if of_all else 4)))
    say_left_out(problems, len(utterances) if access.shard.is_whole else None, access.strict)
    if how is not None:
        fill_from(plain, folder, corpus, how, access.allow_pipes)
    return folder


def warps_of(like: Path, options: Features) -> Warps:
    """The warps that were found when a folder was filled. Raises ValueError if these features have none."""
    if not isinstance(options, Warpable) or not options.vtln:
        raise ValueError("`like` gives the warps of speakers, which these features do without; set `vtln` too")
    return Warps.read(like / WARPS if like.is_dir() else like)


def write_features(
    utterances: UtteranceTable,
    folder: Path,
    options: Features,
    warps: Warps | None = None,
    *,
    access: CorpusAccess,
    point: str = "",
    refuse: bool = True,
) -> list[str]:
    """Writes plain features as encodings; returns and raises as `write_points` does.

    point: what they are called; like the folder by default.
    """
    point = point or folder.resolve().name
    none = Normaliser("none", {})
    raw = Signals(
        options,
        None,
        none,
        target_normaliser=none,
        cache=DiskCache(access.cache),
        allow_pipes=access.allow_pipes,
        warps=warps,
    )  # nothing is predicted
    own = access.shard.of(utterances)
    alike = all_by_speakers_of(own, utterances) if options.normalise == "speaker" else utterances
    raw = raw.with_warps(utterances) if warps is None else raw.with_warps_of(all_by_speakers_of(own, utterances))
    signals = replace(raw, feature_normaliser=fit(options.normalise, raw.readable(alike)))
    with console.progress(options.kind, len(own)) as advance:
        if signals.warps is not None and (access.shard.is_whole or access.shard.index == 1):
            signals.warps.write(folder / WARPS)
        return encode_features(
            options, signals, utterances, folder=folder, point=point, advance=advance, shard=access.shard, refuse=refuse
        )


def write_features_of_share(
    utterances: UtteranceTable,
    folder: Path,
    options: Features,
    warps: Warps | None,
    shard: Shard,
    device: str,
    *,
    access: CorpusAccess,
    point: str,
) -> list[str]:
    """As `write_features`, by a worker of a cluster, whose shares are judged together."""
    run_on(usable_device(device))
    own = replace(access, shard=shard)
    return write_features(utterances, folder, options, warps, access=own, point=point, refuse=False)


def say_left_out(problems: Sequence[str], total: int | None, strict: bool = False) -> None:
    """Raises CorpusError if nothing is left, or, with `strict`, if anything is missing. total: None of a share."""
    if total is not None:
        refuse_nothing(problems, total)
    if problems and strict:
        of_all = "" if total is None else f" of {total}"
        raise CorpusError(f"{len(problems)}{of_all} utterances could not be used, the first: {problems[0]}")
    console.say_problems(problems, None if total is None else total - len(problems))
