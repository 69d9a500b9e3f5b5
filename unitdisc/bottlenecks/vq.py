"""Vector quantisation (van den Oord et al., 2017): every frame becomes its nearest code."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import masked_mean
from unitdisc.bottlenecks.base import BottleneckOutput, perplexity, straight_through
from unitdisc.bottlenecks.codebooks import CODEBOOKS, idle, kmeans
from unitdisc.bottlenecks.normalisation import MaskedBatchNorm
from unitdisc.distributed import rows_of_all

FRAMES_PER_CODE = 32  # how many of the latest frames k-means sees at the start


class VQ(nn.Module):
    """Replaces every frame by its nearest code.

    For the first `warmup_steps` training steps frames pass as they are; then k-means over the latest frames places
    the codes, and quantisation begins (Lancucki et al., 2020).

    codebook: how codes learn, "moving-average" or "gradient".
    commitment: weight of the loss that keeps the encoder close to its codes.
    batch_norm: normalise the encoder's output first, which keeps codes in use.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        num_codes: int = 512,
        codebook: str = "moving-average",
        commitment: float = 0.25,
        decay: float = 0.99,
        batch_norm: bool = False,
        warmup_steps: int = 100,
    ):
        super().__init__()
        if codebook not in CODEBOOKS:
            raise ValueError(f"unknown codebook {codebook!r}: choose one of {sorted(CODEBOOKS)}")
        self.dim = dim
        self.num_codes = num_codes
        self.commitment = commitment
        self.warmup_steps = warmup_steps
        self.normalise = MaskedBatchNorm(in_dim) if batch_norm else None
        self.project = nn.Linear(in_dim, dim)
        self.codebook = CODEBOOKS[codebook](num_codes, dim, decay)
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("recent", torch.zeros(FRAMES_PER_CODE * num_codes if warmup_steps else 0, dim))
        self.register_buffer("num_recent", torch.tensor(0))

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        if self.normalise is not None:
            encoded = self.normalise(encoded, mask)
        frames = self.project(encoded)
        if self.training and self.steps < self.warmup_steps:
            self.remember(frames[mask])
        codes = self.assign(distances(frames.detach(), self.codebook.vectors.detach()), mask)
        quantised = F.embedding(codes, self.codebook.vectors)
        losses = self.losses(frames, quantised, mask)
        warm = bool(self.steps < self.warmup_steps)
        if self.training:
            self.learn(frames[mask], codes[mask])
        return BottleneckOutput(
            latents=frames if warm else straight_through(frames, quantised),
            projected=frames,
            codes=codes,
            losses={name: 0.0 * loss for name, loss in losses.items()} if warm else losses,
            metrics={
                "perplexity": perplexity(codes[mask], self.num_codes),  # of this batch: no more than it has frames
                "codes_in_use": (~idle(self.codebook.counts)).float().sum(),  # of the latest 1 / (1 - decay) batches
            },
        )

    def assign(self, distances: Tensor, mask: Tensor) -> Tensor:
        """Chooses a code for every frame: [B, T, K], [B, T] -> [B, T]."""
        return distances.argmin(-1)

    def losses(self, frames: Tensor, quantised: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Mean squared distance per dimension, for the encoder and, if codes learn by gradient, for the codes."""
        to_codes = F.mse_loss(frames, quantised.detach(), reduction="none").mean(-1)  # [B, T]
        losses = {"commitment": self.commitment * masked_mean(to_codes, mask)}
        to_frames = self.codebook.loss(frames, quantised)
        if to_frames is not None:
            losses["codebook"] = masked_mean(to_frames.mean(-1), mask)
        return losses

    @torch.no_grad()
    def learn(self, frames: Tensor, codes: Tensor) -> None:
        """One training step of the codebook, from the frames [N, D] and codes [N] of all processes."""
        self.steps += 1
        if self.steps < self.warmup_steps:
            return
        if self.steps == self.warmup_steps:
            self.codebook.start(*kmeans(self.recent[: int(self.num_recent)], self.num_codes, seed=0))
            return
        generator = torch.Generator().manual_seed(int(self.steps))  # the same on every process, and after a resume
        self.codebook.follow(rows_of_all(frames), rows_of_all(codes), generator)

    @torch.no_grad()
    def remember(self, frames: Tensor) -> None:
        """Keeps the latest frames [N, D] for k-means."""
        latest = torch.cat([self.recent[: int(self.num_recent)], rows_of_all(frames)])[-len(self.recent) :]
        self.recent[: len(latest)] = latest
        self.num_recent.fill_(len(latest))


def distances(frames: Tensor, codes: Tensor) -> Tensor:
    """Squared Euclidean distance of every frame to every code: [B, T, D], [K, D] -> [B, T, K]."""
    squares = frames.square().sum(-1, keepdim=True) + codes.square().sum(-1)
    return (squares - 2 * frames @ codes.T).clamp(min=0)
