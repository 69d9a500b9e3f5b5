"""How unlikely every utterance is to a model, as a whole and at its unlikeliest place."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.corpus import Utterance
from unitdisc.data.signals import Signals
from unitdisc.decoders.base import log_prob_of
from unitdisc.inference.likelihood import check_likelihoods, in_batches
from unitdisc.model import UnitModel


@dataclass(frozen=True)
class Unlikeliness:
    """Bits that a value (a pixel, a sample, a mel bin) of one utterance takes.

    bits: given its own units and voice. worth: what they are worth, the bits that units of another time of the
    utterance cost more; little where the units do not tell what is there. stretch: bits in the unlikeliest stretch,
    which is from tick `start` to `end`. voice: what the utterance's own speaker costs more than the speaker that costs
    least, `likeliest`; None where that was not asked, or the model does not know the speaker.
    """

    bits: float
    worth: float
    stretch: float
    start: int
    end: int
    voice: float | None = None
    likeliest: str | None = None


@torch.inference_mode()
def unlikeliness(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    *,
    speakers: Sequence[str],
    stretch: float,
    voices: bool,
    advance: Callable[[int], None],
) -> tuple[dict[str, Unlikeliness], list[str]]:
    """Of every utterance that can be read, by id, and of the others why not, as messages.

    speakers: those the decoder knows, in its order. stretch: how long the stretch is whose bits are counted, in
    seconds, or in heights of a line. voices: ask every speaker's voice, which takes as many times as there are
    speakers. Where features are normalised by speaker, all utterances of one count; else none depends on others.
    Raises LikelihoodError if the decoder has no likelihoods.
    """
    check_likelihoods(model, "the model")
    found, problems = {}, []
    for there, batch in in_batches(model, signals, utterances, speakers, advance=advance, problems=problems):
        own, other, by_voice = bits_of(model, batch, len(speakers) if voices else 0)
        for row, index in enumerate(there):
            steps = int(batch.target_lengths[row])
            asked = (by_voice[row], int(batch.speakers[row]), speakers) if voices else None
            found[utterances[index].id] = of_utterance(
                utterances[index], own[row, :steps], other[row, :steps], stretch=stretch, voices=asked
            )
    return found, problems


def bits_of(model: UnitModel, batch: Batch, voices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits per value of every step [B, S]: with own units, with those of another time; and means by voice [B, V]."""
    units, lengths = model.units_of(batch)
    values = batch.target[0, 0].numel() * math.log(2)

    def told(latents: Tensor, speakers: Tensor) -> Tensor:
        condition = model.conditioner(latents, lengths, speakers)
        nats = -log_prob_of(model.decoder)(batch.target, condition, batch.target_lengths)
        return nats.double() * batch.target_mask / values

    own = told(units.latents, batch.speakers)
    other = told(of_another_time(units.latents, lengths), batch.speakers)
    each = [told(units.latents, torch.full_like(batch.speakers, voice)).sum(1) for voice in range(voices)]
    by_voice = torch.stack(each, 1) / batch.target_lengths[:, None] if each else own.new_empty(len(own), 0)
    return own.cpu().numpy(), other.cpu().numpy(), by_voice.cpu().numpy()


def of_another_time(latents: Tensor, lengths: Tensor) -> Tensor:
    """Every latent as that of half an utterance before, or after: [B, T, D], lengths [B] -> [B, T, D]."""
    here = torch.arange(latents.shape[1], device=latents.device).expand(len(latents), -1)
    size = lengths[:, None].clamp(min=1)
    source = torch.where(here < size, (here - size // 2) % size, here)
    return latents.gather(1, source[..., None].expand_as(latents))


def of_utterance(
    utterance: Utterance,
    own: np.ndarray,
    other: np.ndarray,
    *,
    stretch: float,
    voices: tuple[np.ndarray, int, Sequence[str]] | None,
) -> Unlikeliness:
    """From the bits of its steps, [S] each; voices: means in every voice [V], the place of its own or -1, and all."""
    ticks = stretch * (utterance.height if utterance.is_image else utterance.rate)
    steps = min(max(1, round(ticks / utterance.ticks * len(own))), len(own))
    means = moving_means(own, steps)
    first = int(means.argmax())
    start, end = (round(place / len(own) * utterance.ticks) for place in (first, first + steps))
    voice = likeliest = None
    if voices is not None:
        by_voice, mine, names = voices
        likeliest = names[int(by_voice.argmin())]
        voice = float(by_voice[mine] - by_voice.min()) if mine >= 0 else None
    return Unlikeliness(
        float(own.mean()), float(other.mean() - own.mean()), float(means[first]), start, end, voice, likeliest
    )


def moving_means(values: np.ndarray, size: int) -> np.ndarray:
    """The mean of every `size` values in a row: [S] -> [S - size + 1]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[size:] - sums[:-size]) / size
