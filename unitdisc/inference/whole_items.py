"""Models with one latent for a whole item: the latents of a corpus, what is drawn of others, and how likely that is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks import OfWholeItems
from unitdisc.bottlenecks.whole_items import pooled
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.signals import Signals
from unitdisc.decoders.sampling.batched import ITEMS_IN_A_GROUP, SampleRequest, sample_several
from unitdisc.inference.importance import log_evidence
from unitdisc.inference.likelihood import in_batches
from unitdisc.model import UnitModel
from unitdisc.training.precision import in_full

SUMMARY_WAVES = 16  # cosines over an item that its features are summed up by


@dataclass(frozen=True)
class ItemLatents:
    """The items of a corpus that could be read: in the order of the corpus."""

    utterances: list[Utterance]
    vectors: Tensor  # [N, W]
    summaries: Tensor  # [N, V]  of features, however long: their means, weighted by cosines of place
    problems: list[str]  # what is wrong with the others

    def refuse_none(self) -> "ItemLatents":
        """The same. Raises CorpusError if nothing could be read."""
        if not self.utterances:
            raise CorpusError(f"nothing could be read, the first: {self.problems[0]}")
        return self


@dataclass(frozen=True)
class ItemToDraw:
    """A latent of a whole item, and in whose voice or hand it is drawn: speakers by their places, -1 unknown.

    On the way from one speaker to another, by `share`, what the decoder is told is mixed. Items of one `turn` are drawn
    by the same random numbers.
    """

    vector: Tensor  # [W]
    frames: int  # feature frames
    speaker: int
    other: int = -1
    share: float = 0.0  # of the other
    turn: int = 0


def has_whole_items(model: UnitModel) -> bool:
    """Whether there is one latent for a whole item, and a decoder that makes the item of it."""
    return isinstance(model.bottleneck, OfWholeItems) and model.decoder is not None


@torch.inference_mode()
def latents_of(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    *,
    speakers: Sequence[str],
    advance: Callable[[int], None],
) -> ItemLatents:
    """The latents of items, in evaluation. speakers: those the model knows."""
    places, vectors, summaries, problems = [], [], [], []
    for there, batch in in_batches(model, signals, utterances, speakers, advance=advance, problems=problems):
        summaries.append(pooled(batch.features, padding_mask(batch.lengths, batch.features.shape[1]), SUMMARY_WAVES))
        encoded, lengths = model.encoder(batch.features, batch.lengths)
        mask = padding_mask(lengths, encoded.shape[1])
        vectors.append(model.bottleneck.vectors(in_full(encoded), mask, batch.speakers))
        places += there
    if not places:
        device = next(model.parameters()).device
        return ItemLatents([], torch.zeros(0, model.bottleneck.width, device=device), torch.zeros(0, 0), problems)
    order = np.argsort(places)
    return ItemLatents(
        [utterances[places[row]] for row in order], torch.cat(vectors)[order], torch.cat(summaries)[order], problems
    )


@torch.inference_mode()
def request(model: UnitModel, signals: Signals, item: ItemToDraw, seed: int) -> SampleRequest:
    """What the decoder draws an item from; every one of its turn begins with the same random numbers."""
    device = item.vector.device
    steps = max(1, -(-item.frames // model.encoder.stride))
    mask, lengths = torch.ones(1, steps, dtype=torch.bool, device=device), torch.tensor([steps], device=device)

    def condition(speaker: int) -> Tensor:
        who = torch.tensor([speaker], device=device)
        return model.conditioner(model.bottleneck.told(item.vector[None], mask, who), lengths, who)[0]

    conditions = [condition(speaker) for speaker in (item.speaker, item.other if item.share else item.speaker)]
    size = steps * model.encoder.stride * signals.target.steps_per_frame
    return SampleRequest(
        torch.lerp(*conditions, item.share), size, torch.Generator().manual_seed((seed + item.turn) % 2**63)
    )


def draw(
    model: UnitModel,
    signals: Signals,
    items: Sequence[ItemToDraw],
    *,
    seed: int,
    temperature: float,
    finish: Callable[[int, np.ndarray], None],
) -> None:
    """Has the decoder draw items; calls finish(index, target [S, ...]) for each, up to the end of its last latent."""
    for first in range(0, len(items), ITEMS_IN_A_GROUP):
        wanted = [request(model, signals, item, seed) for item in items[first : first + ITEMS_IN_A_GROUP]]
        sample_several(
            model.decoder,
            wanted,
            temperature,
            finish=lambda index, target, first=first: finish(first + index, target.cpu().numpy()),
        )


@torch.inference_mode()
def bits_of_items(
    model: UnitModel,
    signals: Signals,
    utterances: Sequence[Utterance],
    *,
    speakers: Sequence[str],
    draws: int,
    seed: int,
) -> dict[str, float]:
    """Bits per value that items take, latents included, at most, by so many draws: of those that can be read, by id."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, float] = {}
    problems: list[str] = []
    for there, batch in in_batches(model, signals, utterances, speakers, advance=lambda done: None, problems=problems):
        nats = -log_evidence(model, batch, [draws], generator)[0]
        bits = nats / (batch.target_lengths * batch.target[0, 0].numel() * math.log(2))
        found |= {utterances[place].id: value for place, value in zip(there, bits.tolist())}
    return found
