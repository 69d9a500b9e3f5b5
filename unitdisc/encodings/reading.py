"""What a model, ours or any other, says of an utterance: the one thing evaluation reads.

A folder of encodings is what the ZeroSpeech tools read, and a little more:

    UTTERANCE.npy         frames [T, D], one file per utterance
    units.jsonl           {"utterance": ..., "codes": [T] or null}, one line per utterance; last to appear
    encodings.json        what made them: probe point, model, and when each frame happens
    centres/UTTERANCE.npy only where frames are not evenly spaced: the tick in the middle of each
"""

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.encodings.resumable.unit_lists import finished_lists, what_is_missing
from unitdisc.files.arrays import read_array, read_plain
from unitdisc.files.text import read_json, read_lines

MOST = 1e15  # ticks: all whole numbers below are floating-point numbers too
MAGIC = b"\x93NUMPY"  # every .npy file begins so
LARGEST = 2**31 - 1  # code
AGAIN = "remove the folder and encode the corpus again"


class EncodingsError(ValueError):
    """A folder of encodings is not what it should be; the message names the file and the cure."""


@dataclass(frozen=True)
class Encoding:
    utterance: str
    centres: np.ndarray  # [T]    the tick in the middle of each frame, in order; may be half a tick
    frames: np.ndarray  # [T, D]
    codes: np.ndarray | None = None  # [T]


@dataclass(frozen=True)
class Encodings:
    """A folder of encodings, read one utterance at a time."""

    folder: Path
    settings: dict  # encodings.json: "point", "stride" and "offset" in ticks, ...
    codes: dict[str, array | None]  # utterance -> codes as 32-bit integers, in order of utterance id

    @classmethod
    def open(cls, folder: Path, stride: float | None = None, offset: float | None = None) -> "Encodings":
        """Opens a folder of ours, or of any tool's .npy files given the time between frames, in ticks.

        stride: ticks from one frame to the next; offset: the tick in the middle of the first frame
        (default: half a stride, as in every ZeroSpeech evaluation).
        Raises EncodingsError if there is nothing to read, if it is damaged, or if nothing says when frames happen.
        """
        folder = Path(folder)
        if folder.is_file():
            raise EncodingsError(f"{folder}: is a file, where a folder of encodings is needed; give the folder")
        if not folder.is_dir():
            raise EncodingsError(f"{folder}: no such folder; `unitdisc encode` or `unitdisc features` makes one")
        settings = read_settings(folder) or {"point": folder.name}
        if stride is not None:
            settings |= {"stride": stride, "offset": stride / 2 if offset is None else offset}
        refuse_settings(folder / "encodings.json", settings)
        if not is_regular(settings) and not (folder / "centres").is_dir():
            raise EncodingsError(f"{folder}: no encodings.json says how far apart frames are; give the frame rate")
        if lists := finished_lists(folder):
            codes = {}
            for path in lists:
                codes |= read_codes(path) if len(lists) == 1 or path.stat().st_size else {}  # a shard may have none
        elif missing := what_is_missing(folder):
            raise EncodingsError(f"{folder}: {missing}")
        else:
            codes = dict.fromkeys(path.stem for path in folder.glob("*.npy"))
        if not codes:
            raise EncodingsError(f"{folder}: no .npy files in it")
        return cls(folder, settings, dict(sorted(codes.items())))

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.codes

    def __iter__(self) -> Iterator[Encoding]:
        return (self[utterance] for utterance in self.codes)

    def __getitem__(self, utterance: str) -> Encoding:
        path = self.folder / f"{utterance}.npy"
        frames = read_numbers(path)
        if frames.ndim != 2 or not frames.shape[1]:
            raise EncodingsError(
                f"{path}: has shape {frames.shape}, must be [frames, dimensions]; encode the corpus again"
            )
        codes = self.codes[utterance]
        centres = self.centres(utterance, len(frames))
        if len(centres) != len(frames):
            raise EncodingsError(
                f"{self.folder / 'centres' / path.name}: has {len(centres)} centres, but there are {len(frames)} "
                "frames and every one needs a centre; encode the corpus again"
            )
        return Encoding(utterance, centres, frames, None if codes is None else np.asarray(codes, dtype=np.int64))

    def file_of(self, utterance: str) -> Path:
        """The file that the frames of an utterance are, or should be, in."""
        return self.folder / f"{utterance}.npy"

    def why_missing(self, utterance: str) -> str:
        """Why an utterance has no encoding."""
        return f"{utterance} has no encoding in {self.folder}"

    def centres(self, utterance: str, frames: int) -> np.ndarray:
        """The tick in the middle of each frame, counted in the utterance's own ticks: [T]."""
        irregular = self.folder / "centres" / f"{utterance}.npy"
        if irregular.exists() or not is_regular(self.settings):
            return read_centres(irregular)
        return self.settings["offset"] + self.settings["stride"] * np.arange(frames)


def centres_in_ticks(frames: int, grid: dict, scale: float) -> np.ndarray:
    """When frames happen, in the utterance's own ticks: [T]. scale: how many of them make a tick of the grid."""
    return (grid["offset"] + grid["stride"] * np.arange(frames)) * scale


def is_regular(settings: dict) -> bool:
    """Whether settings say when frames happen."""
    return settings.get("stride") is not None and settings.get("offset") is not None


