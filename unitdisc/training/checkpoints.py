"""Where training stopped: model, running average, optimisers, step and random state, written whole or not at all."""

from pathlib import Path

import torch
from torch import nn

from unitdisc.files import take_away, written_aside
from unitdisc.training.weights import weights

KEPT = 2
PARTS = {"step", "model", "average", "optimiser", "random"}


class CheckpointError(ValueError):
    """A checkpoint cannot be read; the message names the file and the cure."""


class RunningAverage:
    """A copy of a model whose weights are a moving average of the trained ones (Polyak & Juditsky, 1992).

    Codebooks and buffers are copied as they are: codes restart elsewhere, and an average would drag them there. Early
    on the average is short, so that it forgets the initial weights: step n counts for at least 9 / (n + 10), and a
    decay of 0.99 makes itself felt from step 890 on. What only training needs is left as it was.
    """

    def __init__(self, model: nn.Module, copy: nn.Module, decay: float):
        self.model = model
        self.copy = copy.eval().requires_grad_(False)
        self.decay = decay
        self.copy.load_state_dict(model.state_dict())
        self.averaged = [name for name, _ in self.copy.named_parameters() if ".codebook." not in name]
        self.copied = [name for name in weights(self.copy) if name not in self.averaged]

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        kept, trained = self.copy.state_dict(), self.model.state_dict()
        averages, weights_now = ([state[name] for name in self.averaged] for state in (kept, trained))
        torch._foreach_lerp_(averages, weights_now, 1 - decay)
        for name in self.copied:
            kept[name].copy_(trained[name])


def save(folder: Path, step: int, state: dict) -> None:
    """Writes checkpoints/step-N.pt; removes the ones before the last two, and what a killed run left half-written."""
    with written_aside(folder / f"step-{step:08d}.pt") as aside, aside.open("wb") as file:
        torch.save({"step": step, **state}, file)
    for old in (*paths(folder)[:-KEPT], *folder.glob(".step-*.tmp")):
        take_away(old)


def latest(folder: Path) -> dict | None:
    """The newest checkpoint, or None if there is none. Loading runs no code.

    Raises CheckpointError if it is damaged, or holds anything but numbers.
    """
    found = paths(folder)
    if not found:
        return None
    try:
        state = torch.load(found[-1], map_location="cpu", weights_only=True)
        complete = state.keys() >= PARTS
    except Exception:  # whatever a damaged file makes torch raise
        complete = False
    if not complete:
        before = "goes on from the one before" if len(found) > 1 else "begins anew"
        raise CheckpointError(f"{found[-1]}: damaged, or no checkpoint of unitdisc; remove it, and training {before}")
    return state


def paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"))


def random_state(device: torch.device) -> dict:
    """Of the CPU, and of the device that is trained on if it is a GPU: no other GPU is touched."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: dict, device: torch.device) -> None:
    """What `random_state` gave; where a run goes on elsewhere, the device's numbers begin anew, as by its seed."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
