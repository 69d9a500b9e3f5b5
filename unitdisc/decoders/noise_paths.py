"""Paths from data to noise: x_t = alpha(t) x_0 + sigma(t) e, e standard normal, t from 0 (data) to 1 (noise).

One network serves them all, for whichever of x_0, e and the velocity dx_t/dt it tells, x_t gives the two others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_NOISE = -10.0  # logarithm of sigma^2 / alpha^2 where paths begin; they end at its negative


@dataclass(frozen=True)
class Path:
    """alpha(t), sigma(t) and their derivatives; ends: the times of least and of most noise."""

    alpha: Callable[[Tensor], Tensor]
    sigma: Callable[[Tensor], Tensor]
    alpha_rate: Callable[[Tensor], Tensor]
    sigma_rate: Callable[[Tensor], Tensor]
    time_of: Callable[[Tensor], Tensor]  # of sigma / alpha

    @property
    def ends(self) -> tuple[float, float]:
        least, most = self.times(torch.tensor([LEAST_NOISE, -LEAST_NOISE], dtype=torch.double)).tolist()
        return least, most

    def times(self, log_ratios: Tensor) -> Tensor:
        """When the logarithm of sigma^2 / alpha^2 is so much."""
        return self.time_of((log_ratios / 2).exp())

    def log_ratio(self, t: Tensor) -> Tensor:
        return 2 * (self.sigma(t).log() - self.alpha(t).log())

    def velocity(self, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """dx_t/dt, divided by how fast the path turns: what a network is to tell."""
        return (self.alpha_rate(t) * data + self.sigma_rate(t) * noise) / self.turn(t)

    def turn(self, t: Tensor) -> Tensor:
        """alpha sigma' - sigma alpha'."""
        return self.alpha(t) * self.sigma_rate(t) - self.sigma(t) * self.alpha_rate(t)

    def data_and_noise(self, x: Tensor, velocity: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t and a velocity as of `velocity` -> x_0 and e."""
        turn = self.turn(t)
        data = self.sigma_rate(t) / turn * x - self.sigma(t) * velocity
        return data, self.alpha(t) * velocity - self.alpha_rate(t) / turn * x


PATHS = {
    # The variance stays that of the data (Song et al., 2021), by a cosine (Nichol and Dhariwal, 2021); its velocity is
    # the v of Salimans and Ho (2022).
    "diffusion": Path(
        alpha=lambda t: (math.pi / 2 * t).cos(),
        sigma=lambda t: (math.pi / 2 * t).sin(),
        alpha_rate=lambda t: -math.pi / 2 * (math.pi / 2 * t).sin(),
        sigma_rate=lambda t: math.pi / 2 * (math.pi / 2 * t).cos(),
        time_of=lambda ratio: 2 / math.pi * ratio.atan(),
    ),
    # A straight line from data to noise (Lipman et al., 2023; Liu et al., 2023).
    "flow-matching": Path(
        alpha=lambda t: 1 - t,
        sigma=lambda t: t,
        alpha_rate=lambda t: -torch.ones_like(t),
        sigma_rate=lambda t: torch.ones_like(t),
        time_of=lambda ratio: ratio / (1 + ratio),
    ),
}
