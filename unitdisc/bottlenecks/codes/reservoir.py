"""A reservoir: an even sample of all frames that passed, without keeping them all (Algorithm R; Vitter, 1985)."""

import torch
from torch import Tensor

from unitdisc.bottlenecks.base import OnHost


class Reservoir(OnHost):
    """Keeps some of the frames that pass until it is emptied. Only training needs it, and is resumed with it."""

    training_only = ("frames", "seen")
    on_host = ("seen",)

    def __init__(self, capacity: int, dim: int):
        super().__init__()
        self.capacity = capacity
        self.register_buffer("frames", torch.zeros(0, dim))  # [N, D], N up to the capacity
        self.register_buffer("seen", torch.tensor(0))  # since it was emptied

    def keep_latest(self, frames: Tensor) -> None:
        """Keeps the latest of the frames [N, D] and of those kept before."""
        self.frames = torch.cat([self.frames, frames])[-self.capacity :]
        self.seen += len(frames)

    def keep_evenly(self, frames: Tensor, generator: torch.Generator) -> None:
        """Keeps some of the frames [N, D], so that all that were seen are equally likely to be kept."""
        seen, room = int(self.seen), self.capacity - len(self.frames)
        if room:
            self.frames = torch.cat([self.frames, frames[:room]])
        self.seen += len(frames)
        frames, seen = frames[room:], seen + min(room, len(frames))
        chances = torch.rand(len(frames), generator=generator, dtype=torch.float64)
        places = (chances * (seen + 1 + torch.arange(len(frames)))).long()  # the n-th frame goes to any of n places
        taken = torch.nonzero(places < self.capacity).squeeze(1)
        latest = torch.full((self.capacity,), -1).scatter_reduce(0, places[taken], taken, "amax")  # of two, the later
        filled = torch.nonzero(latest >= 0).squeeze(1)
        self.frames[filled.to(self.frames.device)] = frames[latest[filled].to(frames.device)]

    def empty(self) -> None:
        self.frames = self.frames[:0].clone()
        self.seen.zero_()

    def _load_from_state_dict(self, state: dict, prefix: str, *args) -> None:
        """Lets there be as many frames as were saved."""
        if prefix + "frames" in state:
            self.frames = self.frames.new_zeros(state[prefix + "frames"].shape)
        super()._load_from_state_dict(state, prefix, *args)
