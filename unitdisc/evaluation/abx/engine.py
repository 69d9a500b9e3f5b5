"""The ABX error of encodings: how often X, said to be the same as A, is closer to A than to B (Schatz et al., 2013).

Exactly by the definition of the ZeroSpeech challenges: items are compared by dynamic time warping normalised by the
length of the path, every triplet counts, and a tie is half an error. Where the tools of the field differ, `AbxProtocol`
names the choices.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np

from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx.averaging import AVERAGES, SpeakerErrors, averaged, interval
from unitdisc.evaluation.abx.blocks import count_blocks
from unitdisc.evaluation.abx.cells import PAIRS, Groups, cells_of, grouped, triplets
from unitdisc.evaluation.abx.distances import DISTANCES, Distance
from unitdisc.evaluation.abx.items import AbxItem, AbxItems
from unitdisc.evaluation.abx.sampling import Sampling, abx2_sample, fewer_speakers, smaller_groups
from unitdisc.evaluation.abx.shards import Parts, Share, Witnessed, added_up, fingerprint, in_order_of
from unitdisc.evaluation.abx.slicing import SLICINGS
from unitdisc.evaluation.abx.stock import POOLINGS, Preparation, Stock, Survey, restock, survey
from unitdisc.evaluation.abx.tiling import tiled, work_of
from unitdisc.evaluation.abx.warping import LONGEST

MEMORY = 2**31  # bytes
CHUNK = 2**22  # pairs of frames that a thread compares before it reports
Progress = Callable[[int, int], None]  # pairs of frames compared, in all


@dataclass(frozen=True)
class AbxProtocol:
    """What an ABX error means; the defaults are exact, and the figures of fastabx.

    distance: between frames, angular (what the ZeroSpeech tools call cosine), euclidean, kl, kl_symmetric or identity
    (of codes), summed along the warping path; or levenshtein, the edit distance of codes.
    slicing: exact, or librilight, which loses the last frame of every item.
    average: librilight or abxpy, see `averaged`.
    pooling: none, or mean or hamming: an item is one frame, the (weighted) mean of its frames, of length one if the
    distance is angular and not made so again, as libriabx2 has it.
    l2_normalise: make frames of length one whatever the distance, as Libri-Light does.
    sampling: None compares every item.
    """

    distance: str = "angular"
    slicing: str = "exact"
    average: str = "librilight"
    pooling: str = "none"
    l2_normalise: bool = False
    sampling: Sampling | None = None

    def __post_init__(self):
        object.__setattr__(self, "distance", {"cosine": "angular"}.get(self.distance, self.distance))
        for name, known in (
            ("distance", DISTANCES),
            ("slicing", SLICINGS),
            ("average", AVERAGES),
            ("pooling", POOLINGS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.pooling != "none" and self.distance in ("identity", "levenshtein"):
            raise ValueError(
                f"pooling {self.pooling} averages frames, and codes ({self.distance}) have no mean; "
                "choose another distance, or pooling none"
            )


@dataclass(frozen=True)
class AbxCell:
    """A cell: all triplets of one context, with A and B by one speaker and X by the same or another."""

    context: tuple[str, ...]
    label_a: str  # of A and X
    label_b: str
    speaker_a: str  # of A and B
    speaker_x: str
    items_x: int
    items_a: int
    items_b: int
    triplets: int
    lost: int  # triplets with X closer to B
    ties: int  # triplets with X as far from A as from B: half an error each

    @property
    def error(self) -> float:
        return (self.lost + self.ties / 2) / self.triplets


@dataclass(frozen=True, eq=False)
class CellTable:
    """Cells in columns."""

    items: AbxItems
    groups: Groups
    cells: np.ndarray  # [cells, 3] groups X, A, B
    counts: np.ndarray  # [cells, 2] lost, tied

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[AbxCell]:
        groups, sizes, compared = self.groups, self.groups.sizes, triplets(self.groups, self.cells)
        labels, speakers = self.items.labels.names, self.items.speakers.names
        for (x, a, b), (lost, ties), count in zip(self.cells, self.counts, compared, strict=True):
            yield AbxCell(
                context=self.items.contexts.names[groups.contexts[a]],
                label_a=labels[groups.labels[a]],
                label_b=labels[groups.labels[b]],
                speaker_a=speakers[groups.speakers[a]],
                speaker_x=speakers[groups.speakers[x]],
                items_x=int(sizes[x]),
                items_a=int(sizes[a]),
                items_b=int(sizes[b]),
                triplets=int(count),
                lost=int(lost),
                ties=int(ties),
            )


@dataclass(frozen=True)
class AbxResult:
    """An ABX error and what it was counted on."""

    error: float  # 0 to 1
    interval: tuple[float, float] | None  # 95 %, other speakers drawn; None if not asked for, or of too few speakers
    pairs: dict[tuple[str, str], float]  # error by (label of A and X, label of B)
    items: int  # that have frames
    skipped: int  # items so short that no frame is centred in them
    cells: int  # combinations of context, speakers and labels
    triplets: int
    ties: int
    null_frames: int  # without a direction: as far as can be from all frames but each other
    table: CellTable = field(compare=False, repr=False)  # every cell


def abx(
    items: AbxItems | Iterable[AbxItem],
    encodings: Encodings,
    speaker: Literal["within", "across"] = "within",
    protocol: AbxProtocol | None = None,
    *,
    replicates: int = 0,
    seed: int = 0,
    threads: int | None = None,
    memory: int = MEMORY,
    progress: Progress | None = None,
    share: Share | None = None,
) -> AbxResult:
    """The ABX error of encodings.

    within: A, B and X by one speaker; across: A and B by one speaker, X by another. X and A have one label, B
    another, all three the same context.
    replicates, seed: of the bootstrap over speakers that gives the interval; none by default.
    threads: all cores by default. memory: bytes for frames and distances; items take some hundred bytes each beyond
    it, and cells thirty. Neither changes a bit of the result, nor does the order of items or files.
    share: count only the cells of a shard, keep their counts in a folder, and give the result if all shards did;
    otherwise UnfinishedError is raised. What a shard has counted before is not counted again.

    Raises EncodingsError if an utterance has no encoding, or one that is unusable or too short for its items, and
    UnscorableError if there is nothing to compare or a speaker is not known.
    """
    if speaker not in PAIRS:
        raise ValueError(f"speaker must be within or across, not {speaker!r}")
    refuse_resources(replicates, seed, threads, memory)
    protocol = protocol or AbxProtocol()
    items = items if isinstance(items, AbxItems) else AbxItems.of(items)
    refuse_unknown(items)
    prepare = Preparation(protocol.distance, protocol.pooling, protocol.l2_normalise)
    witnessed = encodings if share is None else Witnessed(encodings)
    found = survey(items, witnessed, protocol.slicing, prepare, memory / 2)
    refuse_long(items, found.lengths)
    groups, cells = compared(items, np.flatnonzero(found.lengths), speaker, protocol.sampling)
    if not len(cells):
        refuse_incomparable(items, np.flatnonzero(found.lengths), speaker, encodings)
    threads = threads or os.cpu_count() or 1
    side = int(max(64, min(4096, (memory / 4 / threads / 8) ** 0.5)))

    lengths = found.lengths[groups.order]

    def counted(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some cells in the order in which they are counted, and triplets lost and tied in each."""
        cells, blocks = tiled(groups, cells, speaker, side)
        counts, done, work = np.zeros((len(cells), 2), np.int64), 0, int(work_of(blocks, lengths).sum())
        for batch in batches(blocks, groups, found, memory / 2) if len(blocks) else ():
            stock = found.stock or restock(items, rows_in(groups, batch), encodings, protocol.slicing, prepare)
            job = Job(groups, cells, lengths, stock, prepare.kind, found.scale, DISTANCES[protocol.distance])
            for chunk, part in computed(job, batch, work_of(batch, lengths), threads):
                counts[chunk[0, 4] : chunk[-1, 5]] += part
                done += int(work_of(chunk, lengths).sum())
                if progress:
                    progress(done, work)
        return cells, counts

    if share is None:
        cells, counts = counted(cells)
    else:
        what = {"frames": witnessed.checksum(), "scale": repr(found.scale), **asdict(protocol), **share.of}
        mark = fingerprint(groups, cells, lengths, what)
        counts = added_up(Parts(share.folder, speaker, mark), share.shard, groups, cells, lengths, speaker, counted)
        ordered, _ = tiled(groups, cells, speaker, side)
        cells, counts = ordered, in_order_of(ordered, cells, counts)
    return result(CellTable(items, groups, cells, counts), found, protocol.average, replicates, seed)


