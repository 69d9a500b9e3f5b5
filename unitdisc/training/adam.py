"""Adam and AdamW, by torch's own function for a step of it.

`torch.optim.Adam` does the same, but loads torch's compiler when it is made: 1.8 seconds, in which a small model has
taken its first steps.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

EPSILON = 1e-8


class Adam:
    """Adam (Kingma & Ba, 2015); AdamW (Loshchilov & Hutter, 2019) if `decoupled`. Bit for bit that of `torch.optim`.

    param_groups: weights (`params`) with a learning rate (`lr`) and a decay (`weight_decay`), and whatever else they
    are to carry; state: of every weight that has moved. State dicts are those of `torch.optim`, in both directions.
    """

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        decoupled: bool = False,
    ):
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {}
        common = {"lr": learning_rate, "betas": betas, "eps": EPSILON, "weight_decay": 0.0}
        self.param_groups = [common | group | {"decoupled_weight_decay": decoupled} for group in groups]

    def zero_grad(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Moves all weights that have a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            states = [self.state.setdefault(weight, {}) for weight in weights]
            for weight, state in zip(weights, states, strict=True):
                if not state:
                    state |= {"step": torch.tensor(0.0)}  # on the CPU, which tells the others how far they are
                    state |= {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
            adam(
                weights,
                [weight.grad for weight in weights],
                *([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")),
                [],
                [state["step"] for state in states],
                decoupled_weight_decay=group["decoupled_weight_decay"],
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def state_dict(self) -> dict[str, Any]:
        """Weights by their number, over all groups."""
        numbers = {weight: number for number, weight in enumerate(self.weights())}
        groups = [group | {"params": [numbers[weight] for weight in group["params"]]} for group in self.param_groups]
        return {"state": {numbers[weight]: state for weight, state in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, kept: dict[str, Any]) -> None:
        """Raises ValueError if the state is of other groups of weights."""
        there, here = (
            [len(group["params"]) for group in groups] for groups in (kept["param_groups"], self.param_groups)
        )
        if there != here:
            raise ValueError(f"the state of an optimiser of {there} weights, by group, is not that of {here}")
        for group, values in zip(self.param_groups, kept["param_groups"], strict=True):
            group |= {name: values[name] for name in group if name in values and name != "params"}
        numbers = [number for group in kept["param_groups"] for number in group["params"]]
        self.state = {
            weight: {
                name: value if name == "step" else value.to(weight)  # steps are counted on the CPU
                for name, value in kept["state"][number].items()
            }
            for number, weight in zip(numbers, self.weights(), strict=True)
            if number in kept["state"]
        }

    def weights(self) -> list[nn.Parameter]:
        return [weight for group in self.param_groups for weight in group["params"]]
