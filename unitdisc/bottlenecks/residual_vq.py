"""Residual vector quantisation (SoundStream, Zeghidour et al., 2021): codes for what other codes left over."""

from collections.abc import Callable

from torch import Tensor, nn

from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.joint import digits_of, joined, joint_size
from unitdisc.bottlenecks.codes.quantiser import Quantised, Quantiser
from unitdisc.bottlenecks.vq import CODES, VQ


class ResidualVQ(VQ):
    """Replaces every frame by a sum of codes: each stage has a codebook for what the stages before left over.

    A unit is the combination of all stages' codes, one of num_codes ^ stages. Stages warm up one after the other,
    each on what the finished ones leave; until the last has, frames pass as they are.

    stages: how many codebooks; codes: the options of each; commitment: to the sum; batch_norm: as in `vq`.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        stages: int = 2,
        codes: CodebookOptions = CODES,
        commitment: float = 0.25,
        batch_norm: bool = False,
    ):
        super().__init__(in_dim, dim, codes, commitment, batch_norm)
        if stages < 1:
            raise ValueError(f"stages must be 1 or more, not {stages}")
        self.num_codes = joint_size([codes.num_codes] * stages, f"stages = {stages} of num_codes = {codes.num_codes}")
        self.quantiser = ResidualQuantiser(dim, stages, codes)


class ResidualQuantiser(nn.Module):
    """Quantisers in a row, each for the residual of those before; called as one is."""

    in_turn = True  # one warms up after the other

    def __init__(self, dim: int, stages: int, options: CodebookOptions):
        super().__init__()
        self.options = options
        self.stages = nn.ModuleList([Quantiser(dim, options) for _ in range(stages)])

    def forward(self, frames: Tensor, mask: Tensor, assign: Callable[[Tensor, Tensor], Tensor]) -> Quantised:
        """frames: [B, T, D]; mask: [B, T]; assign: costs [B, T, K], mask -> codes [B, T], asked by every stage."""
        parts, residual, warm = [], frames, False
        for stage in self.stages:
            parts.append(waiting(stage, residual) if warm else stage(residual, mask, assign))
            residual = residual - parts[-1].quantised.detach()
            warm = parts[-1].warm
        total = frames if warm else sum(part.quantised for part in parts)
        return joined(parts, total, mask, self.options.num_codes)

    def vectors_of(self, codes: Tensor) -> Tensor:
        """The sum of the vectors of all stages: [...] -> [..., D]."""
        digits = digits_of(codes, [self.options.num_codes] * len(self.stages))
        return sum(stage.vectors_of(own) for stage, own in zip(self.stages, digits, strict=True))


def waiting(stage: Quantiser, residual: Tensor) -> Quantised:
    """A stage that is not asked yet, for those before it still warm up; its losses weigh nothing, as in a warm-up."""
    weights = list(stage.codebook.parameters())
    losses = {"codebook": 0.0 * sum(weight.sum() for weight in weights)} if weights else {}
    return Quantised(residual, None, losses, {}, warm=True)
