"""Effects on the frames of recordings, [T, C] -> [T, C], as the encoder reads them: normalised.

Each is given how strong it is at most, and draws from `rng` how strong it is this time. None needs the waveform, so
frames of a cache will do.
"""

from collections.abc import Callable

import numpy as np

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.filterbank import LOWEST, cosines, lifter
from unitdisc.data.normalisation import Moments

CEPSTRA = 13


def shifted(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Another constant added to every channel, as another microphone or vocal tract would: N(0, deviation)."""
    return frames + rng.normal(0, deviation, frames.shape[1]).astype(np.float32)


def scaled(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Every channel times a factor of its own, whose logarithm is N(0, deviation)."""
    return frames * np.exp(rng.normal(0, deviation, frames.shape[1])).astype(np.float32)


def noisy(frames: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """White noise, of a standard deviation between 0 and `most`."""
    return frames + rng.uniform(0, most) * rng.standard_normal(frames.shape, np.float32)


def times_hidden(frames: np.ndarray, masks: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """So many stretches of 0 to so many frames give way to the mean frame (SpecAugment, Park et al., 2019)."""
    return hidden(frames, masks, rng, 0)


def channels_hidden(frames: np.ndarray, masks: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """So many groups of 0 to so many neighbouring channels give way to their means (SpecAugment)."""
    return hidden(frames, masks, rng, 1)


def hidden(frames: np.ndarray, masks: tuple[int, int], rng: np.random.Generator, axis: int) -> np.ndarray:
    number, longest = masks
    size = frames.shape[axis]
    place, where = np.arange(size), np.zeros(size, bool)
    for _ in range(number):
        length = min(int(rng.integers(longest + 1)), size)
        first = rng.integers(size - length + 1)
        where |= (first <= place) & (place < first + length)
    return np.where(where[:, None] if axis == 0 else where, frames.mean(0, dtype=np.float32), frames)


FRAME_EFFECTS: dict[str, Callable] = {
    "offset": shifted,
    "scale": scaled,
    "noise": noisy,
    "time_masks": times_hidden,
    "channel_masks": channels_hidden,
}


def warped(frames: np.ndarray, factor: float, features: AcousticFeatures, moments: Moments) -> np.ndarray:
    """Frequencies multiplied by a factor, as a vocal tract so much shorter would: normalised [T, C] -> the same.

    The filterbank is read elsewhere, between its bins; cepstra and their differences by way of the cosine transform.
    Where every speaker (or utterance) is normalised, the one with the other vocal tract would be: its mean is taken
    from where it is then.

    moments: by which the frames were normalised.
    """
    matrix = warp_matrix(features, factor)
    blocks = frames.shape[1] // len(matrix)  # static, first and second differences

    def moved(x: np.ndarray) -> np.ndarray:
        return (x.reshape(-1, blocks, len(matrix)) @ matrix).reshape(x.shape)

    raw = frames * moments.deviation + moments.mean
    own = features.normalise in ("speaker", "utterance")
    mean = moved(moments.mean) if own else moments.mean
    return ((moved(raw) - mean) / moments.deviation).astype(np.float32)


def warp_matrix(features: AcousticFeatures, factor: float) -> np.ndarray:
    """What static features are multiplied by to move all frequencies by a factor: [C, C] of log-mel, [13, 13]."""
    bins = features.num_bins
    energies = read_elsewhere(bins, features.rate, factor)
    if features.kind == "log-mel":
        return energies
    transform, weight = cosines(CEPSTRA, bins).double().numpy(), lifter(CEPSTRA).double().numpy()
    return (transform.T / weight[:, None]) @ energies @ (transform * weight)


def read_elsewhere(bins: int, rate: int, factor: float) -> np.ndarray:
    """The filterbank at the frequencies that come to lie at the centres of its bins: [bins, bins]."""
    low, high = mel(LOWEST), mel(rate / 2)
    centres = low + (high - low) * np.arange(1, bins + 1) / (bins + 1)
    source = np.interp(mel(hertz(centres) / factor), centres, np.arange(bins))
    below = np.minimum(source.astype(int), bins - 2)
    matrix = np.zeros((bins, bins))
    matrix[below, np.arange(bins)] = 1 - (source - below)
    matrix[below + 1, np.arange(bins)] = source - below
    return matrix


def mel(frequency: np.ndarray | float) -> np.ndarray | float:
    """Kaldi's."""
    return 1127 * np.log1p(frequency / 700)


def hertz(mels: np.ndarray) -> np.ndarray:
    return 700 * np.expm1(mels / 1127)
