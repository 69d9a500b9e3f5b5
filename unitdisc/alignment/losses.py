"""CTC with label priors (Huang et al., 2024, "Less peaky and more accurate CTC forced alignment by label priors").

CTC alone learns to write a symbol in one frame and nothing in the others, wherever that frame is. Divided by how
frequent a symbol is over all frames, the blank has no such advantage, and symbols last as long as they do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.alignment.alphabet import BLANK
from unitdisc.batch import padding_mask

LEAST = 1e-4  # of a prior: a symbol seen once is no jackpot


def scaled(log_probs: Tensor, prior: Tensor, weight: float) -> Tensor:
    """Log-probabilities divided by the prior to the power of `weight`: [B, T, K], [K] -> [B, T, K]."""
    return log_probs - weight * prior.clamp(min=LEAST).log()


def occupancies(scores: Tensor, targets: list[Tensor], lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of every item, [B], and how probable every symbol is in every frame given its text, [B, T, K].

    scores: [B, T, K], which need not sum to 1. torch's own gradient is that of a normalised distribution; it holds
    the occupancies, whatever the scores: exp(scores) - occupancy.
    """
    scores = scores.detach().transpose(0, 1).requires_grad_()
    counts = torch.tensor([len(target) for target in targets])
    losses = F.ctc_loss(scores, torch.cat(targets), lengths.cpu(), counts, blank=BLANK, reduction="none")
    (gradient,) = torch.autograd.grad(losses.sum(), scores)
    inside = padding_mask(lengths, len(scores))[..., None]
    return losses.detach(), (scores.detach().exp() - gradient).transpose(0, 1) * inside


def prior_ctc(log_probs: Tensor, prior: Tensor, weight: float, targets: list[Tensor], lengths: Tensor) -> Tensor:
    """Something whose gradient is that of the mean loss per symbol; its value is that loss, too."""
    losses, occupied = occupancies(scaled(log_probs, prior, weight), targets, lengths)
    symbols = sum(map(len, targets))
    proxy = -(occupied * log_probs).sum()
    return (proxy - proxy.detach() + losses.sum()) / symbols
