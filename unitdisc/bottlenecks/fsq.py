"""Finite scalar quantisation (Mentzer et al., 2023): a few bounded numbers, each rounded to a few levels."""

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, measured, perplexity, straight_through
from unitdisc.bottlenecks.codes.joint import digits_of, joint_codes, joint_size

SLACK = 1e-3  # the outermost levels stay within the reach of tanh


class FSQ(nn.Module):
    """Projects to as many numbers as there are levels, bounds and rounds them; every combination is a code.

    There is no codebook, so none to collapse or to learn, and no loss. The latents lie between -1 and 1.

    levels: how many values each number may take, 3 or more; their product is the number of codes. The paper advises
    5 or more each: [8, 6, 5] for 240 codes, [8, 5, 5, 5] for 1000, [7, 5, 5, 5, 5] for 4375.
    """

    def __init__(self, in_dim: int, levels: list = (8, 5, 5, 5)):
        super().__init__()
        if not levels or not all(type(level) is int and level >= 3 for level in levels):
            raise ValueError(f"levels must be a list of whole numbers, 3 or more each, not {levels!r}")
        self.levels = list(levels)
        self.dim = len(self.levels)
        self.num_codes = joint_size(self.levels, "levels")
        self.project = nn.Linear(in_dim, self.dim)
        self.register_buffer("sizes", torch.tensor(self.levels), persistent=False)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.project(encoded)
        bounded = self.bound(frames)
        rounded = bounded.round()
        half = self.sizes // 2
        codes = joint_codes((rounded.long() + half).unbind(-1), self.levels).masked_fill(~mask, 0)
        return BottleneckOutput(
            latents=straight_through(bounded, rounded) / half,
            projected=frames,
            codes=codes,
            metrics=measured(lambda: {"perplexity": perplexity(codes[mask])}),
        )

    def latents_of(self, codes: Tensor) -> Tensor:
        """The numbers that a code stands for: [T] -> [T, D]."""
        half = self.sizes // 2
        return (torch.stack(digits_of(codes, self.levels), -1) - half) / half

    def bound(self, frames: Tensor) -> Tensor:
        """Squeezes numbers into their levels, 0 to 0: [B, T, D] -> [B, T, D] in [-size // 2, (size - 1) // 2]."""
        half = (self.sizes - 1) * (1 + SLACK) / 2
        offset = (self.sizes % 2 == 0) / 2  # an even number of levels has one more below 0 than above
        return (frames + (offset / half).atanh()).tanh() * half - offset
