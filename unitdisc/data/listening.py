"""Listening to recordings for what is wrong with them: unreadable, cut off, silent, NaN, clipped."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple

import numpy as np
from joblib import Parallel, cpu_count, delayed

from unitdisc.corpus import Utterance
from unitdisc.data.audio import SILENCE, AudioInfo, span
from unitdisc.data.decoding import Decoder, open_audio
from unitdisc.data.decoding_errors import DecodingError
from unitdisc.data.sources import AudioError

FULL_SCALE = 32767 / 32768
CLIPPED = 1e-3  # the share of samples at full scale from which clipping is worth a warning
BLOCK = 1 << 18  # samples in memory at a time
GLANCE = 1 << 13  # samples a glance reads at a time
MOST_AT_ONCE = 32  # recordings a thread listens to, one after another
UNUSED_SECONDS, UNUSED_SHARE = 1, 0.05  # of a file after its one utterance, both of which make it worth a warning
FLOATS = ("FLOAT", "DOUBLE")  # the kinds of samples that can be NaN
MISLISTED = "correct the rate in the list, or allow resampling"


class Fault(NamedTuple):
    """Something wrong with an utterance of a recording, or with all of it (None)."""

    utterance: str | None
    severity: str
    what: str
    cure: str


@dataclass(frozen=True)
class Recording:
    """A recording to listen to, and its utterances as its length and rate make them."""

    path: str
    within: Callable[[AudioInfo], Iterable[Utterance]]


@dataclass(frozen=True)
class Listening:
    """How recordings are listened to.

    rate: that all must have; default: that of most. With `resample`, any will do.
    thorough: from beginning to end, or only at a few places; see `listen`.
    workers: recordings at a time; default: one per core.
    """

    rate: int | None = None
    resample: bool = False
    allow_pipes: bool = False
    thorough: bool = True
    workers: int | None = None


@dataclass(frozen=True)
class Heard:
    """What listening to a recording showed."""

    info: AudioInfo | None  # None if it cannot be opened
    faults: list[Fault]


def listen_to_all(recordings: Iterable[Recording], how: Listening) -> Iterator[Heard]:
    """Listens to many recordings at once, in threads (decoding holds no lock), one block of each in memory.

    What is heard comes in the order of the recordings, of which few are taken at a time.
    """

    def listen_to_some(some: Sequence[Recording]) -> list[Heard]:
        return [listen(recording, how) for recording in some]

    run = Parallel(n_jobs=how.workers or cpu_count(), backend="threading", return_as="generator", batch_size=1)
    for heard in run(delayed(listen_to_some)(some) for some in in_batches(recordings)):
        yield from heard


def in_batches(recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
    """First one by one, so that few of them are spread over the threads, then more at a time, which costs less."""
    recordings, size = iter(recordings), 1
    for number in count():
        some = list(islice(recordings, size))
        if not some:
            return
        yield some
        size = min(MOST_AT_ONCE, 1 + number // 32)


def listen(recording: Recording, how: Listening) -> Heard:
    """Listens to the utterances of one recording.

    Not `thorough` is a glance: at the header, at the beginning until something can be heard, and at the last sample.
    That finds whatever a whole reading does, except clipping and damage in the middle of a compressed file.
    """
    info, faults = None, []
    try:
        with open_audio(recording.path, how.allow_pipes) as file:
            info = AudioInfo(file.frames, file.samplerate)
            utterances = sorted(recording.within(info), key=lambda utterance: utterance.start)
            for utterance in utterances:
                faults += faults_of(file, utterance, how)
            faults += faults_of_the_rest(file, utterances)
    except AudioError as error:
        faults.append(Fault(None, "error", error.what, error.cure))
    return Heard(info, faults)


def faults_of(file: Decoder, utterance: Utterance, how: Listening) -> Iterator[Fault]:
    if not how.resample and utterance.rate not in (None, file.samplerate):
        what = f"has {file.samplerate} samples per second, but {utterance.id} is listed with {utterance.rate}"
        yield Fault(utterance.id, "error", what, MISLISTED)
        return
    try:
        levels = read_levels(file, utterance, how.thorough)
    except (AudioError, DecodingError) as error:
        yield Fault(utterance.id, "error", error.what, error.cure)
        return
    if not np.isfinite(levels.low + levels.high):
        yield Fault(utterance.id, "error", f"{utterance.id} holds NaN or infinity", "convert the original again")
    elif levels.high - levels.low < 2 * SILENCE:
        yield Fault(utterance.id, "error", f"{utterance.id} is silent", "take it off the list")
    elif levels.clipped > CLIPPED:
        what = f"{utterance.id} is clipped: {levels.clipped:.1%} of the samples are at full scale or beyond"
        yield Fault(utterance.id, "warning", what, "if the original is cleaner, convert it again at a lower volume")


def faults_of_the_rest(file: Decoder, utterances: Sequence[Utterance]) -> Iterator[Fault]:
    """What a list says of a file by saying nothing: that most of it is not used, as if it were longer than listed."""
    if file.is_cut:
        what = f"is cut off within a frame after its last sample, {file.frames}"
        yield Fault(None, "warning", what, "copy it again, if it was longer")
    if len(utterances) != 1 or utterances[0].start:
        return
    rate = utterances[0].rate or file.samplerate
    used, all = utterances[0].ticks / rate, file.frames / file.samplerate
    if all - used > max(UNUSED_SECONDS, UNUSED_SHARE * all):
        what = f"{utterances[0].id} is listed as its first {used:.2f} s, but it lasts {all:.2f} s: the rest is not used"
        yield Fault(utterances[0].id, "warning", what, "correct the length in the list, unless it is meant")


class Levels(NamedTuple):
    low: float
    high: float
    clipped: float  # share of the samples


def read_levels(file: Decoder, utterance: Utterance, thorough: bool) -> Levels:
    """The range of the samples of an utterance, channels averaged; NaN if any is.

    Raises AudioError if the file is shorter than listed.
    """
    position, last = span(utterance, file.frames, file.samplerate)
    size = last - position
    glance = not thorough and file.subtype not in FLOATS
    low, high, clipped = np.inf, -np.inf, 0.0
    while position < last:
        block = file.read(position, min(position + (GLANCE if glance else BLOCK), last))
        position += len(block)
        wave = block.mean(1)
        low, high = np.minimum(low, wave.min()), np.maximum(high, wave.max())
        clipped += np.count_nonzero(np.abs(wave) >= FULL_SCALE) / size
        if glance and high - low >= 2 * SILENCE and position < last - 1:
            position = last - 1  # what lies between can be neither silent nor NaN
    return Levels(float(low), float(high), clipped)
