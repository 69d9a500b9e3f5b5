"""Recordings in and out: from a file to samples in [-1, 1] and back, and the mu-law levels WaveNet predicts."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from unitdisc.corpus import Utterance
from unitdisc.data.decoding import Decoder, open_audio
from unitdisc.data.sources import AudioError
from unitdisc.files import written_aside

SILENCE = 1e-4  # a recording that never leaves its mean by this much (-80 dB of full scale) says nothing
FORMATS = {".wav": "WAV", ".flac": "FLAC"}


class AudioInfo(NamedTuple):
    ticks: int
    rate: int


def audio_info(path: str | Path, allow_pipes: bool = False) -> AudioInfo:
    """Length and rate of a recording: how many samples can be decoded (a pipe is run).

    Raises AudioError if it is missing, empty, not audio, or truncated as far as can be told without decoding.
    """
    with open_audio(path, allow_pipes) as file:
        return AudioInfo(file.frames, file.samplerate)


def read_audio(
    utterance: Utterance, rate: int | None = None, resample: bool = False, allow_pipes: bool = False
) -> np.ndarray:
    """The samples of an utterance in [-1, 1]: float32 [ticks], several channels averaged into one.

    Only the utterance's part of the file is read. With `resample`, the file may have any rate: the result is
    brought to `rate` (default: the utterance's own), and its length is that of the utterance at that rate.

    Raises AudioError if the file is missing, unreadable, truncated or shorter than listed, if the utterance is
    empty, silent or not finite, if a rate disagrees without `resample`, and for a pipe without `allow_pipes`.
    """
    with open_audio(utterance.path, allow_pipes) as file:
        if not resample:
            check_rate(utterance, file.samplerate, rate)
        source = file.samplerate
        first, last = span(utterance, file.frames, source)
        wave = read_span(file, utterance, first, last)
    check_samples(utterance, wave)
    listed = utterance.rate or source
    target = rate or listed
    if target != source:
        wave = soxr.resample(wave, source, target)
    ticks = round(utterance.ticks * target / listed)
    return np.pad(wave[:ticks], (0, ticks - len(wave[:ticks])))  # rates that do not divide leave a tick to round


def read_stretch(utterance: Utterance, first: int, last: int, rate: int) -> np.ndarray:
    """The samples [first, last) of an utterance, which may be silent: float32 [last - first].

    Only they are read. Raises AudioError as `read_audio` does for all of it, as far as they show.
    """
    with open_audio(utterance.path) as file:
        check_rate(utterance, file.samplerate, rate)
        begin, _ = span(utterance, file.frames, file.samplerate)
        wave = read_span(file, utterance, begin + first, begin + last)
    check_finite(utterance, wave)
    return wave


def check_rate(utterance: Utterance, source: int, rate: int | None) -> None:
    for wanted, reason in ((utterance.rate, f"{utterance.id} is listed with"), (rate, "must have")):
        if wanted not in (None, source):
            raise AudioError.at(
                utterance.path,
                f"has {source} samples per second, but {reason} {wanted}",
                f"resample it to {wanted}, allow resampling, or leave it out",
            )


def span(utterance: Utterance, frames: int, source: int) -> tuple[int, int]:
    """Where the utterance is in its file: samples [first, last)."""
    scale = source / (utterance.rate or source)
    first, last = round(utterance.start * scale), round((utterance.start + utterance.ticks) * scale)
    if last == frames + 1 and scale != 1:  # the rounding of the other rate
        last = frames
    if first >= last:
        raise AudioError.at(utterance.path, f"{utterance.id} is empty (0 samples)", "take it off the list")
    if last > frames:
        raise shorter(utterance, frames, last)
    return first, last


def shorter(utterance: Utterance, frames: int, last: int) -> AudioError:
    return AudioError.at(
        utterance.path,
        f"ends at sample {frames}, but {utterance.id} is listed up to {last}",
        "copy it again if it was cut off, or correct the list",
    )


def read_span(file: Decoder, utterance: Utterance, first: int, last: int) -> np.ndarray:
    """The samples [first, last) of a file, channels averaged: float32 [last - first]."""
    wave = file.read(first, last)
    return wave[:, 0] if wave.shape[1] == 1 else wave.mean(1)


def check_samples(utterance: Utterance, wave: np.ndarray) -> None:
    check_finite(utterance, wave)
    if np.ptp(wave) < 2 * SILENCE:
        raise AudioError.at(utterance.path, f"{utterance.id} is silent", "take it off the list")


def check_finite(utterance: Utterance, wave: np.ndarray) -> None:
    if not np.isfinite(wave).all():
        count = int((~np.isfinite(wave)).sum())
        raise AudioError.at(
            utterance.path, f"{utterance.id} holds NaN or infinity ({count} samples)", "convert the original again"
        )


def write_audio(path: Path, wave: np.ndarray, rate: int) -> None:
    """Writes samples in [-1, 1], [ticks], as 16-bit WAV or FLAC by the suffix; what is louder is clipped.

    Raises AudioError for another suffix, and for samples that are not finite.
    """
    if path.suffix.lower() not in FORMATS:
        raise AudioError.at(path, f"cannot write {path.suffix or 'no suffix'}", f"use one of {sorted(FORMATS)}")
    if not np.isfinite(wave).all():
        raise AudioError.at(path, "NaN or infinity cannot be written", "look at what computed the samples")
    levels = np.clip(np.round(np.asarray(wave) * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    content = io.BytesIO()  # a full disk is no matter of soundfile's, and would be reported as one
    soundfile.write(content, levels, rate, subtype="PCM_16", format=FORMATS[path.suffix.lower()])
    with written_aside(path) as aside:
        aside.write_bytes(content.getvalue())


def mulaw(wave: np.ndarray, levels: int = 256) -> np.ndarray:
    """Companded samples (ITU-T G.711, as WaveNet uses it): [ticks] in [-1, 1] to int64 in [0, levels)."""
    mu = levels - 1
    wave = np.clip(wave, -1, 1)
    companded = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    return np.floor((companded + 1) / 2 * mu + 0.5).astype(np.int64)


def inverse_mulaw(codes: np.ndarray, levels: int = 256) -> np.ndarray:
    """The samples in [-1, 1] that the levels of `mulaw` stand for: float32 [ticks]."""
    mu = levels - 1
    companded = 2 * np.asarray(codes, dtype=np.float64) / mu - 1
    return (np.sign(companded) * np.expm1(np.abs(companded) * np.log1p(mu)) / mu).astype(np.float32)
