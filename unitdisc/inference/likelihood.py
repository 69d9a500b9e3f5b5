"""How well a model predicts a corpus: bits per value, with the right latents and with those of something else."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.bottlenecks import HasPosterior
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.crops import Crop, CropPlan
from unitdisc.data.loader import CropBatches, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.decoders import BoundsLikelihood, LikelihoodDecoder
from unitdisc.decoders.base import log_prob_of
from unitdisc.inference.importance import log_evidence
from unitdisc.model import UnitModel
from unitdisc.objectives.reconstruction import wrong_latents

FRAMES_IN_A_BATCH = 4000


@dataclass(frozen=True)
class Likelihood:
    """Bits that a value of the target (a pixel, a sample, a mel bin) takes; of mel bins it is a density's.

    bits_with_latents: given nothing but the speaker, at most: what latents cost is among them, by numbers of draws.
    """

    bits: float
    bits_with_wrong_latents: float  # of another utterance or time; if no more, the decoder does without latents
    values: int
    utterances: int
    bound: bool = False  # whether these bits are an upper bound of those that the model would take
    bits_with_latents: dict[str, float] = field(default_factory=dict)


class LikelihoodError(ValueError):
    """A model does not say how probable a target is."""


def check_likelihoods(model: UnitModel, name: object) -> None:
    """Raises LikelihoodError, which calls the model by a name, unless its decoder has likelihoods, or bounds."""
    if not isinstance(model.decoder, LikelihoodDecoder | BoundsLikelihood):
        raise LikelihoodError(
            f"{name}: has no decoder that says how probable a target is, so there are no bits to count; give an "
            "experiment that has, such as one with decoder.kind = 'pixelcnn' or 'wavenet'"
        )


def check_posterior(model: UnitModel, name: object, draws: Sequence[int]) -> None:
    """Raises LikelihoodError, which calls the model by a name, unless latents are drawn, and ValueError for draws."""
    if not isinstance(model.bottleneck, HasPosterior):
        raise LikelihoodError(
            f"{name}: draws no latents, so there is no bound to tighten; leave `importance` out, or give an experiment "
            "with bottleneck.kind = 'gaussian'"
        )
    if not draws or min(draws) < 1:
        raise ValueError(f"`importance` must be numbers of draws, 1 or more, not {list(draws)}")


@torch.inference_mode()
def likelihood(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    speakers: Sequence[str],
    advance: Callable[[int], None],
    *,
    importance: Sequence[int] = (),
    seed: int = 0,
) -> tuple[Likelihood, list[str]]:
    """Of whole utterances, and what could not be read of them, as messages.

    speakers: those the decoder knows, in its order. importance: numbers of latents that are drawn with `seed`, for
    bounds that count what latents cost. Raises CorpusError if nothing can be read, and LikelihoodError if the decoder
    has no likelihoods, or, for bounds, the bottleneck no posterior.
    """
    check_likelihoods(model, "the model")
    if importance:
        check_posterior(model, "the model", importance)
    generator = torch.Generator().manual_seed(seed)
    nats, bounds = torch.zeros(2, dtype=torch.float64), torch.zeros(len(importance), dtype=torch.float64)
    values, read, problems = 0, 0, []
    for there, batch in in_batches(model, signals, utterances, speakers, advance=advance, problems=problems):
        nats += torch.stack([-part.double().sum().cpu() for part in log_probs(model, batch)])
        if importance:
            bounds -= log_evidence(model, batch, importance, generator).sum(1).cpu()
        values += int(batch.target_mask.sum()) * batch.target[0, 0].numel()
        read += len(there)
    if not read:
        raise CorpusError(f"nothing could be read, the first: {problems[0]}")
    bits, with_latents = ((each / values / math.log(2)).tolist() for each in (nats, bounds))
    bound = not isinstance(model.decoder, LikelihoodDecoder)
    return Likelihood(*bits, values, read, bound, dict(zip(map(str, importance), with_latents))), problems


def in_batches(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    speakers: Sequence[str],
    *,
    advance: Callable[[int], None],
    problems: list[str],
) -> Iterator[tuple[list[int], Batch]]:
    """Whole utterances, several of like length at once, on the device of the model, and their places in the corpus.

    Why others cannot be read is added to `problems`.
    """
    device = next(model.parameters()).device
    plan = CropPlan([signals.frames_in(u) for u in utterances], 1, None, stride=model.encoder.stride, seed=0)
    batches = CropBatches(utterances, signals, plan, context=0, speakers=speakers)
    for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
        there = [index for index in group if readable(batches, index, problems)]
        if there:
            yield there, whole(batches, there).to(device)
        advance(len(group))


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
    log_prob = log_prob_of(model.decoder)
    units, lengths = model.units_of(batch)
    right, wrong = (
        log_prob(batch.target, model.conditioner(latents, lengths, batch.speakers), batch.target_lengths)[
            batch.target_mask
        ]
        for latents in (units.latents, wrong_latents(units.latents))
    )
    return right, wrong
