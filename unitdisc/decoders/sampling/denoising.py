"""From noise to data in few steps, given what a network makes of x_t: DDPM, DDIM, Euler's and Heun's method.

`tell` is a function of x_t and t [] that gives the data and the noise in x_t, as `Path.data_and_noise` does.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from unitdisc.decoders.noise_paths import Path

Tell = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Draw = Callable[[], Tensor]  # standard normal numbers like x
Keep = Callable[[Tensor, Tensor], Tensor]  # x_t and t -> x_t with what is known put in its place


def ddim(path: Path, tell: Tell, x: Tensor, t: Tensor, s: Tensor, draw: Draw, eta: float = 0.0) -> Tensor:
    """x_t -> x_s (Song et al., 2021). eta: 0 adds no noise, 1 as much as DDPM does."""
    data, noise = tell(x, t)
    if not eta:
        return path.alpha(s) * data + path.sigma(s) * noise
    fresh = eta * posterior_scale(path, t, s)
    return path.alpha(s) * data + (path.sigma(s) ** 2 - fresh**2).clamp(min=0).sqrt() * noise + fresh * draw()


def ddpm(path: Path, tell: Tell, x: Tensor, t: Tensor, s: Tensor, draw: Draw) -> Tensor:
    """x_t -> x_s drawn from q(x_s | x_t, x_0) at the x_0 that is told (Ho et al., 2020)."""
    data, _ = tell(x, t)
    ratio = path.alpha(t) / path.alpha(s)
    between = path.sigma(t) ** 2 - ratio**2 * path.sigma(s) ** 2
    mean = (ratio * path.sigma(s) ** 2 * x + path.alpha(s) * between * data) / path.sigma(t) ** 2
    return mean + posterior_scale(path, t, s) * draw()


def posterior_scale(path: Path, t: Tensor, s: Tensor) -> Tensor:
    """The deviation of q(x_s | x_t, x_0)."""
    between = path.sigma(t) ** 2 - (path.alpha(t) / path.alpha(s)) ** 2 * path.sigma(s) ** 2
    return between.clamp(min=0).sqrt() * path.sigma(s) / path.sigma(t)


def euler(path: Path, tell: Tell, x: Tensor, t: Tensor, s: Tensor, draw: Draw) -> Tensor:
    """x_t -> x_s along dx/dt, from where it points at t: the ordinary differential equation of flow matching."""
    return x + (s - t) * rate(path, tell, x, t)


def heun(path: Path, tell: Tell, x: Tensor, t: Tensor, s: Tensor, draw: Draw) -> Tensor:
    """As `euler`, from the mean of where it points at both ends: the network is asked twice."""
    first = rate(path, tell, x, t)
    return x + (s - t) / 2 * (first + rate(path, tell, x + (s - t) * first, s))


def rate(path: Path, tell: Tell, x: Tensor, t: Tensor) -> Tensor:
    """dx/dt."""
    data, noise = tell(x, t)
    return path.alpha_rate(t) * data + path.sigma_rate(t) * noise


SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "euler": euler, "heun": heun}


def denoised(
    path: Path,
    tell: Tell,
    x: Tensor,
    draw: Draw,
    *,
    sampler: str,
    steps: int,
    keep: Keep = lambda x, t: x,
) -> Tensor:
    """Pure noise x -> data, in so many steps of equal length in t, and what is then told of the little noise left."""
    for t, s in pairs(path, steps, like=x):
        x = SAMPLERS[sampler](path, tell, keep(x, t), t, s, draw)
    return x / path.alpha(torch.tensor(path.ends[0], dtype=x.dtype, device=x.device))


def pairs(path: Path, steps: int, like: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Times from the noisiest on, and the ones after: []."""
    least, most = path.ends
    times = torch.linspace(most, least, steps + 1, dtype=torch.double).to(like.dtype).to(like.device)
    return pairwise(times)
