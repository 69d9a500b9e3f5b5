"""Encoders: features in, a slower stream of frames out. Frozen pretrained networks are features: see `data/base.py`."""

from typing import Protocol

from torch import Tensor

from unitdisc.encoders.conv import ConvEncoder
from unitdisc.encoders.conv2d import Conv2dEncoder
from unitdisc.encoders.identity import Identity

__all__ = ["ENCODERS", "Encoder"]


class Encoder(Protocol):
    dim: int  # C, the width of the output
    stride: int  # input frames per output frame
    offset: float  # output frame t is centred on input frame stride * t + offset
    reach: int  # input frames an output frame sees on either side of that centre, at most

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""


ENCODERS = {"conv": ConvEncoder, "conv2d": Conv2dEncoder, "identity": Identity}
