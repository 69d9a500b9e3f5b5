"""Normalising flows over the columns of a line image, whose grey levels noise turns into real numbers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByBound
from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.convolutions import GatedConvolutions
from unitdisc.decoders.draws import check_temperature, noise, placed_noise
from unitdisc.decoders.flow import FlowSteps
from unitdisc.decoders.images import begun_with, check_given, check_levels
from unitdisc.decoders.likelihoods import LOG_SQRT_2PI
from unitdisc.training.distributed import normal

DEQUANTISATIONS = ("uniform", "variational")
MARGIN = 0.01  # of the levels on either side, or the logit of the outermost ones would have no end (RealNVP's alpha)
FLAT = 1.6  # deviation of a normal number whose logistic function is nearly uniform


class Dequantisation(nn.Module):
    """What is added to a level, a number in (0, 1), and how likely it is: logistic function of a normal number.

    Uniform: that of the distribution function, which is uniform. Variational (Ho et al., 2019, Flow++): mean and
    deviation of the normal number are those that a network says, which sees the levels of this column and of those
    before; so few levels then make no boxes that a flow would have to learn the edges of.
    """

    def __init__(self, kind: str, dim: int, condition_dim: int, channels: int):
        super().__init__()
        if kind not in DEQUANTISATIONS:
            raise ValueError(f"dequantisation is one of {', '.join(DEQUANTISATIONS)}, not {kind!r}")
        sizes = {"channels": channels, "layers": 2, "kernel": 3, "causal": True}
        self.network = GatedConvolutions(dim, 2 * dim, condition_dim, **sizes) if kind == "variational" else None

    def forward(self, share: Tensor, condition: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Levels as shares of the last [B, S, H], normal numbers like them -> what is added, log q of it: [B, S, H]."""
        if self.network is None:
            added = torch.special.ndtr(numbers)
            return added, torch.zeros_like(added)
        mean, raw = self.network(2 * share - 1, condition).chunk(2, dim=-1)
        log_scale = math.log(FLAT) + 2 * (raw / 2).tanh()
        logit = mean + log_scale.exp() * numbers
        log_q = -0.5 * numbers.square() - LOG_SQRT_2PI - log_scale - F.logsigmoid(logit) - F.logsigmoid(-logit)
        return logit.sigmoid(), log_q


class FlowColumns(LearnsByBound, nn.Module):
    """An invertible function between noise and columns to which a number within a level was added.

    target_dim: rows; levels: of grey, 0 the background. dequantisation: "variational" (its network learns beside the
    flow) or "uniform". Either way log p(levels) >= E log p(levels + what is added) / q(what is added), so that what is
    told of a line is a bound, by one draw of what is added to every pixel. flows, channels, layers, kernel: as of
    `Flow`.
    """

    target = "grey"
    sample_direction = "left-to-right"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        levels: int = 4,
        flows: int = 8,
        channels: int = 64,
        layers: int = 2,
        kernel: int = 3,
        dequantisation: str = "variational",
    ):
        super().__init__()
        check_levels(levels)
        self.target_dim = target_dim
        self.levels = levels
        self.dequantise = Dequantisation(dequantisation, target_dim, condition_dim, channels)
        self.steps = FlowSteps(target_dim, condition_dim, flows=flows, channels=channels, layers=layers, kernel=kernel)

    def log_prob_bound(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target int64 [B, S, H], condition [B, L, C] -> nats per column, at most: [B, S].

        What is added differs from place to place, and in training from time to time.
        """
        if self.training:
            numbers = normal(*target.shape, device=target.device).to(condition.dtype)
        else:
            numbers = placed_noise("normal", *target.shape[1:], like=condition).expand(target.shape)
        return self.with_noise(target, condition, numbers)[1]

    def with_noise(self, target: Tensor, condition: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """As `log_prob_bound`, from normal numbers [B, S, H] -> the noise of the flow [B, S, H], nats [B, S]."""
        added, log_q = self.dequantise(target.to(numbers.dtype) / (self.levels - 1), condition, numbers)
        real, log_scale = to_real((target + added) / self.levels)
        log_scale = log_scale - math.log(self.levels)
        z, log_det = self.steps(real, condition)
        log_normal = -0.5 * z.square() - LOG_SQRT_2PI
        return z, (log_normal + log_scale - log_q).sum(-1) + log_det

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        size: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """condition [B, L, C] -> grey levels [B, size, H], int64; the noise is multiplied by the temperature.

        given [B, P, H]: the first columns of the line, which are kept: the noise that they are made of begins the
        line's, so that what follows is drawn given them. Raises ValueError if they do not fit.
        """
        check_temperature(temperature)
        steps_per_condition(size, condition.shape[1])
        check_given(given, (len(condition), size, self.target_dim), self.levels)
        shape = (len(condition), size, self.target_dim)
        z = temperature * noise("normal", *shape, like=condition, generator=generator)
        kept = 0 if given is None else given.shape[1]
        if kept:
            known = F.pad(given, (0, 0, 0, size - kept))
            numbers = placed_noise("normal", *shape[1:], like=condition).expand(shape)
            z = torch.cat([self.with_noise(known, condition, numbers)[0][:, :kept], z[:, kept:]], dim=1)
        levels = (from_real(self.steps.inverse(z, condition)) * self.levels).floor().clamp(0, self.levels - 1).long()
        return begun_with(given, levels)


def to_real(share: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers in [0, 1] -> their logits, with a margin, and the logarithm of the derivative."""
    inside = MARGIN + (1 - 2 * MARGIN) * share
    return inside.logit(), math.log(1 - 2 * MARGIN) - inside.log() - torch.log1p(-inside)


def from_real(logit: Tensor) -> Tensor:
    """The inverse of `to_real`."""
    return (logit.sigmoid() - MARGIN) / (1 - 2 * MARGIN)
