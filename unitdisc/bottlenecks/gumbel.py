"""Codes drawn by the Gumbel-softmax trick, with straight-through gradients (Jang, Gu & Poole, 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.bottlenecks.base import straight_through
from unitdisc.bottlenecks.soft import Soft
from unitdisc.training.distributed import uniform


class Gumbel(Soft):
    """Draws one code per frame in training, softmax(logits) its probabilities; evaluation takes the likeliest.

    Going back, gradients are those of softmax((logits + Gumbel noise) / temperature). Options are those of `soft`;
    the defaults anneal as Jang et al. do, and have a layer of its own choose the codes.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        num_codes: int = 512,
        tied: bool = False,
        temperature: float = 1.0,
        min_temperature: float = 0.5,
        temperature_decay: float = 0.9999,
        diversity: float = 0.1,
    ):
        super().__init__(in_dim, dim, num_codes, tied, temperature, min_temperature, temperature_decay, diversity)

    def weights(self, logits: Tensor, temperature: Tensor) -> Tensor:
        """One code per frame: [B, T, K] -> [B, T, K], one-hot."""
        if self.training:
            logits = with_gumbel_noise(logits)
        chosen = F.one_hot(logits.argmax(-1), self.num_codes).to(logits.dtype)
        return straight_through(super().weights(logits, temperature), chosen)

    def latents_of(self, codes: Tensor) -> Tensor:
        """The vectors of codes: [T] -> [T, D]."""
        return self.codebook[codes]


def with_gumbel_noise(logits: Tensor) -> Tensor:
    """The greatest of which is a draw with the probabilities softmax(logits): [B, ..., K] -> [B, ..., K]."""
    noise = uniform(*logits.shape, device=logits.device).clamp(min=torch.finfo(logits.dtype).tiny)
    return logits - (-noise.log()).log()
