"""Views: a crop as the encoder hears it in training, once, or twice where two voices are compared."""

from dataclasses import dataclass, field

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.augmentation.augmentation import Augmentation
from unitdisc.data.cache import MemoryCache
from unitdisc.data.normalisation import Moments
from unitdisc.data.signals import Signals

STREAM = 0x617567  # of random numbers: another than that of crops with the same seed


@dataclass(frozen=True)
class Views:
    """What the encoder hears of crops: a pure function of the seed, the step, and the place of a crop in the batch.

    second: None where there is one view of a crop, or what the other one is: "augmented", too, or "clean".
    """

    signals: Signals
    augmentation: Augmentation
    seed: int
    second: str | None = None
    moments: MemoryCache = field(default_factory=lambda: MemoryCache(1 << 24), repr=False)  # by utterance

    def of(
        self, index: int, utterance: Utterance, first: int, clean: np.ndarray, step: int, place: int
    ) -> list[np.ndarray]:
        """One or two views of the stretch [T, C] of an utterance that begins at a frame."""
        views = [
            self.augmented(
                index, utterance, first, clean, np.random.default_rng([STREAM, self.seed, step, place, view])
            )
            for view in range(2 if self.second == "augmented" else 1)
        ]
        return [*views, clean] if self.second == "clean" else views

    def augmented(
        self, index: int, utterance: Utterance, first: int, frames: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        if self.augmentation.of_waveform:
            frames = self.signals.changed_stretch(
                utterance,
                first,
                first + len(frames),
                lambda signal: self.augmentation.signal(signal, rng),
                self.moments_of(index, utterance),
            )
        return self.augmentation.frames(frames, lambda: self.moments_of(index, utterance), rng)

    def moments_of(self, index: int, utterance: Utterance) -> Moments:
        """What an utterance is normalised by."""

        def parts() -> tuple[np.ndarray, np.ndarray]:
            moments = self.signals.moments_of(utterance)
            return moments.mean, moments.deviation

        return Moments(*self.moments.get(index, parts))
