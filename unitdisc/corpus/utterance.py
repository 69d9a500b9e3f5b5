"""Corpora: utterances, spoken or written, each a stretch of a recording or of a line image.

Time is counted in ticks, the integer steps of the source itself: samples of a
recording, pixel columns of a line image. Seconds appear only in reports.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self
from unicodedata import category

import numpy as np

from unitdisc.files.text import name_fault, printable

DOUBTFUL = re.compile(r'^[.-]|[\\:*?"<>|]|\.$')
LONGEST_NAME = 255  # bytes of UTF-8 in the name of a file
LONGEST_ID = 200  # which leaves room for endings and for the names of voices


class CorpusError(ValueError):
    """A corpus on disk is not what it should be; the message names file, line and cure."""

    @classmethod
    def of(cls, problem: "Problem") -> "CorpusError":
        return cls(str(problem))


class FileError(CorpusError):
    """A file of a corpus cannot be used: the message says which file, what is wrong with it, and the cure."""

    file = what = cure = ""  # the parts of the message

    @classmethod
    def at(cls, file: str | Path, what: str, cure: str) -> Self:
        error = cls(f"{file}: {what}; {cure}")
        error.file, error.what, error.cure = str(file), what, cure
        return error


@dataclass(frozen=True)
class Problem:
    """Something wrong with a corpus, and what to do about it.

    An error makes a recording or a list unusable; a warning is only worth a look.
    """

    severity: str  # "error" or "warning"
    file: str
    line: int | None
    what: str
    cure: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.what}; {self.cure}"


class Interval(NamedTuple):
    """A labelled stretch of an utterance: ticks [start, end)."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of a recording (or a line image) by one speaker.

    Raises CorpusError if the id cannot name a file, if the stretch starts or ends before it can, or if an interval
    is empty, out of order or outside of the utterance, or if a channel is negative or that of an image.
    """

    id: str
    path: str  # the audio or image file; also a Kaldi archive and offset, `x.ark:123`, or a pipe, `cmd |`
    speaker: str | None  # the writer, for handwriting; None where a test set hides it
    ticks: int  # length
    rate: int | None = None  # ticks per second; None for images
    start: int = 0  # the first tick of the utterance within the file
    gender: str | None = None  # "f" or "m", where it is known
    text: str | None = None
    alignment: dict[str, list[Interval]] = field(default_factory=dict)  # tier name -> intervals, in order
    height: int | None = None  # rows of pixels of a line image; None for recordings
    channel: int | None = None  # of the recording, counted from 0; None: the average of all that it has

    def __post_init__(self):
        refuse_stretch(self.id, self.ticks, self.start, self.rate, self.height, self.channel)
        refuse_names(self.id, self.path, self.speaker, self.gender, self.text)
        if self.alignment:
            refuse_alignment(self.id, self.alignment, self.ticks)

    @property
    def is_image(self) -> bool:
        """Whether this is a line of handwriting and no recording."""
        return self.height is not None

    def columns_at(self, height: int) -> int:
        """How wide this line is once it is scaled to so many rows. Raises CorpusError for recordings."""
        if self.height is None:
            raise CorpusError(f"{self.id}: is no line image, so it has no columns; give a corpus of line images")
        return max(1, round(self.ticks * height / self.height))


def refuse_stretch(
    id: str, ticks: int, start: int, rate: int | None, height: int | None, channel: int | None = None
) -> None:
    """Raises CorpusError if the id cannot be one, or if such a stretch cannot be."""
    if fault := id_fault(id):
        raise CorpusError(f"the id is {printable(id)[:240]!r}, but ids name files and begin lines: {fault}")
    if ticks < 0 or start < 0 or (rate is not None and rate <= 0):
        what = f"start is {start}, ticks {ticks} and rate {rate}"
        raise CorpusError(f"{id}: {what}; a rate must be positive, and nothing can be negative")
    if height is not None and (height < 1 or rate is not None):
        what = f"height is {height} and rate {rate}"
        raise CorpusError(f"{id}: {what}; a line image has a positive height, a recording a rate, none both")
    if channel is not None and (channel < 0 or height is not None):
        what = f"channel is {channel} and height {height}"
        raise CorpusError(f"{id}: {what}; the channels of a recording count from 0, and a line image has none")


def refuse_names(id: str, path: str, speaker: str | None, gender: str | None, text: str | None) -> None:
    """Raises CorpusError if a name or a text could not be written."""
    for what, name in (("path", path), ("speaker", speaker), ("gender", gender), ("text", text)):
        if name and (fault := name_fault(name)):
            cure = "rename the file, or the folder it is in" if what == "path" else "correct it"
            raise CorpusError(f"{id}: the {what} {printable(name)[:240]!r} is {fault}; {cure}")


def refuse_alignment(id: str, alignment: Mapping[str, Iterable[Interval]], ticks: int) -> None:
    for fault in alignment_faults(alignment, ticks):
        raise CorpusError(f"{id}: {fault}")


def is_id(name: str) -> bool:
    """Whether a name can be that of an utterance: it names files, and begins lines of tables."""
    return id_fault(name) is None


def id_fault(name: str) -> str | None:
    """How a name must be to be that of an utterance, if it is not so."""
    if name.split() != [name] or "/" in name:
        return "no spaces, no slashes"
    if not name.isprintable() and (odd := [c for c in name if c in "\ufeff" or category(c) in ("Cc", "Cs")]):
        return name_fault(name) or f"no control characters, no byte order marks (U+{ord(odd[0]):04X})"
    if len(name) * 4 > LONGEST_ID and (size := len(name.encode())) > LONGEST_ID:
        return f"no more than {LONGEST_ID} bytes of UTF-8, for names of files have no room for {size}"
    return None


def id_doubt(name: str) -> str | None:
    """What other programs, or Windows, may stumble over in an id that is one."""
    odd = DOUBTFUL.search(name)
    if odd is None:
        return None
    if odd.start() == 0 and name[0] in ".-":
        return f"begins with {name[0]!r}, as hidden files and options of programs do"
    return f"has {'a dot at its end' if odd[0] == '.' else repr(odd[0])}, which files on Windows cannot have"


def doubt_said(id: str, count: int) -> tuple[str, str]:
    """A warning of one of so many doubtful ids, what and cure."""
    cure = "rename it, if other programs are to use files of that name"
    return f"the id {id!r} {id_doubt(id)} ({count} such ids)", cure


def short_name(name: str, longest: int = LONGEST_ID) -> str:
    """The name, or where it has more bytes of UTF-8, its beginning and a hash of all of it: always the same one."""
    content = name.encode(errors="surrogateescape")
    if len(content) <= longest:
        return name
    digest = hashlib.sha256(content).hexdigest()[:12]
    return content[: longest - len(digest) - 1].decode(errors="ignore") + "~" + digest


def alignment_faults(alignment: Mapping[str, Iterable[Interval]], ticks: int) -> Iterator[str]:
    """Says of every interval that is empty, out of order, overlapping or outside of the utterance what it must be."""
    for tier, intervals in alignment.items():
        position = 0
        for start, end, label in intervals:
            if not label.isascii() and (fault := name_fault(label)):
                yield f"the {tier} label {printable(label)!r} is {fault}; correct it"
            if not position <= start < end <= ticks:
                yield (
                    f"{tier} interval {label!r} is [{start}, {end}), "
                    f"but must start at {position} or later, not be empty, and end by {ticks}"
                )
            position = max(position, end)


def at_rate(utterance: Utterance, rate: int) -> Utterance:
    """The same utterance with its ticks counted at another rate; intervals shorter than half a new tick disappear.

    Where the rate was not known, `rate` is what it is.
    """
    if utterance.rate == rate:
        return utterance
    if utterance.rate is None:
        return replace(utterance, rate=rate)

    def convert(ticks: int) -> int:
        return round(ticks * rate / utterance.rate)

    return replace(
        utterance,
        ticks=convert(utterance.ticks),
        rate=rate,
        start=convert(utterance.start),
        alignment=converted_tiers(utterance, convert),
    )


def scaled(utterance: Utterance, ticks: int) -> Utterance:
    """The same utterance stretched to so many ticks; intervals shorter than half a new tick disappear."""
    tiers = converted_tiers(utterance, lambda before: round(before * ticks / utterance.ticks))
    return replace(utterance, ticks=ticks, alignment=tiers)


def converted_tiers(utterance: Utterance, convert: Callable[[int], int]) -> dict[str, list[Interval]]:
    alignment = {
        tier: [Interval(convert(start), convert(end), label) for start, end, label in intervals]
        for tier, intervals in utterance.alignment.items()
    }
    return {tier: [i for i in intervals if i.start < i.end] for tier, intervals in alignment.items()}


def is_pipe(path: str) -> bool:
    """Whether a path is a command whose output is the recording, as Kaldi allows: `sph2pipe -f wav a.sph |`."""
    return path.rstrip().endswith("|")


def held_out(
    utterances: Sequence[Utterance], share: float, seed: int, most: int
) -> tuple[list[Utterance], list[Utterance]]:
    """Utterances to learn from, and a random share (at most so many) to test on: none of fewer than ten."""
    learning, testing = held_out_places(len(utterances), share, seed, most)
    return [utterances[place] for place in learning.tolist()], [utterances[place] for place in testing.tolist()]


def held_out_places(number: int, share: float, seed: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of so many utterances, parted in the same way."""
    wanted = min(most, round(share * number)) if number >= 10 else 0
    testing = np.sort(np.random.default_rng(seed).permutation(number)[:wanted])
    return np.delete(np.arange(number), testing), testing


def labels_at(intervals: Iterable[Interval], centres: np.ndarray, default: str = "") -> np.ndarray:
    """The label under the centre of every frame: [T] array of str (object), `default` where there is none."""
    labels = np.full(len(centres), default, dtype=object)
    for start, end, label in intervals:
        first, last = np.searchsorted(centres, (start, end))  # start <= centre < end
        labels[first:last] = label
    return labels


def corpus_checksum(utterances: Iterable[Utterance]) -> str:
    """Names what was scored: SHA-256 of ids, speakers, genders, ticks, rates, heights and alignments, in any order.

    Channels count where they are given. Where the recordings lie does not, so a corpus that was moved stays the same.
    """
    checksum = hashlib.sha256()
    for utterance in sorted(utterances, key=lambda utterance: utterance.id):
        facts = [utterance.id, utterance.speaker, utterance.gender, utterance.ticks, utterance.rate]
        facts += [utterance.height] if utterance.is_image else []
        facts += [] if utterance.channel is None else [{"channel": utterance.channel}]
        line = json.dumps([*facts, utterance.alignment], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        checksum.update(line.encode() + b"\n")
    return checksum.hexdigest()
