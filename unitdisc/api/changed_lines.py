"""Lines that a network makes of those of a corpus: an image for each, and all that is known of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unitdisc import console
from unitdisc.corpus import Utterance, scaled
from unitdisc.data.cache import file_of
from unitdisc.data.loader import FRAMES_IN_A_BATCH, features_of, stacked, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.files import take_away
from unitdisc.media.image import BLANK, ImageError, image_info, write_image
from unitdisc.model import UnitModel


@dataclass(frozen=True)
class Version:
    """What is made of every line.

    make: features of lines, [T, H] each -> ink in [0, 1], [T, H] each. path: where it is written. done: a word for what
    was done to it.
    """

    make: Callable[[Sequence[np.ndarray]], list[np.ndarray]]
    path: Callable[[Utterance], Path]
    done: str


def write_versions(
    utterances: Sequence[Utterance], signals: Signals, versions: Sequence[Version], doing: str
) -> list[str]:
    """Writes every version of all lines, but those that are there; returns what is wrong with those left out."""
    problems = []
    with console.progress(doing, len(utterances), "lines") as advance:
        for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
            wanted = [utterances[place] for place in group]  # all of them, or what is beside a line would change it
            missing = [version for version in versions if not all(is_done(version.path(u), u, signals) for u in wanted)]
            problems += write_group(signals, wanted, missing) if missing else []
            advance(len(group))
    return problems


def is_done(path: Path, utterance: Utterance, signals: Signals) -> bool:
    """Whether a line is there, of the right size, and not older than the file it was made from."""
    source = file_of(utterance)
    try:
        size = (signals.frames_in(utterance), signals.features.height)
        return image_info(path) == size and (source is None or source.stat().st_mtime_ns <= path.stat().st_mtime_ns)
    except (ImageError, OSError):
        return False


def write_group(signals: Signals, wanted: Sequence[Utterance], versions: Sequence[Version]) -> list[str]:
    """Writes some lines together; returns what is wrong with those that are not written, and leaves no older ones."""
    features, there, problems = features_of(signals, wanted)
    for version in versions:
        for utterance in wanted:
            take_away(version.path(utterance))
        if not there:
            continue
        for ink, utterance in zip(version.make(features), there, strict=True):
            if np.ptp(ink) < BLANK:
                what = f"nothing is left of {utterance.id} once it is {version.done}; look at it"
                problems.append(f"{utterance.path}: {what}")
                continue
            try:
                write_image(version.path(utterance), ink)
            except ImageError as error:
                problems.append(str(error))
    return problems


def written_line(path: Path, utterance: Utterance, signals: Signals) -> Utterance | None:
    """A line as it stands there, with all that is known of it; None if it is not there."""
    if not path.exists():
        return None
    again = scaled(utterance, signals.frames_in(utterance))
    return replace(again, path=str(path.absolute()), start=0, height=signals.features.height)


def refuse_own(
    folder: Path, corpus: Path, manifest: Path, *, kind: str, utterances: Sequence[Utterance], written: Iterable[Path]
) -> None:
    """Raises ValueError if what is written would take the place of what it is made of. kind: of the lines made of."""
    own = {path.resolve() for path in written}
    if corpus.resolve() == manifest.resolve() or own & {Path(each.path).resolve() for each in utterances}:
        raise ValueError(f"{folder}: holds the {kind} lines, which would be overwritten; choose another folder")


@torch.inference_mode()
def made_of(
    model: UnitModel, features: Sequence[np.ndarray], make: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> list[np.ndarray]:
    """What a model makes of lines, [T, H] each, together.

    make: lines [B, S, H], how long each is [B], and which columns are in it [B, S] -> [B, S, H].
    """
    device, stride = next(model.parameters()).device, model.encoder.stride
    sizes = [len(frames) for frames in features]
    lengths = torch.tensor(sizes, device=device)
    lines = stacked(features, -(-max(sizes) // stride) * stride).to(device)
    mask = torch.arange(lines.shape[1], device=device) < lengths[:, None]
    told = make(lines, lengths, mask).float().cpu().numpy()
    return [line[:size] for line, size in zip(told, sizes, strict=True)]
