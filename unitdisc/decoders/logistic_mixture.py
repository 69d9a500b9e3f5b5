"""Discretised mixtures of logistic distributions over grey levels (PixelCNN++, Salimans et al., 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_LOG_SCALE = -7.0  # as published; levels lie in [-1, 1]


class LogisticMixture:
    """Neighbouring levels have similar probabilities: for many levels, where a softmax would learn each by itself.

    Parameters of a pixel, [..., 3 * components]: logits of the components, their means and their log-scales. The levels
    are at equal distances from -1 to 1, each with the mass between the middles to its neighbours, the first and the
    last with all that lies beyond: probabilities sum to one exactly.
    """

    def __init__(self, levels: int, components: int = 5):
        self.levels = levels
        self.components = components
        self.dim = 3 * components

    def first_bias(self) -> Tensor:
        """Where a network's last layer may begin: wide components side by side, so that they can part."""
        spread = torch.linspace(-1, 1, self.components) if self.components > 1 else torch.zeros(1)
        return torch.cat([torch.zeros(self.components), spread, torch.full((self.components,), -1.0)])

    def log_prob(self, parameters: Tensor, levels: Tensor) -> Tensor:
        """parameters [..., 3 * components], levels int64 [...] -> nats [...]."""
        return self.mixed(parameters, levels[..., None])[..., 0]

    def logits(self, parameters: Tensor) -> Tensor:
        """The log-probability of every level: [..., 3 * components] -> [..., levels]."""
        return self.mixed(parameters, torch.arange(self.levels, device=parameters.device))

    def mixed(self, parameters: Tensor, levels: Tensor) -> Tensor:
        """parameters [..., 3 * components], levels [..., N] -> nats [..., N]."""
        if parameters.dtype in (torch.bfloat16, torch.float16):
            parameters = parameters.float()
        weights, means, log_scales = parameters[..., None, :].chunk(3, dim=-1)
        inverse = (-log_scales.clamp(min=SMALLEST_LOG_SCALE)).exp()
        levels = levels[..., None]
        half = 1 / (self.levels - 1)  # of the distance between two levels
        centred = 2 * half * levels.to(parameters.dtype) - 1 - means
        upper, lower = (centred + half) * inverse, (centred - half) * inverse
        # sigmoid(u) - sigmoid(l) = sigmoid(u) * sigmoid(-l) * (1 - exp(l - u)), without cancellation
        below, beyond = F.logsigmoid(upper), F.logsigmoid(-lower)
        between = below + beyond + (-(-2 * half * inverse).expm1()).log()
        nats = torch.where(levels == 0, below, torch.where(levels == self.levels - 1, beyond, between))
        return (weights.log_softmax(-1) + nats).logsumexp(-1)
