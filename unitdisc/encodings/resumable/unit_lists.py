"""The lists of units in a folder of encodings: which utterances are there, and whether all are.

    units.jsonl              all utterances; there is none while something is missing
    units.jsonl.part         those that an interrupted run came to
    units.jsonl.2-of-8       those of a shard that is finished
    units.jsonl.2-of-8.of    the checksum of all utterances, of which the shard took its share
    units.jsonl.2-of-8.part  those of a shard that is not finished
    units.jsonl.before       all that were there before shards began to write some of them again

Shards know of each other by these files alone, each of which appears whole or has one writer; so they need no locks.
Whichever shard finishes last puts their lists together; until somebody has, readers take them as they are. Shards that
divided different utterances, because one could not read what another could, make no whole.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from unitdisc.jobs import Shard

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
    for own in complete(written):
        if agree(own) and all(shard.count != len(own) for shard in writing):
            return [*before, *own]
    return [*before, *written.values()] if before and not writing and all(map(agree, complete(written))) else []


def complete(written: Mapping[Shard, Path]) -> Iterator[list[Path]]:
    """The lists of shards of one count, wherever all of them are finished."""
    for count in sorted({shard.count for shard in written}):
        own = [path for shard, path in written.items() if shard.count == count]
        if len(own) == count:
            yield own


def mark_of(path: Path) -> Path:
    """Where it stands what a shard, whose list is at a path, took its share of."""
    return path.with_name(f"{path.name}.of")


def divided(path: Path) -> bytes | None:
    """The checksum of what a shard took its share of; None if its list does not say."""
    with suppress(FileNotFoundError):
        return mark_of(path).read_bytes()
    return None


def agree(lists: Iterable[Path]) -> bool:
    """Whether the shards with these lists took their shares of the same utterances."""
    return len({*map(divided, lists)}) == 1


def disagreement(folder: Path, count: int | None = None) -> str | None:
    """Why the lists of all shards (of so many), though each is finished, have not all utterances together."""
    for own in complete(shard_lists(folder, unfinished=False)):
        if count in (None, len(own)) and not agree(own):
            return (
                f"its {len(own)} shards took shares of different utterances: a recording could not always be read, or "
                "the corpus changed; run all of them again"
            )
    return None


def all_lists(folder: Path) -> list[Path]:
    """All that anybody left, the later ones right where two have the same utterance."""
    first = [folder / name for name in (UNITS, f"{UNITS}.before", f"{UNITS}.part")]
    written, writing = (shard_lists(folder, unfinished).values() for unfinished in (False, True))
    return [*first, *written, *writing]


def what_is_missing(folder: Path) -> str | None:
    """Why there is no list of all utterances, if somebody began one."""
    written = shard_lists(folder, unfinished=False)
    shards = written | shard_lists(folder, unfinished=True)
    if why := disagreement(folder):
        return why
    if shards:
        missing = [str(one) for one in max(shards, key=lambda one: one.count).siblings() if one not in written]
        return f"its shards {', '.join(missing[:5])}{', ...' * (len(missing) > 5)} are not finished; run them again"
    if any(folder.glob(f"{UNITS}.*")):
        return "encoding was interrupted; run the same `unitdisc encode` again"
    return None
