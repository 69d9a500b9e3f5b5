"""What is in a folder: its files at any depth, hidden ones and links aside, by what they are."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unitdisc.files.text import printable
from unitdisc.media.image import SUFFIXES
from unitdisc.prep.notes import Notes

KINDS = {  # what a file is, by the ending of its name
    "recordings": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph", ".w64", ".caf"),
    "images": SUFFIXES,
    "labels": (".textgrid", ".eaf", ".ctm", ".txt", ".lab"),
    "tables": (".tsv", ".csv"),
    "xml": (".xml",),
    "tars": (".tar",),
    "lists": (".jsonl", ".gz", ".json"),
    "arrows": (".arrow", ".parquet"),
    "foreign": (".m4a", ".aac", ".wma", ".amr", ".mp4", ".mov", ".mkv", ".avi", ".webm", ".3gp", ".ape"),
}
KIND_OF = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes}
LITTER = ("__macosx", "@eadir", "$recycle.bin")  # folders that systems leave behind


@dataclass
class FolderContents:
    """The files below a folder, sorted, by kind (see KINDS; `others` for the rest)."""

    folder: Path
    of: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))

    def __getitem__(self, kind: str) -> list[Path]:
        return self.of.get(kind, [])


def contents(folder: Path, leave: Path | None, notes: Notes) -> FolderContents:
    """The files below a folder. What is hidden, and folders behind links, are left out and noted.

    leave: a folder that is not entered, such as the one that is written to.
    """
    found = FolderContents(folder)
    for path in files_below(folder, leave, notes):
        found.of[KIND_OF.get(path.suffix.lower(), "others")].append(path)
    return found


def files_below(folder: Path, leave: Path | None, notes: Notes) -> Iterator[Path]:
    """All of them, a folder's own before those of the folders in it, in order."""
    away = os.path.realpath(leave) if leave else None

    def closed(error: OSError) -> None:
        notes.add(f"folders that cannot be read ({error.strerror}), left out", printable(str(error.filename)))

    for place, folders, names in os.walk(folder, onerror=closed):
        for name in sorted(folders):
            path = Path(place, name)
            if path.is_symlink():
                notes.add("links to folders, not followed; copy these there, or give them by themselves", said(path))
            elif name.startswith(".") or name.lower() in LITTER:
                notes.add("hidden folders, not entered", said(path))
            elif os.path.realpath(path) != away:
                continue
            folders.remove(name)
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith("."):
                notes.add("hidden files, left out", said(path))
            elif not path.is_file():
                notes.add("links that lead nowhere, and what is no file, left out", said(path))
            else:
                yield path


def said(path: Path) -> str:
    return printable(path)
