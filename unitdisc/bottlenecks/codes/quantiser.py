"""From frames to codes: a codebook, how it starts and learns, and how much of it is in use."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.bottlenecks.base import OnHost, WarmsUpInTurn, measured, perplexity, rows_inside
from unitdisc.bottlenecks.codes.codebooks import CODEBOOKS, CodebookOptions, counts_of, idle
from unitdisc.bottlenecks.codes.placement import kmeans, kmeans_again
from unitdisc.bottlenecks.codes.reservoir import Reservoir
from unitdisc.training.distributed import of_first, part, rows_of_all


@dataclass(frozen=True)
class Quantised:
    quantised: Tensor  # [B, T, D], the frames' codes as vectors; during the warm-up the frames as they are
    codes: Tensor | None  # [B, T], 0 in the padding; None during the warm-up
    losses: dict[str, Tensor]  # of the codes, if they learn by gradient
    metrics: dict[str, Tensor]
    warm: bool  # still warming up: nothing is quantised yet


class Quantiser(OnHost):
    """Gives every frame a code, and moves the codes to where the frames are.

    For the first `warmup_steps` training steps frames pass as they are; then k-means over the latest frames places
    the codes, and quantisation begins. Later k-means, over frames from all the steps since the one before, places
    them again (Lancucki et al., 2020). It counts its own training steps, so that it can be stopped anywhere and go on.
    """

    def __init__(self, dim: int, options: CodebookOptions):
        super().__init__()
        self.options = options
        self.codebook = CODEBOOKS[options.codebook](dim, options)
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("usage", torch.zeros(options.num_codes))  # moving average of how many frames a code gets
        self.reservoir = Reservoir(options.reservoir * options.num_codes, dim)
        self.waiting: list[tuple[Tensor, Tensor | None]] = []  # frames and codes of the parts of a step so far

    def forward(self, frames: Tensor, mask: Tensor, assign: Callable[[Tensor, Tensor], Tensor]) -> Quantised:
        """frames: [B, T, D]; mask: [B, T], False in the padding; assign: costs [B, T, K], mask -> codes [B, T]."""
        if int(self.steps) < self.options.warmup_steps:
            if self.training:
                self.learn(*rows_inside(mask, frames.detach(), None))
            weights = list(self.codebook.parameters())  # their loss is weightless, not absent: see DDP
            losses = {"codebook": 0.0 * weights[0].sum()} if weights else {}
            return Quantised(frames, None, losses, {}, warm=True)
        codes = assign(distances(frames.detach(), self.codebook.vectors.detach()), mask)
        quantised = self.vectors_of(codes)
        losses = {}
        to_frames = self.codebook.loss(frames, quantised)
        if to_frames is not None:
            losses["codebook"] = to_frames.mean(-1)
        if self.training:
            self.learn(*rows_inside(mask, frames.detach(), codes))
        metrics = measured(
            lambda: {
                "perplexity": perplexity(codes[mask]),  # of this batch: no more than it has frames
                "codes_used": (~idle(self.usage)).float().sum(),  # of the latest 1 / (1 - decay) batches
            }
        )
        return Quantised(quantised, codes, losses, metrics, warm=False)

    def vectors_of(self, codes: Tensor) -> Tensor:
        """[...] -> [..., D]"""
        return F.embedding(codes, self.codebook.vectors)

    @torch.no_grad()
    def learn(self, frames: Tensor, codes: Tensor | None) -> None:
        """One training step of the codes, from the frames [N, D] and codes [N] (None: none yet) of this process.

        Where a step has several parts, the codes wait for the last.
        """
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))  # the same on every process
        self.waiting.append((frames, codes))
        if not part().is_last:
            return
        frames, codes = (None if rows[0] is None else torch.cat(rows) for rows in zip(*self.waiting, strict=True))
        self.waiting.clear()
        self.steps += 1
        frames = rows_of_all(frames).to(self.usage.dtype)  # under autocast they are of half precision
        due = next_kmeans(int(self.steps), self.options.warmup_steps, self.options.reestimations)
        if codes is None:
            self.reservoir.keep_latest(frames)  # the encoder changes fast: the first are out of date
        else:
            codes = rows_of_all(codes)
            self.usage.lerp_(counts_of(codes, self.usage), 1 - self.options.decay)
            if due is not None:
                self.reservoir.keep_evenly(frames, generator)
        if self.steps == due:
            self.estimate(generator)
            self.reservoir.empty()
        elif codes is not None:
            self.codebook.follow(frames, codes, generator)

    def estimate(self, generator: torch.Generator) -> None:
        """Places the codes by k-means over the reservoir."""
        frames = self.reservoir.frames
        if self.steps == self.options.warmup_steps:
            found = kmeans(frames, self.options.num_codes, generator)
            sizes = found.sizes
        else:
            found = kmeans_again(self.codebook.vectors, frames, generator)
            sizes = found.sizes * self.codebook.counts.sum() / found.sizes.sum()  # of a step, not of the reservoir
        self.codebook.start(of_first(found.centroids), of_first(sizes))


def codebook_waits(bottleneck: nn.Module) -> tuple[int, int] | None:
    """Training steps so far, and after how many codes are given to frames; None once they are, or without a codebook.

    Before, frames pass as they are: there are no units.
    """
    quantisers = [module for module in bottleneck.modules() if isinstance(module, Quantiser)]
    left = [max(0, each.options.warmup_steps - int(each.steps)) for each in quantisers]
    if not any(left):
        return None
    in_turn = any(isinstance(module, WarmsUpInTurn) and module.in_turn for module in bottleneck.modules())
    trained = max(int(each.steps) for each in quantisers)
    return trained, trained + (sum(left) if in_turn else max(left))


def next_kmeans(step: int, warmup_steps: int, reestimations: int) -> int | None:
    """The first step, from this one on, after which k-means places the codes; None if it never does again.

    At the end of the warm-up, and `reestimations` times at intervals that grow by half: 1, 2, 4, 7, 11, 17, 26, ...
    without a warm-up.
    """
    if step <= warmup_steps:
        return warmup_steps
    due = warmup_steps
    for _ in range(reestimations):
        due = due * 3 // 2 + 1
        if due >= step:
            return due
    return None


def distances(frames: Tensor, codes: Tensor) -> Tensor:
    """Squared Euclidean distance of every frame to every code: [B, T, D], [K, D] -> [B, T, K]."""
    squares = frames.square().sum(-1, keepdim=True) + codes.square().sum(-1)
    return (squares - 2 * frames @ codes.T).clamp(min=0)
