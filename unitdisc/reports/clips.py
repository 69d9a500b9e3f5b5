"""Stretches of a recording to hear and to see: sound, spectrogram, and the intervals drawn on it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import soundfile
from PIL import Image

from unitdisc.corpus import Interval, Utterance
from unitdisc.media.audio import read_audio
from unitdisc.reports.boxes import Box, boxes, data_uri

RATE = 16_000  # of the sounds on the page
LOUDEST = 0.7  # peak of every sound: voices recorded far and near are heard alike
MOST_GAIN = 20.0
MARGIN = 0.1  # seconds around a unit that are heard with it
REACH = 30  # seconds around a stretch that its loudness is judged by: all of most utterances
QUIETER = 0.25  # what the margin is multiplied by, so that the unit stands out
FADE = 0.005  # seconds between the two
WINDOW = 0.016  # seconds of a column of a spectrogram: short enough to show single bursts
BINS = 64
RANGE = 60  # decibels from white to black
HEIGHT = 96  # of a spectrogram on the page, in pixels


@dataclass(frozen=True)
class Clip:
    """A sound and its picture."""

    sound: str  # data: URI, WAV
    spectrogram: str  # data: URI, PNG, dark where there is energy
    width: int  # of the picture, in pixels
    seconds: float
    lanes: dict[str, list[Box]]  # rows of labels below the spectrogram
    focus: tuple[float, float] | None = None  # x and width of the part the picture is about


@dataclass(frozen=True)
class AudioStretch:
    """Part of a recording, at the loudness of the page."""

    wave: np.ndarray  # [samples] at RATE
    loudest: float  # the largest power in a spectrogram of what surrounds it, too


def utterance_clip(
    utterance: Utterance, tiers: Mapping[str, Sequence[Interval]], pixels: float, longest: float = 8.0
) -> Clip:
    """The first `longest` seconds of an utterance, drawn with `pixels` to the second.

    Raises AudioError if the recording cannot be read.
    """
    last = min(utterance.ticks, round(longest * utterance.rate))
    part = stretch(utterance, 0, last)
    return drawn(part, part.wave, boxes(tiers, 0, last, pixels / utterance.rate), pixels)


def unit_clip(
    utterance: Utterance, unit: Interval, tiers: Mapping[str, Sequence[Interval]], pixels: float, longest: float = 0.6
) -> Clip:
    """A unit (its first `longest` seconds) between margins that are heard quieter and drawn paler.

    Raises AudioError if the recording cannot be read.
    """
    rate = utterance.rate
    end = min(unit.end, unit.start + round(longest * rate))
    first, last = max(0, unit.start - round(MARGIN * rate)), min(utterance.ticks, end + round(MARGIN * rate))
    part = stretch(utterance, first, last)
    start, end = (unit.start - first) / rate, (end - first) / rate
    clip = drawn(part, emphasised(part.wave, start, end), boxes(tiers, first, last, pixels / rate), pixels)
    return replace(clip, focus=(start * pixels, (end - start) * pixels))


def drawn(part: AudioStretch, heard: np.ndarray, lanes: dict[str, list[Box]], pixels: float) -> Clip:
    seconds = len(part.wave) / RATE
    width = max(1, round(seconds * pixels))
    return Clip(sound_uri(heard), spectrogram_uri(part, width), width, seconds, lanes)


def stretch(utterance: Utterance, first: int, last: int) -> AudioStretch:
    """Ticks [first, last) of an utterance, as loud as the whole utterance makes it: a pause stays quiet."""
    rate = utterance.rate
    start, end = max(0, first - round(REACH * rate)), min(utterance.ticks, last + round(REACH * rate))
    around = replace(utterance, start=utterance.start + start, ticks=end - start, alignment={})
    wave = read_audio(around, rate=RATE, resample=True)
    wave = wave * min(MOST_GAIN, LOUDEST / np.abs(wave).max())
    offset = round((first - start) / rate * RATE)
    part = wave[offset : offset + round((last - first) / rate * RATE)]
    return AudioStretch(part, float(mel_power(wave, hop=round(WINDOW * RATE / 2)).max()))


def emphasised(wave: np.ndarray, start: float, end: float) -> np.ndarray:
    """The wave with all but [start, end) seconds made quieter: [samples]."""
    seconds = np.arange(len(wave)) / RATE
    outside = np.maximum(start - seconds, seconds - end)  # seconds from the unit; negative within
    return (wave * np.interp(outside, [0, FADE], [1, QUIETER])).astype(np.float32)


def sound_uri(wave: np.ndarray) -> str:
    """A wave [samples] at RATE as a data: URI. WAV: exact, and browsers can start anywhere in it (not so in FLAC)."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(wave, -1, 1), RATE, format="WAV", subtype="PCM_16")
    return data_uri("audio/wav", file.getvalue())


def spectrogram_uri(part: AudioStretch, width: int) -> str:
    """A log-mel spectrogram of about `width` columns as a data: URI; black is the loudest, white RANGE dB below."""
    import librosa  # half a second of whoever shows none

    power = mel_power(part.wave, hop=max(16, len(part.wave) // width))
    decibels = librosa.power_to_db(power, ref=part.loudest, amin=1e-12, top_db=None)
    levels = np.round(255 * np.clip(-decibels / RANGE, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels[::-1]).save(file, format="PNG", optimize=True)
    return data_uri("image/png", file.getvalue())


def mel_power(wave: np.ndarray, hop: int) -> np.ndarray:
    """[samples] at RATE -> [BINS, columns], low frequencies first."""
    import librosa

    window = round(WINDOW * RATE)
    padded = np.pad(wave, (0, max(0, 2 * window - len(wave))))
    return librosa.feature.melspectrogram(
        y=padded, sr=RATE, n_fft=2 * window, win_length=window, hop_length=hop, n_mels=BINS, fmin=60, fmax=RATE / 2
    )
