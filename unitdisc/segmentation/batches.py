"""Segmentation of padded minibatches: costs [B, T, K] and mask [B, T] to codes [B, T].

Nothing reaches across utterances or into the padding, where the code is 0. `nearest` is found wherever the costs are;
for `viterbi` costs on a GPU are copied to the CPU, whose compiled loops solve, and the codes are copied back: stepped
from Python a GPU would start some 18 kernels a frame. Solvers of packed sequences, such as `exact_path`, are used on a
batch by `packed_batch` and `unpacked`.
"""

import numpy as np
import torch
from torch import Tensor

from unitdisc.segmentation.viterbi import viterbi_path


def nearest(costs: Tensor, mask: Tensor) -> Tensor:
    """The cheapest code of every frame: [B, T, K], [B, T] -> [B, T]."""
    return costs.argmin(-1) * mask


def viterbi(costs: Tensor, mask: Tensor, switch_cost: float) -> Tensor:
    """The codes of least cost when every change of code costs `switch_cost`: [B, T, K], [B, T] -> [B, T]."""
    rows, lengths = packed_batch(costs, mask)
    return unpacked(viterbi_path(rows, switch_cost, lengths).codes, mask)


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
