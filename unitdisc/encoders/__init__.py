"""Encoders: features in, a slower stream of frames out.

Pretrained networks are features, up to the layer that is frozen (see `data/base.py`), and `pretrained` above it.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from unitdisc.encoders.context import ContextEncoder
from unitdisc.encoders.conv import ConvEncoder
from unitdisc.encoders.conv2d import Conv2dEncoder
from unitdisc.encoders.experiment import ExperimentFrames
from unitdisc.encoders.identity import Identity
from unitdisc.encoders.pretrained import PretrainedLayers

__all__ = ["ENCODERS", "Encoder", "TwoStage"]


class Encoder(Protocol):
    dim: int  # C, the width of the output
    stride: int  # input frames per output frame
    offset: float  # output frame t is centred on input frame stride * t + offset
    reach: int  # input frames an output frame sees on either side of that centre, at most

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""


@runtime_checkable
class TwoStage(Protocol):
    """An encoder whose frames are `context(local(features))`: there are objectives that come between."""

    local_dim: int  # D, the width of the local frames
    causal: bool  # whether a frame knows only the latents up to its own
    depth: int  # how many of the upper layers `layer_frames` tells of

    def local(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> local frames: [B, ceil(T / stride), D], lengths: [B]."""

    def context(self, local: Tensor, lengths: Tensor) -> Tensor:
        """local: [B, T, D], lengths: [B] -> encoded: [B, T, C]."""

    def layer_frames(self, features: Tensor, lengths: Tensor) -> list[Tensor]:
        """As the encoder itself, but of every layer: [B, T, C] each, of the lowest first; the last are the encoded."""


ENCODERS = {
    "context": ContextEncoder,
    "conv": ConvEncoder,
    "conv2d": Conv2dEncoder,
    "experiment": ExperimentFrames,
    "identity": Identity,
    "pretrained": PretrainedLayers,
}
