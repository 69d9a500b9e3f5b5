"""k-means units (as in HuBERT, Hsu et al., 2021): the classical baseline among the bottlenecks with codes."""

from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, measured, perplexity, straight_through
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions
from unitdisc.bottlenecks.codes.quantiser import Quantiser
from unitdisc.segmentation import nearest


class KMeans(nn.Module):
    """Replaces every frame of the encoder, unprojected, by its nearest centroid; they are placed once and stay.

    For the first `warmup_steps` training steps frames pass as they are and the latest are kept; then k-means over them
    places the centroids. With the encoder "identity" these are k-means units of the features. An encoder that learns
    moves on from centroids that stay, for nothing holds its frames to them: `vq` is made for that.

    reservoir: frames kept for k-means, per code.
    """

    def __init__(self, in_dim: int, num_codes: int = 512, warmup_steps: int = 100, reservoir: int = 32):
        super().__init__()
        if warmup_steps < 1:
            raise ValueError(
                f"warmup_steps must be 1 or more, for they are all that is learned from, not {warmup_steps}"
            )
        self.dim = in_dim
        self.num_codes = num_codes
        self.quantiser = Quantiser(
            in_dim, CodebookOptions(num_codes=num_codes, warmup_steps=warmup_steps, reservoir=reservoir)
        )

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        warm = int(self.quantiser.steps) < self.quantiser.options.warmup_steps
        self.quantiser.train(self.training and warm)  # from then on it learns no more
        found = self.quantiser(encoded, mask, nearest)
        return BottleneckOutput(
            latents=encoded if found.warm else straight_through(encoded, found.quantised),
            projected=encoded,
            codes=found.codes,
            metrics={} if found.warm else measured(lambda: {"perplexity": perplexity(found.codes[mask])}),
        )

    def latents_of(self, codes: Tensor) -> Tensor:
        """The centroids of codes: [T] -> [T, D]."""
        return self.quantiser.vectors_of(codes)
