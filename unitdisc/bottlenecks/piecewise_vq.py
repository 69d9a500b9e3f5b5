"""Piecewise-constant VQ: a unit is a run of one code, and there are so many in a second, or in 100 columns of a line.

After Chorowski et al. (2019), "Unsupervised Neural Segmentation and Clustering for Unit Discovery in Sequential Data".

In training the number of runs is a constraint on the whole minibatch, met by one of three solvers. What it costs to
change the code there, the switch cost, is learnt on the way: the price at which Viterbi finds as many runs. Whenever
the model is saved, the price is set on whole utterances. At inference every change has that price, and any utterance,
however long, falls into units by itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from unitdisc.bottlenecks.base import BottleneckOutput, OnHost, measured
from unitdisc.bottlenecks.codes.codebooks import CodebookOptions, counts_of
from unitdisc.bottlenecks.codes.quantiser import distances
from unitdisc.bottlenecks.vq import CODES, VQ
from unitdisc.segmentation import exact_path, merged_path, viterbi, viterbi_path
from unitdisc.segmentation.batches import packed_batch, unpacked
from unitdisc.segmentation.calibration import Calibration, calibrated, evaluation
from unitdisc.segmentation.viterbi import Path
from unitdisc.training.distributed import mean_over_processes, rank, rows_of_all

MEMORY = 25  # batches that the switch cost is averaged over
UNITS_PER = {"second": 12.0, "100_columns": 8.0}

Solver = Callable[[np.ndarray, np.ndarray, int, float], Path]  # of costs [N, K], lengths [B], segments, switch cost
SOLVERS: dict[str, Solver] = {
    "greedy": lambda costs, lengths, segments, switch_cost: merged_path(costs, segments, lengths),
    "viterbi": lambda costs, lengths, segments, switch_cost: viterbi_path(costs, switch_cost, lengths),
    "exact": lambda costs, lengths, segments, switch_cost: exact_path(costs, segments, lengths),
}


class PiecewiseVQ(OnHost, VQ):
    """VQ whose codes change so many times per second, or per 100 columns of a line image, and in between stay the same.

    frame_rate: frames per second that come from the encoder, or, of line images, frames_per_100_columns.
    units_per_second: how many units a second of the training corpus has, on average; 12 if nothing is said.
    units_per_100_columns: the same for line images, in columns at the height of the features; 8 if nothing is said.
    solver: who finds the codes in training: "greedy" merges neighbours, "viterbi" takes the switch cost of the batch,
    "exact" finds the codes nearest to the frames.
    squared: whether a frame costs its squared distance to a code, or the distance.
    pooling: the decoder and the codes see the mean of the frames of a unit, so that gradients reach all of them alike.
    """

    on_host = ("switch_cost", "calibrations")

    def __init__(
        self,
        in_dim: int,
        frame_rate: float | None = None,
        dim: int = 64,
        codes: CodebookOptions = CODES,
        commitment: float = 0.25,
        batch_norm: bool = False,
        units_per_second: float | None = None,
        solver: str = "greedy",
        squared: bool = True,
        pooling: bool = False,
        frames_per_100_columns: float | None = None,
        units_per_100_columns: float | None = None,
    ):
        super().__init__(in_dim, dim, codes, commitment, batch_norm)
        if solver not in SOLVERS:
            raise ValueError(f"unknown solver {solver!r}: choose one of {sorted(SOLVERS)}")
        self.per, self.frame_rate, asked, beside = (
            ("second", frame_rate, units_per_second, units_per_100_columns)
            if frame_rate
            else ("100_columns", frames_per_100_columns, units_per_100_columns, units_per_second)
        )
        if beside is not None:
            signals = "recordings" if frame_rate else "line images"
            raise ValueError(f"units of {signals} are counted by units_per_{self.per}; leave the other option out")
        units = UNITS_PER[self.per] if asked is None else asked
        if not 0 < units <= self.frame_rate:
            frames = f"{self.frame_rate:g}, the frames per {self.per.replace('_', ' ')}"
            raise ValueError(f"units_per_{self.per} must be above 0 and at most {frames}, not {units:g}")
        self.changes_per_frame = units / self.frame_rate
        self.solver = solver
        self.squared = squared
        self.pooling = pooling
        self.register_buffer("switch_cost", torch.zeros((), dtype=torch.float64))
        self.register_buffer("calibrations", torch.tensor(0))

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        output = super().forward(encoded, mask)
        if output.codes is None:
            return output
        return replace(output, metrics={**output.metrics, **measured(lambda: self.metrics(output.codes, mask))})

    def metrics(self, codes: Tensor, mask: Tensor) -> dict[str, Tensor]:
        changes = ((codes[:, 1:] != codes[:, :-1]) & mask[:, 1:]).sum()
        places = mean_over_processes(mask[:, 1:].sum().to(self.project.weight.dtype)).clamp(min=1)
        return {
            f"units_per_{self.per}": changes / places * self.frame_rate,
            "switch_cost": self.switch_cost.clone().to(mask.device),
        }

    @torch.no_grad()
    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Sets the switch cost at which whole utterances have as many units as were asked for.

        Crops see less of the beginnings and ends of utterances than there is of them.
        batches: encoded [B, T, C] and mask [B, T].
        """
        packed = []
        for encoded, mask in batches:
            costs = distances(self.projected(encoded, mask), self.quantiser.codebook.vectors)
            packed.append(packed_batch(self.priced(costs), mask))
        rows, lengths = map(np.concatenate, zip(*packed))
        self.switch_cost.fill_(calibrated(evaluation(rows, lengths), self.wanted(lengths)).switch_cost)

    def assign(self, costs: Tensor, mask: Tensor) -> Tensor:
        """Codes that stay the same for a while: [B, T, K], [B, T] -> [B, T]."""
        costs = self.priced(costs)
        if not self.training:
            return viterbi(costs, mask, float(self.switch_cost))
        own = mask.cpu()
        rows = rows_of_all(costs.flatten(0, 1)[own.flatten().nonzero().squeeze(1).to(costs.device)]).cpu().numpy()
        lengths = rows_of_all(mask.sum(1)).cpu().numpy()
        segments = self.wanted(lengths)
        found = calibrated(evaluation(rows, lengths), segments, near=float(self.switch_cost))
        self.remember(found)
        path = SOLVERS[self.solver](rows, lengths, segments, found.switch_cost)
        first = lengths[: rank() * len(mask)].sum()  # the frames of the other processes come before
        return unpacked(path.codes[first : first + int(own.sum())], own).to(costs.device)

    def priced(self, squared: Tensor) -> Tensor:
        """What a frame costs, given its squared distance."""
        return (squared if self.squared else squared.sqrt()).float()

    def wanted(self, lengths: np.ndarray) -> int:
        """Segments of a batch of crops: the rate of units is how often codes change between two frames."""
        crops = np.count_nonzero(lengths)
        return crops + round(self.changes_per_frame * (int(lengths.sum()) - crops))

    @torch.no_grad()
    def remember(self, found: Calibration) -> None:
        """Averages the switch costs of the latest batches."""
        self.calibrations += 1
        latest = torch.tensor(found.switch_cost, dtype=self.switch_cost.dtype)
        self.switch_cost.lerp_(latest, 1 / min(int(self.calibrations), MEMORY))

    def pool(self, frames: Tensor, codes: Tensor, mask: Tensor) -> Tensor:
        """The mean of the frames of each unit, in the place of each of them: [B, T, D] -> [B, T, D]."""
        if not self.pooling:
            return frames
        begins = torch.ones_like(mask)
        begins[:, 1:] = (codes[:, 1:] != codes[:, :-1]) | ~mask[:, 1:]
        runs = begins.flatten().cumsum(0) - 1  # [B * T] padding frames are runs of their own
        flat = frames.flatten(0, 1)
        sums = torch.zeros_like(flat).index_add_(0, runs, flat)  # more than there are runs: how many is not asked
        return (sums / counts_of(runs, flat[:, 0]).clamp(min=1)[:, None])[runs].view_as(frames)
