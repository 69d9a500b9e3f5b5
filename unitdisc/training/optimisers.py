"""Adam as models ask for it: weights that learn faster than others, and rows of weights that were put elsewhere."""

import torch
from torch import nn
from torch.optim import Adam


def adam(model: nn.Module, learning_rate: float) -> Adam:
    """Adam (Kingma & Ba, 2015) over the weights of a model, in one group per `rate_factor` that weights carry."""
    groups = {}
    for weight in model.parameters():
        groups.setdefault(getattr(weight, "rate_factor", 1.0), []).append(weight)
    return Adam([{"params": groups[factor], "rate_factor": factor} for factor in sorted(groups)], learning_rate)


def set_rate(optimiser: Adam, learning_rate: float) -> None:
    """Gives every group its multiple of the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group["rate_factor"]


def settle(optimiser: Adam) -> None:
    """Lets rows of weights that were put elsewhere in this step, marked in `replaced`, start there at rest.

    Their gradient and momentum are of where they were, and would drag them on. The scale of their next steps is that
    of all rows: their own, of a time when they were hardly used, would make the first steps many times too long.
    """
    for group in optimiser.param_groups:
        for weight in group["params"]:
            rows = getattr(weight, "replaced", None)
            if rows is None:
                continue
            weight.replaced = None
            chosen = rows[:, None]
            if weight.grad is not None:
                weight.grad.masked_fill_(chosen, 0)
            if weight in optimiser.state:
                state = optimiser.state[weight]
                state["exp_avg"].masked_fill_(chosen, 0)
                squares = state["exp_avg_sq"]
                squares.copy_(torch.where(chosen, squares.mean(0), squares))
