"""ABX split over workers: which cells each counts, what it leaves in a folder, and how the parts are added up.

Counts of triplets are whole numbers, so parts add up to exactly what one run counts.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unitdisc.encodings import Encoding
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx.cells import Groups
from unitdisc.evaluation.abx.tiling import together
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.files import written_aside
from unitdisc.jobs import Shard


class UnfinishedError(UnscorableError):
    """A shard has counted its cells, but there is no error yet; the message names the shards that are missing."""


@dataclass(frozen=True)
class Share:
    """The share of a comparison that is to be counted, and the folder where all shards keep their counts."""

    shard: Shard
    folder: Path
    of: Mapping[str, str] = field(default_factory=dict)  # what else must be the same: names the encodings


PIECES = 8  # of a shard's work at least, so that none has much more than others


def cells_of_shard(groups: Groups, cells: np.ndarray, lengths: np.ndarray, speaker: str, shard: Shard) -> np.ndarray:
    """The numbers of the cells that a shard counts: whole contexts, or, of a large one, the cells of some X.

    cells: [cells, 3] groups X, A and B; lengths: frames of the item at each position.
    """
    if shard.is_whole:
        return np.arange(len(cells))
    x, a, _ = cells.T
    frames = np.add.reduceat(np.append(lengths, 0), groups.bounds[:, 0]) if len(groups) else lengths
    block = together(groups, speaker)[a, 0]
    sums = np.concatenate([[0], np.cumsum(lengths)])
    first, last = together(groups, speaker)[a].T
    columns = sums[groups.bounds[last - 1, 1]] - sums[groups.bounds[first, 0]]  # frames that X is compared with
    pairs, inverse = np.unique(np.stack([block, x], axis=1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    width = np.zeros(len(pairs), np.int64)
    width[inverse] = columns
    work = frames[pairs[:, 1]] * width
    piece = pieces_of(pairs[:, 0], work, int(work.sum()) // (PIECES * shard.count) + 1)
    costs = np.bincount(piece, work)
    owner = owners(costs, shard.count)
    return np.flatnonzero(owner[piece[inverse]] == shard.index - 1)


def pieces_of(blocks: np.ndarray, work: np.ndarray, most: int) -> np.ndarray:
    """Numbers of pieces for rows sorted by block: a block, or stretches of about `most` work of a larger one."""
    begins = np.append(True, blocks[1:] != blocks[:-1])
    within = np.cumsum(work) - work
    within = within - np.maximum.accumulate(np.where(begins, within, 0))
    steps = within // most
    begins[1:] |= steps[1:] != steps[:-1]
    return np.cumsum(begins) - 1


def owners(costs: np.ndarray, count: int) -> np.ndarray:
    """Who of `count` gets which piece: the dearest first, each to whoever has least."""
    loads, owner = np.zeros(count), np.zeros(len(costs), np.int64)
    for piece in np.argsort(-costs, kind="stable"):
        owner[piece] = loads.argmin()
        loads[owner[piece]] += costs[piece]
    return owner


def fingerprint(groups: Groups, cells: np.ndarray, lengths: np.ndarray, more: Mapping[str, str]) -> str:
    """Names what is counted, so that only parts of the same are added up."""
    digest = hashlib.sha256(repr(sorted(more.items())).encode())
    for array in (groups.order, groups.bounds, cells, lengths):
        digest.update(np.ascontiguousarray(array, np.int64).tobytes())
    return digest.hexdigest()[:16]


class Witnessed:
    """Encodings, and a checksum of what was read of them: layers of a model differ in nothing but their frames."""

    def __init__(self, encodings: AnyEncodings):
        self.encodings, self.seen = encodings, {}
        self.folder, self.settings = encodings.folder, encodings.settings

    def __contains__(self, utterance: str) -> bool:
        return utterance in self.encodings

    def __getitem__(self, utterance: str) -> Encoding:
        found = self.encodings[utterance]
        digest = hashlib.sha256()
        for array in (found.centres, found.frames, *([] if found.codes is None else [found.codes])):
            digest.update(f"{array.dtype} {array.shape}\0".encode() + np.ascontiguousarray(array).tobytes())
        self.seen[utterance] = digest.digest()
        return found

    def checksum(self) -> str:
        return hashlib.sha256(repr(sorted(self.seen.items())).encode()).hexdigest()


class Parts:
    """A folder with the counts of shards, a file each."""

    def __init__(self, folder: Path, name: str, mark: str):
        self.folder, self.name, self.mark = Path(folder), name, mark

    def path(self, shard: Shard) -> Path:
        return self.folder / f"{self.name}.{shard.name}.npz"

    def write(self, shard: Shard, numbers: np.ndarray, counts: np.ndarray) -> None:
        """Keeps the counts [N, 2] of the cells with these numbers [N]."""
        with written_aside(self.path(shard)) as aside, aside.open("wb") as file:
            np.savez_compressed(file, numbers=numbers, counts=counts, mark=np.array(self.mark))

    def read(self, shard: Shard) -> tuple[np.ndarray, np.ndarray] | None:
        """Numbers and counts of a shard; None if they are not there yet.

        Raises ValueError naming the file if it is damaged, or of another comparison.
        """
        path = self.path(shard)
        try:
            with np.load(path, allow_pickle=False) as found:
                mark, numbers, counts = str(found["mark"]), found["numbers"], found["counts"]
        except FileNotFoundError:
            return None
        except Exception as error:  # numpy and zipfile let through whatever a damaged file makes of them
            raise ValueError(f"{path}: damaged ({error}); remove it and run shard {shard} again") from error
        if mark != self.mark:
            raise ValueError(
                f"{path}: counts another comparison (encodings, items or options differ); "
                "remove it, or choose another folder"
            )
        return numbers, counts

    def total(self, cells: int, count: int) -> tuple[np.ndarray | None, list[Shard]]:
        """The counts of all cells [cells, 2], or None and the shards that are missing."""
        total, missing = np.zeros((cells, 2), np.int64), []
        for shard in Shard(1, count).siblings():
            part = self.read(shard)
            if part is None:
                missing.append(shard)
            else:
                total[part[0]] += part[1]
        return (None if missing else total), missing


def added_up(
    parts: Parts,
    shard: Shard,
    groups: Groups,
    cells: np.ndarray,
    lengths: np.ndarray,
    speaker: str,
    counted: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """The counts [cells, 2] of all cells, those of a shard counted now unless they were before.

    counted: cells -> the same in some order, and their counts. Raises UnfinishedError if other shards are missing.
    """
    if parts.read(shard) is None:
        parts.total(len(cells), shard.count)  # refuses those of another comparison before anything is counted
        numbers = cells_of_shard(groups, cells, lengths, speaker, shard)
        parts.write(shard, numbers, in_order_of(cells[numbers], *counted(cells[numbers])))
    total, missing = parts.total(len(cells), shard.count)
    if total is None:
        names = ", ".join(map(str, missing[:5])) + ", ..." * (len(missing) > 5)
        raise UnfinishedError(f"shard {shard} is counted; the error is known when {names} are, too")
    return total


def in_order_of(wanted: np.ndarray, cells: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The counts of cells that are wanted in another order."""
    found = np.empty_like(counts)
    found[np.lexsort(wanted.T)] = counts[np.lexsort(cells.T)]
    return found
