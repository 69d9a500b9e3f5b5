"""The table [augmentation]: which effects there are, and how strong each is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from unitdisc.data.augmentation.damage import DAMAGE_EFFECTS
from unitdisc.data.augmentation.frames import FRAME_EFFECTS, warped
from unitdisc.data.augmentation.lines import LINE_EFFECTS
from unitdisc.data.augmentation.waveforms import WAVEFORM_EFFECTS
from unitdisc.data.base import Adaptable, Features
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.normalisation import Moments

AUGMENTATIONS: dict[str, Mapping[str, Callable]] = {
    "waveform": WAVEFORM_EFFECTS,
    "frames": FRAME_EFFECTS,
    "line": LINE_EFFECTS,
    "damage": DAMAGE_EFFECTS,
}
WARPED = ("mfcc", "log-mel")  # kinds of features that have an axis of frequency


class Augmentation(Protocol):
    """What may be done to what an encoder reads; a frozen dataclass whose fields are options, by default all off.

    features: that the encoder reads.
    """

    features: Features

    @property
    def is_on(self) -> bool:
        """Whether anything is done."""

    @property
    def of_waveform(self) -> bool:
        """Whether the signal is changed before features are made of it."""

    def signal(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A stretch of a signal, changed; its length stays."""

    def frames(self, frames: np.ndarray, moments: Callable[[], Moments], rng: np.random.Generator) -> np.ndarray:
        """Normalised frames [T, C], changed. moments: by which they were normalised, looked up where they matter."""


