"""Cuts of lhotse as a list (cuts.jsonl, cuts.jsonl.gz), whose recordings lie where the list says."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError, FileError, Utterance
from unitdisc.files.folders import is_there
from unitdisc.files.text import decoded, json_in
from unitdisc.media.audio import info_of
from unitdisc.media.decoding import open_audio
from unitdisc.prep.image_folders import id_of
from unitdisc.prep.lhotse_shar import LhotseCut, Supervised, as_list, supervised, supervisions_of
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect
from unitdisc.prep.tar_folders import unique

LONGEST = 1 << 26  # bytes of a cut
ENDINGS = (".jsonl", ".jsonl.gz")


def is_cut_list(path: Path) -> bool:
    """Whether the first line of a file is a cut of lhotse."""
    if not path.name.lower().endswith(ENDINGS):
        return False
    try:
        first = next(iter(lines_of_list(path)), None)
        return first is not None and is_cut(json_in(first[1]))
    except (CorpusError, ValueError):
        return False


def is_cut(value: Any) -> bool:
    return isinstance(value, dict) and {"id", "start", "duration"} <= value.keys() and not {"ticks"} & value.keys()


def lines_of_list(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1. Raises CorpusError if it cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1):
                if len(line) > LONGEST:  # it may be very little, packed
                    raise ValueError(f"line {number} has more than {LONGEST >> 20} MB")
                if line.strip():
                    yield number, decoded(line)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); copy it again") from error


def read_cut_list(paths: list[Path], strict: bool, notes: Notes) -> list[Utterance]:
    """The utterances of lists of cuts: one for each supervision. Bad cuts are said and left out.

    Paths of recordings start at the working directory, as in lhotse, or else at the folder of the list. Raises
    CorpusError if nothing can be used, and if `strict` for a bad cut.
    """
    cuts = ((path, number, line) for path in paths for number, line in lines_of_list(path))

    def make(each: tuple[Path, int, str]) -> list[Supervised]:
        path, number, line = each
        try:
            return utterances_of_cut(json_in(line), path, notes)
        except CorpusError as error:
            if str(path) in str(error) or isinstance(error, FileError):
                raise
            raise CorpusError(f"{path}:{number}: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise CorpusError(f"{path}:{number}: no cut of lhotse ({error}); write the list again") from error

    return unique([each for some in collect(cuts, make, strict, paths[0].parent) for each in some])


def utterances_of_cut(value: dict, path: Path, notes: Notes) -> list[Supervised]:
    """Raises CorpusError if its recording cannot be read, and KeyError and the like if it is no cut."""
    if not is_cut(value) or value.get("tracks") or not value.get("recording"):
        what = "is mixed of several recordings" if value.get("tracks") else "has no recording of its own"
        raise CorpusError(f"{path}: the cut {value.get('id')!r} {what}; write it out with lhotse, and list that")
    channels = as_list(value.get("channel"))
    file = source_of(value["recording"], channels, path)
    with open_audio(file) as opened:
        info, there = info_of(opened), opened.channels
    whole = Utterance(id_of(str(value["id"])), str(file), None, ticks=info.ticks, rate=info.rate)
    cut = LhotseCut(float(value["start"] or 0), float(value["duration"]), supervisions_of(value), channels)
    own = channels[0] if there > 1 and len(channels) == 1 else None
    found = supervised(whole, cut, notes)
    return [
        each._replace(utterance=replace(each.utterance, channel=own)) if each.utterance.channel is None else each
        for each in found
    ]


def source_of(recording: dict, channels: list[Any], path: Path) -> Path:
    """The file of a recording. Raises CorpusError if it is none: commands are never run."""
    sources = [each for each in recording["sources"] if not channels or {*channels} & {*as_list(each["channels"])}]
    if len(sources) != 1 or sources[0]["type"] != "file":
        kinds = sorted({str(each.get("type")) for each in sources}) or ["nothing"]
        what = f"the recording {recording.get('id')!r} comes from {' and '.join(kinds)}"
        raise CorpusError(f"{path}: {what}, where one file is needed; save it as one with lhotse")
    named = Path(sources[0]["source"])
    return path.parent / named if not is_there(named) and is_there(path.parent / named) else named
