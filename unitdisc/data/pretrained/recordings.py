"""Frames of recordings by networks of speech: wav2vec 2.0, HuBERT, WavLM, data2vec; w2v-BERT; Whisper's encoder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from unitdisc.data.base import RecordingFeatures, num_frames
from unitdisc.data.pretrained.folders import PretrainedError
from unitdisc.data.pretrained.network import PretrainedNetwork
from unitdisc.data.pretrained.windows import windows

WINDOW = 30.0  # seconds, of networks that read any number
FBANK_WIDTH, FBANK_HOP = 400, 160  # samples, of the filterbank that w2v-BERT reads


@dataclass(frozen=True)
class PretrainedFeatures(PretrainedNetwork, RecordingFeatures):
    """What the layers of a network of speech make of a recording: see `PretrainedNetwork` for the options it shares.

    window: seconds that are computed together at most (default: 30; Whisper has its own); of longer recordings with an
    overlap: context: seconds of it on either side of what is kept. A frame sees all of its window.
    resample: convert recordings of another rate than the network's instead of refusing them.

    Frames are where the network has them, `hidden_states` of transformers for one recording alone: convolutions without
    padding make 49 of a second at 50 a second, the first centred on tick 200. `grid` says so, and encodings do.
    """

    window: float | None = None
    context: float = 5.0
    resample: bool = False

    families: ClassVar[Mapping[str, str]] = {
        "data2vec-audio": "sdpa",
        "hubert": "sdpa",
        "wav2vec2": "sdpa",
        "wav2vec2-bert": "sdpa",
        "wavlm": "eager",
        "whisper": "sdpa",
    }
    plain: ClassVar[frozenset[str]] = frozenset({"data2vec-audio", "hubert", "wav2vec2"})
    others: ClassVar[str] = "if it is one of images, set features.kind to 'pretrained-columns'; of recordings, "

    def __post_init__(self):
        if self.kind != "pretrained":
            raise ValueError(f"networks of recordings have the features 'pretrained', not {self.kind!r}")
        super().__post_init__()
        if self.frames_together <= 2 * self.frames_of_context:
            sizes = f"{self.reader.window:g} s is all `context` ({self.context:g} s on either side)"
            raise PretrainedError(f"a `window` of {sizes}; make it longer, or the context shorter")

    @cached_property
    def rate(self) -> int:
        """Samples per second that the network was trained with."""
        rate = self.preprocessor.get("sampling_rate", 16_000)
        if not isinstance(rate, int) or rate < 1:
            raise PretrainedError(f"{self.folder}: its preprocessor has no sampling_rate; download it again")
        return rate

    @cached_property
    def reader(self) -> "Convolutions | FilterbankFrames | Spectrograms":
        """How the network of this family reads a signal."""
        kinds = {"wav2vec2-bert": FilterbankFrames, "whisper": Spectrograms}
        return kinds.get(self.config["model_type"], Convolutions)(self)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return self.reader.hop

    def frames_of(self, ticks: int) -> int:
        """T: how many frames a signal has."""
        return self.reader.frames_of(ticks)

    def frames_in(self, utterance: Any) -> int:
        ticks = utterance.ticks
        if utterance.rate not in (None, self.rate):
            ticks = round(ticks * self.rate / utterance.rate)
        return self.frames_of(ticks)

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict[str, Any]:
        return {"stride": stride * self.hop, "offset": self.reader.offset + offset * self.hop, "rate": self.rate}

    def __call__(self, signal: np.ndarray, first: int = 0) -> np.ndarray:
        """Samples in [-1, 1], [ticks] -> frames [T, C], float32, not normalised yet."""
        frames = self.frames_of(len(signal))
        if not frames:
            return np.zeros((0, self.dim), np.float32)
        return np.concatenate(list(self.parts(signal.astype(np.float32), frames)))

    def parts(self, signal: np.ndarray, frames: int) -> Iterator[np.ndarray]:
        """The frames that every window keeps."""
        inputs = self.reader.prepared(signal)
        for window in windows(frames, self.frames_together, self.frames_of_context):
            part = torch.from_numpy(self.reader.cut(inputs, window.begin, window.end))
            hidden = self.hidden(self.reader.argument, part[None])[0]
            yield hidden[window.first - window.begin : window.last - window.begin].numpy()

    @property
    def frames_together(self) -> int:
        return round(self.reader.window * self.rate / self.hop)

    @property
    def frames_of_context(self) -> int:
        return round(self.context * self.rate / self.hop)


class Convolutions:
    """Networks that read samples, through convolutions without padding."""

    argument = "input_values"

    def __init__(self, features: PretrainedFeatures):
        kernels, strides = (features.config.get(name) for name in ("conv_kernel", "conv_stride"))
        if not kernels or not strides or len(kernels) != len(strides):
            file = features.folder / "config.json"
            raise PretrainedError(f"{file}: says no conv_kernel and conv_stride that fit; download it again")
        self.hop, self.width = 1, 1  # samples from one frame to the next, and samples that a frame is made of
        for kernel, stride in zip(kernels, strides):
            self.width += (kernel - 1) * self.hop
            self.hop *= stride
        self.offset = self.width / 2
        self.window = WINDOW if features.window is None else features.window
        self.is_normalised = features.preprocessor.get("do_normalize", True)

    def frames_of(self, ticks: int) -> int:
        return max(0, (ticks - self.width) // self.hop + 1)

    def prepared(self, signal: np.ndarray) -> np.ndarray:
        """As Wav2Vec2FeatureExtractor does: the whole recording, to zero mean and unit variance."""
        return (signal - signal.mean()) / np.sqrt(signal.var() + 1e-7) if self.is_normalised else signal

    def cut(self, inputs: np.ndarray, begin: int, end: int) -> np.ndarray:
        """As far as the next frame does not begin to exist: what makes no frame counts in norms over time."""
        return inputs[begin * self.hop : end * self.hop + self.width - 1]


class FilterbankFrames:
    """w2v-BERT, which reads the frames of a filterbank two by two."""

    argument = "input_features"

    def __init__(self, features: PretrainedFeatures):
        self.stacked = features.preprocessor.get("stride", 2)
        self.hop = self.stacked * FBANK_HOP
        self.offset = (FBANK_WIDTH + (self.stacked - 1) * FBANK_HOP) / 2
        self.window = WINDOW if features.window is None else features.window
        self.preprocessor, self.rate = features.preprocessor, features.rate

    @cached_property
    def extractor(self) -> Callable:
        import transformers

        return transformers.SeamlessM4TFeatureExtractor.from_dict(dict(self.preprocessor))

    def frames_of(self, ticks: int) -> int:
        return max(0, (ticks - FBANK_WIDTH) // FBANK_HOP + 1) // self.stacked

    def prepared(self, signal: np.ndarray) -> np.ndarray:
        """The filterbank of the whole recording, normalised as the network's configuration says."""
        made = self.extractor(signal, sampling_rate=self.rate, return_tensors="np")
        return made["input_features"][0].astype(np.float32)

    def cut(self, inputs: np.ndarray, begin: int, end: int) -> np.ndarray:
        return inputs[begin:end]  # without a last frame of which half is padding


