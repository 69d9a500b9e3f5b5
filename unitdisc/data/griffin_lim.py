"""From log mel frames back to sound: Griffin & Lim (1984), good enough to hear what a model kept."""

from inspect import signature

import numpy as np
import torch
from torchaudio.compliance import kaldi

from unitdisc.data.filterbank import WINDOW

PREEMPHASIS = 0.97
ITERATIONS = 48


def log_mel_to_audio(frames: np.ndarray, rate: int, hop: int) -> np.ndarray:
    """Undoes `unitdisc.data.acoustic_features.log_mel`, with phases made up: [T, bins] -> [T * hop] in [-1, 1]."""
    import librosa  # they would take half a second from whoever trains
    import scipy.signal

    window = round(rate * WINDOW)
    size = 1 << (window - 1).bit_length()
    filters, _ = kaldi.get_mel_banks(frames.shape[1], size, rate, 20.0, 0.0, 100.0, -500.0, 1.0)
    filters = np.pad(filters.numpy(), ((0, 0), (0, 1)))  # [bins, size / 2 + 1]: Kaldi leaves out the highest
    power = np.maximum(np.exp(frames.astype(np.float64)) @ np.linalg.pinv(filters).T, 1e-8)
    padded = librosa.util.pad_center(window_of(window), size=size)
    magnitude = np.sqrt(power).T
    seed = "rng" if "rng" in signature(librosa.griffinlim).parameters else "random_state"  # as it was before 1.0
    wave = librosa.griffinlim(
        magnitude,
        n_iter=ITERATIONS,
        hop_length=hop,
        win_length=size,
        n_fft=size,
        window=padded,
        center=True,
        **{seed: 0},
    )
    wave = scipy.signal.lfilter([1.0], [1.0, -PREEMPHASIS], wave) / 32768
    # librosa takes frame i to be centred on tick i * hop; ours are centred half a hop later
    wave = librosa.util.fix_length(np.pad(wave, (hop // 2, 0)), size=len(frames) * hop)
    loudest = np.abs(wave).max()
    return (wave / max(loudest, 1.0)).astype(np.float32)


def window_of(size: int) -> np.ndarray:
    """Kaldi's "povey" window."""
    return torch.hann_window(size, periodic=False).pow(0.85).numpy()
