"""The files of frames and units that other systems write, read strictly: whatever is wrong is said, with its line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from unitdisc import text
from unitdisc.encodings import EncodingsError, load_array

FORMATS = (".npy", ".pt", ".txt")
TIMES = ("regular", "column", "relative")  # when frames happen: unitdisc.evaluation.foreign says what these mean
NAMES = ("utterance", "id", "file", "audio")  # keys of a JSON line that name its utterance; the last two are paths
CODES = ("codes", "units")


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


def read_km(path: Path) -> dict[str, list[int]]:
    """Codes of a .km file, by the names in the .tsv file beside it (first line: the folder of the audio files)."""
    table = path.with_suffix(".tsv")
    if not table.exists():
        raise EncodingsError(
            f"{table}: missing, but it says which utterance each line of {path.name} is of; put it there"
        )
    names = [Path(line.split("\t")[0]).stem for line in read_lines(table)[1:]]
    lines = read_lines(path)
    if len(names) != len(lines):
        raise EncodingsError(f"{path}: {len(lines)} lines, but {table.name} names {len(names)} files; make both again")
    codes: dict[str, list[int]] = {}
    for number, (name, line) in enumerate(zip(names, lines), start=1):
        try:
            values = [int(word) for word in line.split()]
        except ValueError as error:
            raise EncodingsError(
                f"{path}:{number}: must be codes, whole numbers with spaces between ({error})"
            ) from error
        add_codes(codes, name, values, f"{path}:{number}")
    return codes


def read_units(path: Path) -> dict[str, list[int]]:
    """Codes of a file of JSON lines."""
    codes: dict[str, list[int]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            entry = dict(json.loads(line))
            key = next(key for key in NAMES if isinstance(entry.get(key), str))
            values = next(entry[key] for key in CODES if isinstance(entry.get(key), list))
        except (ValueError, TypeError, StopIteration) as error:
            raise EncodingsError(f'{path}:{number}: must be {{"utterance": NAME, "codes": [whole numbers]}}') from error
        if not all(type(value) is int for value in values):
            raise EncodingsError(f"{path}:{number}: codes must be whole numbers, one per frame")
        add_codes(codes, entry[key] if key in NAMES[:2] else Path(entry[key]).stem, values, f"{path}:{number}")
    return codes


UNIT_FILES = {".km": read_km, ".jsonl": read_units}


def read_lines(path: Path) -> list[str]:
    return [line for _, line in text.read_lines(path, EncodingsError)]


def add_codes(codes: dict[str, list[int]], name: str, values: list[int], place: str) -> None:
    if name in codes:
        raise EncodingsError(f"{place}: {name} has come before; keep one line per utterance")
    if not values:
        raise EncodingsError(f"{place}: no codes of {name}; leave the line out or write one code per frame")
    codes[name] = values
