"""Stretches of recordings to hear, exactly as they are in the file, and how loud a recording is."""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soundfile

from unitdisc.corpus import Utterance
from unitdisc.media.audio import averaged, check_values, read_span, span
from unitdisc.media.decoding import open_audio

LONGEST = 600  # seconds of a sound that is made at once
LOOKED_AT, PIECE = 40, 0.25  # pieces of an utterance, of so many seconds, that its loudness is judged by


@dataclass(frozen=True)
class Wave:
    """Samples of a recording at the rate that it has."""

    samples: np.ndarray  # [n] in [-1, 1]
    rate: int


def read_wave(utterance: Utterance, start: int, end: int) -> Wave:
    """Ticks [start, end) of an utterance. Raises AudioError if the recording cannot be read, or is a pipe."""
    with open_audio(utterance.path) as file:
        first, _ = span(utterance, file.frames, file.samplerate)
        scale = file.samplerate / (utterance.rate or file.samplerate)
        first, last = first + round(start * scale), min(file.frames, first + round(end * scale))
        samples = read_span(file, utterance, first, last=max(first, last))
        rate = file.samplerate
    if len(samples):
        check_values(utterance, samples)
    return Wave(averaged(samples), rate)


def wav(wave: Wave) -> bytes:
    """A WAV file of 16 bits, in which recordings of 16 bits keep every sample."""
    levels = np.clip(np.round(wave.samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, levels, wave.rate, format="WAV", subtype="PCM_16")
    return content.getvalue()


def seconds_of(utterance: Utterance, ticks: float) -> float | None:
    """None for line images, and where no rate is listed."""
    return ticks / utterance.rate if utterance.rate else None


def listed_rate(utterance: Utterance) -> int | None:
    """Ticks a second, of the file where it is not listed; None for line images.

    Raises AudioError if the file must be opened and cannot be.
    """
    if utterance.is_image or utterance.rate:
        return utterance.rate
    with open_audio(utterance.path) as file:
        return file.samplerate


@lru_cache(4096)
def loudest(path: str, channel: int | None, start: int, ticks: int, rate: int) -> float:
    """The largest sample of an utterance, as far as pieces all over it tell."""
    utterance = Utterance("any", path, None, ticks=ticks, rate=rate, start=start, channel=channel)
    size = max(1, round(PIECE * rate))
    if ticks <= LOOKED_AT * size:
        begins, size = [0], ticks
    else:
        begins = np.linspace(0, ticks - size, LOOKED_AT).astype(int).tolist()
    peaks = [np.abs(read_wave(utterance, begin, begin + size).samples).max(initial=0.0) for begin in begins]
    return float(max(peaks))


def peak_of(utterance: Utterance, rate: int) -> float:
    """What a waveform is drawn as high as. Raises AudioError if the recording cannot be read."""
    return max(loudest(utterance.path, utterance.channel, utterance.start, utterance.ticks, rate), 1e-3)
