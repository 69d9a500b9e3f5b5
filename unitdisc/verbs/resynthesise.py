"""unitdisc resynthesise: units back to sound, in any speaker's voice the decoder knows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.audio import write_audio
from unitdisc.data.loading import Signals
from unitdisc.experiment import Experiment, ExperimentError, load
from unitdisc.model import UnitModel
from unitdisc.verbs.corpora import usable_utterances
from unitdisc.verbs.devices import usable_device
from unitdisc.verbs.encode import say_left_out
from unitdisc.verbs.folders import folder_for_results


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
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be 1 or more, not {limit}")
    folder = folder_for_results(folder)
    experiment, model = load(experiment_folder, usable_device(device))
    unknown = sorted(set(speakers) - set(experiment.speakers))
    if unknown:
        raise ExperimentError(
            f"{experiment_folder}: knows no speaker {unknown}; "
            f"`unitdisc inspect {experiment_folder} --speakers` lists those it knows"
        )
    usable = usable_utterances(corpus, experiment.features(), allow_pipes)
    utterances = usable[:limit]
    heard = {utterance.speaker for utterance in utterances}  # with all they say, or their units would be others
    signals = experiment.signals(experiment_folder, None, allow_pipes)
    signals = signals.with_speakers_of([utterance for utterance in usable if utterance.speaker in heard])
    written, problems = [], []
    with console.progress("resynthesising", len(utterances)) as advance:
        for utterance in utterances:
            try:
                features = signals.features_of(utterance)
            except CorpusError as error:
                problems.append(str(error))
                continue
            for voice in speakers or [own_voice(utterance, experiment)]:
                wave = speak(model, signals, features, experiment.speakers.index(voice), seed, temperature)
                path = folder / f"{utterance.id}--{voice.replace('/', '_')}.wav"
                write_audio(path, wave, signals.features.rate)
                written.append(path)
            advance(1)
    say_left_out(problems, len(utterances))
    return written


def own_voice(utterance: Utterance, experiment: Experiment) -> str:
    return utterance.speaker if utterance.speaker in experiment.speakers else experiment.speakers[0]


@torch.inference_mode()
def speak(
    model: UnitModel, signals: Signals, features: np.ndarray, speaker: int, seed: int, temperature: float
) -> np.ndarray:
    """The units of features [T, C] as the decoder says them in a speaker's voice: [T * hop] in [-1, 1]."""
    device = next(model.parameters()).device
    lengths = torch.tensor([len(features)], device=device)
    units, lengths = model.encode(torch.from_numpy(features)[None].to(device), lengths)
    steps = units.latents.shape[1] * model.encoder.stride * signals.target.steps_per_frame
    generator = torch.Generator().manual_seed(seed)
    voice = torch.tensor([speaker], device=device)
    target = model.resynthesise(units.latents, lengths, voice, steps, generator, temperature)[0].cpu().numpy()
    return signals.to_audio(target)[: len(features) * signals.features.hop]
