"""Vector quantisation (van den Oord et al., 2017): every frame becomes its nearest code."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import masked_mean
from unitdisc.bottlenecks.base import BottleneckOutput, perplexity, straight_through
from unitdisc.bottlenecks.codebooks import CODEBOOKS, idle, kmeans, usage
from unitdisc.bottlenecks.normalisation import MaskedBatchNorm
from unitdisc.distributed import rows_of_all

FRAMES_PER_CODE = 32  # how many of the latest frames k-means sees at the start


class VQ(nn.Module):
    """Replaces every frame by its nearest code.

    For the first `warmup_steps` training steps frames pass as they are; then k-means over the latest frames places
    the codes, and quantisation begins (Lancucki et al., 2020). With none, codes start at random.

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
        self.register_buffer("usage", torch.zeros(num_codes))  # moving average of how many frames each code gets
        self.register_buffer("recent", torch.zeros(0, dim))  # the latest frames, while k-means waits for them

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        if self.normalise is not None:
            encoded = self.normalise(encoded, mask)
        frames = self.project(encoded)
        codes = self.assign(distances(frames.detach(), self.codebook.vectors.detach()), mask)
        quantised = F.embedding(codes, self.codebook.vectors)
        losses = self.losses(frames, quantised, mask)
        warm = bool(self.steps < self.warmup_steps)
        if self.training:
            self.learn(frames[mask], codes[mask])
        if warm:
            unused = {name: 0.0 * loss for name, loss in losses.items()}  # weightless, not absent: see DDP
            return BottleneckOutput(latents=frames, projected=frames, losses=unused)
        return BottleneckOutput(
            latents=straight_through(frames, quantised),
            projected=frames,
            codes=codes,
            losses=losses,
            metrics={
                "perplexity": perplexity(codes[mask], self.num_codes),  # of this batch: no more than it has frames
                "codes_used": (~idle(self.usage)).float().sum(),  # of the latest 1 / (1 - decay) batches
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
        """One training step of the codebook, from the frames [N, D] and codes [N] of this process."""
        self.steps += 1
        frames, codes = rows_of_all(frames), rows_of_all(codes)
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # the same on every process
        if self.steps <= self.warmup_steps:
            self.recent = torch.cat([self.recent, frames])[-FRAMES_PER_CODE * self.num_codes :]
        if self.steps == self.warmup_steps:
            self.codebook.start(*kmeans(self.recent, self.num_codes, generator))
            self.recent = self.recent[:0].clone()
        elif self.steps > self.warmup_steps:
            self.usage.lerp_(usage(frames, codes, self.num_codes)[0], 1 - self.codebook.decay)
            self.codebook.follow(frames, codes, generator)

    def _load_from_state_dict(self, state: dict, prefix: str, *args) -> None:
        """Lets `recent` have as many rows as were saved."""
        if prefix + "recent" in state:
            self.recent = self.recent.new_zeros(state[prefix + "recent"].shape)
        super()._load_from_state_dict(state, prefix, *args)


def distances(frames: Tensor, codes: Tensor) -> Tensor:
    """Squared Euclidean distance of every frame to every code: [B, T, D], [K, D] -> [B, T, K]."""
    squares = frames.square().sum(-1, keepdim=True) + codes.square().sum(-1)
    return (squares - 2 * frames @ codes.T).clamp(min=0)
