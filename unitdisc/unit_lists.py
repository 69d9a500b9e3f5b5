"""The lists of units in a folder of encodings: which utterances are there, and whether all are.

    units.jsonl              all utterances; there is none while something is missing
    units.jsonl.part         those that an interrupted run came to
    units.jsonl.2-of-8       those of a shard that is finished
    units.jsonl.2-of-8.part  those of a shard that is not
    units.jsonl.before       all that were there before shards began to write some of them again

Shards know of each other by these files alone, each of which appears whole or has one writer; so they need no locks.
Whichever shard finishes last puts their lists together; until somebody has, readers take them as they are.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from unitdisc.files import write_text
from unitdisc.sharding import Shard

UNITS = "units.jsonl"
OF_SHARD = re.compile(r"units\.jsonl\.(\d+)-of-(\d+)(\.part)?")


def shard_lists(folder: Path, unfinished: bool) -> dict[Shard, Path]:
    """The lists of shards that are finished, or of those that are not."""
    found = {}
    for path in sorted(folder.glob(f"{UNITS}.*-of-*")):
        match = OF_SHARD.fullmatch(path.name)
        if match and bool(match[3]) == unfinished:
            with suppress(ValueError):
                found[Shard(int(match[1]), int(match[2]))] = path
    return found


def finished_lists(folder: Path) -> list[Path]:
    """The lists that have all utterances together, the later ones right where two have the same; [] if some miss."""
    if (folder / UNITS).exists():
        return [folder / UNITS]
    writing, written = shard_lists(folder, unfinished=True), shard_lists(folder, unfinished=False)
    before = [path for path in [folder / f"{UNITS}.before"] if path.exists()]
    for count in sorted({shard.count for shard in written}):
        own = [path for shard, path in written.items() if shard.count == count]
        if len(own) == count and all(shard.count != count for shard in writing):
            return [*before, *own]
    return [*before, *written.values()] if before and not writing else []


def what_is_missing(folder: Path) -> str | None:
    """Why there is no list of all utterances, if somebody began one."""
    written = shard_lists(folder, unfinished=False)
    shards = written | shard_lists(folder, unfinished=True)
    if shards:
        missing = [str(one) for one in max(shards, key=lambda one: one.count).siblings() if one not in written]
        return f"its shards {', '.join(missing[:5])}{', ...' * (len(missing) > 5)} are not finished; run them again"
    if any(folder.glob(f"{UNITS}.*")):
        return "encoding was interrupted; run the same `unitdisc encode` again"
    return None


def lines_in(path: Path, folder: Path) -> dict[str, str]:
    """Utterance -> line, of a list that may be torn or just gone; of those whose array is there."""
    lines = {}
    with suppress(FileNotFoundError):  # another shard was quicker to put the lists together
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # torn by a kill
                utterance = json.loads(line)["utterance"]
                if (folder / f"{utterance}.npy").exists():
                    lines[utterance] = line
    return lines


class UnitList:
    """The lines of the list that a run, or a shard of one, is writing.

    lines: utterance -> line, of all that are there, whoever wrote them.
    """

    def __init__(self, folder: Path, shard: Shard):
        self.folder, self.shard = folder, shard
        self.list = folder / (UNITS if shard.is_whole else f"{UNITS}.{shard.name}")
        self.part = folder / f"{self.list.name}.part"
        self.changed = False
        self.lines: dict[str, str] = {}
        written, writing = (shard_lists(folder, unfinished) for unfinished in (False, True))
        first = [folder / name for name in (UNITS, f"{UNITS}.before", f"{UNITS}.part")]
        for path in (*first, *written.values(), *writing.values()):
            self.lines |= lines_in(path, folder)

    def open(self) -> None:
        """Begins to write; a run of everything takes over what shards left."""
        if self.shard.is_whole:
            write_text(self.part, joined(self.lines.values()))
            for path in self.leftovers():
                path.unlink(missing_ok=True)
        self.file = self.part.open("a", encoding="utf-8")

    def add(self, utterance: str, line: str) -> None:
        self.lines[utterance] = line
        self.file.write(line + "\n")
        self.file.flush()

    def reopen(self) -> None:
        """Says that something is about to change, so that nobody reads new frames beside old codes."""
        if self.changed:
            return
        self.changed = True
        if self.shard.is_whole:
            self.list.unlink(missing_ok=True)
            return
        with suppress(FileNotFoundError):
            (self.folder / UNITS).replace(self.folder / f"{UNITS}.before")
        self.list.unlink(missing_ok=True)

    def finish(self, share: Iterable[str] | None) -> None:
        """Declares complete what is listed; share: the utterances of this shard, None for all."""
        self.file.close()
        names = sorted(self.lines if share is None else self.lines.keys() & {*share})
        write_text(self.list, joined(self.lines[name] for name in names))
        self.part.unlink(missing_ok=True)
        if not self.shard.is_whole:
            self.put_together()

    def put_together(self) -> None:
        """Makes one list of those of all shards, if they are there."""
        lists = finished_lists(self.folder)
        if not lists:
            return
        lines: dict[str, str] = {}
        for path in (self.folder / f"{UNITS}.part", *lists):
            lines |= lines_in(path, self.folder)
        if all(path.exists() for path in lists):  # else another shard was quicker
            write_text(self.folder / UNITS, joined(lines[name] for name in sorted(lines)))
        for path in (*self.leftovers(), self.folder / f"{UNITS}.part"):
            path.unlink(missing_ok=True)
        for path in (*self.folder.glob(".*.npy.*.tmp"), *self.folder.glob("centres/.*.tmp")):  # of a killed shard
            path.unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """What shards write."""
        return [path for path in self.folder.glob(f"{UNITS}.*") if path.name != f"{UNITS}.part"]


def joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
