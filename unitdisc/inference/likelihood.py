"""How well a model predicts a corpus: bits per value, with the right latents and with those of something else."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.crops import Crop, CropPlan
from unitdisc.data.loader import CropBatches, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.decoders import BoundsLikelihood, LikelihoodDecoder
from unitdisc.model import UnitModel
from unitdisc.objectives.reconstruction import wrong_latents

FRAMES_IN_A_BATCH = 4000


@dataclass(frozen=True)
class Likelihood:
    """Bits that a value of the target (a pixel, a sample, a mel bin) takes; of mel bins it is a density's."""

    bits: float
    bits_with_wrong_latents: float  # of another utterance or time; if no more, the decoder does without latents
    values: int
    utterances: int
    bound: bool = False  # whether these bits are an upper bound of those that the model would take


class LikelihoodError(ValueError):
    """A model does not say how probable a target is."""


def check_likelihoods(model: UnitModel, name: object) -> None:
    """Raises LikelihoodError, which calls the model by a name, unless its decoder has likelihoods, or bounds."""
    if not isinstance(model.decoder, LikelihoodDecoder | BoundsLikelihood):
        raise LikelihoodError(
            f"{name}: has no decoder that says how probable a target is, so there are no bits to count; give an "
            "experiment that has, such as one with decoder.kind = 'pixelcnn' or 'wavenet'"
        )


@torch.inference_mode()
def likelihood(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    speakers: Sequence[str],
    advance: Callable[[int], None],
) -> tuple[Likelihood, list[str]]:
    """Of whole utterances, and what could not be read of them, as messages.

    speakers: those the decoder knows, in its order. Raises CorpusError if nothing can be read, and LikelihoodError if
    the decoder has no likelihoods.
    """
    check_likelihoods(model, "the model")
    device = next(model.parameters()).device
    plan = CropPlan([signals.frames_in(u) for u in utterances], 1, None, stride=model.encoder.stride, seed=0)
    batches = CropBatches(utterances, signals, plan, context=0, speakers=speakers)
    nats, values, read, problems = torch.zeros(2, dtype=torch.float64), 0, 0, []
    for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
        there = [index for index in group if readable(batches, index, problems)]
        if there:
            batch = whole(batches, there).to(device)
            nats += torch.stack([-part.double().sum().cpu() for part in log_probs(model, batch)])
            values += int(batch.target_mask.sum()) * batch.target[0, 0].numel()
            read += len(there)
        advance(len(group))
    if not read:
        raise CorpusError(f"nothing could be read, the first: {problems[0]}")
    bits = (nats / values / math.log(2)).tolist()
    bound = not isinstance(model.decoder, LikelihoodDecoder)
    return Likelihood(*bits, values, read, bound=bound), problems


def readable(batches: CropBatches, index: int, problems: list[str]) -> bool:
    try:
        batches.memory.get(index, lambda: batches.load(index))
        return True
    except CorpusError as error:
        problems.append(str(error))
        return False


def whole(batches: CropBatches, indices: Sequence[int]) -> Batch:
    """Whole utterances as one batch."""
    frames = batches.plan.frames[indices]
    stride = batches.plan.stride
    crops = [Crop(index, 0, int(size)) for index, size in zip(indices, frames)]
    return batches.collate(crops, -(-int(frames.max()) // stride) * stride)


def log_probs(model: UnitModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Of every step inside the utterances, in nats: with the right latents, and with wrong ones; or bounds of them."""
    decoder = model.decoder
    log_prob = decoder.log_prob if isinstance(decoder, LikelihoodDecoder) else decoder.log_prob_bound
    units, lengths = model.units_of(batch)
    right, wrong = (
        log_prob(batch.target, model.conditioner(latents, lengths, batch.speakers), batch.target_lengths)[
            batch.target_mask
        ]
        for latents in (units.latents, wrong_latents(units.latents))
    )
    return right, wrong
