"""What each kind of source becomes: utterances, the splits that it tells, and what no split may part."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.read import read_corpus
from unitdisc.files.refusals import refuse_blameless
from unitdisc.media.open import ARCHIVE
from unitdisc.prep.arrow_folders import UnpackedRows, unpack_rows
from unitdisc.prep.image_folders import checksum_of, pictures_of
from unitdisc.prep.lhotse_cuts import read_cut_list
from unitdisc.prep.line_folders import read_lines_of
from unitdisc.prep.notes import Notes
from unitdisc.prep.page_folders import PageFolder, read_lines_of_pages
from unitdisc.prep.recordings.files import FolderContents
from unitdisc.prep.recordings.folder import ALL, RecordingFolder
from unitdisc.prep.recordings.hearing import silero
from unitdisc.prep.recordings.journal import Journal, state
from unitdisc.prep.sources import Source
from unitdisc.prep.tar_folders import TarFields, read_tars
from unitdisc.prep.utterances import line_image

if TYPE_CHECKING:
    from unitdisc.api.prepare import PrepareOptions

JOURNAL = ".prepared.jsonl"
Report = Callable[[Exception], None]


@dataclass(frozen=True)
class Brought:
    """The utterances of a source; splits: those that it tells, by id; shown: what no split may part, by id."""

    utterances: list[Utterance]
    shown: dict[str, str]
    splits: dict[str, str] = field(default_factory=dict)

    @property
    def of_images(self) -> bool:
        return all(each.is_image for each in self.utterances)


def bring(source: Source, output: Path, options: "PrepareOptions", *, access: CorpusAccess, report: Report) -> Brought:
    """Reads a source of any kind; recordings and line images stay where they are, but for what `output` must hold.

    What is bad is reported. Raises CorpusError if nothing can be used.
    """
    if source.kind != "recordings" and (options.resample or options.table):
        option = "resample" if options.resample else "table"
        raise CorpusError(f"`{option}` is for folders of recordings, and this is {source.said}; leave it out")
    if source.kind == "recordings":
        return of_recordings(source, RecordingFolder(source.contents), output, options, access=access, report=report)
    if source.kind == "rows":
        return of_rows(source, output, options, access=access, report=report)
    if source.kind == "lines":
        lines, splits, images = read_lines_of(source.folder, options.speaker_from, access.strict)
        return Brought(lines, pictures_of({line.id: images[line.id] for line in lines}), splits)
    if source.kind == "pages":
        pages = PageFolder(source.folder, output, strict=access.strict, writer_from=options.speaker_from)
        return Brought(*read_lines_of_pages(pages))
    notes = Notes()
    if source.kind == "tars":
        found = read_tars(source.folder, TarFields(), access.strict, notes=notes)
    elif source.kind == "cuts":
        found = read_cut_list(source.files, access.strict, notes)
    else:
        found = read_corpus(source.files[0] if source.files else source.folder, access.allow_pipes)
    notes.say()
    return Brought(found, files_of(found))


def of_rows(
    source: Source, output: Path, options: "PrepareOptions", *, access: CorpusAccess, report: Report
) -> Brought:
    """A data set of Hugging Face, whose recordings or images are written out."""
    notes = Notes()
    found = unpack_rows(source.folder, source.files, output / "files", notes=notes)
    notes.say()
    if found.images:
        return lines_of_rows(found)
    contents = FolderContents(output / "files", {"recordings": sorted(found.rows)})
    folder = RecordingFolder(contents, rows=found.rows)
    return of_recordings(source, folder, output, options, access=access, report=report)


def lines_of_rows(found: UnpackedRows) -> Brought:
    lines = [
        line_image(path, path.stem, speaker=row.speaker, text=row.text) for path, (row,) in sorted(found.rows.items())
    ]
    splits = {path.stem: row.split or ALL for path, (row,) in found.rows.items()}
    return Brought(lines, pictures_of({path.stem: path for path in found.rows}), splits)


def of_recordings(
    source: Source,
    folder: RecordingFolder,
    output: Path,
    options: "PrepareOptions",
    *,
    access: CorpusAccess,
    report: Report,
) -> Brought:
    """A folder of recordings; those that are long, or of several channels, are listened to."""
    folder.speaker_from, folder.table = options.speaker_from, options.table or source.table
    planned = folder.plan(access.strict, report)
    shared = [path for path in folder.contents["labels"] if path.suffix.lower() == ".ctm"]
    tables = [folder.table, *(path for path, _ in folder.tiers.values())] if folder.table else []
    settings = {
        "cut": vars(options.cut),
        "resample": options.resample,
        "shared": [state(path) for path in (*shared, *tables)],
    }
    if options.cut.vad == "silero":
        silero(rate=16_000, channels=1)  # without its weights nothing is prepared, rather than all but what is long
    journal, notes = Journal(output / JOURNAL, settings), folder.notes
    resampled = (options.resample, output / "audio") if options.resample else None
    found = []
    with console.progress("preparing", len(planned), "recordings") as advance:
        for each in planned:
            own = Notes()
            known = journal.look_up(each, own)
            try:
                some = folder.utterances_of(each, options.cut, resampled, own) if known is None else known
            except (CorpusError, OSError) as error:
                refuse_blameless(error, each.path)
                report(error)
                advance(1)
                continue
            if known is None:
                journal.add(each, some, own)
            notes.take(own)
            found += some
            advance(1)
    notes.say()
    if not found:
        raise CorpusError(f"{source.folder}: not one of its recordings can be used; see what is said above")
    utterances = unique([each.utterance for each in found])
    splits = {utterance.id: each.split for utterance, each in zip(utterances, found)}
    return Brought(utterances, files_of(utterances), splits)


def unique(utterances: list[Utterance]) -> list[Utterance]:
    """The same; a second one of an id, which a table gave twice, is refused. Raises CorpusError naming it."""
    seen: dict[str, Utterance] = {}
    for each in utterances:
        if each.id in seen:
            what = f"two utterances are called {each.id!r}, of {seen[each.id].path} and {each.path}"
            raise CorpusError(f"{what}; give each an id of its own in the table")
        seen[each.id] = each
    return utterances


def files_of(utterances: list[Utterance]) -> dict[str, str]:
    """Id -> the file that an utterance is of; files of equal content are one."""
    paths = {each.path for each in utterances}
    sizes: dict[int, list[str]] = {}
    for path in sorted(paths):
        if not ARCHIVE.fullmatch(path) and Path(path).is_file():
            sizes.setdefault(Path(path).stat().st_size, []).append(path)
    first: dict[str, str] = {}
    same = {}
    for some in sizes.values():
        for path in some if len(some) > 1 else ():
            same[path] = first.setdefault(checksum_of(Path(path)), path)
    return {each.id: same.get(each.path, each.path) for each in utterances}
