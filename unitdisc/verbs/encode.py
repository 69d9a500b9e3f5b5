"""unitdisc encode, unitdisc features: from a corpus to folders of encodings."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from unitdisc import console
from unitdisc.corpus import CorpusError
from unitdisc.data.cache import DiskCache
from unitdisc.data.features import Features
from unitdisc.data.loading import Signals
from unitdisc.data.normalisation import Normaliser, fit
from unitdisc.data.targets import MuLawTarget
from unitdisc.encoding import encode as encode_utterances
from unitdisc.encoding import encode_features
from unitdisc.experiment import load, weights_checksum
from unitdisc.verbs.corpora import usable_utterances


def encode(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    points: Sequence[str],
    cache: Path | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
    device: str | None = None,
) -> None:
    """Writes folder/POINT/ for every probe point."""
    experiment, model = load(experiment_folder, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    utterances = usable_utterances(corpus, experiment.features(), allow_pipes, strict)
    signals = experiment.signals(experiment_folder, cache, allow_pipes).with_speakers_of(utterances)
    source = {"model": weights_checksum(experiment_folder), "experiment": experiment_folder.name}
    source |= {"num_codes": getattr(model.bottleneck, "num_codes", None)}
    with console.progress("encoding", len(utterances)) as advance:
        problems = encode_utterances(model, signals, utterances, folder, points, source, advance)
    finish(problems, strict, len(utterances))


def features(
    corpus: Path,
    folder: Path,
    options: Features,
    cache: Path | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
) -> None:
    """Writes plain features, the baseline of every comparison, as encodings."""
    utterances = usable_utterances(corpus, options, allow_pipes, strict)
    raw = Signals(
        options,
        MuLawTarget(options.rate, options.hop),
        Normaliser("none", {}),
        Normaliser("none", {}),
        DiskCache(cache),
        allow_pipes,
    )
    normaliser = fit(options.normalise, ((u.speaker, raw.features_of(u)) for u in utterances))
    signals = Signals(options, raw.target, normaliser, raw.target_normaliser, raw.cache, allow_pipes)
    with console.progress(asdict(options)["kind"], len(utterances)) as advance:
        problems = encode_features(options, signals, utterances, folder, folder.name, advance)
    finish(problems, strict, len(utterances))


def finish(problems: Sequence[str], strict: bool, total: int) -> None:
    console.say_problems(problems, total - len(problems))
    if problems and strict:
        raise CorpusError(f"{len(problems)} utterances could not be encoded, the first: {problems[0]}")
