"""Corpora on disk: one JSON line per utterance, spoken or written.

Time is counted in ticks, the integer steps of the source itself: samples of a
recording, pixel columns of a line image. Seconds appear only in reports.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice, pairwise
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from unitdisc.files import write_text

T = TypeVar("T")


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
    is empty, out of order or outside of the utterance.
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

    def __post_init__(self):
        refuse_stretch(self.id, self.ticks, self.start, self.rate, self.height)
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


def refuse_stretch(id: str, ticks: int, start: int, rate: int | None, height: int | None) -> None:
    """Raises CorpusError if the id cannot be one, or if such a stretch cannot be."""
    if not is_id(id):
        raise CorpusError(f"the id is {id!r}, but ids name files and begin lines: no spaces, no slashes")
    if ticks < 0 or start < 0 or (rate is not None and rate <= 0):
        what = f"start is {start}, ticks {ticks} and rate {rate}"
        raise CorpusError(f"{id}: {what}; a rate must be positive, and nothing can be negative")
    if height is not None and (height < 1 or rate is not None):
        what = f"height is {height} and rate {rate}"
        raise CorpusError(f"{id}: {what}; a line image has a positive height, a recording a rate, none both")


def refuse_alignment(id: str, alignment: Mapping[str, Iterable[Interval]], ticks: int) -> None:
    for fault in alignment_faults(alignment, ticks):
        raise CorpusError(f"{id}: {fault}")


def is_id(name: str) -> bool:
    """Whether a name can be that of an utterance: it names files, and begins lines of tables."""
    return name.split() == [name] and "/" not in name and "\0" not in name


def alignment_faults(alignment: Mapping[str, Iterable[Interval]], ticks: int) -> Iterator[str]:
    """Says of every interval that is empty, out of order, overlapping or outside of the utterance what it must be."""
    for tier, intervals in alignment.items():
        position = 0
        for start, end, label in intervals:
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

    alignment = {
        tier: [Interval(convert(start), convert(end), label) for start, end, label in intervals]
        for tier, intervals in utterance.alignment.items()
    }
    return replace(
        utterance,
        ticks=convert(utterance.ticks),
        rate=rate,
        start=convert(utterance.start),
        alignment={tier: [i for i in intervals if i.start < i.end] for tier, intervals in alignment.items()},
    )


def is_pipe(path: str) -> bool:
    """Whether a path is a command whose output is the recording, as Kaldi allows: `sph2pipe -f wav a.sph |`."""
    return path.rstrip().endswith("|")


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Writes one JSON line per utterance, sorted by id; paths below the manifest's folder become relative to it.

    Raises CorpusError if two utterances share an id.
    """
    home = path.parent.resolve()

    def line(utterance: Utterance) -> str:
        values = asdict(utterance)
        if not is_pipe(utterance.path):
            source = Path(utterance.path).resolve()
            values["path"] = str(source.relative_to(home)) if source.is_relative_to(home) else str(source)
        return json.dumps({key: value for key, value in values.items() if value is not None}, ensure_ascii=False) + "\n"

    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    for utterance, following in pairwise(ordered):
        if utterance.id == following.id:
            raise CorpusError(f"{path}: two utterances are called {utterance.id!r}; give each an id of its own")
    write_text(path, "".join(map(line, ordered)))


def read_manifest(path: Path) -> Iterator[Utterance]:
    """Reads what `write_manifest` wrote.

    Raises CorpusError naming the line that is not an utterance, or both lines that share an id.
    """
    return manifest_entries(path, lambda values: Utterance(**values))


def read_entries(path: Path) -> Iterator[dict]:
    """The arguments of the utterances of a manifest, of which few should be kept; see `UtteranceTable`."""
    return manifest_entries(path, checked)


def checked(values: dict) -> dict:
    """The arguments of an Utterance, which could be made of them."""
    refuse_stretch(values["id"], values["ticks"], values.get("start", 0), values.get("rate"), values.get("height"))
    if alignment := values.get("alignment"):
        refuse_alignment(values["id"], alignment, values["ticks"])
    return values


def manifest_entries(path: Path, make: Callable[[dict], T]) -> Iterator[T]:
    """What is made of the arguments of every utterance. Raises CorpusError as `read_manifest` does."""
    path = Path(path)
    last, seen = "", None  # ids in order, as `write_manifest` leaves them, take no memory to be told apart
    for number, id, entry in numbered_entries(path, make):
        if seen is None and id <= last:
            seen = set(islice((earlier for _, earlier, _ in numbered_entries(path, len)), entries_before(path, number)))
        if seen is not None:
            if id in seen:
                raise CorpusError(
                    f"{path}:{number}: the id {id!r} is already on line {line_of(path, id)}; "
                    "give each utterance an id of its own"
                )
            seen.add(id)
        last = id
        yield entry
    if not last:
        raise CorpusError(f"{path}: no utterances in it; prepare the corpus again")


def entries_before(path: Path, line: int) -> int:
    """How many lines before a line of a manifest are not blank."""
    return sum(number < line for number, _ in manifest_lines(path))


def line_of(path: Path, id: str) -> int:
    """The first line of a manifest with an id."""
    return next(number for number, found, _ in numbered_entries(path, len) if found == id)


