"""Adversarial changes of a signal: how small one turns units, or what a reader of frames reads (Madry et al., 2018)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unitdisc.model import UnitModel

STEP = 2.5  # of the largest change, shared out among the steps of ascent, so that every corner can be reached


@dataclass(frozen=True)
class AttackOptions:
    """Changes of features that are tried.

    sizes: the largest change of any value, in standard deviations of its dimension over the utterance. steps: of
    gradient ascent. seed: of where it starts, and of changes drawn by lot, which are as large.

    Raises ValueError for what cannot be.
    """

    sizes: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    steps: int = 10
    seed: int = 0

    def __post_init__(self):
        if not self.sizes or not all(0 < size < float("inf") for size in self.sizes):
            raise ValueError(f"`sizes` must be numbers above 0, not {list(self.sizes)}")
        if self.steps < 1:
            raise ValueError(f"`steps` must be 1 or more, not {self.steps}")


class Attack:
    """On the features of one utterance [T, C], as the encoder reads them."""

    def __init__(self, model: UnitModel, features: Tensor, options: AttackOptions, seed: int):
        self.model = model
        self.features = features
        self.options = options
        self.seed = seed
        spread = features.std(0, correction=0)
        self.scale = torch.where(spread > 0, spread, torch.ones_like(spread))

    def projected(self, features: Tensor) -> Tensor:
        """What the bottleneck tightens: [T, C] -> [T', D]."""
        return self.model.encode(features[None], self.lengths)[0].projected[0]

    @torch.no_grad()
    def codes(self, features: Tensor) -> Tensor | None:
        """[T, C] -> [T']; None of a bottleneck that has none yet."""
        codes = self.model.encode(features[None], self.lengths)[0].codes
        return None if codes is None else codes[0]

    @property
    def lengths(self) -> Tensor:
        return torch.tensor([len(self.features)], device=self.features.device)

    def by_lot(self, size: float) -> Tensor:
        """Every value moved as far as it may be, up or down by lot: [T, C]."""
        signs = torch.randint(0, 2, self.features.shape, generator=self.generator(1)) * 2.0 - 1
        return self.features + size * self.scale * signs.to(self.features)

    def drawn_away(self, size: float) -> Tensor:
        """Changed so that frames are projected far from where they were: [T, C]."""
        with torch.no_grad():
            before = self.projected(self.features)
        return self.ascent(size, lambda projected: (projected - before).square().sum())

    def ascent(self, size: float, gain: Callable[[Tensor], Tensor]) -> Tensor:
        """Projected gradient ascent on a gain of the projected frames, from a start by lot: [T, C]."""
        start = torch.rand(self.features.shape, generator=self.generator(0)) * 2 - 1
        change = size * self.scale * start.to(self.features)
        furthest = size * self.scale
        for _ in range(self.options.steps):
            change.requires_grad_(True)
            (gradient,) = torch.autograd.grad(gain(self.projected(self.features + change)), change)
            moved = change.detach() + STEP / self.options.steps * furthest * gradient.sign()
            change = torch.minimum(torch.maximum(moved, -furthest), furthest)
        return self.features + change

    def generator(self, which: int) -> torch.Generator:
        return torch.Generator().manual_seed(2 * self.seed + which)
