"""Pretexts: questions whose answers are known without labels, such as what comes first, or which side is up.

Doersch et al. (2015) asked where a patch lies beside another, Gidaris et al. (2018) how an image is turned, Misra et
al. (2016) and Wei et al. (2018) for order and direction of time, Pathak et al. (2016) for what is missing.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, masked_mean, mean_of_chosen, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.masking import SpanMasking, mask_embedding, masked
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.training.distributed import is_measured, uniform
from unitdisc.training.precision import in_full

HIDDEN = 128  # units of the layer between latents and answer
OFFSETS = [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]  # in columns and rows of patches


class Question(nn.Module):
    """A question about pieces of a crop, each of which is encoded by itself; to be inherited.

    It is answered by the mean latents of the pieces. The loss is a cross-entropy in nats. Where a step is computed in
    parts, an adversary sees one part at a time.
    """

    needs = ()
    kind: ClassVar[str]
    num_pieces: ClassVar[int]
    num_answers: ClassVar[int]
    shortest: int  # frames that a crop must have

    def __init__(self, latent_dim: int, stride: int):
        super().__init__()
        width = self.num_pieces * latent_dim
        self.stride = stride
        self.head = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, self.num_answers))

    @abstractmethod
    def lengths(self, lengths: Tensor, size: int) -> Tensor:
        """Frames of crops, [B], and how many there could be -> frames of the pieces of all Q questions that are asked
        of a crop, [B, Q]; 0 where it is too short for one."""

    @abstractmethod
    def asked(self, frames: Tensor, lengths: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        """frames: of crops without their surroundings, [B, F, C], lengths: [B]; chances: uniform
        numbers [B, 2, F] -> the P pieces of every question, [B, Q, P, N, C], and its answer, [B, Q]."""

    def why_not(self, features: str) -> str | None:
        return None

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        chances = uniform(len(batch.features), 2, batch.target_frames, device=batch.features.device)
        found, units = self.answered(model, batch, chances)
        return ModelOutput({**found.losses, **units.losses}, {**found.metrics, **units.metrics})

    def answered(self, model: ModelParts, batch: Batch, chances: Tensor) -> tuple[ModelOutput, BottleneckOutput]:
        size = batch.target_frames
        if size < self.shortest:
            raise ValueError(
                f"[objective] {self.kind!r} asks of {self.shortest} frames or more, and crops have {size}: "
                "set training.crop to more"
            )
        lengths = frames_of(batch)
        frames = cut(batch.features, batch.starts, size)
        pieces, answers = self.asked(frames, lengths, chances)
        units, latents = model.units_of(self.items(batch, pieces))
        inside = padding_mask(latents, units.latents.shape[1])[..., None]
        means = (in_full(units.latents) * inside).sum(1) / latents.clamp(min=1)[:, None]
        logits = in_full(self.head(means.reshape(*answers.shape, -1)))  # [B, Q, answers]
        losses = F.cross_entropy(logits.transpose(1, 2), answers, reduction="none")
        there, count = self.lengths(lengths, size) > 0, batch.counts.get("questions")
        found = {self.kind: masked_mean(losses, there, count)}
        if not is_measured():
            return ModelOutput(found, {}), units
        right = (logits.detach().argmax(-1) == answers).to(losses.dtype)
        return ModelOutput(found, {f"{self.kind}_accuracy": masked_mean(right, there, count)}), units

    def items(self, batch: Batch, pieces: Tensor) -> Batch:
        """A batch whose items are the pieces of all questions, of which nothing is predicted: B * Q * P."""
        _, number, of_each, size, _ = pieces.shape
        lengths = self.lengths(frames_of(batch), batch.target_frames).flatten().repeat_interleave(of_each)
        features = pieces.flatten(0, 2)
        return Batch(
            features=features,
            lengths=lengths,
            starts=torch.zeros_like(lengths),
            target=features,
            target_lengths=lengths,
            target_frames=size,
            speakers=batch.speakers.repeat_interleave(number * of_each),
            counts={"latents": batch.counts["pieces"]} if "pieces" in batch.counts else {},
        )

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """Questions that can be asked, and latents of their "pieces"."""
        lengths = self.lengths(frames_of(batch), batch.target_frames)
        return {"questions": (lengths > 0).sum(), "pieces": self.num_pieces * (-(-lengths // self.stride)).sum()}

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With questions that are the same in every validation."""
        chances = torch.rand(len(lengths), 2, batch.target_frames, generator=torch.Generator().manual_seed(0))
        return self.answered(model, batch, chances.to(lengths.device))[0]


