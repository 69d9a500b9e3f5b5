"""Diffusion over the columns of a line image, whose levels of grey are points on a line."""

from collections.abc import Callable

import torch
from torch import Tensor

from unitdisc.decoders.diffusion import WAVES, Denoiser
from unitdisc.decoders.draws import placed_noise
from unitdisc.decoders.images import begun_with, check_given, check_levels, levels_log_prob
from unitdisc.decoders.noise_paths import LEAST_NOISE
from unitdisc.decoders.unet import UNet


class DiffusionColumns(Denoiser):
    """Columns of a line image out of noise, all at once, in `steps` steps.

    target_dim: rows; levels: of grey, 0 the background, evenly apart from -1 to 1. The network says how likely each
    level is by what is around; by Bayes' rule that and x_t itself say what the pixel may be, and the mean over its
    levels is the x_0 that is told. So pixels under little noise are told exactly, which a network would have to learn.

    channels, layers, depth: of the network, a `UNet` over rows and columns; with one layer and a depth of 2 a pixel
    knows those up to 44 columns away. The other options are those of `Denoiser`. The temperature multiplies all noise
    that is drawn.
    """

    target = "grey"
    sample_direction = "left-to-right"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        levels: int = 4,
        channels: int = 32,
        layers: int = 1,
        depth: int = 2,
        path: str = "diffusion",
        sampler: str = "ddim",
        steps: int = 20,
        noise_levels: int = 50,
    ):
        check_levels(levels)
        network = UNet(target_dim, levels, condition_dim + 2 * WAVES, channels=channels, layers=layers, depth=depth)
        super().__init__(target_dim, network, path=path, sampler=sampler, steps=steps, noise_levels=noise_levels)
        self.levels = levels

    def data_of(self, target: Tensor, like: Tensor) -> Tensor:
        return 2 * target.to(like.dtype) / (self.levels - 1) - 1

    def places(self, like: Tensor) -> Tensor:
        """x_0 of every level: [levels]."""
        return self.data_of(torch.arange(self.levels, device=like.device), like)

    def closeness(self, x: Tensor, t: Tensor) -> Tensor:
        """x_t [B, S, H] -> log p(x_t | level) of every level, but for a constant: [B, S, H, levels]."""
        alpha, sigma = (value[..., None] for value in (self.path.alpha(t), self.path.sigma(t)))
        return -0.5 * ((x[..., None] - alpha * self.places(x)) / sigma).square()

    def velocity(self, told: Tensor, x: Tensor, t: Tensor) -> Tensor:
        likely = told + self.closeness(x, t)
        data = (likely.softmax(-1) * self.places(x)).sum(-1)
        return (self.path.sigma_rate(t) / self.path.turn(t) * x - data) / self.path.sigma(t)

    def nats_of_target(self, target: Tensor, data: Tensor) -> Tensor:
        """Of the levels by how close they are to x_t, by one draw of noise."""
        t = self.path.times(torch.tensor(LEAST_NOISE, dtype=torch.double)).to(data).view(1, 1, 1)
        drawn = placed_noise("normal", *data.shape[1:], like=data).expand_as(data)
        x = self.path.alpha(t) * data + self.path.sigma(t) * drawn
        return -levels_log_prob(self.closeness(x, t), target)

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        size: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """condition [B, L, C] -> grey levels [B, size, H], int64.

        given [B, P, H]: the first columns of the line, which are kept: at every step they stand, with as much noise
        as belongs there, in the place of what was drawn. What follows is then drawn nearly, not exactly, given them.
        Raises ValueError if they do not fit.
        """
        check_given(given, (len(condition), size, self.target_dim), self.levels)
        keep = None if given is None or not given.shape[1] else self.keeping(self.data_of(given, condition))
        data = self.drawn(condition, size, generator, temperature, keep)
        levels = ((data + 1) / 2 * (self.levels - 1)).round().clamp(0, self.levels - 1).long()
        return begun_with(given, levels)

    def keeping(self, known: Tensor) -> Callable[[Tensor], Callable[[Tensor, Tensor], Tensor]]:
        """The first columns [B, P, H] as x_0 -> given the first noise, what puts them in their place in x_t."""
        size = known.shape[1]

        def of_noise(drawn: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
            def keep(x: Tensor, t: Tensor) -> Tensor:
                own = self.path.alpha(t) * known + self.path.sigma(t) * drawn[:, :size]
                return torch.cat([own, x[:, size:]], dim=1)

            return keep

        return of_noise
