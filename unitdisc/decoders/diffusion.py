"""Diffusion: a network that tells noise from signal, and from pure noise makes frames in a few steps.

Trained by denoising (Ho et al., 2020): x_t = alpha x_0 + sigma e is shown, with the condition, and the velocity of the
path is to be told. That is denoising score matching (Vincent, 2011), for the score of x_t given x_0 is -e / sigma, and
the losses differ by a factor that t alone decides. Unlike other decoders the network sees the whole utterance, later
steps, too; padding is masked in every layer.

The errors at all levels of noise bound the log-likelihood (Kingma et al., 2021, VDM), whatever the path.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.convolutions import GatedConvolutions
from unitdisc.decoders.draws import check_temperature, noise, placed_noise
from unitdisc.decoders.likelihoods import LOG_SQRT_2PI
from unitdisc.decoders.noise_paths import LEAST_NOISE, PATHS
from unitdisc.decoders.sampling.denoising import SAMPLERS, denoised
from unitdisc.training.distributed import normal, uniform

WAVES = 8  # sines, and cosines, that tell the network how much noise there is
LOOKED_AT = 4  # times that a loss is the mean of where nothing is trained


class Denoiser(nn.Module):
    """What diffusion over frames and over columns have in common; x_0 is real, of deviation about 1.

    path: "diffusion", or "flow-matching", straight lines. sampler: "ddim", "ddpm", "euler" or "heun"; steps: how many
    of them a sample takes (of Heun's method each asks the network twice). noise_levels: of the bound, each of which
    asks the network once. network: is told x_t [B, S, D], a condition [B, L, C + 2 * WAVES] and a mask [B, S].
    """

    def __init__(
        self,
        target_dim: int,
        network: nn.Module,
        *,
        path: str,
        sampler: str,
        steps: int,
        noise_levels: int,
    ):
        super().__init__()
        if path not in PATHS:
            raise ValueError(f"path is one of {', '.join(PATHS)}, not {path!r}")
        if noise_levels < 1:
            raise ValueError(f"noise_levels must be 1 or more, not {noise_levels}")
        self.draw_by(sampler, steps)
        self.target_dim = target_dim
        self.path = PATHS[path]
        self.noise_levels = noise_levels
        self.network = network

    def draw_by(self, sampler: str | None = None, steps: int | None = None) -> None:
        """Chooses how samples are drawn from now on; None: as before. Raises ValueError if that cannot be."""
        sampler, steps = sampler or self.sampler, self.steps if steps is None else steps
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler is one of {', '.join(SAMPLERS)}, not {sampler!r}")
        if steps < 1:
            raise ValueError(f"steps of a sampler must be 1 or more, not {steps}")
        self.sampler, self.steps = sampler, steps

    def data_of(self, target: Tensor, like: Tensor) -> Tensor:
        """A target [B, S, D] as real numbers: x_0."""
        raise NotImplementedError

    def velocity(self, told: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """What the network says [B, S, ...], of x_t [B, S, D] at t [B, 1, 1] -> the velocity [B, S, D]."""
        raise NotImplementedError

    def nats_of_target(self, target: Tensor, data: Tensor) -> Tensor:
        """-log p(target | x_t at the end with least noise), or its mean: [B, S, D]."""
        raise NotImplementedError

    def asked(self, x: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None) -> Tensor:
        """x_t [B, S, D], t [B, 1, 1], condition [B, L, C], mask [B, S] -> what is told of the velocity: [B, S, D]."""
        turns = math.pi * torch.arange(1, WAVES + 1, device=x.device, dtype=x.dtype)
        place = (0.5 - self.path.log_ratio(t) / (2 * LEAST_NOISE)) * turns  # of the level, from 0 to pi
        waves = torch.cat([place.sin(), place.cos()], dim=-1).expand(len(x), condition.shape[1], -1)
        size = (self.path.alpha(t) ** 2 + self.path.sigma(t) ** 2).sqrt()
        told = self.network(x / size, torch.cat([condition, waves.to(condition.dtype)], dim=-1), mask)
        return self.velocity(told, x, t)

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, D], condition [B, L, C] -> the squared error of the velocity, summed over values: [B, S].

        No nats. At a time and with noise that are drawn for every item; where nothing is trained, the mean over
        times and noise that are always the same.
        """
        data, mask = self.data_of(target, condition), inside(lengths, target.shape[1])
        least, most = self.path.ends
        if self.training:
            shares = uniform(len(data), 1, 1, device=data.device).to(data.dtype)
            drawn = normal(*data.shape, device=data.device).to(data.dtype)
            return self.error(data, drawn, least + (most - least) * shares, condition, mask)
        found = [
            self.error(
                data,
                placed_noise("normal", *data.shape[1:], like=data, turn=turn).expand_as(data),
                data.new_full((1, 1, 1), least + (most - least) * (turn + 0.5) / LOOKED_AT),
                condition,
                mask,
            )
            for turn in range(LOOKED_AT)
        ]
        return sum(found) / len(found)

    def error(self, data: Tensor, drawn: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None) -> Tensor:
        """Of the velocity, squared and summed over the values of a step: [B, S]."""
        x = self.path.alpha(t) * data + self.path.sigma(t) * drawn
        return (self.asked(x, t, condition, mask) - self.path.velocity(data, drawn, t)).square().sum(-1)

    def log_prob_bound(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, D], condition [B, L, C] -> nats per step, at most: [B, S].

        Over the steps of an item together, for each is told with all the others in sight. The bound is that of
        continuous time, an integral of half the squared error of the noise over the logarithm of sigma^2 / alpha^2;
        here it is a sum over the middles of `noise_levels` stretches of it, with one draw of noise each.
        """
        data, mask = self.data_of(target, condition), inside(lengths, target.shape[1])
        share = 1 / (1 + math.exp(-LEAST_NOISE))  # of the signal's variance where there is most noise
        prior = 0.5 * (share * (data.square() - 1) - math.log1p(-share))
        nats = (prior + self.nats_of_target(target, data)).sum(-1)
        apart = -2 * LEAST_NOISE / self.noise_levels
        for level in range(self.noise_levels):
            log_ratio = torch.tensor(LEAST_NOISE + (level + 0.5) * apart, dtype=torch.double)
            t = self.path.times(log_ratio).to(data).view(1, 1, 1)
            drawn = placed_noise("normal", *data.shape[1:], like=data, turn=level + 1).expand_as(data)
            error = self.error(data, drawn, t, condition, mask) * self.path.alpha(t).view(()) ** 2  # of the noise told
            by_chance = self.share_of_noise(log_ratio.item()) * (drawn.square() - 1).sum(-1)  # 0 in the mean
            nats = nats + 0.5 * apart * (error - by_chance)
        return -nats

    def share_of_noise(self, log_ratio: float) -> float:
        """How much of the squared error of the noise is its own square, which is 1 in the mean, at a level of noise.

        Whatever it is, it changes no mean; the better it is known, the less the bound depends on what was drawn.
        """
        return 0.0

    def drawn(
        self,
        condition: Tensor,
        size: int,
        generator: torch.Generator | None,
        temperature: float,
        keep: Callable[[Tensor], Callable] | None = None,
    ) -> Tensor:
        """A sample of x_0: [B, size, D]. keep: given the first noise, what `denoised` asks for."""
        check_temperature(temperature)
        steps_per_condition(size, condition.shape[1])

        def draw() -> Tensor:
            shape = (len(condition), size, self.target_dim)
            return temperature * noise("normal", *shape, like=condition, generator=generator)

        def tell(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            t = t.view(1, 1, 1)
            return self.path.data_and_noise(x, self.asked(x, t, condition, None), t)

        x = draw()
        kept = {} if keep is None else {"keep": keep(x)}
        return denoised(self.path, tell, x, draw, sampler=self.sampler, steps=self.steps, **kept)


class Diffusion(Denoiser):
    """Log-mel frames out of noise, all at once, in `steps` steps.

    channels, layers, kernel: of the network; dilations go 1, 2, 4, ..., so 5 layers see 31 steps on either side. The
    other options are those of `Denoiser`. The temperature multiplies all noise that is drawn.
    """

    target = "log-mel"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        channels: int = 128,
        layers: int = 5,
        kernel: int = 3,
        path: str = "diffusion",
        sampler: str = "ddim",
        steps: int = 20,
        noise_levels: int = 50,
    ):
        network = GatedConvolutions(
            target_dim,
            target_dim,
            condition_dim + 2 * WAVES,
            channels=channels,
            layers=layers,
            kernel=kernel,
            causal=False,
        )
        super().__init__(target_dim, network, path=path, sampler=sampler, steps=steps, noise_levels=noise_levels)

    def data_of(self, target: Tensor, like: Tensor) -> Tensor:
        return target

    def velocity(self, told: Tensor, x: Tensor, t: Tensor) -> Tensor:
        return told

    def nats_of_target(self, target: Tensor, data: Tensor) -> Tensor:
        """In the mean, of a normal distribution around x_t / alpha: a density."""
        return torch.full_like(data, LOG_SQRT_2PI + LEAST_NOISE / 2 + 0.5)

    def share_of_noise(self, log_ratio: float) -> float:
        """Of independent values of deviation 1: they cannot be told from as little noise."""
        return 1 / (1 + math.exp(log_ratio)) ** 2

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> frames [B, size, bins]."""
        return self.drawn(condition, size, generator, temperature)


def inside(lengths: Tensor | None, size: int) -> Tensor | None:
    """True where there is no padding: [B, size]."""
    return None if lengths is None else torch.arange(size, device=lengths.device) < lengths[:, None]