def numbered_entries(path: Path, make: Callable[[dict], T]) -> Iterator[tuple[int, str, T]]:
    """Line, id and what is made of it, for every line; many are parsed at once if all is well, which is far quicker."""
    lines, home = manifest_lines(path), locator(path.parent)
    while some := list(islice(lines, LINES_AT_ONCE)):
        try:
            together = [(number, *entry) for (number, _), entry in zip(some, parse_together(some, home, make))]
        except (ValueError, RecursionError):
            together = None  # find out which
        yield from together if together is not None else parse_apart(path, some, home, make)


def parse_together(
    lines: Sequence[tuple[int, bytes]], home: Callable[[str], str], make: Callable[[dict], T]
) -> list[tuple[str, T]]:
    """The id of every line and what is made of it. Raises ValueError if any line must be looked at by itself.

    A line that is more or less than one object cannot hide among others: each begins and ends like an object and has
    its line end, which no string may hold, so that only a list of objects could go on in the next line.
    """
    if not all(line.startswith(b"{") and line.endswith((b"}\n", b"}")) for _, line in lines):
        raise ValueError
    values = json.loads(b"[" + b",".join([line for _, line in lines]) + b"]")
    if len(values) != len(lines):
        raise ValueError
    return [(entry["id"], make(entry)) for entry in (parse_fields(each, home) for each in values)]


def parse_apart(
    path: Path, lines: Iterable[tuple[int, bytes]], home: Callable[[str], str], make: Callable[[dict], T]
) -> Iterator[tuple[int, str, T]]:
    for number, line in lines:
        try:
            values = parse_fields(json.loads(line), home)
            yield number, values["id"], make(values)
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: not an utterance: {error}") from error


def manifest_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered from 1."""
    try:
        with path.open("rb") as file:  # JSON may hold what str.splitlines takes for the end of a line
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); give the path of a manifest") from error


LINES_AT_ONCE = 64
OPTIONAL = ("speaker", "rate", "height", "gender", "text")
REQUIRED = {"id", "path", "ticks"}
TYPES = {"ticks": int, "rate": int, "height": int, "start": int, "alignment": dict}  # all other fields are strings
MOST_SHAPES = 1000
SHAPES: set[tuple] = set()  # names and kinds of fields of lines that were found to be right
TYPES = {known.name: TYPES.get(known.name, str) for known in fields(Utterance)}


def parse_utterance(values: Any, home: Path) -> Utterance:
    """The utterance that a line of a manifest in the folder `home` describes.

    Raises ValueError saying which field is wrong, and how it must be.
    """
    return Utterance(**parse_fields(values, locator(home)))


def parse_fields(values: Any, home: Callable[[str], str]) -> dict:
    """The arguments of the utterance that a line of a manifest describes, each of the kind it must be.

    home: see `locator`. Raises ValueError as `parse_utterance` does.
    """
    shape = (*values, *map(type, values.values())) if type(values) is dict else ()  # all that a fault can lie in
    if shape not in SHAPES:
        for fault in field_faults(values):
            raise CorpusError(fault)
        if len(SHAPES) < MOST_SHAPES:
            SHAPES.add(shape)
    values["path"] = home(values["path"])
    if speaker := values.setdefault("speaker", None):
        values["speaker"] = intern(speaker)
    if alignment := values.get("alignment"):
        values["alignment"] = {tier: parse_tier(tier, intervals) for tier, intervals in alignment.items()}
    return values


def locator(home: Path) -> Callable[[str], str]:
    """What makes of a path in a manifest one as seen from the working directory: as pathlib would, but quicker."""
    prefix = "" if str(home) == "." else str(home).rstrip("/") + "/"

    def locate(path: str) -> str:
        if "|" in path and is_pipe(path):
            return path
        if "//" in path or "/." in path or not path or path[0] == "." or path[-1] == "/":  # may be written shorter
            return str(home / path)
        return path if path.startswith("/") else prefix + path

    return locate


def field_faults(values: Any) -> Iterator[str]:
    """Says of every field of a line that is missing, unknown or of the wrong kind what it must be."""
    if not isinstance(values, dict):
        yield 'must be an object: {"id": ..., "path": ..., "ticks": ...}'
        return
    if not values.keys() >= REQUIRED:
        yield from (f"lacks {name!r}" for name in sorted(REQUIRED - values.keys()))
    for name, value in values.items():
        kind = TYPES.get(name)
        if kind is None:
            yield f"has no field {name!r}: the fields are {list(TYPES)}"
        elif type(value) is not kind and not (value is None and name in OPTIONAL):  # a bool would be an int
            yield f"{name} is {value!r}, but must be {kind.__name__}"


def parse_tier(tier: str, intervals: Any) -> list[Interval]:
    if not isinstance(intervals, list):
        raise CorpusError(f"{tier} must be a list of [start, end, label]")
    for interval in intervals:
        if type(interval) is not list or list(map(type, interval)) != [int, int, str]:
            raise CorpusError(f"{tier} interval {interval!r} must be [start, end, label], in whole ticks")
    return list(map(Interval._make, intervals))


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

    Where the recordings lie does not count, so a corpus that was moved stays the same.
    """
    checksum = hashlib.sha256()
    for utterance in sorted(utterances, key=lambda utterance: utterance.id):
        facts = [utterance.id, utterance.speaker, utterance.gender, utterance.ticks, utterance.rate]
        facts += [utterance.height] if utterance.is_image else []
        line = json.dumps([*facts, utterance.alignment], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        checksum.update(line.encode() + b"\n")
    return checksum.hexdigest()
