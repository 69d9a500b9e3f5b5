"""The filterbank is torchaudio's, bit for bit."""

import numpy as np
import pytest
import torch
from torchaudio.compliance import kaldi
from torchaudio.functional import compute_deltas

from unitdisc.data.filterbank import WINDOW, cepstra, differences, log_mel_energies


def options(rate: int, hop: int) -> dict:
    return {
        "sample_frequency": float(rate),
        "frame_shift": 1000 * (hop + 0.5) / rate,  # torchaudio rounds down to whole samples
        "frame_length": 1000 * WINDOW,
        "snip_edges": False,
        "dither": 0.0,
    }


def signal(ticks: int) -> torch.Tensor:
    noise = np.random.default_rng(ticks).standard_normal(ticks).cumsum()
    return torch.from_numpy(noise).float() * 300


@pytest.mark.parametrize("rate,hop", [(16_000, 160), (8000, 80), (16_000, 161), (11_025, 13), (44_100, 441)])
@pytest.mark.parametrize("ticks", [1103, 5000, 20_480, 20_481, 50_001])
def test_energies_and_cepstra_are_those_of_torchaudio(rate, hop, ticks):
    wave = signal(ticks)
    energies = log_mel_energies(wave, rate, hop, 40)
    assert torch.equal(energies, kaldi.fbank(wave[None], num_mel_bins=40, **options(rate, hop)))
    expected = kaldi.mfcc(wave[None], num_ceps=13, num_mel_bins=40, **options(rate, hop))
    assert torch.equal(cepstra(energies, 13), expected)


@pytest.mark.parametrize("warp", [0.85, 1.1])
def test_a_warped_axis_is_that_of_torchaudio(warp):
    wave = signal(20_480)
    expected = kaldi.fbank(wave[None], num_mel_bins=40, vtln_warp=warp, **options(16_000, 160))
    assert torch.equal(log_mel_energies(wave, 16_000, 160, 40, warp), expected)
    assert not torch.equal(log_mel_energies(wave, 16_000, 160, 40), expected)


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 100])
def test_differences_are_those_of_torchaudio(frames):
    values = torch.randn(frames, 13, generator=torch.Generator().manual_seed(0)) * 20
    assert torch.equal(differences(values), compute_deltas(values.T[None])[0].T)
