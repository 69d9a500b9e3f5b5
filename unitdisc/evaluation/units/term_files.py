"""Files of term discovery: gold phones and words (.phn, .wrd), and the classes of fragments that a system found.

Gold has a line for every phone (or word): file, start, end, symbol; times in seconds. Silence is the phone SIL.
Classes are, as the ZeroSpeech challenges of 2015, 2017 and 2020 ask for them,

    Class 1
    FILE START END
    FILE START END

    Class 2
    ...

with an empty line after every class, the last one too: it shows that the file is whole.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError
from unitdisc.files.text import fields_of, read_lines

SILENCE = "SIL"


class Fragment(NamedTuple):
    """A stretch of a file that a system found: [start, end) in seconds."""

    file: str
    start: float
    end: float


@dataclass(frozen=True)
class AlignedFile:
    """The symbols of one file, in order and not overlapping; times in seconds."""

    starts: list[float]
    ends: list[float]
    labels: list[str]


@dataclass(frozen=True)
class Gold:
    phones: dict[str, AlignedFile]  # file -> phones, silences too
    words: dict[str, AlignedFile]  # file -> words, no silences


def read_gold(phones: Path, words: Path) -> Gold:
    """Raises CorpusError naming the file and line that is wrong."""
    spoken = read_alignment(words)
    return Gold(read_alignment(phones), {file: without_silence(aligned) for file, aligned in spoken.items()})


def without_silence(aligned: AlignedFile) -> AlignedFile:
    kept = [at for at, label in enumerate(aligned.labels) if label != SILENCE]
    columns = (aligned.starts, aligned.ends, aligned.labels)
    return AlignedFile(*([column[at] for at in kept] for column in columns))


def read_alignment(path: Path) -> dict[str, AlignedFile]:
    """File -> its symbols, sorted by time. Raises CorpusError naming the line that is wrong."""
    found: dict[str, list[tuple[float, float, str, int]]] = {}
    for number, line in read_lines(path, CorpusError):
        fields = fields_of(line)
        if len(fields) == 4:
            file, start, end = stretch(fields[:3], f"{path}:{number}")
            found.setdefault(file, []).append((start, end, fields[3], number))
        elif fields:
            raise CorpusError(f"{path}:{number}: {len(fields)} fields; write FILE START END SYMBOL, with single words")
    if not found:
        raise CorpusError(f"{path}: is empty; give lines of FILE START END SYMBOL")
    return {file: in_order(path, entries) for file, entries in sorted(found.items())}


def in_order(path: Path, entries: list[tuple[float, float, str, int]]) -> AlignedFile:
    entries = sorted(entries)
    for (_, end, label, number), (start, _, other, line) in pairwise(entries):
        if start < end:
            raise CorpusError(
                f"{path}:{line}: {other!r} starts at {start:g}, before {label!r} of line {number} ends at {end:g}; "
                "symbols of a file must not overlap"
            )
    return AlignedFile([e[0] for e in entries], [e[1] for e in entries], [e[2] for e in entries])


def read_classes(path: Path, gold: Gold | None = None) -> dict[str, list[Fragment]]:
    """Class -> its fragments, in the order of the file.

    Raises CorpusError naming the line that is wrong; with gold, also for fragments of files that it does not have.
    """
    classes: dict[str, list[Fragment]] = {}
    begun: dict[str, int] = {}
    current = None
    for number, line in read_lines(path, CorpusError):
        place, fields = f"{path}:{number}", fields_of(line)
        if not fields:
            current = None
        elif fields[0] == "Class" or (current is None and fields[0].startswith("Class")):
            if current is not None:
                raise CorpusError(f"{place}: a class begins within class {current!r}; put an empty line between them")
            if len(fields) < 2 or fields[0] != "Class":
                raise CorpusError(f"{place}: {line.strip()!r} names no class; write `Class 1`")
            current = fields[1]
            if current in begun:
                raise CorpusError(f"{place}: class {current!r} is already on line {begun[current]}; number it anew")
            begun[current], classes[current] = number, []
        elif current is None:
            raise CorpusError(f"{place}: {line.strip()!r} belongs to no class; a class begins with `Class NUMBER`")
        else:
            classes[current].append(known(fragment(fields, place), place, gold))
    if not any(classes.values()):
        raise CorpusError(f"{path}: has no fragments; give classes of FILE START END")
    if current is not None:
        raise CorpusError(f"{path}: does not end with an empty line; it may be cut off, and if it is whole, add one")
    return classes


def fragment(fields: list[str], place: str) -> Fragment:
    if len(fields) != 3:
        raise CorpusError(f"{place}: {len(fields)} fields; write FILE START END, and an empty line after each class")
    return stretch(fields, place)


def known(fragment: Fragment, place: str, gold: Gold | None) -> Fragment:
    for name, tier in () if gold is None else (("phones", gold.phones), ("words", gold.words)):
        if fragment.file not in tier:
            raise CorpusError(
                f"{place}: the gold has no {name} of file {fragment.file!r}; correct the name or remove it"
            )
    return fragment


def stretch(fields: list[str], place: str) -> Fragment:
    """A file and two times. Raises CorpusError if they are no times, or if the end is not after the start."""
    try:
        start, end = float(fields[1]), float(fields[2])
    except ValueError:
        raise CorpusError(f"{place}: {fields[1]!r} and {fields[2]!r} must be times in seconds") from None
    if not (isfinite(start) and isfinite(end) and 0 <= start < end):
        raise CorpusError(f"{place}: from {fields[1]} to {fields[2]} s is no stretch of time; the end must be later")
    return Fragment(fields[0], start, end)
