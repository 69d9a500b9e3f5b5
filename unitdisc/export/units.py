"""Discovered units, and their export to the formats of other tools."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unitdisc.corpus import Interval, Utterance, is_pipe
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.encodings.runs import refuse_span, runs_of
from unitdisc.files import write_text


class ExportError(ValueError):
    """The units cannot be written in this format; the message names the utterance and the cure."""


@dataclass(frozen=True)
class Units:
    """The units of one utterance."""

    utterance: Utterance
    codes: list[int]  # [T], one for every frame
    intervals: list[Interval]  # maximal runs of one code, labelled by it; they tile [0, utterance.ticks)


@dataclass(frozen=True)
class Export:
    files: list[Path]  # what was written, in the order of the formats asked for
    missing: list[str]  # ids of the utterances that have no encoding, and so are in none of the files


def read_units(encodings: Encodings, utterance: Utterance) -> Units:
    """The units of one utterance of a folder of encodings, or of those of another tool.

    Raises EncodingsError if the folder has no such utterance, no codes (which says why), or frames that
    do not span the utterance.
    """
    if utterance.id not in encodings:
        raise EncodingsError(f"{encodings.folder}: nothing of utterance {utterance.id}; encode the corpus again")
    of_others = None if isinstance(encodings, Encodings) else encodings[utterance.id]
    codes = encodings.codes[utterance.id] if of_others is None else of_others.codes
    if codes is None:
        raise EncodingsError(f"{encodings.folder}: {utterance.id} has no codes, {why_no_codes(encodings.settings)}")
    centres = encodings.centres(utterance.id, len(codes)) if of_others is None else of_others.centres
    if len(centres) != len(codes) or not len(codes):
        raise EncodingsError(
            f"{encodings.folder}: {utterance.id} has {len(codes)} codes for {len(centres)} frames; "
            "encode the corpus again"
        )
    refuse_span(encodings.folder, utterance.id, utterance.ticks, centres)
    codes = list(map(int, codes))
    return Units(utterance, codes, runs_of(codes, centres, utterance.ticks).labelled())


def write_units_jsonl(path: Path, units: Iterable[Units]) -> None:
    """Writes one JSON line per utterance: utterance, speaker, rate and its units as code, start and end in ticks."""

    def line(entry: Units) -> str:
        fields = {
            "utterance": entry.utterance.id,
            "speaker": entry.utterance.speaker,
            "rate": entry.utterance.rate,
            "units": [{"code": int(label), "start": start, "end": end} for start, end, label in entry.intervals],
        }
        return json.dumps(fields, ensure_ascii=False) + "\n"

    write_text(path, "".join(map(line, units)))


def write_ctm(path: Path, units: Iterable[Units]) -> None:
    """Writes Kaldi's CTM: utterance, channel 1, start and duration in seconds (of line images: in columns), code.

    Times count from the start of the utterance, as in Kaldi's CTM of a data directory with segments.
    Raises ExportError if a recording has no rate.
    """

    def line(utterance: Utterance, unit: Interval) -> str:
        if utterance.is_image:
            return f"{utterance.id} 1 {unit.start} {unit.end - unit.start} {unit.label}\n"
        start, duration = seconds(utterance, unit.start), seconds(utterance, unit.end - unit.start)
        return f"{utterance.id} 1 {start:.6f} {duration:.6f} {unit.label}\n"

    write_text(path, "".join(line(entry.utterance, unit) for entry in units for unit in entry.intervals))


def write_textgrids(folder: Path, units: Iterable[Units]) -> None:
    """Writes `FOLDER/UTTERANCE.TextGrid` for every utterance."""
    for entry in units:
        write_textgrid(folder / f"{entry.utterance.id}.TextGrid", entry)


def write_textgrid(path: Path, units: Units) -> None:
    """Writes a Praat TextGrid (long text format, UTF-8): the tier `unit`, then the tiers of the alignment.

    Times are seconds from the start of the utterance. Gaps in a tier become intervals without a label.
    Raises ExportError if the utterance has no rate.
    """
    utterance = units.utterance
    tiers = {"unit": units.intervals} | {
        "unit (alignment)" if name == "unit" else name: intervals for name, intervals in utterance.alignment.items()
    }
    end = seconds(utterance, utterance.ticks)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        intervals = list(tiled(intervals, utterance.ticks))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(intervals)}"]
        for position, (first, last, label) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{position}]:",
                f"            xmin = {seconds(utterance, first)!r}",
                f"            xmax = {seconds(utterance, last)!r}",
                f"            text = {quoted(label)}",
            ]
    write_text(path, "\n".join(lines) + "\n")


WHOLE_FILES = "choose the format jsonl, or write recordings to files of their own"


def why_no_file(utterance: Utterance) -> str | None:
    """Why the recording of an utterance is no file of its own, as far as the list tells; None if it may be one."""
    if is_pipe(utterance.path):
        return f"is what the command {utterance.path!r} writes"
    if re.search(r":\d+$", utterance.path) and not os.path.exists(utterance.path):  # noqa: PTH110
        return f"is a part of {utterance.path.rpartition(':')[0]}"
    if utterance.start:
        return f"begins at sample {utterance.start} of {utterance.path}"
    if utterance.channel is not None:
        return f"is channel {utterance.channel} of {utterance.path}"
    return None


def write_km(path: Path, units: Iterable[Units]) -> None:
    """Writes what fairseq's HuBERT and unit language models read: NAME.km and beside it, line for line, NAME.tsv.

    The .km file has one line per utterance: the code of every frame (not of every run), separated by spaces.
    The .tsv file names the folder of the audio files on its first line, then has `path<TAB>samples` per utterance.
    Both follow the order of `units`: `export` sorts by utterance id.
    Raises ExportError for an utterance that is not a whole file, or whose path holds a tab or a line break,
    for the manifest could not say so.
    """
    units = list(units)
    for entry in units:
        if why := why_no_file(entry.utterance):
            raise ExportError(f"{entry.utterance.id}: {why}, but fairseq reads whole files; {WHOLE_FILES}")
        if set(entry.utterance.path) & set("\t\n\r") or entry.utterance.path != entry.utterance.path.strip():
            raise ExportError(f"{entry.utterance.path!r}: fairseq cannot read this file name; rename the file")
    paths = [os.path.abspath(entry.utterance.path) for entry in units]  # noqa: PTH100 - resolve() follows links
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""  # noqa: PTH120
    listed = [f"{os.path.relpath(path, root)}\t{entry.utterance.ticks}" for path, entry in zip(paths, units)]
    write_text(path.with_suffix(".tsv"), "".join(f"{line}\n" for line in [root, *listed]))
    write_text(path, "".join(" ".join(map(str, entry.codes)) + "\n" for entry in units))


FORMATS = {  # name -> the file (or folder) it makes, and who writes it
    "jsonl": ("units.jsonl", write_units_jsonl),
    "ctm": ("units.ctm", write_ctm),
    "textgrid": ("textgrid", write_textgrids),
    "km": ("units.km", write_km),
}
OF_IMAGES = ("jsonl", "ctm")  # the formats that can say columns


def export(
    encodings: Encodings, utterances: Iterable[Utterance], folder: Path, formats: Iterable[str] = tuple(FORMATS)
) -> Export:
    """Writes the units of a corpus into `folder`, in the given formats, in order of utterance id.

    Formats: `jsonl` (units.jsonl), `ctm` (units.ctm), `textgrid` (textgrid/UTTERANCE.TextGrid), `km` (units.km and
    units.tsv). Utterances without an encoding are left out and listed in the result.
    Raises EncodingsError if there are no codes or they do not fit, ExportError for an unknown format or an
    utterance that a format cannot hold.
    """
    formats = list(dict.fromkeys(formats))
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ExportError(f"unknown format {unknown[0]!r}: choose from {list(FORMATS)}")
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    units = [read_units(encodings, utterance) for utterance in utterances if utterance.id in encodings]
    if not units:
        raise EncodingsError(f"{encodings.folder}: holds none of the {len(utterances)} utterances; encode the corpus")
    files = []
    for name in formats:
        file, write = FORMATS[name]
        write(folder / file, units)
        files.append(folder / file)
    return Export(files, [utterance.id for utterance in utterances if utterance.id not in encodings])


def seconds(utterance: Utterance, ticks: float) -> float:
    """Ticks in seconds.

    Raises ExportError if the utterance has no rate, as a line image has none.
    """
    if not utterance.rate:
        cure = f"choose one of the formats {', '.join(OF_IMAGES)}" if utterance.is_image else "choose the format jsonl"
        raise ExportError(f"{utterance.id}: has no rate, so its ticks are no seconds; {cure}")
    return ticks / utterance.rate


def tiled(intervals: Iterable[Interval], ticks: int) -> Iterator[Interval]:
    """The intervals with every gap up to `ticks` filled by an interval without a label."""
    position = 0
    for interval in intervals:
        if position < interval.start:
            yield Interval(position, interval.start, "")
        yield interval
        position = interval.end
    if position < ticks:
        yield Interval(position, ticks, "")


def quoted(text: str) -> str:
    """A Praat string: in quotes, its own quotes doubled, on one line."""
    return '"' + " ".join(text.splitlines()).replace('"', '""') + '"'
