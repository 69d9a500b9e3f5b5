"""The bottleneck that lets nothing through: the decoder alone, to see what latents are worth."""

from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput


class Nothing(nn.Module):
    """Latents of zeros. The decoder becomes a model of the signal and its speakers, and draws from it freely."""

    def __init__(self, in_dim: int):
        super().__init__()
        self.dim = 1

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        latents = 0 * encoded[..., :1]  # of the graph, so that every weight has a gradient, if only of zero
        return BottleneckOutput(latents=latents, projected=latents)
