"""Dividing the work of ABX into blocks: what is compared at once, small enough for the memory there is."""

from collections.abc import Iterator

import numpy as np

from unitdisc.evaluation.abx.cells import Groups, cells_across, run_starts, runs_of
from unitdisc.evaluation.abx.item_frames import ItemSurvey

BLOCK = 100  # pairs of items that could be compared in the time that a block takes beside
SPARSE = 4  # times less work, or fewer cells than there could be, that are worth more blocks


def tiled(groups: Groups, cells: np.ndarray, speaker: str, side: int) -> tuple[np.ndarray, ...]:
    """Cells in the order of their blocks, and the blocks, [blocks, 6] as `count_blocks` takes them.

    A block is all items of a context; within speakers, of a context and speaker; of one draw, if every cell has its
    own. One of more than `side` items is divided: columns into speakers that together have so many items, or one
    speaker; rows so that no block has more than side * side distances. Where X was drawn of so many speakers that most
    of such a block is in no cell, the columns are of one speaker each.
    """
    if not len(cells):
        return cells, np.zeros((0, 6), np.int64)
    whole = together(groups, speaker)
    column = columns_of(groups, whole, side)
    if speaker == "across" and groups.draws is None and SPARSE * len(cells) < cells_across(groups):
        narrow = columns_of(groups, whole, 0)
        column = np.where(is_less_work(groups, cells, narrow, column)[:, None], narrow, column)
    x, a, b = cells.T
    cells = cells[np.lexsort((b, a, x, column[a, 0], whole[a, 0]))]
    x, a = cells[:, 0], cells[:, 1]
    starts = run_starts(whole[a, 0], column[a, 0])
    blocks = []
    for start, stop in zip(starts, np.append(starts[1:], len(cells)), strict=True):
        first = a[start]
        low, high = position(groups, column[first])
        if high - low <= side and (column[first] == whole[first]).all():
            blocks.append((low, high, low, high, start, stop))
        else:
            blocks += divided(groups, low, high, x[start:stop], start, max(1, side * side // (high - low)))
    return cells, np.array(blocks, np.int64).reshape(-1, 6)


def together(groups: Groups, speaker: str) -> np.ndarray:
    """The groups that are compared with each group: [G, 2], first and last."""
    if groups.draws is not None:
        return runs_of(groups.draws)
    return runs_of(groups.contexts, groups.speakers) if speaker == "within" else runs_of(groups.contexts)


def columns_of(groups: Groups, whole: np.ndarray, side: int) -> np.ndarray:
    """The groups that are columns together with each group: [G, 2], first and last."""
    stops = groups.bounds[:, 1]
    columns = whole.copy()
    for first, last in whole[run_starts(whole[:, 0])]:
        if stops[last - 1] - groups.bounds[first, 0] <= side:
            continue
        start = first
        for one, next_one in speakers_in(groups, first, last):
            if stops[next_one - 1] - groups.bounds[start, 0] > side:
                columns[start:one] = start, one
                start = one
        columns[start:last] = start, last
    return columns


def is_less_work(groups: Groups, cells: np.ndarray, narrow: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Of every group, whether the cells of its context are counted sooner in narrow columns than in wide ones: [G]."""
    x, a = cells[:, 0].astype(np.int64), cells[:, 1]
    work = []
    for column in (narrow, wide):
        first, row = np.divmod(np.unique(column[a, 0] * len(groups) + x), len(groups))
        wanted = (groups.bounds[column[first, 1] - 1, 1] - groups.bounds[first, 0]) * groups.sizes[row]
        work.append(np.bincount(groups.contexts[first], wanted + BLOCK * (column is narrow), groups.contexts.max() + 1))
    return (SPARSE * work[0] < work[1])[groups.contexts]


def speakers_in(groups: Groups, first: int, last: int) -> np.ndarray:
    """The runs of groups of one speaker among some groups."""
    starts = first + run_starts(groups.speakers[first:last])
    return np.stack([starts, np.append(starts[1:], last)], axis=1)


def position(groups: Groups, run: np.ndarray) -> tuple[int, int]:
    """The first and last item of a run of groups."""
    return groups.bounds[run[0], 0], groups.bounds[run[1] - 1, 1]


def divided(groups: Groups, low: int, high: int, x: np.ndarray, start: int, height: int) -> list[tuple]:
    """Blocks of at most `height` rows with the X of some cells, numbered from `start`, sorted by X."""
    blocks = []
    wanted = np.unique(x)
    for run in np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1):  # of groups side by side
        top, end = position(groups, (run[0], run[-1] + 1))
        for row in range(top, end, height):
            bottom = min(row + height, end)
            within = [
                np.searchsorted(groups.bounds[:, 1], row, side="right"),
                np.searchsorted(groups.bounds[:, 0], bottom),
            ]
            first, last = np.searchsorted(x, within)
            blocks.append((low, high, row, bottom, start + first, start + last))
    return blocks


def work_of(blocks: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Pairs of frames in each block, once for both directions."""
    sums = np.concatenate([[0], np.cumsum(lengths)])
    low, high, top, bottom = blocks[:, :4].T
    return (sums[high] - sums[low]) * (sums[bottom] - sums[top])


def batches(blocks: np.ndarray, groups: Groups, found: ItemSurvey, memory: float) -> Iterator[np.ndarray]:
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
