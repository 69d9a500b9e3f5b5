"""Recordings in and out: from a file to samples in [-1, 1] and back, and the mu-law levels WaveNet predicts."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from unitdisc.corpus import Utterance
from unitdisc.files import written_aside
from unitdisc.media.decoding import OpenAudio, open_audio
from unitdisc.media.open import AudioError

SILENCE = 1e-4  # a recording that never leaves its mean by this much (-80 dB of full scale) says nothing
LOUDEST = 32.0  # 30 dB beyond full scale: more than floating-point recordings have to spare
DAMAGE = 0.01  # of the samples beyond full scale: if there are more, all are in another unit
NAME_A_CHANNEL = (  # the cure where channels cannot just be averaged
    "name a channel in the manifest (`channel`; the first is 0), or in Kaldi's reco2file_and_channel or segments"
)
FORMATS = {".wav": "WAV", ".flac": "FLAC"}


class AudioInfo(NamedTuple):
    ticks: int
    rate: int


def audio_info(path: str | Path, allow_pipes: bool = False) -> AudioInfo:
    """Length and rate of a recording: how many samples can be decoded (a pipe is run).

    Raises AudioError if it is missing, empty, not audio, or truncated as far as can be told without decoding.
    """
    with open_audio(path, allow_pipes) as file:
        return info_of(file)


def info_of(file: OpenAudio) -> AudioInfo:
    return AudioInfo(file.frames, file.samplerate)


def read_audio(
    utterance: Utterance, rate: int | None = None, resample: bool = False, allow_pipes: bool = False
) -> np.ndarray:
    """The samples of an utterance in [-1, 1]: float32 [ticks], of its channel; if it names none, all are averaged.

    Only the utterance's part of the file is read. With `resample`, the file may have any rate: the result is
    brought to `rate` (default: the utterance's own), and its length is that of the utterance at that rate.

    Raises AudioError if the file is missing, unreadable, truncated or shorter than listed, if it lacks the channel, if
    the utterance is empty, silent, not finite or louder than any recording, if its channels cancel each other, if a
    rate disagrees without `resample`, and for a pipe without `allow_pipes`.
    """
    with open_audio(utterance.path, allow_pipes) as file:
        if not resample:
            check_rate(utterance, file.samplerate, rate)
        source = file.samplerate
        first, last = span(utterance, file.frames, source)
        samples = read_span(file, utterance, first, last)
    check_samples(utterance, samples)
    wave = averaged(samples)
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
        samples = read_span(file, utterance, begin + first, begin + last)
    check_values(utterance, samples)
    return averaged(samples)


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


def read_span(file: OpenAudio, utterance: Utterance, first: int, last: int) -> np.ndarray:
    """The samples [first, last) of a file, of the utterance's channel or of all: float32 [last - first, channels]."""
    return chosen(utterance, file.read(first, last))


def chosen(utterance: Utterance, samples: np.ndarray) -> np.ndarray:
    """The channel that an utterance names, or all: [ticks, channels]. Raises AudioError if it is not there."""
    check_channel(utterance, samples.shape[1])
    return samples if utterance.channel is None else samples[:, utterance.channel : utterance.channel + 1]


def check_channel(utterance: Utterance, there: int) -> None:
    """Raises AudioError if the channel that an utterance names is not one of so many."""
    if utterance.channel is not None and utterance.channel >= there:
        which = "one channel, 0" if there == 1 else f"the channels 0 to {there - 1}"
        what = f"has {which}, but {utterance.id} is listed with channel {utterance.channel}"
        raise AudioError.at(utterance.path, what, "correct the channel in the list; the first is 0")


def averaged(samples: np.ndarray) -> np.ndarray:
    """[ticks, channels] -> [ticks]"""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(1)


def check_samples(utterance: Utterance, samples: np.ndarray) -> None:
    """Raises AudioError for samples [ticks, channels] that cannot be, and for those of which nothing can be heard."""
    check_values(utterance, samples)
    if np.ptp(averaged(samples)) < 2 * SILENCE:
        raise AudioError.at(utterance.path, *unheard(utterance.id, float(np.ptp(samples, axis=0).max())))


def check_values(utterance: Utterance, samples: np.ndarray) -> None:
    peak = float(np.maximum(samples.max(), -samples.min()))  # NaN if any is
    if not np.isfinite(peak):
        count = int((~np.isfinite(samples)).any(1).sum())
        raise AudioError.at(
            utterance.path, f"{utterance.id} holds NaN or infinity ({count} samples)", "convert the original again"
        )
    if peak > LOUDEST:
        raise AudioError.at(utterance.path, *too_loud(utterance.id, peak, float((np.abs(samples) > 1).mean())))


def too_loud(id: str, peak: float, beyond: float) -> tuple[str, str]:
    """What is wrong where the loudest sample is beyond LOUDEST, and the cure. beyond: the share beyond full scale."""
    bits = next((bits for bits in (16, 24, 32) if peak <= 2 ** (bits - 1)), None)
    if bits and beyond > DAMAGE:
        what = f"{id} holds floats in the range of {bits}-bit integers (up to {peak:g}), where [-1, 1] is full scale"
        return what, f"divide them by {2 ** (bits - 1)}, or convert the original again"
    what = f"{id} holds samples up to {peak:g}, where [-1, 1] is full scale: the file is damaged"
    return what, "convert the original again"


def unheard(id: str, widest: float) -> tuple[str, str]:
    """What is wrong where the average of the channels is silent, and the cure. widest: range of the loudest channel."""
    if widest < 2 * SILENCE:
        return f"{id} is silent", "take it off the list"
    return f"{id} cannot be heard: its channels cancel each other", NAME_A_CHANNEL


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