def frames_of(batch: Batch) -> Tensor:
    """How many frames every crop has, without its surroundings: [B]."""
    return (batch.lengths - batch.starts).clamp(0, batch.target_frames)


def picked(options: Tensor, index: Tensor) -> Tensor:
    """One of the options of every question: [B, Q, O, ...], [B, Q] -> [B, Q, ...]."""
    items, questions = (torch.arange(size, device=index.device) for size in index.shape)
    return options[items[:, None], questions, index]


class Order(Question):
    """Two stretches of a crop, `gap` frames apart: does the second come after the first, or before?

    MFCC with deltas know of four frames around, so that with a smaller gap each would tell what it was cut from.
    """

    kind, num_pieces, num_answers = "order", 2, 2

    def __init__(self, latent_dim: int, stride: int, gap: int = 8):
        super().__init__(latent_dim, stride)
        self.gap = gap
        self.shortest = gap + 2

    def lengths(self, lengths: Tensor, size: int) -> Tensor:
        return ((lengths - self.gap) // 2).clamp(min=0)[:, None]

    def asked(self, frames: Tensor, lengths: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        each, size = self.lengths(lengths, frames.shape[1])[:, 0], (frames.shape[1] - self.gap) // 2
        inside = padding_mask(each, size)[..., None]
        first, second = frames[:, :size] * inside, cut(frames, each + self.gap, size) * inside
        answers = (2 * chances[:, 0, :1]).long()
        orders = torch.stack([torch.stack([first, second], 1), torch.stack([second, first], 1)], 1)
        return picked(orders[:, None], answers), answers


class Direction(Question):
    """Does a crop run as it did, or backwards?"""

    kind, num_pieces, num_answers = "direction", 1, 2
    shortest = 1

    def lengths(self, lengths: Tensor, size: int) -> Tensor:
        return lengths[:, None]

    def asked(self, frames: Tensor, lengths: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        index = lengths[:, None] - 1 - torch.arange(frames.shape[1], device=frames.device)
        backwards = frames.gather(1, index.clamp(min=0)[..., None].expand_as(frames))
        backwards = backwards * padding_mask(lengths, frames.shape[1])[..., None]
        answers = (2 * chances[:, 0, :1]).long()
        return picked(torch.stack([frames, backwards], 1)[:, None, :, None], answers), answers

    def why_not(self, features: str) -> str | None:
        return "is told by the deltas of MFCC; set features.kind to 'log-mel'" if features == "mfcc" else None


class QuestionOfLines(Question):
    """Of line images, whose frames are columns of pixels: as often as there is room for `shortest` of them."""

    side: int  # columns of a piece

    def lengths(self, lengths: Tensor, size: int) -> Tensor:
        ends = self.shortest * torch.arange(1, size // self.shortest + 1, device=lengths.device)
        return self.side * (ends <= lengths[:, None])

    def windows(self, frames: Tensor) -> Tensor:
        """[B, F, H] -> [B, Q, shortest, H]."""
        number = frames.shape[1] // self.shortest
        return frames[:, : number * self.shortest].unflatten(1, (number, self.shortest))

    def why_not(self, features: str) -> str | None:
        return None if features == "columns" else "asks of line images; set features.kind to 'columns'"


class Rotation(QuestionOfLines):
    """Squares of a line, as wide as it is high, are turned by quarters: by how many?"""

    kind, num_pieces, num_answers = "rotation", 1, 4

    def __init__(self, latent_dim: int, stride: int, in_dim: int):
        super().__init__(latent_dim, stride)
        self.shortest = self.side = in_dim

    def asked(self, frames: Tensor, lengths: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        squares = self.windows(frames)
        turned = torch.stack([squares.rot90(quarters, (2, 3)) for quarters in range(4)], 2)
        answers = (4 * chances[:, 0, : squares.shape[1]]).long()
        return picked(turned[:, :, :, None], answers), answers


class Position(QuestionOfLines):
    """Two patches of a line, both shown in the middle rows: in which of eight directions from the first is the second?

    gap: columns, and rows, between patches, so that no stroke tells. There are two rows of patches and three columns,
    the first patch is in the middle one. Always to say "left" is right once in five times.
    """

    kind, num_pieces, num_answers = "position", 2, len(OFFSETS)

    def __init__(self, latent_dim: int, stride: int, in_dim: int, gap: int = 4):
        super().__init__(latent_dim, stride)
        self.gap = gap
        self.side = (in_dim - gap) // 2
        self.shortest = 3 * self.side + 2 * gap
        if self.side < 1:
            raise ValueError(f"a gap of {gap} leaves nothing of {in_dim} rows")
        rows = [[place for place, (_, down) in enumerate(OFFSETS) if 0 <= row + down < 2] for row in range(2)]
        self.register_buffer("possible", torch.tensor(rows), persistent=False)  # [2, 5]: answers, by the first's row
        self.register_buffer("offsets", torch.tensor(OFFSETS), persistent=False)

    def asked(self, frames: Tensor, lengths: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        step, windows = self.side + self.gap, self.windows(frames)
        patches = windows.unfold(2, self.side, step).unfold(3, self.side, step).flatten(2, 3)  # six, by columns
        row, drawn = (2 * chances[:, 0, : windows.shape[1]]).long(), (5 * chances[:, 1, : windows.shape[1]]).long()
        answers = self.possible[row, drawn]
        across, down = self.offsets[answers].unbind(-1)
        pair = torch.stack([picked(patches, 2 + row), picked(patches, 2 * (1 + across) + row + down)], 2)
        above = (frames.shape[2] - self.side) // 2
        return F.pad(pair, (above, frames.shape[2] - self.side - above)), answers


class Inpainting(nn.Module):
    """Filling in: spans of frames, or of columns of a line, are hidden, and told as they are: a mean squared error.

    probability: that a span begins at a latent; span: how many latents' frames it hides. reconstruction: weight of the
    decoder's loss. `inpainting_chance` is the error of who would say the mean of each channel of the crop.
    """

    needs = ()
    second_view = "clean"
    needs_augmentation = False

    def __init__(
        self,
        latent_dim: int,
        in_dim: int,
        stride: int,
        probability: float = 0.08,
        span: int = 10,
        reconstruction: float = 0.0,
    ):
        super().__init__()
        self.masking = SpanMasking(probability, span)
        self.mask = mask_embedding(in_dim)
        self.head = nn.Linear(latent_dim, stride * in_dim)
        self.reconstruction = AddedReconstruction(reconstruction)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        size = -(-batch.target_frames // model.encoder.stride)
        hidden = self.masking.drawn(len(batch.features), size, batch.features.device)
        found, units, lengths = self.filled_in(model, batch, hidden)
        added = self.reconstruction.losses(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def filled_in(
        self, model: ModelParts, batch: Batch, hidden: Tensor
    ) -> tuple[ModelOutput, BottleneckOutput, Tensor]:
        """hidden: the latents whose frames are, [B, S]."""
        size, stride = batch.target_frames, model.encoder.stride
        hidden = hidden.repeat_interleave(stride, dim=1)[:, :size]
        seen = masked(batch.features, hidden, batch.starts, self.mask)
        units, latents = model.units_of(replace(batch, features=seen))
        told = in_full(self.head(units.latents)).unflatten(-1, (stride, -1)).flatten(1, 2)[:, :size]
        clean = batch.features if batch.second_view is None else batch.second_view
        clean = cut(clean, batch.starts, size)
        inside = padding_mask(batch.lengths - batch.starts, size)
        where = hidden & inside, latents, batch.counts.get("latents")
        losses = {"inpainting": mean_of_chosen((told - clean).square().mean(-1), *where)}
        if not is_measured():
            return ModelOutput(losses, {}), units, latents
        mean = (clean * inside[..., None]).sum(1) / inside.sum(1).clamp(min=1)[:, None]
        chance = mean_of_chosen((clean - mean[:, None]).square().mean(-1), *where)
        return ModelOutput(losses, {"inpainting_chance": chance}), units, latents

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With spans that are the same in every validation; nothing is hidden from reconstruction."""
        hidden = self.masking.held_out(*units.latents.shape[:2], lengths.device)
        found, _, _ = self.filled_in(model, batch, hidden)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})


PRETEXTS = {cls.kind: cls for cls in (Order, Direction, Rotation, Position)} | {"inpainting": Inpainting}
