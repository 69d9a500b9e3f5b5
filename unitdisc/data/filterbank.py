"""Kaldi's log mel filterbank, equal to that of torchaudio bit for bit, in less than half the time.

torchaudio makes window, filters and a log energy that nobody wants anew at every call, and passes over arrays larger
than a cache; for the short stretches that training reads that is most of the work.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torchaudio.compliance import kaldi

WINDOW = 0.025  # seconds
PREEMPHASIS = 0.97
LOWEST = 20.0  # Hz
FRAMES_AT_ONCE = 128  # their spectra fit into a cache
SMALLEST = torch.tensor(torch.finfo(torch.float).eps)


def log_mel_energies(wave: Tensor, rate: int, hop: int, bins: int, warp: float = 1.0) -> Tensor:
    """[ticks] -> [T, bins], (ticks + hop // 2) // hop frames, as `kaldi.fbank` with snip_edges=False.

    warp: of the frequency axis, `vtln_warp` there.
    """
    return log_mel_of(power_spectra(wave, rate, hop), rate, bins, warp)


def log_mel_of(power: Tensor, rate: int, bins: int, warp: float) -> Tensor:
    """[T, padded / 2 + 1] -> [T, bins]"""
    return torch.mm(power, filters(rate, 2 * (power.shape[1] - 1), bins, warp)).max(SMALLEST).log_()


def power_spectra(wave: Tensor, rate: int, hop: int) -> Tensor:
    """[ticks] -> [T, padded / 2 + 1], of windows padded to a power of two."""
    size = int(rate * 1000 * WINDOW * 0.001)  # rounded as there
    padded = 1 << (size - 1).bit_length()
    frames, shape = strided(wave, size, hop), window(size)
    power = torch.empty(len(frames), padded // 2 + 1)
    emphasised = torch.zeros(min(len(frames), FRAMES_AT_ONCE), padded)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        some = frames[first : first + FRAMES_AT_ONCE]
        some = some - some.mean(1, keepdim=True)
        inside = emphasised[: len(some), :size]
        torch.mul(some[:, :-1], PREEMPHASIS, out=inside[:, 1:])
        torch.mul(some[:, :1], PREEMPHASIS, out=inside[:, :1])
        torch.sub(some, inside, out=inside)
        inside *= shape
        torch.pow(torch.fft.rfft(emphasised[: len(some)]).abs(), 2.0, out=power[first : first + len(some)])
    return power


def cepstra(energies: Tensor, number: int) -> Tensor:
    """The first so many mel-frequency cepstra: [T, bins] -> [T, number], as `kaldi.mfcc` makes of its filterbank."""
    return energies.matmul(cosines(number, energies.shape[1])) * lifter(number)


def strided(wave: Tensor, size: int, hop: int) -> Tensor:
    """Frames of so many ticks around (i + 1/2) * hop, the signal mirrored at its ends: [ticks] -> [T, size]."""
    mirrored = wave.flip(0)
    before = size // 2 - hop // 2
    parts = (mirrored[-before:], wave, mirrored) if before > 0 else (wave[-before:], mirrored)
    return torch.cat(parts).as_strided(((len(wave) + hop // 2) // hop, size), (hop, 1))


@lru_cache(16)
def window(size: int) -> Tensor:
    """Kaldi's "povey" window: [size]."""
    return torch.hann_window(size, periodic=False).pow(0.85)


@lru_cache(64)
def filters(rate: int, padded: int, bins: int, warp: float = 1.0) -> Tensor:
    """[padded / 2 + 1, bins]"""
    banks, _ = kaldi.get_mel_banks(bins, padded, float(rate), LOWEST, 0.0, 100.0, -500.0, warp)
    return torch.nn.functional.pad(banks, (0, 1)).T


@lru_cache(16)
def cosines(number: int, bins: int) -> Tensor:
    """The cosine transform, its first column as Kaldi has it: [bins, number]."""
    matrix = kaldi.torchaudio.functional.create_dct(bins, bins, "ortho")
    matrix[:, 0] = math.sqrt(1 / float(bins))
    return matrix[:, :number]


@lru_cache(16)
def lifter(number: int, length: float = 22.0) -> Tensor:
    """How Kaldi weighs the cepstra: [number]."""
    return 1.0 + 0.5 * length * torch.sin(math.pi * torch.arange(number) / length)


def differences(frames: Tensor) -> Tensor:
    """First differences over five frames, as `torchaudio.functional.compute_deltas` bit for bit: [T, C] -> [T, C]."""
    padded = torch.cat([frames[:1].expand(2, -1), frames, frames[-1:].expand(2, -1)])
    before2, before, _, after, after2 = (padded[shift : shift + len(frames)] for shift in range(5))
    return (before2 * -2 - before + after + after2 * 2) / 10
