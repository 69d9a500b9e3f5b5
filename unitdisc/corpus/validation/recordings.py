"""Listening to recordings for what is wrong with them: unreadable, cut off, silent, NaN, too loud, of two speakers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple

import numpy as np
from joblib import Parallel, cpu_count, delayed

from unitdisc.corpus import Utterance
from unitdisc.media.audio import (
    LOUDEST,
    NAME_A_CHANNEL,
    SILENCE,
    AudioInfo,
    averaged,
    chosen,
    info_of,
    span,
    too_loud,
    unheard,
)
from unitdisc.media.decoding import OpenAudio, open_audio
from unitdisc.media.decoding_errors import DecodingError
from unitdisc.media.open import AudioError

FULL_SCALE = 32767 / 32768
ALIKE = 0.8  # channels with at least this correlation are of one sound; noise at 6 dB below it leaves as much
FAINT = 1e-3  # a channel of less than this share of the power of another (-30 dB) changes little where it is added
AVERAGED = f"{NAME_A_CHANNEL}, unless the average is wanted"
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
    """A recording to listen to, and its utterances as its length, its rate and the number of its channels make them."""

    path: str
    within: Callable[[AudioInfo, int], Iterable[Utterance]]


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
    channels: int = 1


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
    That finds whatever a whole reading does, except clipping and damage in the middle of a compressed file. Samples
    that may be no numbers are read to the end even so, and several channels that are to be averaged.
    """
    info, faults, channels = None, [], 1
    try:
        with open_audio(recording.path, how.allow_pipes) as file:
            info, channels = info_of(file), file.channels
            utterances = sorted(recording.within(info, channels), key=lambda utterance: utterance.start)
            for utterance in utterances:
                faults += faults_of(file, utterance, how)
            faults += faults_of_the_rest(file, utterances)
    except AudioError as error:
        faults.append(Fault(None, "error", error.what, error.cure))
    return Heard(info, faults, channels)


def faults_of(file: OpenAudio, utterance: Utterance, how: Listening) -> Iterator[Fault]:
    if not how.resample and utterance.rate not in (None, file.samplerate):
        what = f"has {file.samplerate} samples per second, but {utterance.id} is listed with {utterance.rate}"
        yield Fault(utterance.id, "error", what, MISLISTED)
        return
    try:
        levels = read_levels(file, utterance, how.thorough)
    except (AudioError, DecodingError) as error:
        yield Fault(utterance.id, "error", error.what, error.cure)
        return
    yield from (Fault(utterance.id, *fault) for fault in levels.faults(utterance.id))


def faults_of_the_rest(file: OpenAudio, utterances: Sequence[Utterance]) -> Iterator[Fault]:
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


class Levels:
    """What the samples of an utterance show, as they are read."""

    def __init__(self, size: int):
        self.size = size  # of the utterance, in samples
        self.low, self.high = np.inf, -np.inf  # of the average of the channels
        self.lows = self.highs = self.sums = self.products = 0.0  # of the channels: [C], of the last [C, C]
        self.read = self.clipped = self.beyond = 0  # samples

    def add(self, samples: np.ndarray) -> None:
        """Samples [ticks, channels] that come next."""
        wave, loudness = averaged(samples), np.abs(samples)
        self.low, self.high = np.minimum(self.low, wave.min()), np.maximum(self.high, wave.max())
        first = not self.read
        self.lows = samples.min(0) if first else np.minimum(self.lows, samples.min(0))
        self.highs = samples.max(0) if first else np.maximum(self.highs, samples.max(0))
        self.clipped += np.count_nonzero((loudness >= FULL_SCALE).any(1))
        self.beyond += np.count_nonzero((loudness > 1).any(1))
        self.read += len(samples)
        if samples.shape[1] > 1:
            with np.errstate(invalid="ignore", over="ignore"):
                self.sums = self.sums + samples.sum(0, dtype=np.float64)
                self.products = self.products + samples.T.astype(np.float64) @ samples.astype(np.float64)

    @property
    def can_be_heard(self) -> bool:
        return bool(self.high - self.low >= 2 * SILENCE)

    def faults(self, id: str) -> Iterator[tuple[str, str, str]]:
        """Severity, what and cure of all that is wrong."""
        peak = float(np.maximum(self.highs, -self.lows).max())  # NaN if any is
        if not np.isfinite(peak):
            yield "error", f"{id} holds NaN or infinity", "convert the original again"
        elif peak > LOUDEST:
            yield "error", *too_loud(id, peak, self.beyond / self.read)
        elif not self.can_be_heard:
            yield "error", *unheard(id, float((self.highs - self.lows).max()))
        else:
            yield from self.warnings(id)

    def warnings(self, id: str) -> Iterator[tuple[str, str, str]]:
        if (alike := self.least_alike()) < ALIKE:
            how = "nearly cancel each other" if alike < -ALIKE else "differ, as those of two speakers would,"
            what = f"the channels of {id} {how} and are averaged (correlation {round(alike, 2) + 0:.2f})"
            yield "warning", what, AVERAGED
        if (share := self.clipped / self.size) > CLIPPED:
            what = f"{id} is clipped: {share:.1%} of the samples are at full scale or beyond"
            yield "warning", what, "if the original is cleaner, convert it again at a lower volume"

    def least_alike(self) -> float:
        """The smallest correlation of two channels of which none is faint; 1 if there are no two."""
        if np.ndim(self.sums) == 0:
            return 1.0
        mean = self.sums / self.read
        powers = self.products / self.read - np.outer(mean, mean)
        own = np.diag(powers)
        loud = own > FAINT * own.max()
        some = powers[np.ix_(loud, loud)] / np.sqrt(np.outer(own[loud], own[loud]))
        return float(np.clip(some, -1, 1).min())


def read_levels(file: OpenAudio, utterance: Utterance, thorough: bool) -> Levels:
    """What the samples of an utterance show, of its channel or of all.

    Raises AudioError if the file is shorter than listed, or lacks the channel.
    """
    position, last = span(utterance, file.frames, file.samplerate)
    levels = Levels(last - position)
    in_one = file.channels == 1 or utterance.channel is not None
    glance = not thorough and file.subtype not in FLOATS and in_one
    while position < last:
        block = file.read(position, min(position + (GLANCE if glance else BLOCK), last))
        position += len(block)
        levels.add(chosen(utterance, block))
        if glance and levels.can_be_heard and position < last - 1:
            position = last - 1  # what lies between can be neither silent nor NaN
    return levels
