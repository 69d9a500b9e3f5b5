""".km and .tsv, as fairseq's HuBERT and its language models of units read them."""

import os
from collections.abc import Iterable
from pathlib import Path

from unitdisc.corpus import Utterance
from unitdisc.exports.units import ExportError, Units, why_no_path
from unitdisc.files import write_text

WHOLE_FILES = "choose the format jsonl, or write recordings to files of their own"


def why_no_file(utterance: Utterance) -> str | None:
    """Why the recording of an utterance is no file of its own, as far as the list tells; None if it may be one."""
    if why := why_no_path(utterance):
        return why
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
