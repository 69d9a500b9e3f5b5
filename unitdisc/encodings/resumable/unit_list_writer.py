"""Writing a list of units: one run's, or one shard's beside those of others."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from unitdisc.encodings.resumable.line_index import LineIndex
from unitdisc.encodings.resumable.sorted_lines import SortedLines
from unitdisc.encodings.resumable.unit_lines import line_at, lines_in, utterance_of
from unitdisc.encodings.resumable.unit_lists import UNITS, all_lists, finished_lists, mark_of
from unitdisc.files import take_away, write_text, writing, written_aside
from unitdisc.jobs import Shard

FARTHEST = 1 << 44  # bytes into a list


class OtherLists:
    """The lists that others wrote, any of which may go at any time."""

    def __init__(self, paths: Iterable[Path]):
        self.paths = list(paths)
        self.index = LineIndex()
        for number, path in enumerate(self.paths):
            with suppress(FileNotFoundError), path.open("rb") as file:
                for place, utterance, _ in lines_in(file):
                    self.index.add(utterance, number * FARTHEST + place)

    def line_of(self, utterance: str) -> bytes | None:
        found = self.index.find(utterance)
        if found is None:
            return None
        number, place = divmod(found, FARTHEST)
        with suppress(FileNotFoundError), self.paths[number].open("rb") as file:
            return line_at(file, place, utterance)
        return None

    def moved(self, path: Path, new: Path) -> None:
        self.paths = [new if one == path else one for one in self.paths]


class UnitListWriter:
    """The list that a run, or a shard of one, is writing.

    Its lines are in its part, so that memory holds no more of them than where they are.
    """

    def __init__(self, folder: Path, shard: Shard):
        self.folder, self.shard = folder, shard
        self.list = folder / (UNITS if shard.is_whole else f"{UNITS}.{shard.name}")
        self.part = folder / f"{self.list.name}.part"
        self.changed = False
        self.own = LineIndex()  # of the part
        self.size = 0  # of the part, in bytes
        self.others: OtherLists | None = None
        self.lock = Lock()  # one thread looks what is there while another adds to it

    def open(self) -> None:
        """Begins to write, where it was interrupted; a run of everything takes over what shards left."""
        with SortedLines(self.folder, utterance_of) as lines:
            self.gather(all_lists(self.folder) if self.shard.is_whole else [self.list, self.part], lines)
            with written_aside(self.part) as aside, aside.open("wb") as file:
                for utterance, line in lines:
                    self.own.add(utterance, self.size)
                    self.size += file.write(line + b"\n")
        if self.shard.is_whole:
            for path in self.leftovers():
                take_away(path)
        with writing(self.part):
            self.file = self.part.open("a", encoding="utf-8")
        self.written = self.part.open("rb")

    def gather(self, paths: Iterable[Path], lines: SortedLines) -> None:
        """Adds the lines of lists, any of which may be torn or just gone, of those utterances whose array is there."""
        for path in paths:
            with suppress(FileNotFoundError), path.open("rb") as file:
                for _, utterance, line in lines_in(file):
                    if self.has_array(utterance):
                        lines.add(utterance, line)

    def has_array(self, utterance: str) -> bool:
        return (self.folder / f"{utterance}.npy").exists()

    def add(self, utterance: str, line: str) -> None:
        with self.lock:
            self.append(utterance, line)

    def append(self, utterance: str, line: str) -> None:
        with writing(self.part):
            self.file.write(line + "\n")
            self.file.flush()
        self.own.add(utterance, self.size)
        self.size += len(line.encode()) + 1

    def keep(self, utterance: str) -> bool:
        """Whether an utterance has a line and an array. A line that is another's becomes one of this list, too."""
        if not self.has_array(utterance):
            return False
        with self.lock:
            place = self.own.find(utterance)
            if place is not None and line_at(self.written, place, utterance):
                return True
            if self.shard.is_whole:
                return False
            if self.others is None:
                own = (self.list, self.part)
                self.others = OtherLists(path for path in all_lists(self.folder) if path not in own)
            line = self.others.line_of(utterance)
            if line is not None:
                self.append(utterance, line.decode("utf-8"))
            return line is not None

    def reopen(self) -> None:
        """Says that something is about to change, so that nobody reads new frames beside old codes."""
        if self.changed:
            return
        self.changed = True
        if self.shard.is_whole:
            take_away(self.list)
            return
        everything, before = self.folder / UNITS, self.folder / f"{UNITS}.before"
        with self.lock:
            with suppress(FileNotFoundError):
                everything.replace(before)
            if self.others is not None:
                self.others.moved(everything, before)
        take_away(self.list)

    def finish(self, share: Iterable[str] | None, divided: str = "") -> None:
        """Declares complete what is listed; share: the utterances of this shard, None for all.

        divided: the checksum of all utterances, of which all shards must have taken their shares.
        """
        wanted, complete = None if share is None else LineIndex(), True
        for utterance in share or ():
            complete &= self.own.find(utterance) is not None or self.keep(utterance)
            wanted.add(utterance, 0)
        self.file.close()
        if share is not None and complete and not self.changed and (self.folder / UNITS).exists():
            self.written.close()
            take_away(self.list)  # for all is in the list of everything
            take_away(self.part)
            take_away(mark_of(self.list))
            return
        if divided:
            write_text(mark_of(self.list), divided)
        with SortedLines(self.folder, utterance_of) as lines:
            self.written.seek(0)
            for _, utterance, line in lines_in(self.written):
                if wanted is None or wanted.find(utterance) is not None:
                    lines.add(utterance, line)
            write_lines(self.list, lines)
        self.written.close()
        take_away(self.part)
        if not self.shard.is_whole:
            self.put_together()

    def put_together(self) -> None:
        """Makes one list of those of all shards, if they are there."""
        everything, interrupted = self.folder / UNITS, self.folder / f"{UNITS}.part"
        lists, leftovers = finished_lists(self.folder), {path: file_at(path) for path in self.leftovers()}
        if not lists:
            return
        own = [self.list] if everything in lists else []  # somebody put the lists together without the latest of ours
        with SortedLines(self.folder, utterance_of) as lines:
            self.gather([interrupted, *lists, *own], lines)
            aside = self.folder / f".{self.list.name}.together.tmp"
            write_lines(aside, lines)
        if finished_lists(self.folder) != lists:  # another shard was quicker, or has begun again
            take_away(aside)
            return
        aside.replace(everything)
        for path in own or [*leftovers, interrupted]:
            if path == interrupted or file_at(path) == leftovers[path]:  # and no other that took its name meanwhile
                take_away(path)
        for path in (*self.folder.glob(".*.npy.*.tmp"), *self.folder.glob("centres/.*.tmp")):  # of a killed shard
            take_away(path)

    def leftovers(self) -> list[Path]:
        """What shards write."""
        return [path for path in self.folder.glob(f"{UNITS}.*") if path.name != f"{UNITS}.part"]


def file_at(path: Path) -> int | None:
    """What tells a file from another of the same name."""
    with suppress(FileNotFoundError):
        return path.stat().st_ino
    return None


def write_lines(path: Path, lines: Iterable[tuple[str, bytes]]) -> None:
    with written_aside(path) as aside, aside.open("wb") as file:
        file.writelines(line + b"\n" for _, line in lines)
