"""Data sets of Hugging Face `datasets`, as `save_to_disk` and the Hub leave them: rows of Arrow or Parquet files.

Recordings and images that lie in the rows are written out, for everything else reads files. pyarrow reads the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unitdisc.corpus import CorpusError
from unitdisc.files import written_aside
from unitdisc.files.text import read_json
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.recording_table import TableRow, columns_of
from unitdisc.prep.speakers import gender_of

ROWS = 64  # in memory at a time
BEGINNINGS = {  # of files whose names are not kept
    b"fLaC": ".flac",
    b"RIFF": ".wav",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
    b"\xff\xfb": ".mp3",
    b"\x89PNG": ".png",
    b"\xff\xd8": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
PICTURES = (".png", ".jpg", ".tif")


@dataclass
class UnpackedRows:
    """Files that were in rows, and what the other columns say of each."""

    rows: dict[Path, list[TableRow]] = field(default_factory=dict)
    images: bool = False


def splits_in(folder: Path, files: list[Path]) -> Iterator[tuple[str, Path]]:
    """Every file of rows with the split that it is of: a folder that `save_to_disk` names, or in the file's name."""
    names = {path.parent.name for path in files} if (folder / "dataset_dict.json").exists() else set()
    for path in files:
        named = path.name.partition("-")[0]
        is_named = "-of-" in path.name and named not in ("data", "cache")
        yield (path.parent.name if path.parent.name in names else named if is_named else "all"), path


def saved_files(files: list[Path]) -> list[Path]:
    """Those that state.json beside them names: others are caches of what was computed of them."""
    found = []
    for path in files:
        state = path.with_name("state.json")
        try:
            listed = [each["filename"] for each in read_json(state)["_data_files"]] if state.exists() else [path.name]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise CorpusError(f"{state}: damaged ({error}); save the data set again") from error
        if path.name in listed:
            found.append(path)
    return found


def unpack_rows(folder: Path, files: list[Path], output: Path, notes: Notes) -> UnpackedRows:
    """Writes the recordings or images of all rows into `output`, those that are there already aside.

    Raises CorpusError without pyarrow, if a file cannot be read, and if no column holds recordings or images.
    """
    found, number = UnpackedRows(), 0
    for split, path in splits_in(folder, saved_files(files)):
        for row in rows_of(path):
            held = [name for name, value in row.items() if is_file_cell(value)]
            if not held:
                raise CorpusError(f"{path}: no column of its rows holds recordings or images, only {sorted(row)}")
            number += 1
            target = unpacked(row[held[0]], output / f"{split}-{number:07d}", path.parent, notes)
            if target is None:
                notes.add("rows without a recording, or one that is not there, left out", f"{path.name} row {number}")
                continue
            found.images = target.suffix.lower() in PICTURES
            found.rows[target] = [described(row, target, split, f"row {number}", notes)]
    if not found.rows:
        raise CorpusError(f"{folder}: no row holds a recording or an image; give another folder")
    return found


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow or Parquet file, few in memory at a time. Raises CorpusError if it is none."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        what = f"{path}: is read with pyarrow, which is not installed"
        raise CorpusError(f"{what}; `pip install pyarrow`, or export the data set as files (audiofolder)") from error
    try:
        if path.suffix == ".parquet":
            batches = pyarrow.parquet.ParquetFile(path).iter_batches(ROWS)
        else:
            batches = stream_of(pyarrow, path)
        for batch in batches:
            for part in range(0, batch.num_rows, ROWS):
                yield from batch.slice(part, ROWS).to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); save or download it again") from error


def stream_of(pyarrow: Any, path: Path) -> Any:
    """The batches of an Arrow file: a stream, as `datasets` writes it, or a file with an index."""
    source = pyarrow.memory_map(str(path))
    if path.open("rb").read(6) == b"ARROW1":
        reader = pyarrow.ipc.open_file(source)
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
    return pyarrow.ipc.open_stream(source)


def is_file_cell(value: Any) -> bool:
    """Whether a cell is a recording or an image, as `datasets.Audio` and `datasets.Image` store them."""
    return isinstance(value, dict) and {"bytes", "path"} <= value.keys()


def unpacked(cell: dict, target: Path, home: Path, notes: Notes) -> Path | None:
    """Where the recording of a cell lies, which is written if its bytes are in it; None if there is none."""
    content, named = cell["bytes"], str(cell["path"] or "")
    if content is None:
        places = [Path(named), home / named] if named else []
        return next((place for place in places if place.is_file()), None)
    begun = next((ending for first, ending in BEGINNINGS.items() if content.startswith(first)), "")
    path = target.with_name(target.name + (begun or Path(named).suffix or ".wav"))
    if not path.exists() or path.stat().st_size != len(content):
        with written_aside(path) as aside:
            aside.write_bytes(content)
    return path


def described(row: dict[str, Any], path: Path, split: str, place: str, notes: Notes) -> TableRow:
    columns = columns_of([name.casefold() for name in row])
    cells = {name.casefold(): value for name, value in row.items()}
    known = {
        key: str(cells[columns[key]])
        for key in ("speaker", "text")
        if key in columns and cells[columns[key]] is not None and not isinstance(cells[columns[key]], dict)
    }
    gender = gender_of(cells.get(columns.get("gender", "")), path.stem, notes)
    return TableRow(place, path, gender=gender, split=split if split != "all" else None, **known)
