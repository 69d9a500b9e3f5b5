"""Vector quantisation (van den Oord et al., 2017): every frame becomes its nearest code."""

from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, straight_through
from unitdisc.bottlenecks.codes.batch_norm import MaskedBatchNorm
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.quantiser import Quantiser
from unitdisc.segmentation import nearest

CODES = CodebookOptions()


class VQ(nn.Module):
    """Replaces every frame by its nearest code.

    codes: how many there are, and how they learn.
    commitment: weight of the loss that keeps the encoder close to its codes.
    batch_norm: normalise the encoder's output first, which keeps codes in use (Lancucki et al., 2020).
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        codes: CodebookOptions = CODES,
        commitment: float = 0.25,
        batch_norm: bool = False,
    ):
        super().__init__()
        self.dim = dim
        self.num_codes = codes.num_codes
        self.commitment = commitment
        self.normalise = MaskedBatchNorm(in_dim) if batch_norm else None
        self.project = nn.Linear(in_dim, dim)
        self.quantiser = Quantiser(dim, codes)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.projected(encoded, mask)
        found = self.quantiser(frames, mask, self.assign)
        pooled = frames if found.warm else self.pool(frames, found.codes, mask)
        to_codes = (pooled - found.quantised.detach()).square().mean(-1)  # [B, T]
        return BottleneckOutput(
            latents=frames if found.warm else straight_through(pooled, found.quantised),
            projected=frames,
            codes=found.codes,
            losses={"commitment": self.commitment * to_codes, **found.losses},
            metrics=found.metrics,
        )

    def projected(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """The frames that are to be quantised: [B, T, C], [B, T] -> [B, T, D]."""
        return self.project(encoded if self.normalise is None else self.normalise(encoded, mask))

    def assign(self, costs: Tensor, mask: Tensor) -> Tensor:
        """Chooses a code for every frame by the squared distances to all codes: [B, T, K], [B, T] -> [B, T]."""
        return nearest(costs, mask)

    def latents_of(self, codes: Tensor) -> Tensor:
        """The vectors of codes: [T] -> [T, D]."""
        return self.quantiser.vectors_of(codes)

    def pool(self, frames: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
        """What becomes of the frames before they are replaced by their codes: [B, T, D] -> [B, T, D]."""
        return frames
