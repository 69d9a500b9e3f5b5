"""The temperature of a choice among codes, which falls while training goes on."""

import math

import torch
from torch import Tensor

from unitdisc.bottlenecks.base import OnHost
from unitdisc.training.distributed import part


class Temperature(OnHost):
    """max(lowest, initial * decay ^ steps), the schedule of Jang et al. (2017); its steps are its own training calls.

    Raises ValueError unless initial >= lowest > 0 and 0 < decay <= 1.
    """

    def __init__(self, initial: float, lowest: float, decay: float):
        super().__init__()
        if not 0 < lowest <= initial:
            raise ValueError(f"temperatures must fall from temperature {initial} to min_temperature {lowest} above 0")
        if not 0 < decay <= 1:
            raise ValueError(f"temperature_decay is a factor per step, above 0 and at most 1, not {decay}")
        self.initial = initial
        self.lowest = lowest
        self.decay = decay
        self.register_buffer("steps", torch.tensor(0))

    def forward(self) -> Tensor:
        """The temperature of this call: a scalar, on the CPU."""
        temperature = (self.initial * (self.steps * math.log(self.decay)).exp()).clamp(min=self.lowest)
        if self.training and part().is_last:
            self.steps += 1
        return temperature
