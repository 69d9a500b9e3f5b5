"""unitdisc resynthesise: units back to sound, in any speaker's voice the decoder knows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from unitdisc import console
from unitdisc.corpus import Utterance
from unitdisc.data.audio import write_audio
from unitdisc.data.loading import Signals
from unitdisc.experiment import Experiment, ExperimentError, load
from unitdisc.model import UnitModel
from unitdisc.verbs.corpora import usable_utterances


def resynthesise(
    experiment_folder: Path,
    corpus: Path,
    folder: Path,
    speakers: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    allow_pipes: bool = False,
    device: str | None = None,
) -> list[Path]:
    """Writes folder/UTTERANCE--SPEAKER.wav for every utterance and voice; returns what it wrote.

    speakers: voices of the training corpus (default: the utterance's own if it is known, else the first known).
    """
    experiment, model = load(experiment_folder, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    unknown = sorted(set(speakers) - set(experiment.speakers))
    if unknown:
        raise ExperimentError(
            f"{experiment_folder}: knows no speaker {unknown}; "
            f"`unitdisc inspect {experiment_folder} --speakers` lists those it knows"
        )
    utterances = usable_utterances(corpus, experiment.features(), allow_pipes)[:limit]
    signals = experiment.signals(experiment_folder, None, allow_pipes).with_speakers_of(utterances)
    written = []
    with console.progress("resynthesising", len(utterances)) as advance:
        for utterance in utterances:
            for voice in speakers or [own_voice(utterance, experiment)]:
                wave = speak(model, signals, utterance, experiment.speakers.index(voice), seed, temperature)
                path = folder / f"{utterance.id}--{voice}.wav"
                write_audio(path, wave, signals.features.rate)
                written.append(path)
            advance(1)
    return written


def own_voice(utterance: Utterance, experiment: Experiment) -> str:
    return utterance.speaker if utterance.speaker in experiment.speakers else experiment.speakers[0]


@torch.inference_mode()
def speak(
    model: UnitModel, signals: Signals, utterance: Utterance, speaker: int, seed: int, temperature: float
) -> np.ndarray:
    """The units of an utterance as the decoder says them in a speaker's voice: [ticks] in [-1, 1]."""
    device = next(model.parameters()).device
    features = torch.from_numpy(signals.features_of(utterance))[None].to(device)
    units, lengths = model.encode(features, torch.tensor([features.shape[1]], device=device))
    steps = units.latents.shape[1] * model.encoder.stride * signals.target.steps_per_frame
    generator = torch.Generator().manual_seed(seed)
    voice = torch.tensor([speaker], device=device)
    target = model.resynthesise(units.latents, lengths, voice, steps, generator, temperature)[0].cpu().numpy()
    wave = signals.to_audio(target)
    return wave[: signals.frames_in(utterance) * signals.features.hop]
