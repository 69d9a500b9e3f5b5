"""From what a network says of a step to the log-probability of a value, and to a draw from given random numbers.

Drawing is a plain function of random numbers made beforehand, so that any two ways of sampling can be compared.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

LOG_SQRT_2PI = 0.9189385332046727
PIECE = 2**17  # logits that a CPU takes at once: half a megabyte


def categorical_log_prob(logits: Tensor, codes: Tensor) -> Tensor:
    """logits [..., K], codes [...] -> [...], in nats."""
    rows = logits.flatten(0, -2).to(torch.promote_types(logits.dtype, torch.float32))
    return -F.cross_entropy(rows, codes.flatten(), reduction="none").view(codes.shape)


def projected_log_prob(hidden: Tensor, weight: Tensor, bias: Tensor, codes: Tensor, keep: bool = True) -> Tensor:
    """`categorical_log_prob` of the logits that a linear layer makes of `hidden`, without holding them all.

    hidden [..., H], weight [K, H], bias [K], codes [...] -> [...], in nats. keep: the probabilities for the way back,
    or compute them again. Under autocast the product is in its type, and all the rest in 32 bits.
    """
    dtype = working_type(hidden)
    rows, matrix, own = hidden.flatten(0, -2).to(dtype), weight.to(dtype), bias.to(dtype)
    if torch.compiler.is_compiling():  # which fuses the softmax itself, and keeps of it what it needs
        return categorical_log_prob(F.linear(rows, matrix, own), codes.flatten()).view(codes.shape)
    keep = keep and torch.is_grad_enabled()
    return ProjectedLogProb.apply(rows, matrix, own, codes.flatten(), keep).view(codes.shape)


class ProjectedLogProb(torch.autograd.Function):
    """hidden [N, H], weight [K, H], bias [K], codes [N] -> log-probabilities [N], in pieces that fit a cache."""

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, bias: Tensor, codes: Tensor, keep: bool) -> Tensor:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        found, total = (torch.empty(len(hidden), dtype=wide, device=hidden.device) for _ in range(2))
        kept = torch.empty(len(hidden), len(weight), dtype=wide, device=hidden.device) if keep else None
        for here in pieces_of(len(hidden), len(weight), hidden.device):
            logits = torch.addmm(bias, hidden[here], weight.t()).to(wide)
            torch.logsumexp(logits, 1, out=total[here])
            torch.sub(logits.gather(1, codes[here, None])[:, 0], total[here], out=found[here])
            if keep:
                torch.exp(logits.sub_(total[here, None]), out=kept[here])
        ctx.save_for_backward(hidden, weight, bias, codes, total, kept)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx, by_found: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, codes, total, kept = ctx.saved_tensors
        of_hidden, of_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        of_bias = total.new_zeros(len(weight))
        for here in pieces_of(len(hidden), len(weight), hidden.device):
            if kept is None:
                logits = torch.addmm(bias, hidden[here], weight.t()).to(total.dtype)
                probabilities = logits.sub_(total[here, None]).exp_()
                of_logits = probabilities.mul_(-by_found[here, None])
            else:
                of_logits = kept[here] * -by_found[here, None]
            of_logits.scatter_add_(1, codes[here, None], by_found[here, None])
            of_bias += of_logits.sum(0)
            of_logits = of_logits.to(hidden.dtype)
            torch.mm(of_logits, weight, out=of_hidden[here])
            of_weight.addmm_(of_logits.t(), hidden[here])
        return of_hidden, of_weight, of_bias.to(bias.dtype), None, None


def pieces_of(rows: int, width: int, device: torch.device) -> Iterator[slice]:
    """Rows to take at once: what a CPU's second-level cache holds, many more on a GPU."""
    fitting = max(1, (PIECE * torch.get_num_threads() if device.type == "cpu" else 2**24) // width)
    return (slice(first, min(first + fitting, rows)) for first in range(0, rows, fitting))


def working_type(x: Tensor) -> torch.dtype:
    """The type products are taken in: that of an autocast around, or else of the input."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def normal_log_prob(mean: Tensor, log_scale: Tensor, values: Tensor) -> Tensor:
    """Independent Normal values, summed over the last axis: [..., C] -> [...], in nats."""
    return (-0.5 * ((values - mean) / log_scale.exp()) ** 2 - log_scale - LOG_SQRT_2PI).sum(-1)
