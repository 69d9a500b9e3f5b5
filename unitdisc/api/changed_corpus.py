"""What is made of the utterances of a corpus, one by one: a line image or a recording each, and what is known of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unitdisc import console
from unitdisc.corpus import Utterance, scaled
from unitdisc.data.base import RecordingFeatures
from unitdisc.data.cache import file_of
from unitdisc.data.loader import FRAMES_IN_A_BATCH, features_of, stacked, whole_utterances
from unitdisc.data.made_files import write_features
from unitdisc.data.signals import Signals
from unitdisc.files import take_away, write_json
from unitdisc.files.made_of import facts_in, refuse_other
from unitdisc.media.audio import AudioInfo, audio_info
from unitdisc.media.image import BLANK, ImageError, image_info
from unitdisc.media.open import AudioError
from unitdisc.model import UnitModel


@dataclass(frozen=True)
class Changed:
    """What was written: a manifest, and how many utterances it has. left_out: why others are not there."""

    manifest: Path
    utterances: int
    left_out: list[str]


@dataclass(frozen=True)
class Version:
    """What is made of every utterance.

    make: features in [0, 1], [T, C] each -> the same of what is made of them. path: where it is written. done: a word
    for what was done to it.
    """

    make: Callable[[Sequence[np.ndarray]], list[np.ndarray]]
    path: Callable[[Utterance], Path]
    done: str


def write_versions(
    utterances: Sequence[Utterance], signals: Signals, versions: Sequence[Version], doing: str
) -> list[str]:
    """Writes every version of all utterances, but those that are there; returns what is wrong with those left out."""
    problems = []
    with console.progress(doing, len(utterances), "lines" if signals.features.images else "utterances") as advance:
        for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
            wanted = [utterances[place] for place in group]  # all of them, or what is beside one would change it
            missing = [version for version in versions if not all(is_done(version.path(u), u, signals) for u in wanted)]
            problems += write_group(signals, wanted, missing) if missing else []
            advance(len(group))
    return problems


def is_done(path: Path, utterance: Utterance, signals: Signals) -> bool:
    """Whether a file is there, of the right size, and not older than the one it was made from."""
    source, features = file_of(utterance), signals.features
    try:
        if features.images:
            right = image_info(path) == (signals.frames_in(utterance), features.height)
        else:
            right = audio_info(path) == AudioInfo(ticks_of(utterance, features), features.rate)
        return right and (source is None or source.stat().st_mtime_ns <= path.stat().st_mtime_ns)
    except (ImageError, AudioError, OSError):
        return False


def ticks_of(utterance: Utterance, features: RecordingFeatures) -> int:
    """How many samples an utterance has at the rate of features."""
    return round(utterance.ticks * features.rate / (utterance.rate or features.rate))


def write_group(signals: Signals, wanted: Sequence[Utterance], versions: Sequence[Version]) -> list[str]:
    """Writes some utterances together; returns what is wrong with those not written, of which no older ones stay."""
    features, there, problems = features_of(signals, wanted)
    for version in versions:
        for utterance in wanted:
            take_away(version.path(utterance))
        if not there:
            continue
        for frames, utterance in zip(version.make(features), there, strict=True):
            if np.ptp(frames) < BLANK:
                what = f"nothing is left of {utterance.id} once it is {version.done}; look at it"
                problems.append(f"{utterance.path}: {what}")
                continue
            ticks = None if signals.features.images else ticks_of(utterance, signals.features)
            try:
                write_features(version.path(utterance), signals.features, frames, ticks=ticks)
            except (ImageError, AudioError) as error:
                problems.append(str(error))
    return problems


def written(path: Path, utterance: Utterance, signals: Signals) -> Utterance | None:
    """What was written of an utterance, with all that is known of that; None if it is not there."""
    if not path.exists():
        return None
    features = signals.features
    ticks = signals.frames_in(utterance) if features.images else ticks_of(utterance, features)
    shape = {"height": features.height} if features.images else {"rate": features.rate, "channel": None}
    return replace(scaled(utterance, ticks), path=str(path.absolute()), start=0, **shape)


def begin(folder: Path, file: str, facts: Mapping[str, Any], experiment: Path) -> None:
    """Writes what a folder is made of into its file. Raises ValueError if it holds what was made in another way."""
    there = facts_in(folder / file)
    if there is not None:
        refuse_other(folder, "what was", there={name: there.get(name) for name in facts}, asked=dict(facts))
    write_json(folder / file, {**facts, "experiment": str(experiment)})


def refuse_own(
    folder: Path, corpus: Path, manifest: Path, *, kind: str, utterances: Sequence[Utterance], written: Iterable[Path]
) -> None:
    """Raises ValueError if what is written would take the place of what it is made of. kind: of what it is made of."""
    own = {path.resolve() for path in written}
    if corpus.resolve() == manifest.resolve() or own & {Path(each.path).resolve() for each in utterances}:
        raise ValueError(f"{folder}: holds the {kind}s, which would be overwritten; choose another folder")


@torch.inference_mode()
def made_of(
    model: UnitModel, features: Sequence[np.ndarray], make: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> list[np.ndarray]:
    """What a model makes of features, [T, C] each, together.

    make: features [B, S, C], how long each is [B], and which frames are in it [B, S] -> [B, S, C].
    """
    device, stride = next(model.parameters()).device, model.encoder.stride
    sizes = [len(frames) for frames in features]
    lengths = torch.tensor(sizes, device=device)
    lines = stacked(features, -(-max(sizes) // stride) * stride).to(device)
    mask = torch.arange(lines.shape[1], device=device) < lengths[:, None]
    told = make(lines, lengths, mask).float().cpu().numpy()
    return [line[:size] for line, size in zip(told, sizes, strict=True)]
