"""The files of frames and units that other systems write, read strictly: whatever is wrong is said, with its line."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path, PurePath

import numpy as np

from unitdisc.encodings import EncodingsError, load_array
from unitdisc.encodings.reading import LARGEST
from unitdisc.files import text
from unitdisc.files.text import json_in

FORMATS = (".npy", ".pt", ".txt")
TIMES = ("regular", "column", "relative")  # when frames happen: unitdisc.evaluation.foreign says what these mean
NAMES = ("utterance", "id", "file", "audio")  # keys of a JSON line that name its utterance; the last two are paths
CODES = ("codes", "units", "hubert", "cpc", "vqvae")  # the later ones as fairseq's speech resynthesis calls them


@dataclass(frozen=True)
class Read:
    """What a file holds."""

    values: np.ndarray  # frames [T, D], or codes [T]
    times: np.ndarray | None = None  # [T], in seconds, or in fractions of the file


def read_frames(path: Path, times: str) -> Read:
    """Reads a file of any of the formats.

    Raises EncodingsError if it is empty, not of numbers, not finite or not in order of time.
    """
    if path.suffix == ".txt":
        return read_text(path, times)
    array = (read_npy if path.suffix == ".npy" else read_pt)(path)
    codes = array.ndim == 1 and np.issubdtype(array.dtype, np.integer)
    real = np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
    if not codes and not (array.ndim == 2 and real):
        raise EncodingsError(
            f"{path}: has shape {array.shape} of {array.dtype}; must be frames [frames, dimensions] of numbers, "
            "or codes [frames] of integers"
        )
    if array.size == 0:
        raise EncodingsError(f"{path}: is empty, of shape {array.shape}; write one row per frame")
    if not codes:
        array = array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)
        refuse_infinite(path, array, range(len(array)), "frame")
    return timed(array, times)


def timed(values: np.ndarray, times: str) -> Read:
    """Values of files that hold no times: [T, D] or [T]."""
    return Read(values, np.arange(len(values)) / len(values) if times == "relative" else None)


def read_npy(path: Path) -> np.ndarray:
    try:
        return load_array(path)
    except (ValueError, OSError) as error:
        raise EncodingsError(f"{path}: is no .npy file of numbers ({error}); write it again with numpy.save") from error


def read_pt(path: Path) -> np.ndarray:
    import torch  # takes seconds, and few need it

    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever is in the file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EncodingsError(
            f"{path}: holds no tensor that is safe to open ({reason}); torch.save one tensor"
        ) from error
    if not isinstance(tensor, torch.Tensor):
        raise EncodingsError(f"{path}: holds a {type(tensor).__name__}; torch.save one tensor [frames, dimensions]")
    return (tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()).numpy()


def read_text(path: Path, times: str) -> Read:
    values, lines, total = read_rows(path)
    if times == "relative":
        return Read(values, (lines - 1) / total)
    if times == "regular":
        return Read(values)
    if values.shape[1] < 2:
        raise EncodingsError(f"{path}:{lines[0]}: one number, but a frame is `time v1 ... vD`; is there a time column?")
    stamps = values[:, 0]
    if (back := np.flatnonzero(np.diff(stamps) <= 0)).size:
        row = back[0] + 1
        raise EncodingsError(
            f"{path}:{lines[row]}: time {stamps[row]:g} after {stamps[row - 1]:g}, but the first column must be times "
            "that grow; sort the lines, or give the frame rate if there is no time column"
        )
    return Read(values[:, 1:], stamps)


def read_rows(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """The numbers [T, C] of a text file, the line of each row, from 1, and how many lines there are."""
    lines = read_lines(path)
    numbers = np.array([number for number, line in enumerate(lines, start=1) if line.strip()])
    if not len(numbers):
        raise EncodingsError(f"{path}: is empty; write one frame per line")
    try:
        values = np.loadtxt([lines[number - 1] for number in numbers], ndmin=2, comments=None)
    except ValueError as error:
        raise EncodingsError(f"{path}:{fault(lines, numbers)}") from error
    refuse_infinite(path, values, numbers, None)
    return values, numbers, len(lines)


def fault(lines: list[str], numbers: np.ndarray) -> str:
    """The first line that is not as many numbers as the line before it, and what is wrong with it."""
    width = len(lines[numbers[0] - 1].split())
    for number in numbers:
        words = lines[number - 1].split()
        for word in words:
            try:
                float(word)
            except ValueError:
                return f"{number}: {word[:40]!r} is no number; write numbers with spaces between"
        if len(words) != width:
            return f"{number}: has {len(words)} numbers, but line {numbers[0]} has {width}; every frame needs as many"
    return f"{numbers[0]}: is not a table of numbers; write numbers with spaces between"


def refuse_infinite(path: Path, values: np.ndarray, numbers: Iterable[int], unit: str | None) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        number = next(islice(numbers, row, None))
        place = f"{path}:{number}:" if unit is None else f"{path}: {unit} {number}:"
        raise EncodingsError(
            f"{place} value {column + 1} is {values[row, column]}; only finite numbers can be compared"
        )


@dataclass(frozen=True)
class Entry:
    """The codes of an utterance in a file of many."""

    name: str | None  # of the utterance, where it has one
    path: PurePath | None  # of its recording, as it is written
    codes: list[int]  # none: too short for a single frame
    place: str  # FILE:LINE
    length: float | None = None  # of the recording, in samples or seconds


@dataclass(frozen=True)
class NamedUnits:
    """Codes of utterances, by names that tell them apart."""

    entries: dict[str, Entry]
    root: PurePath | None = None  # folder that paths count from

    @classmethod
    def of(cls, entries: Iterable[Entry], root: PurePath | None = None) -> "NamedUnits":
        """Names utterances, those without a name like their file; those of one name by their folder, too.

        Raises EncodingsError if two entries are of one utterance.
        """
        entries = list(entries)
        names = distinct([entry.name if entry.path is None else entry.path for entry in entries])
        found: dict[str, Entry] = {}
        for name, entry in zip(names, entries):
            if name in found:
                first = found[name].place.rpartition(":")[2]
                raise EncodingsError(
                    f"{entry.place}: {name} has come before, on line {first}; keep one line per utterance"
                )
            found[name] = entry
        return cls(found, root)

    def refuse_collapsed(self, source: Path) -> None:
        """Raises EncodingsError if repetitions were removed: then nothing says when a unit begins."""
        known = [entry for entry in self.entries.values() if entry.length and entry.codes]
        if len(known) < 2 or not is_collapsed(entry.codes for entry in known):
            return
        lengths = np.array([entry.length for entry in known])
        counts = np.array([len(entry.codes) for entry in known])
        if np.abs(counts - lengths * counts.sum() / lengths.sum()).max() > SLACK:
            raise EncodingsError(f"{source}: {COLLAPSED}")


SLACK = 2  # codes by which a line may be shorter or longer than its recording says
FEW = 50  # codes, of which it may be chance that no two in a row are the same
COLLAPSED = (
    "no code follows itself, and lines are not as long as their recordings: repetitions seem to be removed, so that "
    "nothing says when units begin and end; write the code of every frame"
)


def is_collapsed(sequences: Iterable[Sequence[int]]) -> bool:
    """Whether no code of many follows itself."""
    sequences = list(sequences)
    alike = any(code == following for codes in sequences for code, following in pairwise(codes))
    return not alike and sum(map(len, sequences)) >= FEW


def distinct(names: Sequence[str | PurePath]) -> list[str]:
    """Names as they are, and paths by their stems, or, where several have the same, with their folders."""
    stems = [name if isinstance(name, str) else name.stem for name in names]
    times = Counter(stems)
    return [
        stem if isinstance(name, str) or times[stem] == 1 else name.with_suffix("").as_posix()
        for name, stem in zip(names, stems)
    ]


def read_km(path: Path) -> NamedUnits:
    """Codes of a .km file, by the names in the .tsv file beside it (first line: the folder of the audio files).

    A line without codes is an utterance that was too short to have any. fairseq's dump_km_label writes the lines of
    several processes to SPLIT_RANK_PROCESSES.km; then SPLIT.tsv says which these are.
    """
    table, (rank, processes) = path.with_suffix(".tsv"), (0, 1)
    share = SHARE_OF_KM.fullmatch(path.stem)
    if not table.exists() and share:
        table, rank, processes = path.with_name(f"{share[1]}.tsv"), int(share[2]), int(share[3])
    if not table.exists() or not rank < processes:
        beside = f"; or put {table.name} there, for this looks like part {rank} of {processes} of it" if share else ""
        missing = path.with_suffix(".tsv")
        raise EncodingsError(
            f"{missing}: missing, but it says which utterance each line of {path.name} is of; put it there{beside}"
        )
    root, *rows = read_lines(table) or [""]
    first, last = (round(len(rows) / processes * each) for each in (rank, rank + 1))
    rows, lines = rows[first:last], read_lines(path)
    if len(rows) != len(lines):
        raise EncodingsError(f"{path}: {len(lines)} lines, but {table.name} names {len(rows)} files; make both again")
    return NamedUnits.of(map(entry_of_km, rows, lines, [f"{path}:{n + 1}" for n in range(len(lines))]), PurePath(root))


SHARE_OF_KM = re.compile(r"(.+)_(\d{1,6})_(\d{1,6})")


def entry_of_km(row: str, line: str, place: str) -> Entry:
    file, _, length = row.partition("\t")
    if not PurePath(file).name:
        raise EncodingsError(f"{place}: is of {file!r}, by the table beside it, which names no file; make both again")
    return Entry(None, PurePath(file), whole_numbers(line, place), place, number_in(length))


def number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def whole_numbers(text: str, place: str) -> list[int]:
    try:
        return bounded([int(word) for word in text.split()], place)
    except ValueError as error:
        if isinstance(error, EncodingsError):
            raise
        raise EncodingsError(f"{place}: must be codes, whole numbers with spaces between ({error})") from error


def bounded(codes: list[int], place: str) -> list[int]:
    """The codes. Raises EncodingsError if one is negative, or so large that it can be none."""
    if wild := next((code for code in codes if not 0 <= code <= LARGEST), None):
        what = "negative, which no code is" if wild < 0 else "too large for a code"
        raise EncodingsError(f"{place}: {str(wild)[:40]} is {what}; write codes from 0 to {LARGEST}")
    return codes


def read_units(path: Path) -> NamedUnits:
    """Codes of a file of JSON lines, in a list or in a string."""
    entries = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            fields = dict(json_in(line))
            key = next(key for key in NAMES if isinstance(fields.get(key), str))
            values = codes_in(fields, place)
        except (ValueError, TypeError, StopIteration) as error:
            if isinstance(error, EncodingsError):
                raise
            raise EncodingsError(f'{place}: must be {{"utterance": NAME, "codes": [whole numbers]}}') from error
        named, length = key in NAMES[:2], fields.get("duration")
        length = float(length) if isinstance(length, (int, float)) else None
        where = (fields[key], None) if named else (None, PurePath(fields[key]))
        entries.append(Entry(*where, values, place, length))
    return NamedUnits.of(entries)


def codes_in(fields: dict, place: str) -> list[int]:
    """The codes that a JSON line has under any of the usual names. Raises StopIteration if it has none."""
    values = next(fields[key] for key in CODES if isinstance(fields.get(key), (list, str)))
    if isinstance(values, str):
        return whole_numbers(values, place)
    if not all(type(value) is int for value in values):
        raise EncodingsError(f"{place}: codes must be whole numbers, one per frame")
    return bounded(values, place)


UNIT_FILES = {".km": read_km, ".jsonl": read_units}


def read_lines(path: Path) -> list[str]:
    return [line for _, line in text.read_lines(path, EncodingsError)]
