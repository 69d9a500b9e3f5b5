"""Segmentation of padded minibatches: costs [B, T, K] and mask [B, T] to codes [B, T].

Nothing reaches across utterances or into the padding, where the code is 0. `nearest` is found wherever the costs are;
for the others costs on a GPU are copied to the CPU, whose compiled loops solve, and the codes are copied back: stepped
from Python a GPU would start some 18 kernels a frame.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unitdisc.segmentation.calibration import calibrated, evaluation
from unitdisc.segmentation.exact import exact_path
from unitdisc.segmentation.greedy import merged_path
from unitdisc.segmentation.viterbi import Path, viterbi_path


@dataclass(frozen=True)
class CalibratedBatch:
    """Codes of a batch, and the switch cost that gave them."""

    codes: Tensor  # [B, T]
    switch_cost: float
    segments: int  # runs of one code, as near to what was wanted as any switch cost gives


def nearest(costs: Tensor, mask: Tensor) -> Tensor:
    """The cheapest code of every frame: [B, T, K], [B, T] -> [B, T]."""
    return costs.argmin(-1) * mask


def viterbi(costs: Tensor, mask: Tensor, switch_cost: float) -> Tensor:
    """The codes of least cost when every change of code costs `switch_cost`: [B, T, K], [B, T] -> [B, T]."""
    return on_cpu(lambda packed, lengths: viterbi_path(packed, switch_cost, lengths), costs, mask)


def merge_greedily(costs: Tensor, mask: Tensor, segments: int) -> Tensor:
    """Merges neighbours, the cheapest pair first, until the batch has so many segments: [B, T, K], [B, T] -> [B, T].

    Raises ValueError if there are more utterances than wanted segments.
    """
    return on_cpu(lambda packed, lengths: merged_path(packed, segments, lengths), costs, mask)


def exact(costs: Tensor, mask: Tensor, segments: int) -> Tensor:
    """The codes of least cost with at most so many segments in the batch: [B, T, K], [B, T] -> [B, T].

    Raises ValueError if there are more utterances than wanted segments.
    """
    return on_cpu(lambda packed, lengths: exact_path(packed, segments, lengths), costs, mask)


def calibrate(costs: Tensor, mask: Tensor, segments: int) -> CalibratedBatch:
    """The switch cost at which Viterbi finds so many segments in the batch, or as nearly so many as any gives.

    costs: [B, T, K], mask: [B, T]. Raises ValueError if there are more utterances than wanted segments.
    """
    rows, lengths = packed_batch(costs, mask)
    found = calibrated(evaluation(rows, lengths), segments)
    codes = viterbi_path(rows, found.switch_cost, lengths).codes
    return CalibratedBatch(unpacked(codes, mask), found.switch_cost, found.segments)


def on_cpu(solve: Callable[[np.ndarray, np.ndarray], Path], costs: Tensor, mask: Tensor) -> Tensor:
    """What a solver of packed sequences makes of a batch."""
    return unpacked(solve(*packed_batch(costs, mask)).codes, mask)


def packed_batch(costs: Tensor, mask: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The costs of all frames that are no padding [N, K], and how many each utterance has [B]."""
    rows = costs.detach()[mask]
    rows = rows if rows.dtype == torch.float64 else rows.float()  # numpy knows no bfloat16
    return rows.cpu().numpy(), mask.sum(1).cpu().numpy()


def unpacked(codes: np.ndarray, mask: Tensor) -> Tensor:
    """The codes of all frames that are no padding [N], where they belong: [B, T]."""
    padded = torch.zeros(mask.shape, dtype=torch.long)
    padded[mask.cpu()] = torch.from_numpy(codes)
    return padded.to(mask.device)
