"""Adam moves weights as torch's does, bit for bit, and reads what torch's has kept; the compiler stays away."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from unitdisc.training.adam import Adam

RATE, BETAS = 0.01, (0.8, 0.99)


def network() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))
    model.never_used = nn.Parameter(torch.ones(2))
    return model


def groups_of(model: nn.Module, decay: float) -> list[dict]:
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def ours(model: nn.Module, decay: float = 0.1) -> Adam:
    return Adam(groups_of(model, decay), RATE, BETAS, decoupled=decay > 0)


def theirs(model: nn.Module, decay: float = 0.1) -> torch.optim.Adam:
    return (torch.optim.AdamW if decay else torch.optim.Adam)(groups_of(model, decay), RATE, BETAS)


def taken(model: nn.Module, optimiser: Adam | torch.optim.Adam, steps: range) -> None:
    for step in steps:
        for group in optimiser.param_groups:
            group["lr"] = RATE / (1 + step)
        optimiser.zero_grad()
        inputs = torch.randn(9, 5, generator=torch.Generator().manual_seed(step))
        model(inputs).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("before, after", [(ours, ours), (ours, theirs), (theirs, ours)])
def test_steps_are_those_of_torch_and_go_on_from_its_checkpoints(before, after, decay):
    whole = network()
    taken(whole, theirs(whole, decay), range(7))
    model = network()
    first = before(model, decay)
    taken(model, first, range(4))
    second = after(model, decay)
    second.load_state_dict(first.state_dict())
    taken(model, second, range(4, 7))
    for mine, wanted in zip(model.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, wanted)


def test_the_state_of_other_weights_is_refused():
    model = network()
    other = Adam([{"params": list(model.parameters())}], RATE)
    with pytest.raises(ValueError, match=r"of \[5\] weights, by group, is not that of \[2, 3\]"):
        ours(model).load_state_dict(other.state_dict())


def test_a_step_does_not_import_the_compiler():
    program = (
        "import sys, torch; from unitdisc.training.adam import Adam\n"
        "weight = torch.nn.Parameter(torch.ones(2)); weight.sum().backward()\n"
        "Adam([{'params': [weight]}], 0.1).step(); print(weight.sum().item() < 2, 'torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
