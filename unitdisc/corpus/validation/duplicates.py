"""What is listed more than once: equal files, the same part of a file, and what two corpora have in common."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain, combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, cpu_count, delayed

from unitdisc.corpus import Problem, is_pipe
from unitdisc.corpus.table import NUMBERS, UtteranceTable
from unitdisc.corpus.validation.files import Files
from unitdisc.corpus.validation.known_good import Digests, key
from unitdisc.files.refusals import refuse_blameless
from unitdisc.jobs import WHOLE, Shard

ENDS = 1 << 16  # bytes of the beginning and of the end of a file that are looked at first
SHARED = 0.1  # of the shorter of two parts of a file, from which they count as one: segments may overlap a little
TWICE = "keep one of them, unless it is to count twice"
LEARNED = "take it out of one of them, or what is tested was learned"


class Named(NamedTuple):
    """A corpus as its list has it."""

    file: str  # the list
    utterances: UtteranceTable  # as far as they can be looked for
    lines: np.ndarray  # [U]   where each is named


class UsedPart(NamedTuple):
    """An utterance of a file: from where to where, in seconds or columns, and who says so."""

    corpus: int
    place: int  # in the table
    begin: float
    end: float
    channel: int  # from 1; 0 for the average of all


def repetitions(
    corpora: Sequence[Named], cache: Path | None = None, shard: Shard = WHOLE, workers: int | None = None
) -> Iterator[Problem]:
    """A warning for every file that equals one before it, and for every utterance that is the same as one before.

    Files are compared by size first, then by their ends, then whole; entries of archives by their place alone, pipes by
    the command. cache: knows the ends of files that are as they were. shard: each shard finds its share, though it asks
    for the size of every file.
    """
    listings = [Files(corpus.utterances) for corpus in corpora]
    paths = Paths(listings)
    facts = chain.from_iterable(map(size_and_identity, paths))
    size, identity = np.fromiter(facts, np.int64).reshape(-1, 2).T
    own = size % shard.count == shard.index - 1
    for corpus, files, some in zip(corpora, listings, np.split(own, paths.edges[1:-1])):
        for number in np.flatnonzero(some & with_equal_rows(files)).tolist():
            yield from equal_parts(corpus, parts_of(0, files, [number]))
    label = labels(paths, size, identity, own, cache, workers)
    for group in runs(np.lexsort((label, size)), (size, label)):
        members: defaultdict[int, list[int]] = defaultdict(list)  # corpus -> numbers of files
        for place in sorted(group) if own[group[0]] else ():
            corpus, number = paths.of(place)
            members[corpus].append(number)
        parts = {corpus: parts_of(corpus, listings[corpus], numbers) for corpus, numbers in members.items()}
        for corpus, numbers in members.items():
            yield from equal_files(corpora[corpus], listings[corpus], numbers)
        for first, second in combinations(sorted(parts), 2):
            yield from in_both(corpora, parts[first], parts[second])


class Paths:
    """The files of several corpora, one after another."""

    def __init__(self, listings: Sequence[Files]):
        self.listings = listings
        self.edges = np.cumsum([0, *map(len, listings)])

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(files.paths() for files in self.listings)

    def of(self, place: int) -> tuple[int, int]:
        """Corpus and number of a file."""
        corpus = int(np.searchsorted(self.edges, place, side="right")) - 1
        return corpus, place - int(self.edges[corpus])

    def __getitem__(self, place: int) -> str:
        corpus, number = self.of(place)
        return self.listings[corpus].path(number)


def size_and_identity(path: str) -> tuple[int, int]:
    """Bytes of a file, and what is equal for two names of it, without opening it; 0 bytes if it is no file."""
    try:
        state = os.stat(path)  # noqa: PTH116 (a Path takes longer to make than to ask)
    except (OSError, ValueError):  # an entry of an archive, a pipe, or nothing
        return 0, hash(path if is_pipe(path) else os.path.abspath(path))  # noqa: PTH100
    return state.st_size if stat.S_ISREG(state.st_mode) else 0, hash((state.st_dev, state.st_ino))


def labels(
    paths: Paths, size: np.ndarray, identity: np.ndarray, own: np.ndarray, cache: Path | None, workers: int | None
) -> np.ndarray:
    """A number for every file, [F], which files of one size have in common if their content is equal."""
    label = identity.copy()
    unclear = [group for group in runs(np.argsort(size, kind="stable"), (size,)) if size[group[0]]]
    unclear = [group for group in unclear if own[group[0]] and len({*identity[group].tolist()}) > 1]
    places = [place for group in unclear for place in group]
    label[places] = ends_of(paths, places, cache, workers)
    for group in unclear:
        if size[group[0]] > 2 * ENDS:
            order = np.array(group)[np.argsort(label[group], kind="stable")]
            for alike in runs(order, (label,)):
                if len({*identity[alike].tolist()}) > 1:
                    whole = {identity[place]: digest(paths[place]) for place in alike}
                    label[alike] = [whole[identity[place]] for place in alike]
    return label


def runs(order: np.ndarray, columns: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Places that are equal in every column and come one after another in this order, two or more."""
    new = np.zeros(len(order), bool)
    for column in columns:
        new[1:] |= np.diff(column[order]) != 0
    edges = np.concatenate([[0], np.flatnonzero(new), [len(order)]])
    several = np.flatnonzero(np.diff(edges) > 1)
    for first, last in zip(edges[several].tolist(), edges[several + 1].tolist()):
        yield order[first:last].tolist()


