"""Losses of a critic, who tells real from made, and of who is to please it; and what keeps a critic smooth.

Scores are real numbers, the higher the more real: not-saturating losses (Goodfellow et al., 2014) take them for logits,
"hinge" is of Lim and Ye (2017), "wasserstein" of Arjovsky et al. (2017).
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

LOSSES = ("non-saturating", "hinge", "wasserstein")
PENALTIES = ("r1", "gradient", "none")  # what keeps a critic smooth


def check_adversary(loss: str, penalty: str) -> None:
    """Raises ValueError for a loss or a penalty that is not there, and for critics that nothing bounds."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {list(LOSSES)}, not {loss!r}")
    if penalty not in PENALTIES:
        raise ValueError(f"penalty must be one of {list(PENALTIES)}, not {penalty!r}")
    if loss == "wasserstein" and penalty == "none":
        raise ValueError("the scores of loss 'wasserstein' grow without end where no penalty bounds their slope")


def critic_loss(loss: str, real: Tensor, made: Tensor) -> Tensor:
    """What a critic makes small: scores [B] of real and of made items -> [B]."""
    if loss == "non-saturating":
        return F.softplus(-real) + F.softplus(made)
    if loss == "hinge":
        return (1 - real).relu() + (1 + made).relu()
    return made - real


def pleasing_loss(loss: str, made: Tensor) -> Tensor:
    """What who makes them makes small: scores [B] of what is to be taken for real -> [B]."""
    return F.softplus(-made) if loss == "non-saturating" else -made


def penalty_of(
    penalty: str, critic: Callable[..., Tensor], real: Sequence[Tensor], made: Sequence[Tensor], shares: Tensor
) -> Tensor:
    """How steep a critic is, by its gradient: [B]; zeros for "none".

    "r1": the squared norm of the gradient at real items (Mescheder et al., 2018), halved, for it to be small. "gradient": the
    squared distance of the norm from 1 somewhere between a real item and a made one (Gulrajani et al., 2017); shares:
    of the real one, uniform numbers [B].
    critic: takes the parts of items, each [B, ...], and gives scores [B]; the gradient is that of all parts together.
    """
    if penalty == "none" or not torch.is_grad_enabled():
        return torch.zeros_like(shares)
    if penalty == "gradient":
        pairs = zip(real, made, strict=True)
        real = [torch.lerp(m, r, shares.view(-1, *[1] * (r.dim() - 1))) for r, m in pairs]
    shown = [part.detach().requires_grad_() for part in real]
    slopes = torch.autograd.grad(critic(*shown).sum(), shown, create_graph=True)
    squares = sum(slope.square().flatten(1).sum(1) for slope in slopes)
    return squares / 2 if penalty == "r1" else ((squares + 1e-12).sqrt() - 1).square()


def judged_by(critic: nn.Module, *parts: Tensor) -> Tensor:
    """The scores of a critic that learns nothing from being asked; gradients reach what it is shown."""
    weights = {name: weight.detach() for name, weight in critic.named_parameters()}
    return functional_call(critic, weights, parts)


def told_apart(real: Tensor, made: Tensor) -> Tensor:
    """How often a real item scores higher than a made one, over all pairs; .5: the critic cannot tell (scores [B])."""
    better = (real[:, None] > made).to(real.dtype)
    return (better + (real[:, None] == made).to(real.dtype) / 2).mean()
