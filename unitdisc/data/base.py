"""What features and targets have to provide: frames that an encoder reads, and what a decoder predicts.

Frames of a frozen network that others trained (`data/pretrained`) are features like any other: an utterance has the
same every time, so they are computed once and kept in `--cache`, and training needs neither its memory nor its time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.media.audio import read_audio
from unitdisc.media.open import AudioError

LATER = {"later": True}  # metadata of a field that was added when there were features, caches and codebooks already


def facts_of(options: Any) -> dict[str, Any]:
    """The fields of features or of a target by name, but those that were added later where they change nothing."""
    left_out = {field.name for field in fields(options) if field.metadata == LATER}
    unchanged = {field.name for field in fields(options) if getattr(options, field.name) == field.default}
    return {name: value for name, value in asdict(options).items() if name not in left_out & unchanged}


class Features(Protocol):
    """How utterances become the frames that an encoder reads.

    A frozen dataclass whose fields are the options of [features]: they name what is cached, and are written to
    encodings.json and experiment.json. Frames depend on them and the utterance alone.
    """

    kind: str  # its name in FEATURES
    normalise: str  # "none", or to zero mean and unit variance per "utterance", per "speaker", or "global"ly

    images: ClassVar[bool]  # whether it is line images that they are made of, or recordings: see `RecordingFeatures`
    targets: ClassVar[Sequence[str]]  # names in TARGETS of what a decoder can predict beside them
    unit_of_time: ClassVar[str]  # that rates are told in: "second", "100 columns"
    margin: int | None  # frames on either side that a frame depends on, at most; None: on the whole utterance

    @property
    def dim(self) -> int:
        """C, the width of a frame."""

    @property
    def target_sizes(self) -> dict[str, int]:
        """What a target must have in common with them, as arguments of its class."""

    def signal(self, utterance: Utterance, allow_pipes: bool = False) -> np.ndarray:
        """What frames (and targets) are computed from, read from the file: [ticks, ...].

        Raises FileError if the file cannot be used, or if the utterance is of the other kind.
        """

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """The frames of a signal, not normalised yet: [ticks, ...] -> [T, C], float32."""

    def frames_in(self, utterance: Utterance) -> int:
        """T, how many frames an utterance has, without reading it."""

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict[str, Any]:
        """When frames happen of which frame t is centred on ours `stride * t + offset`; as encodings.json says it."""

    def frame_rates(self, stride: int) -> dict[str, float]:
        """Frames per unit of time if an encoder takes every `stride`-th, by the name that bottlenecks have for it."""

    def duration(self, frames: float) -> tuple[float, str]:
        """How long so many frames are, and the unit of that: "s", "columns"."""

    def scale(self, utterance: Utterance) -> float:
        """How many ticks of the utterance make one of `grid`."""

    def amount(self, utterances: UtteranceTable) -> dict[str, float]:
        """How much there is in some utterances, as experiment.json says it: {"hours": ...}, {"columns": ...}."""


class RecordingFeatures(Features, Protocol):
    """Features of recordings, with a frame for every `hop` ticks; to be inherited: `kind`, `dim`, `margin` and
    `__call__` are left to be written.

    Frame i is centred on tick (i + 1/2) * hop (Kaldi's snip-edges=false), so the frames tile the signal and there are
    (ticks + hop // 2) // hop of them. Networks that make fewer, or have them elsewhere, say so in `frames_in` and
    `grid`; the target, which tiles the signal, ends where their frames do.
    """

    rate: int  # samples per second the recordings must have
    hop: int  # samples from one frame to the next
    resample: bool  # convert recordings of another rate instead of refusing them

    images: ClassVar[bool] = False
    targets: ClassVar[Sequence[str]] = ("log-mel", "mu-law", "wave")
    unit_of_time: ClassVar[str] = "second"

    def __call__(self, signal: np.ndarray, first: int = 0) -> np.ndarray:
        """Samples in [-1, 1], [ticks] -> frames [T, C], float32.

        first: the tick they begin at; 0 unless there is a margin.
        """

    @property
    def target_sizes(self) -> dict[str, int]:
        return {"rate": self.rate, "hop": self.hop}

    def signal(self, utterance: Utterance, allow_pipes: bool = False) -> np.ndarray:
        """The samples of an utterance: [ticks] in [-1, 1].

        Raises AudioError as `read_audio` does, and if the utterance is a line image.
        """
        if utterance.is_image:
            what = f"{utterance.id} is a line image"
            raise AudioError.at(utterance.path, what, "set features.kind to 'columns' for handwriting")
        return read_audio(utterance, self.rate, self.resample, allow_pipes=allow_pipes)

    def frames_in(self, utterance: Utterance) -> int:
        ticks = utterance.ticks
        if utterance.rate not in (None, self.rate):
            ticks = round(ticks * self.rate / utterance.rate)
        return num_frames(ticks, self.hop)

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict[str, Any]:
        return {"stride": stride * self.hop, "offset": (offset + 0.5) * self.hop, "rate": self.rate}

    def frame_rates(self, stride: int) -> dict[str, float]:
        """How many frames a second of recording has if an encoder takes every `stride`-th."""
        return {"frame_rate": self.rate / (self.hop * stride)}

    def duration(self, frames: float) -> tuple[float, str]:
        return frames * self.hop / self.rate, "s"

    def scale(self, utterance: Utterance) -> float:
        """How many ticks of the utterance make one at our rate."""
        return 1.0 if utterance.rate in (None, self.rate) else utterance.rate / self.rate

    def amount(self, utterances: UtteranceTable) -> dict[str, float]:
        rates = utterances.column("rate")
        seconds = utterances.column("ticks") / np.where(rates > 0, rates, self.rate)
        return {"hours": round(sum(seconds.tolist()) / 3600, 4)}


@runtime_checkable
class Warpable(Protocol):
    """Features whose frequency axis can be warped, speaker by speaker."""

    vtln: int  # how many factors are tried; 0: none

    def warped(self, factor: float) -> "Features":
        """The same, of a speaker with this factor."""

    def mfcc_at(self, wave: np.ndarray, tried: Iterable[float]) -> Mapping[float, np.ndarray]:
        """What factors are told apart by: [ticks] -> [T, D] at every factor."""


@runtime_checkable
class Adaptable(Protocol):
    """Features that may go through steps that are fitted to them, once they are normalised."""

    adaptation: str  # steps, as `unitdisc normalise` takes them; "": none


def num_frames(ticks: int, hop: int) -> int:
    return (ticks + hop // 2) // hop


class Target(Protocol):
    """How utterances become what a decoder predicts; a frozen dataclass like features."""

    normalise: str  # "none" or "global"
    of_frames: ClassVar[bool]  # whether it is computed from the frames that the encoder reads, not from the signal

    @property
    def dim(self) -> int:
        """How wide a step is, or how many values it can have."""

    @property
    def steps_per_frame(self) -> int:
        """Steps for every feature frame."""

    @property
    def values_per_frame(self) -> int:
        """Values (pixels, mel bins, samples) of the steps of a feature frame."""

    @property
    def bytes_per_frame(self) -> int:
        """Memory that the steps of a feature frame take."""

    @property
    def decoder_sizes(self) -> dict[str, int]:
        """What a decoder must know of it, as arguments of its class."""

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """A signal, or frames [T, C], to the target: [T * steps_per_frame, ...]."""
