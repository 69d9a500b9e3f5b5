"""Drawing from the distributions of a decoder: random numbers, temperature, and the values they choose."""

import torch
from torch import Tensor


def noise(kind: str, *shape: int, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The "uniform" (in [0, 1)) or "normal" random numbers of a whole sample, on the device and in the type of `like`.

    The generator may live on another device: a CPU generator gives the same numbers everywhere.
    """
    make = {"uniform": torch.rand, "normal": torch.randn}[kind]
    device = like.device if generator is None else generator.device
    return make(*shape, generator=generator, device=device, dtype=like.dtype).to(like.device)


def placed_noise(kind: str, steps: int, width: int, like: Tensor, turn: int = 0) -> Tensor:
    """Random numbers as of `noise`, always the same at the same step, value and turn: [steps, width].

    On every device, and however many steps there are: what is measured with them can be repeated, and padding changes
    nothing. By the finaliser of SplitMix64 (Steele et al., 2014), in integers of 64 bits that wrap.
    """
    step = torch.arange(steps, device=like.device)[:, None] + (turn << 32)
    bits = step * width + torch.arange(width, device=like.device) + 1
    bits = bits * (0x9E3779B97F4A7C15 - 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64)):
        bits = (bits ^ shifted(bits, shift)) * factor
    uniform = (shifted(bits ^ shifted(bits, 31), 11).double() + 0.5) / 2**53  # in (0, 1)
    return (uniform if kind == "uniform" else torch.special.ndtri(uniform)).to(like.dtype)


def shifted(bits: Tensor, places: int) -> Tensor:
    """Bits of 64 moved to the right, as if they had no sign."""
    return (bits >> places) & ((1 << (64 - places)) - 1)


def check_temperature(temperature: float) -> None:
    """Raises ValueError for a temperature that means nothing."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature must be 0 or more (1 draws from the model), not {temperature}")


def categorical_draw(logits: Tensor, uniform: Tensor, temperature: float = 1.0) -> Tensor:
    """Inverts the cumulative distribution: logits [..., K], uniform [...] in [0, 1) -> codes [...]."""
    logits = (logits - logits.amax(-1, keepdim=True)).double()
    cumulative = (logits / max(temperature, 1e-9)).softmax(-1).cumsum(-1)
    threshold = uniform.double()[..., None] * cumulative[..., -1:]  # a rounding short of 1
    return torch.searchsorted(cumulative, threshold, right=True)[..., 0].clamp(max=logits.shape[-1] - 1)


def normal_draw(mean: Tensor, log_scale: Tensor, normal: Tensor, temperature: float = 1.0) -> Tensor:
    """mean, log_scale and standard normal numbers [..., C] -> values [..., C]."""
    return mean + temperature * log_scale.exp() * normal
