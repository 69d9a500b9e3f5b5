"""Frames and units of other systems, in the formats that they write, as encodings.

    FOLDER/**/UTTERANCE.npy  frames [T, D] in any floating-point type, or codes [T] in an integer type
    FOLDER/**/UTTERANCE.pt   the same, as a torch tensor
    FOLDER/**/UTTERANCE.txt  one frame per line, perhaps with the time in front of it (ZeroSpeech 2017)
    NAME.km, NAME.tsv        codes as fairseq writes them, one line per utterance, and the names of the lines
    NAME.jsonl               {"utterance" | "id" | "file" | "audio": ..., "codes" | "units": [T]} on every line; the
                             codes may also be a string, as textless-lib, S3PRL and fairseq have it ("hubert": "3 3 5")

Utterances are called like their files; where several are called alike, with their folders (p225/001). See `names` for
how they are found in a corpus. h5features files are not read: convert them to .npy.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encoding, Encodings, EncodingsError, is_regular, read_settings
from unitdisc.evaluation.formats import (
    FORMATS,
    TIMES,
    UNIT_FILES,
    NamedUnits,
    Read,
    distinct,
    is_collapsed,
    read_frames,
    read_rows,
    timed,
)
from unitdisc.evaluation.names import Names

LONG = 8  # frames by which numbers that only grow cannot be chance
SHOWN = 5  # names in a message, of however many there are


class AnyEncodings(Protocol):
    """What evaluation asks of encodings: unitdisc.encodings.Encodings, or ForeignEncodings."""

    folder: Path
    settings: dict

    def __contains__(self, utterance: str) -> bool: ...

    def __getitem__(self, utterance: str) -> Encoding: ...


@dataclass(frozen=True)
class ForeignEncodings:
    """What another system made of utterances, read one at a time."""

    folder: Path  # or the one file that holds all codes
    settings: dict  # "point", "format", "times" and "rate"; "stride" and "offset" in ticks where frames are regular
    codes: dict[str, list[int] | None]  # utterance -> codes where one file holds all; in order of utterance id
    files: dict[str, Path]
    names: Names | None = None  # by which utterances are asked for; None: by theirs in a corpus
    empty: dict[str, str] = field(default_factory=dict)  # utterance -> where it stands that it has no codes

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, utterance: str) -> bool:
        return self.key(utterance) in self.codes

    def key(self, utterance: str) -> str:
        """What an utterance is called here."""
        return utterance if self.names is None else self.names.alias(utterance) or utterance

    def why_missing(self, utterance: str) -> str:
        """Why an utterance has no encoding."""
        place = self.empty.get(self.key(utterance))
        return (
            f"{utterance} has no codes: {place} is empty" if place else f"{utterance} has no encoding in {self.folder}"
        )

    def file_of(self, utterance: str) -> Path:
        """The file that an utterance is read from, or would be."""
        whole = self.folder.is_file()
        missing = self.folder if whole else self.folder / f"{utterance}{self.settings['format']}"
        return self.files.get(self.key(utterance), missing)

    def names_like(self, utterance: str) -> list[str]:
        """What is called so but for the folder."""
        return [] if self.names is None else self.names.like(utterance)

    def of_corpus(self, utterances: Sequence[Utterance]) -> "ForeignEncodings":
        """The same by the ids of utterances. Raises EncodingsError if none of them is there."""
        keys = self.names.matched(utterances)
        if not keys and utterances:
            raise EncodingsError(
                f"{self.folder}: holds none of the {len(utterances)} utterances, neither by id nor by file: it names "
                f"{shortened([*self.codes])}, where the corpus has {shortened([u.id for u in utterances])}"
            )
        there = {id: key for id, key in sorted(keys.items()) if key in self.codes}
        return replace(
            self,
            codes={id: self.codes[key] for id, key in there.items()},
            files={id: self.files[key] for id, key in there.items()},
            names=None,
            empty={id: self.empty[key] for id, key in keys.items() if key in self.empty},
        )

    @cached_property
    def collapsed(self) -> bool:
        """Whether repetitions of codes seem to be removed."""
        return is_collapsed(codes for codes in self.codes.values() if codes)

    def __iter__(self) -> Iterator[Encoding]:
        return (self[utterance] for utterance in self.codes)

    def __getitem__(self, utterance: str) -> Encoding:
        """Raises EncodingsError naming file, line and cure if the file is not what it should be."""
        path, codes = self.files[self.key(utterance)], self.codes[self.key(utterance)]
        times = self.settings["times"]
        read = read_frames(path, times) if codes is None else timed(np.asarray(codes), times)
        width = read.values.shape[1] if read.values.ndim == 2 else None
        if codes is None and width != self.settings["dim"]:
            first = next(iter(self.files.values()))
            raise EncodingsError(
                f"{path}: has {kind(width)}, but {first} has {kind(self.settings['dim'])}; make one of them again"
            )
        centres = self.centres(read)
        if read.values.ndim == 1:
            return Encoding(utterance, centres, read.values[:, None].astype(np.float32), codes=read.values)
        return Encoding(utterance, centres, read.values)

    def centres(self, read: Read) -> np.ndarray:
        """The tick in the middle of each frame: [T]."""
        if read.times is not None:
            return read.times * self.settings["rate"]
        return self.settings["offset"] + self.settings["stride"] * np.arange(len(read.values))


def kind(width: int | None) -> str:
    return "codes" if width is None else f"{width} dimensions"


def open_encodings(
    source: Path, rate: int = 16_000, frame_rate: float | None = None, times: str | None = None
) -> Encodings | ForeignEncodings:
    """Opens frames or units of any system: a folder of ours, or any of the formats above.

    rate: ticks per second that times are counted in. When frames happen, for a system that is not ours:
    "regular": frame i is centred on (i + 1/2) / frame_rate seconds, `frame_rate` being given;
    "column": the first number of every line of a .txt file is the time of its frame in seconds (ZeroSpeech 2017);
    "relative": what stands on line i of n, from 0, happens at i / n of a file (ZeroSpeech 2019).
    Default: "regular" if there is a frame rate, but never where the first column of .txt files looks like a time.
    Raises EncodingsError saying what is wrong with which file, and ValueError if it is not told when frames happen.
    """
    source = Path(source)
    if times not in (*TIMES, None):
        raise ValueError(f"times must be one of {list(TIMES)}, not {times!r}")
    if not (frame_rate is None or 0 < frame_rate < float("inf")):
        raise ValueError(f"the frame rate must be a number of frames per second, not {frame_rate}")
    if source.is_dir() and ((source / "encodings.json").exists() or (source / "centres").is_dir()):
        said = read_settings(source) or {}
        known = frame_rate is None or is_regular(said) or (source / "centres").is_dir()
        return Encodings.open(source, None if known else rate / frame_rate)  # ours say themselves when frames happen
    files, units = found(source)
    first = next(iter(files.values()))
    text = first.suffix == ".txt"
    if times == "column" and not text:
        raise EncodingsError(f"{first}: only .txt files have a column of times; give the frame rate")
    if times in (None, "regular") and frame_rate is None:
        cure = "give the frame rate" + (", or say that their first column is the time" if text else "")
        raise ValueError(f"{source}: nothing says when its frames happen; {cure}")
    if times is None and text:
        refuse_times(files.values())
    settings = {"point": source.stem if source.is_file() else source.name, "format": first.suffix, "rate": rate}
    settings |= {"times": times or "regular", "dim": None}
    if settings["times"] == "regular":
        settings |= {"stride": rate / frame_rate, "offset": rate / frame_rate / 2}
    if units is None:
        values = read_frames(first, settings["times"]).values
        settings["dim"] = values.shape[1] if values.ndim == 2 else None
        paths = {name: path.relative_to(source) for name, path in files.items()}
        return ForeignEncodings(source, settings, dict.fromkeys(files), files, Names(paths, source.absolute()))
    units.refuse_collapsed(source)
    entries = dict(sorted(units.entries.items()))
    return ForeignEncodings(
        source,
        settings,
        {name: entry.codes for name, entry in entries.items() if entry.codes},
        {name: path for name, path in files.items() if entries[name].codes},
        Names({name: entry.path for name, entry in entries.items()}, units.root),
        {name: entry.place for name, entry in entries.items() if not entry.codes},
    )


def require(utterances: Iterable[str], encodings: AnyEncodings, wanted_by: str | Path) -> None:
    """Raises EncodingsError naming the first of the utterances that have no encoding, and how many there are."""
    missing = sorted({*utterances} - {name for name in utterances if name in encodings})
    if missing and isinstance(encodings, ForeignEncodings) and (several := encodings.names_like(missing[0])):
        raise EncodingsError(
            f"{encodings.folder}: {missing[0]} could be any of {shortened(several)}; name files with their folders in "
            f"{wanted_by}"
        )
    if missing:
        raise EncodingsError(
            f"{encodings.folder}: lacks {len(missing)} of the files that {wanted_by} lists ({shortened(missing)}); "
            "make those too, or take the item file of this part of the corpus"
        )


def shortened(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def found(source: Path) -> tuple[dict[str, Path], NamedUnits | None]:
    """The file of every utterance, in order of utterance id, and, where one file holds all codes, the codes."""
    if source.is_file() and source.suffix in UNIT_FILES:
        units = UNIT_FILES[source.suffix](source)
        if not any(entry.codes for entry in units.entries.values()):
            raise EncodingsError(f"{source}: is empty; write the units of every utterance into it")
        return dict.fromkeys(sorted(units.entries), source), units
    if source.is_file():
        known = " or ".join(UNIT_FILES)
        raise EncodingsError(
            f"{source}: is no {known} file; give one, or the folder of the {', '.join(FORMATS)} files of frames"
        )
    if not source.is_dir():
        raise EncodingsError(f"{source}: no such folder, nor a .km or .jsonl file; give where the frames or units are")
    paths = [path for path in sorted(source.rglob("*")) if path.suffix in FORMATS and not path.name.startswith(".")]
    for path in paths:
        if path.suffix != paths[0].suffix:
            raise EncodingsError(f"{path}: in a folder with {paths[0]}; keep files of one format in a folder")
    if not paths:
        raise EncodingsError(f"{source}: no {', '.join(FORMATS)} files in it; one per utterance is needed")
    return dict(sorted(zip(distinct([path.relative_to(source) for path in paths]), paths))), None


def refuse_times(files: Iterable[Path]) -> None:
    """Raises EncodingsError if the first numbers of the lines look like times, which would pass for a feature."""
    columns = [read_rows(path)[0] for path in islice(files, SHOWN)]
    telling = [values[:, 0] for values in columns if len(values) >= LONG]
    if telling and all(first[0] >= 0 and (np.diff(first) > 0).all() for first in telling):
        raise EncodingsError(
            f"{next(iter(files))}: its first column grows from line to line, as times do; say whether it is the time "
            "(times: column) or a feature like the others (times: regular)"
        )
