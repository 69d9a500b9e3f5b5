"""The speaker adversary: a classifier of speakers that latents are to leave without a clue (Ganin et al., 2016)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks.base import OnHost
from unitdisc.objectives.base import ModelOutput
from unitdisc.training.distributed import is_measured, part
from unitdisc.training.precision import full_products, in_full

STEEPNESS = 10.0  # of the schedule of strength, as in the paper


class ReversedGradient(torch.autograd.Function):
    """What it is given going forward, and going back the gradient times minus the strength."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, frames: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return frames.view_as(frames)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


class SpeakerAdversary(OnHost):
    """Tells speakers by latents, while encoder and bottleneck learn that it cannot: whatever the objective is.

    Its loss is the cross-entropy, in nats; the classifier follows its gradient, all below it the gradient times minus
    the strength, which rises from 0 as 2 / (1 + exp(-10 step / ramp_steps)) - 1 does. `adversary_accuracy` is how often
    it is right, to be compared with a probe that learns after training: one that was fooled proves little. Items by
    unknown speakers count for nothing.

    strength: of the reversed gradient, once it has risen; 0: there is no adversary. pooled: it is shown the mean latent
    of a crop instead of every latent. hidden: width of its one hidden layer.
    """

    def __init__(
        self,
        latent_dim: int,
        num_speakers: int,
        strength: float = 0.0,
        ramp_steps: int = 10_000,
        pooled: bool = False,
        hidden: int = 128,
    ):
        super().__init__()
        if ramp_steps < 1 or hidden < 1:
            raise ValueError(f"ramp_steps ({ramp_steps}) and hidden ({hidden}) must be 1 or more")
        self.most = strength
        self.ramp_steps = ramp_steps
        self.pooled = pooled
        self.classifier = nn.Sequential(nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, num_speakers))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # of training

    @property
    def strength(self) -> float:
        """Of the reversed gradient at the step that is computed."""
        ramp = torch.sigmoid(STEEPNESS * self.steps.double() / self.ramp_steps)
        return self.most * float(2 * ramp - 1)

    def forward(self, latents: Tensor, lengths: Tensor, batch: Batch) -> ModelOutput:
        """latents: [B, T, D], lengths: [B] -> its loss and its accuracy."""
        mask = padding_mask(lengths, latents.shape[1])
        if self.pooled:
            latents = (latents * mask[..., None]).sum(1, keepdim=True) / lengths.clamp(min=1)[:, None, None]
            mask = (lengths > 0)[:, None]
        mask = mask & (batch.speakers >= 0)[:, None]
        with torch.autocast(latents.device.type, enabled=False), full_products():
            logits = self.classifier(ReversedGradient.apply(in_full(latents), self.strength))  # [B, T or 1, speakers]
        if self.training and part().is_last:
            self.steps += 1
        truth = batch.speakers.clamp(min=0)[:, None].expand(mask.shape)
        losses = F.cross_entropy(logits.transpose(1, 2), truth, reduction="none")
        count = batch.counts.get("adversary")
        found = {"adversary": masked_mean(losses, mask, count)}
        if not is_measured():
            return ModelOutput(found, {})
        right = (logits.detach().argmax(-1) == truth).to(losses.dtype)
        return ModelOutput(found, {"adversary_accuracy": masked_mean(right, mask, count)})

    def counts(self, batch: Batch, lengths: Tensor) -> dict[str, Tensor]:
        """Latents, or items, of known speakers; lengths: latents of every item, [B]."""
        places = (lengths > 0).long() if self.pooled else lengths
        return {"adversary": (places * (batch.speakers >= 0)).sum()}
