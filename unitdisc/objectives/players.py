"""Players: groups of weights that learn in their own way, as a critic beside the model that it judges."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Player:
    """Weights that learn together, with an optimiser (Adam), a schedule and a clip of their own; None: of [training].

    All players of a step learn from one backward pass of the sum of all losses. So an objective lets each loss reach
    those only whom it is to move: a critic is shown `made.detach()`, and who is to please it is judged by a copy of the
    critic with detached weights (`torch.func.functional_call`).
    """

    weights: Sequence[nn.Parameter]
    learning_rate: float | None = None
    schedule: str | None = None  # a name of `unitdisc.training.schedules`
    clip: float | None = None  # largest norm of the gradient of these weights
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam's moving averages
