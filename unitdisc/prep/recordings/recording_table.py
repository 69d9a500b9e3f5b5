"""A table of recordings: files, and what is known of each, as Common Voice, Hugging Face and people write it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from unicodedata import normalize

from unitdisc.corpus import CorpusError, id_fault
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import Line, names_in, printable, read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.speakers import gender_of
from unitdisc.prep.tables import table_rows

COLUMNS = {  # what a column is, and what people call it
    "file": ("file", "file_name", "filename", "path", "audio", "audio_file", "wav", "recording"),
    "id": ("utt", "id", "utterance"),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "reader"),
    "text": ("text", "transcription", "transcript", "sentence", "normalized_text"),
    "gender": ("gender", "sex"),
    "split": ("split", "set", "subset"),
    "start": ("start", "start_sample", "start_time", "begin"),
    "end": ("end", "end_sample", "end_time"),
}
TICKS = ("start_sample", "end_sample")  # not seconds


@dataclass(frozen=True)
class TableRow:
    """What a table says of a recording, or of a stretch of it (seconds, or ticks where `in_ticks`)."""

    place: str  # of the row, for messages
    file: Path
    id: str | None = None
    speaker: str | None = None
    text: str | None = None
    gender: str | None = None
    split: str | None = None
    start: float | None = None
    end: float | None = None
    in_ticks: bool = False


def columns_of(names: Sequence[str]) -> dict[str, str]:
    """What is in a table -> the column it is in, of the names in its first line."""
    return {key: next(name for name in known if name in names) for key, known in COLUMNS.items() if {*known} & {*names}}


def heading_of(path: Path) -> list[str]:
    """The names of columns; [] if it cannot be read."""
    first = next(read_lines(path, CorpusError, wide=True, loose=True), Line(1, ""))
    found: list[str] = []
    for delimiter in ("\t",) if path.suffix.lower() == ".tsv" else (",", ";", "\t"):
        names = names_in(first.text.replace('"', "").split(delimiter))
        found = max(found, names, key=len)
    return found


def is_table(path: Path) -> bool:
    """Whether a file names recordings, and says something of them."""
    try:
        found = columns_of(heading_of(path))
    except (CorpusError, OSError) as error:
        refuse_blameless(error, path)
        return False
    return "file" in found and len(found) > 1


def read_rows(path: Path, recordings: Sequence[Path], notes: Notes) -> dict[Path, list[TableRow]]:
    """Recording -> its rows. Rows that name none are noted.

    A name counts from the folder of the table, or is that of the only file called so, with or without its ending;
    accents are the same however they are encoded. Raises CorpusError for a table that cannot be read.
    """
    columns = columns_of(heading_of(path))
    if "file" not in columns:
        what = f"names no files in its first line ({', '.join(COLUMNS['file'][:4])})"
        raise CorpusError(f"{path}:1: {what}; name the column of files, and perhaps speaker, text, gender and split")
    there = {spelt(str(each)): each for each in recordings}
    called: dict[str, list[Path]] = defaultdict(list)
    for each in recordings:
        for name in {spelt(each.name), spelt(each.stem)}:
            called[name].append(each)
    found: dict[Path, list[TableRow]] = defaultdict(list)
    for number, cells in table_rows(path, [columns["file"]]):
        row = {key: cells.get(column, "") for key, column in columns.items()}
        same = called.get(spelt(Path(row["file"]).name), [])
        recording = there.get(spelt(normpath(path.parent / row["file"]))) or (same[0] if len(same) == 1 else None)
        place = f"{path.name}:{number}"
        if recording is None:
            notes.add(f"rows of {path.name} that name no recording that is there, left out", f"{place} {row['file']}")
            continue
        found[recording].append(as_row(place, recording, row, columns, notes))
    return dict(found)


def spelt(path: str) -> str:
    return normalize("NFC", path)


def as_row(place: str, recording: Path, row: Mapping[str, str], columns: Mapping[str, str], notes: Notes) -> TableRow:
    known = {key: row[key] for key in ("id", "speaker", "text", "split") if row.get(key)}
    if "split" in known and (id_fault(known["split"]) or known["split"].startswith(".")):
        notes.add("splits that cannot name a file, left out", f"{place} {printable(known.pop('split'))}")
    if "id" in known and id_fault(known["id"]):
        known.pop("id")
    times: dict[str, float] = {}
    for key in ("start", "end"):
        try:
            if row.get(key):
                times[key] = float(row[key].replace(",", "."))
        except ValueError:
            notes.add(f"times in the column {columns[key]!r} that are no numbers, left out", place)
    in_ticks = columns.get("start") in TICKS or columns.get("end") in TICKS
    gender = gender_of(row.get("gender"), recording.stem, notes)
    return TableRow(place, recording, gender=gender, in_ticks=in_ticks, **known, **times)
