"""Units that were made up, heard or seen: what the decoder of their experiment draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unitdisc import console
from unitdisc.corpus import Utterance
from unitdisc.data.signals import Signals
from unitdisc.decoders.sampling.batched import (
    FRAMES_IN_A_GROUP,
    ITEMS_IN_A_GROUP,
    SampleRequest,
    sample_several,
)
from unitdisc.experiment import Experiment
from unitdisc.generation.samples import Sample
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image
from unitdisc.model import UnitModel


def draw(
    folder: Path,
    samples: Sequence[Sample],
    model: UnitModel,
    signals: Signals,
    experiment: Experiment,
    *,
    seed: int,
    temperature: float,
) -> list[Path]:
    """Has the decoder draw what is not there yet; returns the files of all."""
    images, stride = signals.features.images, model.encoder.stride
    files = [folder / f"{one.name}.{'png' if images else 'wav'}" for one in samples]
    left = [place for place, file in enumerate(files) if not file.exists()]
    with console.progress("drawing", len(files), "samples", done=len(files) - len(left)) as advance:
        while left:
            frames = np.cumsum([len(samples[place].codes) * stride for place in left])
            count = max(1, min(ITEMS_IN_A_GROUP, int(np.searchsorted(frames, FRAMES_IN_A_GROUP, side="right"))))
            group, left = left[:count], left[count:]
            items = [request(model, samples[place], signals, experiment, seed=seed) for place in group]

            def finish(index: int, target: torch.Tensor, group: Sequence[int] = group) -> None:
                place = group[index]
                write(files[place], signals, target.cpu().numpy(), len(samples[place].codes) * stride)
                advance(1)

            sample_several(model.decoder, items, temperature, finish=finish)
    return files


@torch.inference_mode()
def request(model: UnitModel, one: Sample, signals: Signals, experiment: Experiment, *, seed: int) -> SampleRequest:
    """What the decoder draws a sample from; every one begins with the same random numbers."""
    device = next(model.parameters()).device
    latents = model.bottleneck.latents_of(torch.tensor(one.codes, device=device))[None]
    speaker = torch.tensor([experiment.speakers.index(one.voice)], device=device)
    condition = model.conditioner(latents, torch.tensor([len(one.codes)], device=device), speaker)[0]
    steps = len(one.codes) * model.encoder.stride * signals.target.steps_per_frame
    return SampleRequest(condition, size=steps, generator=torch.Generator().manual_seed(seed))


def write(path: Path, signals: Signals, target: np.ndarray, frames: int) -> None:
    """Writes what the decoder made of so many feature frames."""
    if signals.features.images:
        write_image(path, signals.to_image(target)[:frames])
    else:
        write_audio(path, signals.to_audio(target)[: frames * signals.features.hop], signals.features.rate)


def as_utterance(one: Sample, file: Path, grid: dict[str, Any]) -> Utterance:
    """A sample as part of a corpus."""
    ticks = round(len(one.codes) * grid["stride"])
    return Utterance(one.name, str(file), one.voice, ticks=ticks, rate=grid["rate"], height=grid.get("height"))
