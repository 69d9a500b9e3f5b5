"""Pictures of stretches, made when they are asked for: waveform above spectrogram, or the piece of a line image."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from unitdisc.corpus import Utterance
from unitdisc.explorer.sounds import Wave, listed_rate, peak_of, read_wave
from unitdisc.media.image import read_line, resized

HEIGHT = 200  # pixels
WAVE = 56  # of them, of a recording, are of the waveform
WIDEST = 2048
BINS = HEIGHT - WAVE  # of the spectrogram: a row of pixels each
WINDOW = 0.016  # seconds: short enough to show single bursts
LOWEST, HIGHEST = 60.0, 8000.0  # Hz, or half the rate
RANGE = 70.0  # decibels from white to black, below a sine as loud as the utterance
BLOCK = 60.0  # seconds that are read at once
INKED, PAPER = 40, 255  # grey levels of the waveform


def picture(utterance: Utterance, start: int, end: int, width: int, height: int = HEIGHT) -> bytes:
    """A PNG, `width` pixels wide, of ticks [start, end). Raises AudioError or ImageError if they cannot be read."""
    if utterance.is_image:
        ink = inked(utterance.path, utterance.start, utterance.ticks, utterance.height).T
        part = (start, 0, end, len(ink))  # what is beside it counts at its edges, so that pieces meet without a seam
        line = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR, box=part)
        return png(np.round(255 * (1 - np.clip(np.asarray(line), 0, 1))))
    rate = listed_rate(utterance)
    loud = peak_of(utterance, rate)
    per_block = max(1, int(width * BLOCK * rate / (end - start)))
    columns = []
    for first in range(0, width, per_block):
        last = min(width, first + per_block)
        columns.append(drawn(utterance, start + (end - start) * np.arange(first, last + 1) / width, rate, loud))
    whole = np.concatenate(columns, 1)
    return png(whole if height == HEIGHT else resized(whole.astype(np.float32), height, width))


def drawn(utterance: Utterance, edges: np.ndarray, rate: int, loud: float) -> np.ndarray:
    """Grey levels [HEIGHT, columns] of columns between edges (ticks): [columns + 1]."""
    reach = round(WINDOW * rate)
    first, last = max(0, int(edges[0]) - reach), min(utterance.ticks, int(np.ceil(edges[-1])) + reach)
    wave = read_wave(utterance, first, last)
    places = (edges - first) * (wave.rate / rate)
    return np.concatenate([waveform(wave.samples, places, loud), spectrogram(wave, places, loud)])


def waveform(samples: np.ndarray, places: np.ndarray, loud: float) -> np.ndarray:
    """Between the least and the largest sample of every column: grey levels [WAVE, columns]."""
    samples = samples if len(samples) else np.zeros(1, np.float32)
    begins = np.clip(np.floor(places[:-1]).astype(int), 0, len(samples) - 1)
    ends = np.clip(np.ceil(places[1:]).astype(int) + 1, begins + 1, len(samples))  # neighbours meet
    both = np.stack([begins, ends], 1).ravel()
    padded = np.append(samples, samples[-1])
    low, high = (each.reduceat(padded, both)[::2] for each in (np.minimum, np.maximum))
    top, bottom = (np.clip(np.round((WAVE - 1) * (0.5 - 0.48 * value / loud)), 0, WAVE - 1) for value in (high, low))
    height = np.arange(WAVE)[:, None]
    return np.where((height >= top) & (height <= bottom), INKED, PAPER)


def spectrogram(wave: Wave, places: np.ndarray, loud: float) -> np.ndarray:
    """High frequencies above: grey levels [BINS, columns], dark where there is energy."""
    power = mel_power(wave, (places[:-1] + places[1:]) / 2, BINS)
    window = round(WINDOW * wave.rate)
    full = (loud * window / 4) ** 2  # of a sine as loud, in a Hann window
    decibels = 10 * np.log10(np.maximum(power / full, 1e-12))
    return np.round(255 * np.clip(-decibels / RANGE, 0, 1)).T[::-1]


def mel_power(wave: Wave, centres: np.ndarray, bins: int, window: float = WINDOW) -> np.ndarray:
    """Power at some places of a recording (in samples), low frequencies first: [columns, bins]."""
    size = max(8, round(window * wave.rate))
    padded = np.pad(wave.samples, size)
    begins = np.clip(np.round(centres).astype(int) + size - size // 2, 0, len(padded) - size)
    frames = padded[begins[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    points = 1 << (2 * size - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(frames, points)).astype(np.float32) ** 2
    return spectrum @ mel_filters(wave.rate, points, bins)


@lru_cache(32)
def mel_filters(rate: int, points: int, bins: int) -> np.ndarray:
    """Triangles of height 1, evenly spaced on the mel scale: [points / 2 + 1, bins]."""
    highest = min(HIGHEST, rate / 2)
    edges = hertz(np.linspace(mel(LOWEST), mel(highest), bins + 2))
    lines = np.arange(points // 2 + 1)[:, None] * rate / points
    nearest = np.maximum(edges[1:-1] - edges[:-2], rate / points)  # so that no triangle falls between two lines
    after = np.maximum(edges[2:] - edges[1:-1], rate / points)
    distance = lines - edges[1:-1]
    return np.maximum(0, 1 - np.where(distance < 0, -distance / nearest, distance / after)).astype(np.float32)


def mel(frequency: float | np.ndarray) -> float | np.ndarray:
    return 2595 * np.log10(1 + frequency / 700)


def hertz(mels: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mels / 2595) - 1)


@lru_cache(8)
def inked(path: str, start: int, ticks: int, height: int) -> np.ndarray:
    """The ink of a line: [columns, rows]."""
    return read_line(Utterance("any", path, None, ticks=ticks, start=start, height=height))


def png(grey: np.ndarray) -> bytes:
    """Grey levels from 0 to 255, [rows, columns]."""
    file = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()
