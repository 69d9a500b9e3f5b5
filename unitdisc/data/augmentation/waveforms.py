"""Effects on samples in [-1, 1], [ticks] -> [ticks]: none changes how long a signal is, or when things happen in it.

Each is given how strong it is at most, and draws from `rng` how strong it is this time.
"""

from collections.abc import Callable

import numpy as np
import soxr
import torch
from torch import Tensor

WINDOW = 0.032  # seconds
OVERLAP = 4  # windows that a sample is in
PITCH_PERIOD = 0.002  # seconds: what repeats more slowly in a spectrum is its envelope, not its harmonics
BANDS = 8  # of a random filter, equally wide on a logarithmic axis from LOWEST to half the rate
LOWEST = 100.0  # Hz


def pitch_shifted(samples: np.ndarray, most: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Pitch and formants multiplied by a factor whose logarithm is at most so large, either way."""
    return repitched(samples, float(np.exp(rng.uniform(-most, most))), rate)


def repitched(samples: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """All frequencies times a factor: played so much faster, after it was made so much longer by a phase vocoder."""
    longer = stretched(samples, factor, rate)
    again = soxr.resample(longer, factor * rate, rate)[: len(samples)]
    return np.pad(again, (0, len(samples) - len(again)))


def stretched(samples: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """So many times as long, at the same frequencies (phase vocoder: Flanagan and Golden, 1966)."""
    spectra = np.pad(spectra_of(samples, rate).numpy(), [(0, 0), (0, 1)])  # [bins, frames], after the last one silence
    size, hop = sizes(rate)
    times = np.arange(0, spectra.shape[1] - 1, 1 / factor)
    before = times.astype(int)
    part = times - before
    magnitudes = (1 - part) * np.abs(spectra[:, before]) + part * np.abs(spectra[:, before + 1])
    expected = 2 * np.pi * hop * np.arange(len(spectra))[:, None] / size
    turns = np.angle(spectra[:, before + 1]) - np.angle(spectra[:, before]) - expected
    advance = expected + turns - 2 * np.pi * np.round(turns / (2 * np.pi))
    phases = np.angle(spectra[:, :1]) + np.cumsum(advance, axis=1) - advance
    made = torch.from_numpy((magnitudes * np.exp(1j * phases)).astype(np.complex64))
    return samples_of(made, round(len(samples) * factor), rate)


def formants_moved(samples: np.ndarray, most: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Formants multiplied by a factor whose logarithm is at most so large, either way; the pitch stays."""
    return with_formants(samples, float(np.exp(rng.uniform(-most, most))), rate)


def with_formants(samples: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """The envelope of the spectrum, smoothed by its cepstrum, read at other frequencies; its phases stay."""
    spectra = spectra_of(samples, rate)
    size, _ = sizes(rate)
    levels = spectra.abs().clamp(min=1e-7).log()
    cepstra = torch.fft.irfft(levels, n=size, dim=0)
    kept = round(PITCH_PERIOD * rate)
    cepstra[kept : size - kept + 1] = 0
    envelope = torch.fft.rfft(cepstra, dim=0).real  # [bins, frames]
    source = (torch.arange(len(envelope)) / factor).clamp(max=len(envelope) - 1)
    below = source.long().clamp(max=len(envelope) - 2)
    part = (source - below)[:, None]
    moved = (1 - part) * envelope[below] + part * envelope[below + 1]
    return samples_of(spectra * (moved - envelope).exp(), len(samples), rate)


def filtered(samples: np.ndarray, deviation: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Eight bands made louder or softer by N(0, deviation) dB, smoothly from one to the next, without delay."""
    gains = rng.normal(0, deviation, BANDS)
    frequencies = np.fft.rfftfreq(2 * len(samples), 1 / rate)  # twice as long, so that no end reaches into the other
    response = 10 ** (np.interp(frequencies, np.geomspace(LOWEST, rate / 2, BANDS), gains) / 20)
    return through(samples, response)


def reverberant(samples: np.ndarray, most: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Heard in a room whose sound dies away, by 60 dB, in 0 to so many seconds; the direct sound comes first.

    The room's response is noise under a falling exponential (Polack, 1988), as loud as the direct sound at most. What
    was said before the stretch is not in it.
    """
    seconds = rng.uniform(0, most)
    time = np.arange(1, len(samples)) / rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / max(seconds, 1 / rate))
    loudness = rng.uniform() / max(1e-9, np.linalg.norm(tail))
    response = np.concatenate([[1.0], loudness * tail])
    return loud_as(samples, through(samples, np.fft.rfft(response, 2 * len(samples))))


def noise_added(samples: np.ndarray, decibels: tuple[float, float], rng: np.random.Generator, rate: int) -> np.ndarray:
    """Noise somewhere between white and brown, which the signal is louder than by so many dB: from the first to the
    second."""
    ratio, colour = rng.uniform(*decibels), rng.uniform(0, 1)
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    noise = np.fft.irfft(spectrum / np.maximum(frequencies, LOWEST) ** colour, len(samples))
    return (samples + loud_as(samples, noise) * 10 ** (-ratio / 20)).astype(np.float32)


def louder(samples: np.ndarray, most: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Louder or softer by at most so many dB."""
    return samples * np.float32(10 ** (rng.uniform(-most, most) / 20))


WAVEFORM_EFFECTS: dict[str, Callable] = {
    "pitch": pitch_shifted,
    "formants": formants_moved,
    "filter": filtered,
    "reverberation": reverberant,
    "background": noise_added,
    "gain": louder,
}


def through(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Samples that passed a filter of this frequency response of twice their length."""
    return np.fft.irfft(np.fft.rfft(samples, 2 * len(samples)) * response)[: len(samples)].astype(np.float32)


def loud_as(samples: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The other signal, with the power of the samples."""
    factor = np.linalg.norm(samples) / max(1e-9, np.linalg.norm(other))
    return (factor * other).astype(np.float32)


def sizes(rate: int) -> tuple[int, int]:
    """Samples of a window, and from one window to the next."""
    size = OVERLAP * round(WINDOW * rate / OVERLAP)
    return size, size // OVERLAP


def spectra_of(samples: np.ndarray, rate: int) -> Tensor:
    """[ticks] -> complex [bins, frames]"""
    size, hop = sizes(rate)
    wave = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
    return torch.stft(wave, size, hop, window=torch.hann_window(size), pad_mode="constant", return_complex=True)


def samples_of(spectra: Tensor, ticks: int, rate: int) -> np.ndarray:
    """The inverse of `spectra_of`, so many samples of it."""
    size, hop = sizes(rate)
    return torch.istft(spectra, size, hop, window=torch.hann_window(size), length=ticks).numpy()
