"""Decoders: autoregressive distributions over the signal, told by the condition what is said and by whom."""

from typing import ClassVar, Protocol

import torch
from torch import Tensor

from unitdisc.decoders.columns import ColumnWaveNet
from unitdisc.decoders.deconv import Deconv
from unitdisc.decoders.frames import Frames
from unitdisc.decoders.pixelcnn import PixelCNN
from unitdisc.decoders.wavenet import WaveNet

__all__ = ["DECODERS", "ColumnWaveNet", "Decoder", "Deconv", "Frames", "PixelCNN", "WaveNet"]


class Decoder(Protocol):
    """Built as `Decoder(condition_dim, target_dim, **options)`.

    The condition comes at a slower clock than the target: S is a multiple of L, and condition l holds for the S / L
    target steps from l * S / L on. Both methods raise ValueError where S is not a multiple of L.
    """

    target: ClassVar[str]  # "log-mel" (float [B, S, bins]), "mu-law" (int64 [B, S]) or "grey" (int64 [B, S, H])

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, ...], condition [B, L, C] -> log p(step | steps before it, condition), in nats: [B, S].

        lengths [B]: steps of each item before padding (default: all of S), for decoders that read from the end.
        """

    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> a drawn target of `size` steps: [B, size, ...].

        temperature: 1 draws from the model, less draws closer to what is likeliest, 0 takes the likeliest.
        Decoders of line images also take `given` [B, P, H]: the first P columns of the line, which are kept as they
        are; or the last, where the decoder writes leftwards and its `sample_direction` says so.
        """


DECODERS = {"frames": Frames, "wavenet": WaveNet, "columns": ColumnWaveNet, "deconv": Deconv, "pixelcnn": PixelCNN}
