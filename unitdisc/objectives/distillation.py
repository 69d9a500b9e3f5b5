"""Self-distillation: what a running average of the encoder makes of all, told from what is left (data2vec, DinoSR)."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, mean_of_chosen, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.bottlenecks.base import OnHost, perplexity
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.quantiser import Quantiser
from unitdisc.encoders import TwoStage
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.masking import SpanMasking, mask_embedding, units_of_masked
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.objectives.stages import refuse_one_stage
from unitdisc.training.distributed import is_measured, part, rows_of_all, sum_over_processes
from unitdisc.training.precision import in_full

SMALLEST_VARIANCE = 1e-5


class Distillation(OnHost):
    """Spans of local latents are hidden, and the teacher's frames there are told of the latents behind.

    The teacher is a running average of the encoder (Baevski et al., 2022). It sees everything, and no augmentation. Its
    frames, of zero mean and unit variance in every channel of a crop, are the target of a mean squared error; so they
    cannot all become one, and `teacher_deviation`, before that, shows whether they try to.

    layers: how many of the teacher's upper layers are told, by their mean. probability: that a span begins at a latent;
    span: how many latents it hides. decay: how much of the teacher stays at every step at first; last_decay: after
    decay_steps. reconstruction: weight of the decoder's loss.
    """

    kind = "distil"
    needs = ()
    second_view = "clean"
    needs_augmentation = False

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        encoder_dim: int,
        probability: float = 0.08,
        span: int = 10,
        decay: float = 0.99,
        last_decay: float = 0.999,
        decay_steps: int = 1000,
        layers: int = 1,
        reconstruction: float = 0.0,
    ):
        super().__init__()
        refuse_one_stage(self.kind, local_dim)
        if layers < 1:
            raise ValueError(f"layers must be 1 or more, not {layers}")
        self.masking = SpanMasking(probability, span)
        if not decay <= last_decay <= 1 or decay_steps < 1:
            raise ValueError(f"decay must rise to last_decay, at most 1, in 1 step or more: {decay}, {last_decay}")
        self.decays = (decay, last_decay)
        self.decay_steps = decay_steps
        self.layers = layers
        self.mask = mask_embedding(local_dim)
        self.head = nn.Linear(latent_dim, encoder_dim)
        self.reconstruction = AddedReconstruction(reconstruction)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # of training

    def follow(self, encoder: TwoStage) -> None:
        """Makes the teacher, an encoder whose weights are buffers: no optimiser moves them.

        Raises ValueError if it has too few layers to be told.
        """
        if self.layers > max(1, encoder.depth):
            raise ValueError(
                f"[objective] layers is {self.layers}, and of this context network {encoder.depth} can be told; set it "
                "to fewer, or encoder.context to 'conv' or 'transformer'"
            )
        self.teacher = deepcopy(encoder)
        for module in self.teacher.modules():
            for name, weight in [*module.named_parameters(recurse=False)]:
                del module._parameters[name]
                module.register_buffer(name, weight.detach())

    @property
    def training_only(self) -> Sequence[str]:
        return ["steps", *(f"teacher.{name}" for name in self.teacher.state_dict())]

    @torch.no_grad()
    def learn_from(self, encoder: nn.Module) -> None:
        """Once a step, before it: the teacher has seen what the last one learnt."""
        first, last = self.decays
        decay = first + (last - first) * min(1.0, int(self.steps) / self.decay_steps)
        kept, learnt = self.teacher.state_dict(), encoder.state_dict()
        averaged = {name for name, _ in encoder.named_parameters()}
        torch._foreach_lerp_([kept[name] for name in averaged], [learnt[name] for name in averaged], 1 - decay)
        for name in kept.keys() - averaged:
            kept[name].copy_(learnt[name])
        self.steps += 1

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        if self.training and part().index == 0:
            self.learn_from(model.encoder)
        clean = batch.features if batch.second_view is None else batch.second_view
        size = -(-batch.target_frames // model.encoder.stride)
        hidden = self.masking.drawn(len(clean), size, device=clean.device)
        units, lengths = units_of_masked(model, batch, hidden, self.mask)
        found = self.told(model, self.teacher.eval(), clean, batch, units, lengths, hidden)
        added = self.reconstruction.losses(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def told(
        self,
        model: ModelParts,
        teacher: TwoStage,
        clean: Tensor,
        batch: Batch,
        units: BottleneckOutput,
        lengths: Tensor,
        hidden: Tensor,
    ) -> ModelOutput:
        """How far what is told at the hidden places [B, S] is from what the teacher makes of clean features."""
        mask = padding_mask(lengths, hidden.shape[1])
        frames = self.upper_frames(model, teacher, clean, batch, hidden.shape[1])
        targets = torch.stack([normalised_in_time(layer, mask) for layer in frames]).mean(0)
        losses = F.mse_loss(in_full(self.head(units.latents)), targets, reduction="none").mean(-1)
        found = {"distil": mean_of_chosen(losses, hidden & mask, lengths, count=batch.counts.get("latents"))}
        if not is_measured():
            return ModelOutput(found, {})
        return ModelOutput(found, {"teacher_deviation": self.deviation(frames[-1][mask])})

    def deviation(self, frames: Tensor) -> Tensor:
        """The mean over channels of [N, C], of all processes; held-out frames each of them has itself."""
        return (rows_of_all(frames) if self.training else frames).std(0).mean()

    @torch.no_grad()
    def upper_frames(
        self, model: ModelParts, teacher: TwoStage, clean: Tensor, batch: Batch, size: int
    ) -> list[Tensor]:
        """What the teacher's upper layers make of clean features, behind the target: [B, S, C] of each."""
        upper = teacher.layer_frames(clean, batch.lengths)[-self.layers :]
        return [cut(in_full(frames), batch.starts // model.encoder.stride, size) for frames in upper]

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With spans that are the same in every validation. The validated model, an average, is its own teacher."""
        hidden = self.masking.held_out(*units.latents.shape[:2], device=units.latents.device)
        masked, _ = units_of_masked(model, batch, hidden, self.mask)
        found = self.told(model, model.encoder, batch.features, batch, masked, lengths, hidden)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})


class CodeDistillation(Distillation):
    """DinoSR (Liu et al., 2023): codes of the teacher's frames are told, not the frames.

    Each of the upper layers has a codebook that follows the frames of what is hidden, normalised as in `distil`, by
    moving averages; codes hardly used begin anew. The loss is a cross-entropy in nats, the mean over layers.
    `distil_accuracy` is how often the code is told, `target_use` the perplexity of codes as a share of their number.

    num_codes: of each layer; code_decay: of the moving averages. The others are as in `distil`.
    """

    kind = "dinosr"

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        encoder_dim: int,
        probability: float = 0.08,
        span: int = 10,
        decay: float = 0.99,
        last_decay: float = 0.999,
        decay_steps: int = 1000,
        layers: int = 1,
        num_codes: int = 256,
        code_decay: float = 0.9,
        reconstruction: float = 0.0,
    ):
        super().__init__(
            latent_dim,
            local_dim,
            encoder_dim,
            probability=probability,
            span=span,
            decay=decay,
            last_decay=last_decay,
            decay_steps=decay_steps,
            layers=layers,
            reconstruction=reconstruction,
        )
        if num_codes < 2:
            raise ValueError(f"num_codes must be 2 or more, not {num_codes}")
        codes = CodebookOptions(num_codes=num_codes, decay=code_decay, warmup_steps=0)
        self.quantisers = nn.ModuleList(Quantiser(encoder_dim, codes) for _ in range(layers))
        self.head = nn.Linear(latent_dim, layers * num_codes)

    def told(
        self,
        model: ModelParts,
        teacher: TwoStage,
        clean: Tensor,
        batch: Batch,
        units: BottleneckOutput,
        lengths: Tensor,
        hidden: Tensor,
    ) -> ModelOutput:
        """How far what is told at the hidden places [B, S] is from the codes of the teacher's frames there."""
        mask = padding_mask(lengths, hidden.shape[1])
        chosen, count = hidden & mask, batch.counts.get("latents")
        frames = self.upper_frames(model, teacher, clean, batch, hidden.shape[1])
        quantised = [
            quantiser(normalised_in_time(layer, mask), chosen, least_cost)
            for quantiser, layer in zip(self.quantisers, frames, strict=True)
        ]
        codes = torch.stack([layer.codes for layer in quantised], dim=-1)  # [B, S, L]
        logits = in_full(self.head(units.latents)).unflatten(-1, (self.layers, -1))
        losses = F.cross_entropy(logits.permute(0, 3, 1, 2), codes, reduction="none").mean(-1)
        found = {"distil": mean_of_chosen(losses, chosen, lengths, count=count)}
        if not is_measured():
            return ModelOutput(found, {})
        right = (logits.detach().argmax(-1) == codes).to(losses.dtype).mean(-1)
        used = torch.stack([perplexity(of_layer) for of_layer in codes[chosen].unbind(-1)]).mean()
        could = sum_over_processes(chosen.sum()).clamp(1, logits.shape[-1])
        accuracy = mean_of_chosen(right, chosen, lengths, count=count)
        deviation = self.deviation(frames[-1][mask])
        return ModelOutput(
            found, {"distil_accuracy": accuracy, "target_use": used / could, "teacher_deviation": deviation}
        )


def least_cost(costs: Tensor, mask: Tensor) -> Tensor:
    """Codes of least cost: [B, T, K] -> [B, T]."""
    return costs.argmin(-1)


def normalised_in_time(frames: Tensor, mask: Tensor) -> Tensor:
    """Zero mean and unit variance of every channel of an item, padding left out: [B, T, C], [B, T] -> [B, T, C]."""
    inside = mask[..., None]
    count = inside.sum(1, keepdim=True).clamp(min=1)
    centred = (frames - (frames * inside).sum(1, keepdim=True) / count) * inside
    variance = centred.square().sum(1, keepdim=True) / count
    return centred * (variance + SMALLEST_VARIANCE).rsqrt()
