"""One code out of several: the codes of levels, groups or residual stages as the digits of a mixed-radix number."""

import math
from collections.abc import Sequence

from torch import Tensor

from unitdisc.bottlenecks.base import measured, perplexity
from unitdisc.bottlenecks.codes.quantiser import Quantised

LARGEST = 2**31 - 1  # what a folder of encodings, and most tools that read codes, can hold


def joint_size(sizes: Sequence[int], what: str) -> int:
    """How many joint codes there are. Raises ValueError naming the options `what` if they are too many to number."""
    size = math.prod(sizes)
    if size > LARGEST:
        raise ValueError(f"{what} make {size} different codes, more than {LARGEST}; take fewer or smaller ones")
    return size


def joint_codes(digits: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """The number whose digits these are, the first counting ones: G of [B, T], each below its size -> [B, T]."""
    joint, unit = 0, 1
    for digit, size in zip(digits, sizes, strict=True):
        joint, unit = joint + unit * digit, unit * size
    return joint


def digits_of(joint: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """The digits that a number was made of by `joint_codes`: [...] -> G of [...]."""
    digits = []
    for size in sizes:
        digits.append(joint % size)
        joint = joint // size
    return digits


def joined(parts: Sequence[Quantised], quantised: Tensor, mask: Tensor, num_codes: int) -> Quantised:
    """What several quantisers of num_codes each found, as if one had: joint codes, losses added, metrics numbered.

    quantised: [B, T, D], their vectors put together; mask: [B, T]. While one warms up, they do.
    """
    losses, metrics = {}, {}
    for number, part in enumerate(parts, start=1):
        for name, loss in part.losses.items():
            losses[name] = losses.get(name, 0.0) + loss
        metrics |= {f"{name}_{number}": value for name, value in part.metrics.items()}
    if any(part.warm for part in parts):
        return Quantised(quantised, None, losses, metrics, warm=True)
    codes = joint_codes([part.codes for part in parts], [num_codes] * len(parts))
    metrics |= measured(lambda: {"perplexity": perplexity(codes[mask])})
    return Quantised(quantised, codes, losses, metrics, warm=False)
