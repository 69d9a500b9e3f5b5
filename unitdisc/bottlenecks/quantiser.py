"""From frames to codes: a codebook, how it starts and learns, and how much of it is in use."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import masked_mean
from unitdisc.bottlenecks.base import perplexity
from unitdisc.bottlenecks.centroids import kmeans
from unitdisc.bottlenecks.codebooks import CODEBOOKS, CodebookOptions, idle, usage
from unitdisc.distributed import rows_of_all


@dataclass(frozen=True)
class Quantised:
    quantised: Tensor  # [B, T, D], the frames' codes as vectors; during the warm-up the frames as they are
    codes: Tensor | None  # [B, T], 0 in the padding; None during the warm-up
    losses: dict[str, Tensor]  # of the codes, if they learn by gradient
    metrics: dict[str, Tensor]
    warm: bool  # still warming up: nothing is quantised yet


class Quantiser(nn.Module):
    """Gives every frame a code, and moves the codes to where the frames are.

    For the first `warmup_steps` training steps frames pass as they are; then k-means over the latest frames places
    the codes, and quantisation begins (Lancucki et al., 2020). It counts its own training steps, so that it can be
    stopped anywhere and go on.
    """

    def __init__(self, dim: int, options: CodebookOptions):
        super().__init__()
        self.options = options
        self.codebook = CODEBOOKS[options.codebook](dim, options)
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("usage", torch.zeros(options.num_codes))  # moving average of how many frames a code gets
        self.register_buffer("recent", torch.zeros(0, dim))  # the latest frames, while k-means waits for them

    def forward(self, frames: Tensor, mask: Tensor, assign: Callable[[Tensor, Tensor], Tensor]) -> Quantised:
        """frames: [B, T, D]; mask: [B, T], False in the padding; assign: costs [B, T, K], mask -> codes [B, T]."""
        if int(self.steps) < self.options.warmup_steps:
            if self.training:
                self.learn(frames[mask], None)
            weights = list(self.codebook.parameters())  # their loss is weightless, not absent: see DDP
            losses = {"codebook": 0.0 * weights[0].sum()} if weights else {}
            return Quantised(frames, None, losses, {}, warm=True)
        codes = assign(distances(frames.detach(), self.codebook.vectors.detach()), mask)
        quantised = F.embedding(codes, self.codebook.vectors)
        losses = {}
        to_frames = self.codebook.loss(frames, quantised)
        if to_frames is not None:
            losses["codebook"] = masked_mean(to_frames.mean(-1), mask)
        if self.training:
            self.learn(frames[mask], codes[mask])
        metrics = {
            "perplexity": perplexity(codes[mask]),  # of this batch: no more than it has frames
            "codes_used": (~idle(self.usage)).float().sum(),  # of the latest 1 / (1 - decay) batches
        }
        return Quantised(quantised, codes, losses, metrics, warm=False)

    @torch.no_grad()
    def learn(self, frames: Tensor, codes: Tensor | None) -> None:
        """One training step of the codes, from the frames [N, D] and codes [N] (None: none yet) of this process."""
        self.steps += 1
        frames = rows_of_all(frames)
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # the same on every process
        if codes is None:
            self.recent = torch.cat([self.recent, frames])[-self.options.reservoir * self.options.num_codes :]
            if self.steps == self.options.warmup_steps:
                self.codebook.start(*kmeans(self.recent, self.options.num_codes, generator))
                self.recent = self.recent[:0].clone()
        else:
            codes = rows_of_all(codes)
            self.usage.lerp_(usage(frames, codes, self.options.num_codes)[0], 1 - self.options.decay)
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
