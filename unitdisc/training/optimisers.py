"""Adam as models ask for it: weights that learn faster than others, and rows of weights that were put elsewhere."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import LearnsAtOwnRate, Replaceable
from unitdisc.objectives import Player
from unitdisc.training.adam import Adam


class PlayerInTraining:
    """A player with its optimiser, its learning rate at every step, and the largest norm of its gradient."""

    def __init__(self, player: Player, rate_at: Callable[[int], float], clip: float, weight_decay: float = 0.0):
        self.weights = list(player.weights)
        self.replaceable = [weight for weight in self.weights if isinstance(weight, Replaceable)]
        self.rate_at = rate_at
        self.clip = clip
        self.optimiser = adam(self.weights, rate_at(0), player.betas, weight_decay)

    def prepare(self, step: int) -> None:
        """Before the gradients of a step, counted from 0."""
        set_rate(self.optimiser, self.rate_at(step))
        self.optimiser.zero_grad()

    def move(self) -> Tensor:
        """One step of the optimiser; gives the norm of the gradient, before it was clipped."""
        reset_replaced_rows(self.optimiser, self.replaceable)
        norm = nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optimiser.step()
        return norm


def adam(
    weights: Iterable[nn.Parameter],
    learning_rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
) -> Adam:
    """Adam (Kingma & Ba, 2015) over weights, in one group per `rate_factor` that they carry; AdamW, if they decay.

    Matrices decay, and nothing of one dimension: no bias, scale or embedding of what is hidden.
    """
    groups = {}
    for weight in weights:
        factor = weight.rate_factor if isinstance(weight, LearnsAtOwnRate) else 1.0
        groups.setdefault((factor, weight_decay if weight.dim() > 1 else 0.0), []).append(weight)
    groups = [
        {"params": groups[factor, decay], "rate_factor": factor, "weight_decay": decay}
        for factor, decay in sorted(groups)
    ]
    return Adam(groups, learning_rate, betas, decoupled=bool(weight_decay))


def set_rate(optimiser: Adam, learning_rate: float) -> None:
    """Gives every group its multiple of the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group["rate_factor"]


def reset_replaced_rows(optimiser: Adam, weights: Iterable[Replaceable]) -> None:
    """Lets rows of weights that were put elsewhere in this step, marked in `replaced`, start there at rest.

    Their gradient and momentum are of where they were, and would drag them on. The scale of their next steps is that
    of all rows: their own, of a time when they were hardly used, would make the first steps many times too long.
    """
    for weight in weights:
        rows, weight.replaced = weight.replaced, None
        if rows is None:
            continue
        chosen = rows[:, None]
        if weight.grad is not None:
            weight.grad.masked_fill_(chosen, 0)
        if weight in optimiser.state:
            state = optimiser.state[weight]
            state["exp_avg"].masked_fill_(chosen, 0)
            squares = state["exp_avg_sq"]
            squares.copy_(torch.where(chosen, squares.mean(0), squares))
