"""Whose frames or units these are: what other tools call an utterance, and what a corpus calls it.

Other tools know files, a corpus has ids. Both are the same where, the first that holds:

    the path of the recording is the same (fairseq's .tsv names the folder that its paths count from)
    the ends of both paths are the same, with a folder at least: p225/001 of audio/p225/001.flac
    the id is the name, or the path with -, _ or / between folders: p225-001
    the names of the files are the same, and no other file is called so
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from unitdisc.corpus import Utterance

Parts = tuple[str, ...]  # of a path, without the suffix of the file


@dataclass(frozen=True)
class Names:
    """Utterances by their names in another tool's output."""

    paths: Mapping[str, PurePath | None]  # name -> path of the recording, where there is one
    root: PurePath | None = None  # that paths count from

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Other ways to write names, those that can mean one utterance alone."""
        ways = [(way, name) for name, path in self.paths.items() for way in {*spellings(path)} - {*self.paths}]
        times = Counter(way for way, _ in ways)
        return {way: name for way, name in ways if times[way] == 1}

    @cached_property
    def parts(self) -> dict[Parts, str]:
        """Names by the parts of their paths, and by the ends of these that are of one path alone."""
        whole = {parts_of(path): name for name, path in self.paths.items() if path is not None}
        times = Counter(end for parts in whole for end in ends_of(parts))
        return {end: name for parts, name in whole.items() for end in ends_of(parts) if times[end] == 1} | whole

    def alias(self, name: str) -> str | None:
        """The name of an utterance that is called so; None if there is none, or several."""
        return name if name in self.paths else self.aliases.get(name)

    def like(self, name: str) -> list[str]:
        """The names of several files that are called so."""
        found = [each for each, path in self.paths.items() if path is not None and path.stem == name]
        return found if len(found) > 1 else []

    def matched(self, utterances: Sequence[Utterance]) -> dict[str, str]:
        """The names of utterances, by their ids; of those that are in it."""
        alone = files_of_one(utterances)
        stems = Counter(PurePath(utterance.path).stem for utterance in alone.values())
        absolute = (
            {} if self.root is None else {absolute_of(self.root, path): n for n, path in self.paths.items() if path}
        )
        found: dict[str, str] = {}
        taken: set[str] = set()

        def match(pairs: Iterable[tuple[str, str | None]]) -> None:
            for id, name in pairs:
                if name is not None and id not in found and name not in taken:
                    found[id] = name
                    taken.add(name)

        match((id, absolute.get(absolute_of(PurePath(), PurePath(u.path)))) for id, u in alone.items())
        times = Counter(end for u in alone.values() for end in ends_of(parts_of(PurePath(u.path))))
        match((id, self.by_end(parts_of(PurePath(u.path)), times)) for id, u in alone.items())
        match((utterance.id, self.alias(utterance.id)) for utterance in utterances)
        match((id, self.alias(stem)) for id, u in alone.items() if stems[stem := PurePath(u.path).stem] == 1)
        return found

    def by_end(self, parts: Parts, times: Mapping[Parts, int]) -> str | None:
        """What shares the longest end of its path, a folder at least in it, that is of one recording alone."""
        return next((self.parts[end] for end in ends_of(parts) if end in self.parts and times[end] == 1), None)


def files_of_one(utterances: Sequence[Utterance]) -> dict[str, Utterance]:
    """By id, the utterances that are all there is of their recording, as far as the corpus tells."""
    times = Counter(utterance.path for utterance in utterances)
    return {u.id: u for u in utterances if times[u.path] == 1 and not u.start}


def spellings(path: PurePath | None) -> list[str]:
    """What a file may be called in a list."""
    if path is None:
        return []
    parts = parts_of(path)
    return [path.as_posix(), path.stem, path.name, *(between.join(parts) for between in "/-_")]


def parts_of(path: PurePath) -> Parts:
    return path.with_suffix("").parts if path.name else path.parts


def ends_of(parts: Parts) -> Iterator[Parts]:
    """The ends of a path with a folder at least, the longest first."""
    return (parts[start:] for start in range(len(parts) - 1))


def absolute_of(root: PurePath, path: PurePath) -> str:
    """A path from the root of the file system, links not followed."""
    return os.path.abspath(root / path)  # noqa: PTH100 - resolve() follows links
