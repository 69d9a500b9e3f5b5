"""Counting triplets: cells in blocks, as many blocks in memory as fit, and the blocks shared out among threads."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx.block_kernels import count_blocks
from unitdisc.evaluation.abx.cells import Groups
from unitdisc.evaluation.abx.distances import DISTANCES, Distance
from unitdisc.evaluation.abx.item_frames import ItemSurvey, Preparation, Stock, restock
from unitdisc.evaluation.abx.items import AbxItems
from unitdisc.evaluation.abx.protocol import AbxProtocol
from unitdisc.evaluation.abx.tiling import batches, rows_in, tiled, work_of

CHUNK = 2**22  # pairs of frames that a thread compares before it reports
Progress = Callable[[int, int], None]  # pairs of frames compared, in all


@dataclass(frozen=True)
class Counting:
    """How the triplets of cells are counted; what is a matter of memory and threads changes no count."""

    items: AbxItems
    encodings: Encodings
    found: ItemSurvey
    groups: Groups
    speaker: str
    protocol: AbxProtocol
    prepare: Preparation
    threads: int
    memory: int
    progress: Progress | None

    @property
    def lengths(self) -> np.ndarray:
        """Frames of the item at each position."""
        return self.found.lengths[self.groups.order]

    def ordered(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some cells in the order in which they are counted, and the blocks they are counted in."""
        side = int(max(64, min(4096, (self.memory / 4 / self.threads / 8) ** 0.5)))
        return tiled(self.groups, cells, self.speaker, side)

    def __call__(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some cells in the order in which they are counted, and triplets lost and tied in each."""
        (cells, blocks), lengths, distance = self.ordered(cells), self.lengths, DISTANCES[self.protocol.distance]
        counts, done, work = np.zeros((len(cells), 2), np.int64), 0, int(work_of(blocks, lengths).sum())
        for batch in batches(blocks, self.groups, self.found, self.memory / 2) if len(blocks) else ():
            stock = self.stock(batch)
            job = Job(self.groups, cells, lengths, stock, self.prepare.kind, self.found.scale, distance)
            for chunk, part in computed(job, batch, work_of(batch, lengths), self.threads):
                counts[chunk[0, 4] : chunk[-1, 5]] += part
                done += int(work_of(chunk, lengths).sum())
                if self.progress:
                    self.progress(done, work)
        return cells, counts

    def stock(self, blocks: np.ndarray) -> Stock:
        """The frames of the items in some blocks."""
        if self.found.stock:
            return self.found.stock
        rows = rows_in(self.groups, blocks)
        return restock(self.items, rows, self.encodings, self.protocol.slicing, self.prepare)


@dataclass(frozen=True)
class Job:
    """All that counting a block takes."""

    groups: Groups
    cells: np.ndarray
    lengths: np.ndarray  # frames of the item at each position
    stock: Stock
    kind: int
    scale: float
    distance: Distance

    def count(self, blocks: np.ndarray) -> np.ndarray:
        """Triplets lost and tied in the cells of some blocks that follow each other."""
        return count_blocks(
            self.kind,
            self.scale,
            self.distance.edits,
            self.distance.symmetric,
            self.stock.frames,
            self.stock.nulls,
            self.stock.first[self.groups.order],
            self.lengths,
            blocks,
            self.groups.bounds,
            self.cells,
        )


def computed(job: Job, blocks: np.ndarray, work: np.ndarray, threads: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks and their counts, a chunk at a time, by several threads."""
    chunks = deque(np.split(blocks, np.flatnonzero(np.diff(np.cumsum(work) // CHUNK)) + 1))
    running: deque[tuple[np.ndarray, Future]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while chunks or running:
                while chunks and len(running) < 2 * threads:
                    chunk = chunks.popleft()
                    running.append((chunk, pool.submit(job.count, chunk)))
                chunk, future = running.popleft()
                yield chunk, future.result()
        finally:
            for _, future in running:  # left by an error or Ctrl-C
                future.cancel()