def ends_of(paths: Paths, places: Sequence[int], cache: Path | None, workers: int | None) -> np.ndarray:
    """Digests of what is at both ends of files, [N]; those that are as they were are not opened."""
    kept = Digests(cache)
    names = np.frombuffer(b"".join(key(paths[place], b"ends") for place in places), np.uint64).reshape(-1, 2)
    found = kept.rates(names)
    new = np.flatnonzero(found == 0).tolist()
    run = Parallel(n_jobs=workers or cpu_count(), backend="threading", batch_size=64, return_as="generator")
    for value, place in zip(run(delayed(digest)(paths[places[place]], ENDS) for place in new), new):
        found[place] = value
        kept.add(names[place], value)
    kept.save()
    return found


def digest(path: str, ends: int | None = None) -> int:
    """63 bits of the content of a file, or of its beginning and end; its own for one that cannot be read."""
    found = blake2b(digest_size=8)
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            if ends is None:
                while block := file.read(1 << 20):
                    found.update(block)
            else:
                found.update(file.read(ends))
                file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - ends))
                found.update(file.read(ends))
    except OSError as error:
        refuse_blameless(error, path)
        found.update(path.encode("utf-8", "surrogatepass"))
    return (int.from_bytes(found.digest(), "little") >> 1) or 1


def with_equal_rows(files: Files) -> np.ndarray:
    """Which files have utterances that are the same part of them: [F] bool."""
    again = np.zeros(len(files.stretches), bool)
    again[1:] = (files.stretches[1:] == files.stretches[:-1]).all(1)
    again[files.edges[:-1]] = False  # the first of a file repeats none
    return np.logical_or.reduceat(again, files.edges[:-1]) if len(files) else np.zeros(0, bool)


def equal_files(corpus: Named, files: Files, numbers: Sequence[int]) -> Iterator[Problem]:
    first = min(files.places(numbers[0]))
    for number in numbers[1:]:
        place = min(files.places(number))
        what = f"{files.path(number)} is equal to {files.path(numbers[0])} of line {corpus.lines[first]}"
        yield Problem("warning", corpus.file, int(corpus.lines[place]), what=what, cure=TWICE)


def parts_of(corpus: int, files: Files, numbers: Sequence[int]) -> list[UsedPart]:
    """The utterances in some files, in the order of the list."""
    found = []
    ticks, rate, start, channel = (NUMBERS.index(name) for name in ("ticks", "rate", "start", "channel"))
    for number in numbers:
        rows = files.stretches[files.edges[number] : files.edges[number + 1]].tolist()
        for place, row in zip(files.places(number), rows):
            unit = row[rate] or 1
            found.append(UsedPart(corpus, place, row[start] / unit, (row[start] + row[ticks]) / unit, row[channel]))
    return sorted(found, key=lambda part: part.place)


def equal_parts(corpus: Named, parts: Sequence[UsedPart]) -> Iterator[Problem]:
    """Utterances that are the same part of one file."""
    first: dict[tuple, int] = {}
    for part in parts:
        place = first.setdefault(part[2:], part.place)
        if place != part.place:
            utterance, other = corpus.utterances[part.place], corpus.utterances[place]
            what = (
                f"{utterance.id!r} is the same part of {utterance.path} as {other.id!r} of line {corpus.lines[place]}"
            )
            yield Problem("warning", corpus.file, int(corpus.lines[part.place]), what=what, cure=TWICE)


def shared_speakers(corpora: Sequence[Named]) -> Iterator[Problem]:
    """A warning where speakers of a corpus are in one before it, too, by their names."""
    speakers = [{name for name in corpus.utterances.speakers() if name} for corpus in corpora]
    for (first, known), (second, those) in combinations(zip(corpora, speakers), 2):
        if both := sorted(known & those):
            what = f"{len(both)} of its {len(those)} speakers are in {first.file}, too, as {both[0]!r}"
            cure = "take them out of one of them, if speakers are to be new in a test"
            yield Problem("warning", second.file, None, what=what, cure=cure)


def in_both(corpora: Sequence[Named], some: Sequence[UsedPart], others: Sequence[UsedPart]) -> Iterator[Problem]:
    """The utterances of a corpus that are, more or less, in the one before: parts of files that are equal."""
    begins, ends, channels = (np.array([part[field] for part in some]) for field in (2, 3, 4))
    for part in others:
        shared = np.minimum(ends, part.end) - np.maximum(begins, part.begin)
        enough = shared > SHARED * np.minimum(ends - begins, part.end - part.begin)
        same = enough & ((channels == part.channel) | (channels == 0) | (part.channel == 0))
        if same.any():
            known = some[int(np.argmax(np.where(same, shared, -np.inf)))]
            home, other = corpora[part.corpus], corpora[known.corpus]
            name, line = other.utterances[known.place].id, other.lines[known.place]
            what = f"{home.utterances[part.place].id!r} is in {other.file}, too: {name!r} of line {line}"
            yield Problem("warning", home.file, int(home.lines[part.place]), what=what, cure=LEARNED)
