"""What decides about the phone loop that is learned."""

from dataclasses import dataclass

COUNTS = {"units": 1, "states": 1, "components": 1, "seed": 0, "passes": 1}  # and the least that each can be


@dataclass(frozen=True)
class PhoneLoopOptions:
    """What decides about the result.

    units: at most; those that are not needed are left without frames. states: of every unit, so many frames long at
    least. components: Gaussians of every state.
    acoustic_scale: the power of the likelihoods of frames, for neighbours are so alike that each tells less than one.
    tolerance: stop when a pass raises the evidence lower bound by less, in nats per frame.
    """

    units: int = 100
    states: int = 3
    components: int = 2
    acoustic_scale: float = 0.3
    seed: int = 0
    passes: int = 20
    tolerance: float = 1e-3

    def __post_init__(self):
        for name, least in COUNTS.items():
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` must be {least} or more, not {getattr(self, name)}")
        if not 0 < self.acoustic_scale <= 1:
            raise ValueError(f"`acoustic_scale` must be above 0 and at most 1, not {self.acoustic_scale:g}")
        if not 0 <= self.tolerance < float("inf"):
            raise ValueError(f"`tolerance` must be 0 or more, not {self.tolerance:g}")
