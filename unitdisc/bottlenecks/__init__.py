"""Bottlenecks: what stands between the encoder and the decoder, and turns frames into units."""

from unitdisc.bottlenecks.base import Bottleneck, BottleneckOutput
from unitdisc.bottlenecks.continuous import Gaussian, Linear
from unitdisc.bottlenecks.vq import VQ

__all__ = ["BOTTLENECKS", "VQ", "Bottleneck", "BottleneckOutput", "Gaussian", "Linear"]

BOTTLENECKS = {
    "linear": Linear,
    "gaussian": Gaussian,
    "vq": VQ,
}
