"""What does somebody bring? A folder, or a file, told by what is in it, and said in a sentence."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.corpus.kaldi.reading import is_kaldi, scp_of
from unitdisc.files.text import printable, read_lines
from unitdisc.prep.lhotse_cuts import is_cut_list
from unitdisc.prep.lhotse_shar import cuts_beside
from unitdisc.prep.notes import Notes
from unitdisc.prep.page_folders import OVERVIEWS
from unitdisc.prep.pages.documents import FORMATS
from unitdisc.prep.pages.layout import name_of
from unitdisc.prep.pages.xml import read_xml
from unitdisc.prep.recordings.beside import stems_of
from unitdisc.prep.recordings.files import FolderContents, contents
from unitdisc.prep.recordings.recording_table import is_table

KINDS = ("recordings", "lines", "pages", "kaldi", "cuts", "tars", "rows", "manifest")
MOST_LOOKED_AT = 5  # XML files that are opened to see whether any is of a page
GIVE = "give a folder of recordings, line images or pages, or a corpus of Kaldi, lhotse, WebDataset or `datasets`"


@dataclass(frozen=True)
class Source:
    """What was found. kind: one of KINDS. said: the same in a sentence. files: those that make it what it is."""

    kind: str
    said: str
    folder: Path
    files: list[Path] = field(default_factory=list)
    contents: FolderContents | None = None
    table: Path | None = None  # of recordings


def find_source(path: Path, output: Path, notes: Notes) -> Source:
    """Tells what lies at a path. What is not looked at is noted.

    output: the folder that is written to, which may lie in it. Raises CorpusError if it is nothing that can be used.
    """
    if not path.exists():
        raise CorpusError(f"{path}: no such file or folder; {GIVE}")
    if path.is_file():
        return of_file(path)
    if is_kaldi(path):
        scp = scp_of(path)
        what = "line images" if scp.name == "images.scp" else "recordings"
        return Source("kaldi", f"a Kaldi data directory of {what} ({scp.name})", path)
    found = contents(path, output, notes)
    cuts = [each for each in found["lists"] if is_cut_list(each)]
    if found["tars"]:
        shar = any(cuts_beside(tar) for tar in found["tars"])
        what = "lhotse Shar" if shar else "WebDataset"
        return Source("tars", f"{counted(found['tars'], 'tar')} of samples ({what})", path, found["tars"])
    if found["arrows"]:
        what = f"a data set of Hugging Face ({counted(found['arrows'], 'file')} of rows)"
        return Source("rows", what, path, found["arrows"], found)
    if cuts:
        return Source("cuts", f"cuts of lhotse ({', '.join(each.name for each in cuts[:3])})", path, cuts)
    return of_files(path, found, notes)


def of_file(path: Path) -> Source:
    """A file by itself: a list, or one recording with what lies beside it."""
    if is_cut_list(path):
        return Source("cuts", f"cuts of lhotse ({path.name})", path.parent, [path])
    if path.suffix == ".jsonl":
        return Source("manifest", "a manifest", path.parent, [path])
    notes = Notes()
    found = contents(path.parent, None, notes)
    own = FolderContents(path.parent)
    own.of["recordings"] = [each for each in found["recordings"] if each == path]
    own.of["labels"] = [each for each in found["labels"] if each.name.startswith(f"{path.stem}.")]
    if not own["recordings"]:
        raise CorpusError(f"{path}: is no recording, and no list of any; {GIVE}")
    return Source("recordings", "one recording" + beside(own), path.parent, contents=own)


def of_files(path: Path, found: FolderContents, notes: Notes) -> Source:
    """Recordings or images, whichever there are more of."""
    recordings, images, pages = found["recordings"], found["images"], []
    if len(images) > len(recordings) or not recordings:
        pages = pages_among(found["xml"])
    for each in found["foreign"]:
        notes.add("recordings and films in formats that are not read, left out; convert them with ffmpeg", str(each))
    if pages:
        said = f"{counted(pages, 'page')} of manuscripts, with lines in {' and '.join(formats_of(pages))}"
        return Source("pages", said, path, pages)
    if len(images) > len(recordings):
        for each in recordings:
            notes.add("recordings among more images, left out", printable(each.name))
        return Source("lines", f"{counted(images, 'line image')}{in_folders(path, images)}", path, images)
    if not recordings:
        raise CorpusError(f"{path}: {nothing_in(path, found)}")
    for each in images:
        notes.add("images among recordings, left out", printable(each.name))
    for each in (*found["others"], *found["xml"], *found["lists"]):
        notes.add("files that are neither recordings nor labels, left out", printable(each.name))
    table = table_among(found, notes)
    kinds = Counter(each.suffix.lower().lstrip(".") for each in recordings)
    each_kind = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    said = f"{counted(recordings, 'recording')} ({each_kind}){in_folders(path, recordings)}{beside(found)}"
    said += f", and a table of them, {table.name}" if table else ""
    return Source("recordings", said, path, recordings, found, table)


def table_among(found: FolderContents, notes: Notes) -> Path | None:
    """The table that names the recordings, in their folder; if there are several, none, which is noted."""
    tables = [each for each in found["tables"] if is_table(each)]
    for each in found["tables"]:
        if each not in tables and not is_of_labels(each):
            notes.add("tables that name no recordings, not read", printable(each.name))
    if len(tables) > 1:
        for each in tables:
            notes.add("tables that name recordings, of which one can be given with --table; not read", each.name)
    return tables[0] if len(tables) == 1 else None


def is_of_labels(path: Path) -> bool:
    """Whether a table is of labels (utt, start, end): those are read with the table of utterances."""
    first = next(iter(read_lines(path, CorpusError, wide=True, loose=True)), None)
    return first is not None and {"utt", "start", "end"} <= {*first.text.casefold().split("\t")}


def pages_among(files: list[Path]) -> list[Path]:
    """The files of XML, if any of the first is a page in ALTO or PAGE XML."""
    some = [path for path in files if path.name.lower() not in OVERVIEWS]
    return some if formats_of(some) else []


def formats_of(files: Iterable[Path]) -> list[str]:
    found = set()
    for path in list(files)[:MOST_LOOKED_AT]:
        try:
            root = name_of(read_xml(path))
        except CorpusError:
            continue
        if root in FORMATS:
            found.add("PAGE XML" if root == "PcGts" else "ALTO")
    return sorted(found)


def beside(found: FolderContents) -> str:
    """What labels there are, as a sentence goes on."""
    stems = {each.stem for each in found["recordings"]}
    own = [each for each in found["labels"] if each.suffix.lower() in (".ctm", ".eaf") or stems & {*stems_of(each)}]
    kinds = Counter(each.suffix.lower().lstrip(".") for each in own)
    names = {"textgrid": "TextGrid", "eaf": "ELAN", "ctm": "CTM", "lab": "lab", "txt": "txt"}
    said = ", ".join(f"{count} {names[kind]}" for kind, count in sorted(kinds.items()))
    return f", with {said} beside them" if said else ""


def in_folders(path: Path, files: list[Path]) -> str:
    folders = {each.parent for each in files} - {path}
    return f" in {len(folders)} folders" if len(folders) > 1 else " in one folder" if folders else ""


def counted(files: list[Path], what: str) -> str:
    return f"{len(files)} {what}{'s' * (len(files) != 1)}"


def nothing_in(path: Path, found: FolderContents) -> str:
    """Says what is in a folder instead of what is looked for, and what may be meant."""
    inside = [folder for folder in sorted(path.glob("*")) if folder.is_dir() and is_kaldi(folder)]
    if inside:
        return f"has Kaldi data directories in it; give one of them, such as {inside[0]}"
    if found["foreign"]:
        example = found["foreign"][0]
        return (
            f"has no recordings that can be read, only such as {example.name}; convert them to WAV or FLAC with ffmpeg"
        )
    several = sum(map(len, found.of.values()))
    return f"has no recordings and no images in it ({several} other files); {GIVE}"