def refuse_resources(replicates: int, seed: int, threads: int | None, memory: int) -> None:
    """Raises ValueError naming the one that cannot be."""
    for name, value, least in (("replicates", replicates, 0), ("seed", seed, 0), ("memory", memory, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, not {value}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, or not given for all cores, not {threads}")


def refuse_unknown(items: AbxItems) -> None:
    if not len(items):
        raise UnscorableError("no items: ABX needs utterances with alignments that have phones between phones")
    if None in items.speakers.names:
        nobody = int(np.flatnonzero(items.speakers.codes == items.speakers.names.index(None))[0])
        raise UnscorableError(
            f"{items[nobody].utterance}: its speaker is not known; ABX needs the speaker of every item"
        )


def refuse_long(items: AbxItems, lengths: np.ndarray) -> None:
    if lengths.max() > LONGEST:
        longest = int(lengths.argmax())
        item = items[longest]
        raise UnscorableError(
            f"{items.where(longest)}{item.utterance}: an item of {lengths.max()} frames, "
            f"from tick {item.start:g} to {item.end:g}; items may have {LONGEST}: is the item file in seconds?"
        )


def refuse_incomparable(items: AbxItems, kept: np.ndarray, speaker: str, encodings: Encodings) -> None:
    said = "by one speaker, the first label twice" if speaker == "within" else "by one speaker, one also by another"
    labels, speakers = (len({*column.codes[kept]}) for column in (items.labels, items.speakers))
    raise UnscorableError(
        f"{encodings.folder}: nothing to compare {speaker} speakers in {len(kept)} items "
        f"(different labels {labels}, speakers {speakers}): ABX needs two labels in the same context {said}"
    )


def compared(items: AbxItems, kept: np.ndarray, speaker: str, sampling: Sampling | None) -> tuple[Groups, np.ndarray]:
    """The groups of the items in some rows, and the cells that are to be counted."""
    if sampling is not None and sampling.kind == "abx2":
        return abx2_sample(items, kept, speaker, sampling)
    groups = grouped(items, kept)
    if sampling is not None:
        groups = smaller_groups(groups, items, sampling)
    pairs = PAIRS[speaker](groups)
    if sampling is not None and speaker == "across":
        pairs = fewer_speakers(pairs, groups, items, sampling)
    return groups, cells_of(groups, pairs)


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


def batches(blocks: np.ndarray, groups: Groups, found: Survey, memory: float) -> Iterator[np.ndarray]:
    """Blocks whose items fit into the memory together: all, if all frames are in stock."""
    if found.stock:
        yield blocks
        return
    frames = found.lengths[groups.order] * found.frame_bytes
    start, taken, total = 0, np.zeros(len(frames), bool), 0
    for number, (low, high, top, bottom) in enumerate(blocks[:, :4]):
        inside = np.union1d(np.arange(low, high), np.arange(top, bottom))
        new = frames[inside[~taken[inside]]].sum()
        if total + new > memory and number > start:
            yield blocks[start:number]
            start, total, new = number, 0, frames[inside].sum()
            taken[:] = False
        taken[inside] = True
        total += new
    yield blocks[start:]


def rows_in(groups: Groups, blocks: np.ndarray) -> np.ndarray:
    """The rows of the items in some blocks, sorted."""
    inside = np.zeros(len(groups.order), bool)
    for low, high, top, bottom in blocks[:, :4]:
        inside[low:high] = inside[top:bottom] = True
    return np.unique(groups.order[inside])


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


def result(table: CellTable, found: Survey, average: str, replicates: int, seed: int) -> AbxResult:
    items, groups = table.items, table.groups
    counted = triplets(groups, table.cells)
    lost, tied = table.counts.T
    errors = SpeakerErrors.of(groups, table.cells, (lost + tied / 2) / counted)
    means = averaged(errors, average)
    names = items.labels.names
    pairs = {
        (names[a], names[b]): float(error)
        for a, b, error in zip(means.labels_a, means.labels_b, means.errors, strict=True)
    }
    kept = int(np.count_nonzero(found.lengths))
    return AbxResult(
        error=means.error,
        interval=interval(errors, average, len(items.speakers.names), replicates, seed),
        pairs=pairs,
        items=kept,
        skipped=len(items) - kept,
        cells=len(table.cells),
        triplets=int(counted.sum()),
        ties=int(tied.sum()),
        null_frames=found.null_frames,
        table=table,
    )
