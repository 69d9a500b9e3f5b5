"""All recordings of a folder: what each is called, who speaks, and what belongs to it, before any is listened to."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from unicodedata import category, normalize

from unitdisc.corpus import CorpusError, Utterance, short_name
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import printable
from unitdisc.media.audio import AudioInfo, audio_info
from unitdisc.prep.image_folders import below, id_of, writer_finder
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.beside import SharedCtms, labels_by_recording
from unitdisc.prep.recordings.cutting import CutOptions, utterances_in
from unitdisc.prep.recordings.files import FolderContents
from unitdisc.prep.recordings.label_tiers import Labels, read_labels
from unitdisc.prep.recordings.recording_table import TableRow, read_rows
from unitdisc.prep.recordings.resampling import write_resampled
from unitdisc.prep.recordings.tier_kinds import named_tier
from unitdisc.prep.tables import Tier, read_tiers
from unitdisc.prep.utterances import refuse_path

BEST = (".flac", ".wav", ".aiff", ".aif", ".w64", ".caf", ".au", ".sph", ".opus", ".ogg", ".oga", ".mp3")
CONTAINERS = {  # folders that say what is in them, and not who speaks
    *("audio", "audios", "wav", "wavs", "wav48", "flac", "mp3", "ogg", "clips", "recordings", "sound", "sounds"),
    *("speech", "data", "train", "test", "dev", "val", "valid", "validation"),
}


ALL = "all"  # the split of what nobody has split


class Prepared(NamedTuple):
    """An utterance, and the split that a table gives it."""

    utterance: Utterance
    split: str


@dataclass(frozen=True)
class Planned:
    """A recording to be prepared."""

    path: Path
    id: str
    speaker: str | None
    rows: tuple[TableRow, ...] = ()  # what a table says of it
    labels: tuple[Path, ...] = ()


@dataclass
class RecordingFolder:
    """A folder of recordings, the rules by which they are named, and what lies beside them."""

    contents: FolderContents
    speaker_from: str = "folder"
    table: Path | None = None
    notes: Notes = field(default_factory=Notes)
    rows: dict[Path, list[TableRow]] = field(default_factory=dict)  # known without a table
    ctms: SharedCtms | None = None
    tiers: dict[str, tuple[Path, Tier]] = field(default_factory=dict)

    def plan(self, strict: bool, report: Callable[[Exception], None]) -> list[Planned]:
        """Every recording once, in order of ids. Bad names are reported. Raises CorpusError for a rule that is none."""
        speaker_of = speaker_finder(self.speaker_from, self.contents.folder)
        recordings = one_format_each(self.contents["recordings"], self.notes)
        rows = read_rows(self.table, recordings, self.notes) if self.table else self.rows
        if self.table:
            known = {row.id for some in rows.values() for row in some if row.id}
            try:
                self.tiers = read_tiers(self.table.parent, known, self.notes, but=self.table.name) if known else {}
            except CorpusError as error:
                self.notes.add(f"tables of labels that cannot be read, left out: {error}", self.table.parent.name)
            for path in recordings:
                if path not in rows:
                    self.notes.add(f"recordings that no row of {self.table.name} names", printable(path.name))
        labels = labels_by_recording(recordings, self.contents["labels"], self.notes)
        found, files = [], {}
        for path in recordings:
            try:
                refuse_path(path)
                status = path.stat()
                if not status.st_size:
                    raise CorpusError(f"{path}: is empty (0 bytes); copy it again, or take it away")
                twin = files.setdefault((status.st_dev, status.st_ino), path)
                if twin != path:
                    raise CorpusError(f"{path}: is the same file as {twin}, by a link, and is taken once")
                own = tuple(rows.get(path, ()))
                named = all(row.speaker for row in own) and own
                speaker = None if named else speaker_of(path)
                found.append(
                    Planned(path, plain_id(path, self.contents.folder), speaker, own, tuple(labels.get(path, ())))
                )
            except (CorpusError, OSError) as error:
                refuse_blameless(error, path)
                if strict:
                    raise
                report(error)
        found = named_apart(found, self.notes)
        self.ctms = SharedCtms(self.contents["labels"], {each.id: names_of(each) for each in found}, self.notes)
        return found

    def utterances_of(
        self, planned: Planned, options: CutOptions, resampled: tuple[int, Path] | None, notes: Notes
    ) -> list[Prepared]:
        """The utterances of a recording, which may be listened to. resampled: rate, and the folder of copies.

        Raises CorpusError if it cannot be used.
        """
        path, info = planned.path, audio_info(planned.path)
        if resampled and info.rate != resampled[0]:
            path = resampled[1] / f"{planned.id}.flac"
            write_resampled(planned.path, path, resampled[0])
            info = audio_info(path)
        whole = Utterance(planned.id, str(path), planned.speaker, ticks=info.ticks, rate=info.rate)
        if any(row.start is not None or row.end is not None for row in planned.rows) or len(planned.rows) > 1:
            return self.of_rows(whole, planned, audio_info(planned.path).rate, notes)
        for row in planned.rows:
            whole = described(whole, row)
        split = next((row.split for row in planned.rows if row.split), ALL)

        def read(info: AudioInfo) -> Labels:
            return self.labels_of(planned, info, notes)

        return [Prepared(utterance, split) for utterance in utterances_in(whole, read, options, notes)]

    def labels_of(self, planned: Planned, info: AudioInfo, notes: Notes) -> Labels:
        found = read_labels(planned.path, planned.labels, info.ticks / info.rate, notes)
        tiers = [*found.tiers, *(self.ctms.of(names_of(planned)) if self.ctms else [])]
        for row in planned.rows:
            tiers += [named_tier(tier, of[row.id]) for tier, (_, of) in self.tiers.items() if row.id in of]
        return Labels(tiers, found.text)

    def of_rows(self, whole: Utterance, planned: Planned, rate: int, notes: Notes) -> list[Prepared]:
        """The utterances that rows of a table cut out of a recording, which had `rate` ticks a second there."""
        found = []
        for row in planned.rows:
            scale = whole.rate / rate if row.in_ticks else whole.rate
            start = round((row.start or 0) * scale)
            end = whole.ticks if row.end is None else round(row.end * scale)
            if end > whole.ticks + 0.5 * whole.rate or not 0 <= start < end:
                what = f"from {row.start} to {row.end}, of a recording of {whole.ticks / whole.rate:.2f} s"
                notes.add("rows of stretches that are not in their recording, left out", f"{row.place} {what}")
                continue
            name = row.id or short_name(f"{whole.id}-{round(100 * start / whole.rate):07d}")
            piece = replace(whole, id=name, start=start, ticks=min(end, whole.ticks) - start)
            found.append(Prepared(described(piece, row), row.split or ALL))
        if not found:
            raise CorpusError(f"{planned.path}: no row of the table is of a stretch that is in it; correct the table")
        return found


def described(utterance: Utterance, row: TableRow) -> Utterance:
    known = {key: getattr(row, key) for key in ("id", "speaker", "text", "gender") if getattr(row, key)}
    return replace(utterance, **known)


def names_of(planned: Planned) -> list[str]:
    """What lines of tables may call a recording."""
    return [planned.path.stem, planned.id, planned.path.name]


def speaker_finder(rule: str, raw: Path) -> Callable[[Path], str | None]:
    """As of writers, but folders that only say what is in them, such as `wav`, give way to the one above."""
    find = writer_finder(rule, raw, "speaker")
    if rule != "folder":
        return find

    def of_folder(path: Path) -> str | None:
        home = path
        while home.parent != raw and home.parent.name.casefold() in CONTAINERS:
            home = home.parent
        return find(home)

    return of_folder


def plain_id(path: Path, raw: Path) -> str:
    """The path below a folder as an id; accents as in NFC, and what ids cannot have left out."""
    name = normalize("NFC", below(path, raw).with_suffix("").as_posix())
    return id_of("".join("_" if category(c) in ("Cc", "Cs") or c == "\ufeff" else c for c in name))


def one_format_each(recordings: Sequence[Path], notes: Notes) -> list[Path]:
    """The recordings, of those in one folder that differ in their ending alone and last as long the best one."""
    same: dict[Path, list[Path]] = {}
    for path in recordings:
        same.setdefault(path.with_suffix(""), []).append(path)
    found = []
    for some in same.values():
        some.sort(key=lambda path: BEST.index(path.suffix.lower()))
        kept: list[tuple[Path, float]] = []
        for path in some:
            length = seconds_of(path) if len(some) > 1 else None
            if length is not None and any(abs(length - other) < 0.1 for _, other in kept):
                notes.add("recordings that are there in a better format too, left out", printable(path.name))
            else:
                kept.append((path, length if length is not None else -1.0))
        found += [path for path, _ in kept]
    return sorted(found)


def seconds_of(path: Path) -> float | None:
    try:
        info = audio_info(path)
        return info.ticks / info.rate
    except CorpusError:
        return None


def named_apart(found: Sequence[Planned], notes: Notes) -> list[Planned]:
    """Recordings with ids of their own: those that would share one are numbered, in order of their paths."""
    counts, taken = Counter(each.id for each in found), {each.id for each in found}
    listed, seen = [], Counter()
    for each in found:
        seen[each.id] += 1
        name, number = each.id, seen[each.id]
        if counts[each.id] > 1 and number > 1:
            while name in taken:
                name, number = short_name(f"{each.id}-{number}"), number + 1
            taken.add(name)
            notes.add("recordings that would be called alike, numbered", f"{printable(each.path.name)} as {name}")
        listed.append(replace(each, id=name))
    return sorted(listed, key=lambda each: each.id)