def why_no_codes(settings: dict) -> str:
    """Why encodings with such settings have no codes, and the cure."""
    waits = settings.get("codebook_waits")
    if isinstance(waits, dict) and {"trained", "begins"} <= waits.keys():
        return (
            f"for its codebook has not been started yet: the model was trained for {waits['trained']} steps, and codes "
            f"are placed after {waits['begins']} (bottleneck.warmup_steps); train on, and encode again into an empty "
            "folder"
        )
    if settings.get("num_codes") and settings.get("model"):
        return (
            "for its codebook had not been started when it was encoded; train on beyond bottleneck.warmup_steps, and "
            "encode again into an empty folder"
        )
    return (
        "for its bottleneck is continuous; units come from a bottleneck with a codebook, such as vq, at the point "
        "`bottleneck`"
    )


def refuse_settings(path: Path, settings: dict) -> None:
    """Raises EncodingsError if stride, offset or rate is there, but cannot be one."""
    for name, unit in (("stride", "ticks"), ("offset", "ticks"), ("rate", "ticks per second")):
        value = settings.get(name)
        if value is not None and not (is_number(value) and (value > 0 or name == "offset")):
            span = "below 1e15" if name == "offset" else "above 0 and below 1e15"
            raise EncodingsError(f"{path}: {name} is {value!r}, but must be a number of {unit} {span}; {AGAIN}")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST


def read_settings(folder: Path) -> dict | None:
    """What encodings.json says; None if there is none."""
    path = folder / "encodings.json"
    if not path.exists():
        return None
    try:
        return dict(read_json(path))
    except (ValueError, TypeError, OSError, RecursionError) as error:
        raise EncodingsError(f"{path}: damaged ({error}); {AGAIN}") from error


def read_codes(path: Path) -> dict[str, array | None]:
    """Utterance -> codes, of units.jsonl. Raises EncodingsError naming the line that is wrong."""
    codes: dict[str, array | None] = {}
    for number, entry in entries_in(path):
        try:
            utterance, values = entry["utterance"], entry["codes"]
        except (KeyError, TypeError) as error:
            raise damaged(path, number) from error
        if not isinstance(utterance, str) or not utterance or {"/", "\0"} & {*utterance}:
            raise EncodingsError(f"{path}:{number}: {utterance!r} names no utterance; {AGAIN}")
        if utterance in codes:
            earlier = next(line for line, entry in entries_in(path) if entry["utterance"] == utterance)
            raise EncodingsError(
                f"{path}:{number}: {utterance} is already on line {earlier}; keep the line that is right"
            )
        if (wrong := next(wrong_codes(values), None)) is not None:
            raise EncodingsError(
                f"{path}:{number}: codes of {utterance} must be whole numbers from 0 to {LARGEST}, not {wrong}; {AGAIN}"
            )
        codes[utterance] = None if values is None else array("i", values)
    if not codes:
        raise EncodingsError(f"{path}: lists no utterance; {AGAIN}")
    return codes


def entries_in(path: Path) -> Iterator[tuple[int, Any]]:
    """What the lines of units.jsonl say, and their numbers. Raises EncodingsError naming one that is not JSON."""
    for number, line in read_lines(path, EncodingsError, AGAIN, loose=True):
        if line.strip():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise damaged(path, number) from error
            yield number, entry


def damaged(path: Path, line: int) -> EncodingsError:
    return EncodingsError(f"{path}:{line}: damaged; run the same `unitdisc encode` again")


def wrong_codes(values: Any) -> Iterator[str]:
    """What units.jsonl cannot say of an utterance: anything but a list of codes, or null where there are none."""
    if values is not None and not isinstance(values, list):
        yield repr(values)[:40]
    elif values and not ({*map(type, values)} == {int} and min(values) >= 0 and max(values) <= LARGEST):
        yield from (repr(value)[:40] for value in values if type(value) is not int or not 0 <= value <= LARGEST)


def read_numbers(path: Path) -> np.ndarray:
    """An array of real numbers. Raises EncodingsError naming the file if it is missing, damaged or something else."""
    try:
        array = load_array(path)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"no real numbers, but {array.dtype}")
    except FileNotFoundError as error:
        raise EncodingsError(f"{path}: no such file; run the same `unitdisc encode` again") from error
    except ValueError as error:
        raise EncodingsError(f"{path}: damaged ({error}); remove it and encode the corpus again") from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def load_array(path: Path) -> np.ndarray:
    """The array in a .npy file. Raises FileNotFoundError, or ValueError saying in a few words why there is none."""
    try:
        if (plain := read_plain(path)) is not None:
            return plain
        with path.open("rb") as file:
            beginning = file.read(len(MAGIC))
        if beginning != MAGIC:
            what = "it is an archive" if beginning.startswith(b"PK") else "it does not begin as a .npy file does"
            raise ValueError(what if beginning else "it is empty")
        return read_array(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # numpy lets through whatever its parser of headers raises
        first = getattr(error, "strerror", None) or (error.args or [type(error).__name__])[0]
        raise ValueError(" ".join((first if isinstance(first, str) else str(error)).split())) from error


def read_centres(path: Path) -> np.ndarray:
    """The centres of frames that are not evenly spaced: [T]. Raises EncodingsError naming the first that is wrong."""
    centres = read_numbers(path)
    if centres.ndim != 1:
        raise EncodingsError(f"{path}: has shape {centres.shape}, must be [frames]; encode the corpus again")
    ticks = centres.astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(ticks) & (np.diff(ticks, prepend=-np.inf) > 0)))
    if len(wrong):
        what = f"centre {wrong[0] + 1} is {ticks[wrong[0]]:g}"
        raise EncodingsError(f"{path}: {what}, but must be a tick later than the one before; encode the corpus again")
    return centres