@dataclass(frozen=True)
class RecordingAugmentation:
    """What the encoder hears of recordings in training, changed anew for every crop; the target stays.

    The first six change the waveform, so each crop is read from its file and its features are computed, which costs
    time; the others change features, from wherever these come. Of normalised features `offset`, `scale` and `noise`
    are in standard deviations. Statistics are those of the unchanged speaker. Nothing is changed in validation, nor by
    `encode` or any other command.
    """

    features: Features
    pitch: float = 0.0  # largest logarithm of a factor of pitch and formants alike; 0.1: 10 % up or down
    formants: float = 0.0  # the same of the formants alone
    filter: float = 0.0  # dB, standard deviation of the loudness of each of eight bands
    reverberation: float = 0.0  # seconds in which a room's sound falls by 60 dB, at most
    background: tuple[float, float] | None = None  # dB, least and largest ratio of signal to added noise
    gain: float = 0.0  # dB, at most, up or down
    warp: float = 0.0  # largest logarithm of a factor of the frequency axis of MFCC or log-mel
    offset: float = 0.0  # standard deviation of a constant added to each channel
    scale: float = 0.0  # standard deviation of the logarithm of a factor of each channel
    noise: float = 0.0  # largest standard deviation of noise added to each value
    time_masks: tuple[int, int] | None = None  # how many stretches are hidden, and how many frames each has at most
    channel_masks: tuple[int, int] | None = None  # how many groups of channels are hidden, and their largest size

    def __post_init__(self):
        if self.warp and self.features.kind not in WARPED:
            raise ValueError(f"warp is of the features {list(WARPED)}, not of {self.features.kind!r}; leave it out")
        self.refuse_adapted()
        for name in ("pitch", "formants", "warp"):
            if getattr(self, name) > 0.5:
                raise ValueError(f"{name} must be 0.5 or less (a factor of {np.exp(0.5):.2f}): {getattr(self, name)}")
        if self.background and self.background[0] > self.background[1]:
            raise ValueError(f"background must be [least, largest] in dB, not {list(self.background)}")
        for name in ("time_masks", "channel_masks"):
            if min(getattr(self, name) or (0, 0)) < 0:
                raise ValueError(f"{name} must be [number, largest size], 0 or more, not {list(getattr(self, name))}")

    def refuse_adapted(self) -> None:
        """Raises ValueError for effects that the steps of features.adaptation would not be taken after."""
        steps = self.features.adaptation if isinstance(self.features, Adaptable) else ""
        lost = sorted(options_on(self) & WAVEFORM_EFFECTS.keys()) if steps else []
        if self.warp and steps.partition(":")[0] not in ("", "affine"):  # after which frames are about what they were
            lost.append("warp")
        if lost:
            what = "come before features.adaptation, which is fitted to frames without them"
            raise ValueError(f"{', '.join(lost)} {what} ({steps!r}); leave either out")

    @property
    def is_on(self) -> bool:
        return bool(options_on(self))

    @property
    def of_waveform(self) -> bool:
        return bool(options_on(self) & WAVEFORM_EFFECTS.keys())

    def signal(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for name, effect in WAVEFORM_EFFECTS.items():
            if strength := getattr(self, name):
                signal = effect(signal, strength, rng, self.features.rate)
        return signal

    def frames(self, frames: np.ndarray, moments: Callable[[], Moments], rng: np.random.Generator) -> np.ndarray:
        if self.warp:
            frames = warped(frames, float(np.exp(rng.uniform(-self.warp, self.warp))), self.features, moments())
        for name, effect in FRAME_EFFECTS.items():
            if strength := getattr(self, name):
                frames = effect(frames, strength, rng)
        return frames.astype(np.float32)


@dataclass(frozen=True)
class LineAugmentation:
    """What the encoder sees of line images in training, changed anew for every crop; the target stays.

    From `fading` to `grain` a line is damaged as it was scanned, so that each crop is read from its file and cleaned,
    which costs time; the others change columns. Nothing is changed in validation, but for the objective "restore", nor
    by `encode` or any other command.
    """

    features: ColumnFeatures
    slant: float = 0.0  # degrees, at most, to either side
    height: float = 0.0  # largest logarithm of a factor of the height of letters; 0.1: 10 % taller or lower
    shift: float = 0.0  # rows, at most, up or down
    strokes: float = 0.0  # pixels, at most 1, by which strokes become wider or narrower on either side
    blur: float = 0.0  # pixels, largest standard deviation
    gaps: tuple[int, int] | None = None  # how many strips have no ink, and how many columns each has at most
    paper: float = 0.0  # how dark the paper becomes here and there, at most; 1 is ink
    noise: float = 0.0  # largest standard deviation of noise added to each pixel
    fading: float = 0.0  # share of its ink that a line lacks where it is palest, at most
    bleed: float = 0.0  # share of the ink on the back of the leaf that shows, at most
    blots: float = 0.0  # of ink: for each height of a line at most so many, on average
    holes: float = 0.0  # the same of places where the ink is gone
    coarse: float = 0.0  # how many times as low the resolution is, always; 3: a third. 0: as it is
    grain: float = 0.0  # as noise, but of the image

    def __post_init__(self):
        if min(self.gaps or (1, 1)) < 1:
            raise ValueError(f"gaps must be [number, widest], 1 or more, not {list(self.gaps)}")
        if self.is_on and self.features.kind != "columns":
            what = f"lines are changed as columns of pixels, not as {self.features.kind!r}"
            on = ", ".join(sorted(options_on(self)))
            raise ValueError(f"{what}; set features.kind to 'columns', or leave {on} out")
        largest = {"slant": 60, "height": 0.5, "strokes": 1, "blur": 4, "paper": 1}
        for name, most in (largest | {"fading": 1, "bleed": 1, "blots": 10, "holes": 10, "coarse": 16}).items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} must be {most} or less, not {getattr(self, name)}")
        if 0 < self.coarse < 1:
            raise ValueError(f"coarse is how many times as low the resolution is, 1 or more, not {self.coarse}")

    @property
    def is_on(self) -> bool:
        return bool(options_on(self))

    @property
    def of_waveform(self) -> bool:
        return bool(options_on(self) & DAMAGE_EFFECTS.keys())

    def signal(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for name, effect in DAMAGE_EFFECTS.items():
            if strength := getattr(self, name):
                signal = effect(signal, strength, rng)
        return np.clip(signal, 0, 1, dtype=np.float32)

    def frames(self, frames: np.ndarray, moments: Callable[[], Moments], rng: np.random.Generator) -> np.ndarray:
        normalised = self.features.normalise != "none"
        ink = moments().undo(frames) if normalised else frames
        for name, effect in LINE_EFFECTS.items():
            if strength := getattr(self, name):
                ink = effect(ink, strength, rng)
        ink = np.clip(ink, 0, 1, dtype=np.float32)
        return moments().apply(ink) if normalised else ink


def options_on(augmentation: Any) -> set[str]:
    """The names of the effects that do something."""
    return {
        field.name for field in fields(augmentation) if field.name != "features" and getattr(augmentation, field.name)
    }


def augmentation_class(features: Features) -> type[Augmentation]:
    """Whose fields are the options of [augmentation], for these features."""
    return LineAugmentation if features.images else RecordingAugmentation