class Spectrograms:
    """Whisper's encoder, which reads log mel spectrograms of a fixed length, silence after the end."""

    argument = "input_features"

    def __init__(self, features: PretrainedFeatures):
        if features.window is not None:
            raise PretrainedError("`window` cannot be chosen: Whisper reads as many seconds as it was trained with")
        hop, frames = (features.preprocessor.get(name) for name in ("hop_length", "nb_max_frames"))
        positions = features.size("max_source_positions")
        if not isinstance(hop, int) or hop < 1 or frames != 2 * positions:
            raise PretrainedError(f"{features.folder}: its preprocessor is another network's; download both again")
        self.hop, self.offset = 2 * hop, 0  # of two convolutions, both padded, the second takes every other frame
        self.window = positions * self.hop / features.rate
        self.preprocessor, self.rate = features.preprocessor, features.rate

    @cached_property
    def extractor(self) -> Callable:
        import transformers

        return transformers.WhisperFeatureExtractor.from_dict(dict(self.preprocessor))

    def frames_of(self, ticks: int) -> int:
        return num_frames(ticks, self.hop)

    def prepared(self, signal: np.ndarray) -> np.ndarray:
        return signal

    def cut(self, inputs: np.ndarray, begin: int, end: int) -> np.ndarray:
        """The spectrogram of a stretch: one with all frames that there can be ends where the network's window does."""
        stretch = inputs[begin * self.hop : (end + 1) * self.hop]
        made = self.extractor(stretch, sampling_rate=self.rate, return_tensors="np")
        return made["input_features"][0].astype(np.float32)
