"""Grouped, or product, vector quantisation (Jegou et al., 2011; wav2vec 2.0's groups, Baevski et al., 2020)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.joint import digits_of, joined, joint_size
from unitdisc.bottlenecks.codes.quantiser import Quantised, Quantiser
from unitdisc.bottlenecks.vq import CODES, VQ


class GroupedVQ(VQ):
    """Cuts every frame into groups of dimensions, each with a codebook of its own.

    A unit is the combination of all groups' codes, one of num_codes ^ groups.

    groups: how many, of dim / groups dimensions; codes: the options of each; commitment, batch_norm: as in `vq`.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        groups: int = 2,
        codes: CodebookOptions = CODES,
        commitment: float = 0.25,
        batch_norm: bool = False,
    ):
        super().__init__(in_dim, dim, codes, commitment, batch_norm)
        if groups < 1 or dim % groups:
            raise ValueError(f"groups must divide dim = {dim} into equal parts, which {groups} does not")
        self.num_codes = joint_size([codes.num_codes] * groups, f"groups = {groups} of num_codes = {codes.num_codes}")
        self.quantiser = GroupedQuantiser(dim, groups, codes)


class GroupedQuantiser(nn.Module):
    """Quantisers side by side, each for its part of the dimensions; called as one is."""

    def __init__(self, dim: int, groups: int, options: CodebookOptions):
        super().__init__()
        self.options = options
        self.groups = nn.ModuleList([Quantiser(dim // groups, options) for _ in range(groups)])

    def forward(self, frames: Tensor, mask: Tensor, assign: Callable[[Tensor, Tensor], Tensor]) -> Quantised:
        """frames: [B, T, D]; mask: [B, T]; assign: costs [B, T, K], mask -> codes [B, T], asked by every group."""
        pieces = frames.chunk(len(self.groups), dim=-1)
        parts = [group(piece, mask, assign) for group, piece in zip(self.groups, pieces, strict=True)]
        quantised = torch.cat([part.quantised for part in parts], dim=-1)
        return joined(parts, quantised, mask, self.options.num_codes)

    def vectors_of(self, codes: Tensor) -> Tensor:
        """The vectors of all groups, side by side: [...] -> [..., D]."""
        digits = digits_of(codes, [self.options.num_codes] * len(self.groups))
        return torch.cat([group.vectors_of(own) for group, own in zip(self.groups, digits, strict=True)], dim=-1)
