"""Blocks of items that are compared with each other, compiled: all distances in a block, then the cells in it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit

from unitdisc.evaluation.abx.distances import lattice, steps_for
from unitdisc.evaluation.abx.dtw import LANES, SHORT, STATE, advance, arrived

KERNELS = ("block_kernels", "distances", "matrix_products", "dtw")  # files that are compiled into one
WIDTH = 768  # columns of frames that are compared with a row at once: what the nearer caches hold
FEW = 1024  # frames of a block that are compared with each other at once: their lattices stay in the caches
HEIGHT = 128  # rows at once: the state of a path is kept between them, not the lattice of a long item


@njit(nogil=True)
def greatest(lengths: np.ndarray) -> int:
    """In a loop, for numba takes a second to compile a maximum."""
    found = 0
    for length in lengths:
        found = max(found, length)
    return found


@njit(nogil=True)
def in_panels(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items shortest first, for lanes side by side should be about as long, and the frames of each panel's longest."""
    places = np.zeros(greatest(lengths) + 2, np.int64)  # counted: numba takes a second to compile a sort
    for length in lengths:
        places[length + 1] += 1
    for length in range(1, len(places)):
        places[length] += places[length - 1]
    order = np.empty(len(lengths), np.int64)
    for item in range(len(lengths)):
        order[places[lengths[item]]] = item
        places[lengths[item]] += 1
    longest = np.empty((len(order) + LANES - 1) // LANES, np.int64)
    for p in range(len(longest)):
        longest[p] = lengths[order[min((p + 1) * LANES, len(order)) - 1]]
    return order, longest


@njit(nogil=True)
def pack(
    frames: np.ndarray, nulls: np.ndarray, begin: int, length: int, panel: np.ndarray, null: np.ndarray, columns: range
) -> None:
    """Puts the frames of an item, one after the other, into some columns of a panel; the last again where it ends."""
    source = begin
    for column in columns:
        null[column] = nulls[source]
        for d in range(frames.shape[1]):
            panel[d, column] = frames[source, d]
        source = min(source + 1, begin + length - 1)


@njit(nogil=True)
def fill(
    frames: np.ndarray,
    nulls: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
    longest: np.ndarray,
    begin: int,
    panel: np.ndarray,
    null: np.ndarray,
) -> tuple[int, int]:
    """Packs items side by side, panels `begin` to `end` of them; returns `end` and how many columns they take."""
    end, width = begin, np.int64(0)
    while end < len(longest) and (end == begin or width + longest[end] * LANES <= WIDTH):
        for lane in range(LANES):
            y = order[min(end * LANES + lane, len(order) - 1)]
            columns = range(width + lane, width + longest[end] * LANES, LANES)
            pack(frames, nulls, first[y], lengths[y], panel, null, columns)
        width += longest[end] * LANES
        end += 1
    return end, width


@njit(nogil=True)
def distances_in_small_block(
    kind: int,
    scale: float,
    frames: np.ndarray,
    nulls: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
) -> np.ndarray:
    """Distances between all items of a block of few frames, in both directions: [items, items] float64, 0 to itself.

    The lattices of all pairs lie in one matrix, of all frames by all frames after them, without the columns that lanes
    side by side would leave idle; then pairs, the shorter item first, go into lanes sixteen at a time.
    order: the items, shortest first.
    """
    items, total = len(order), lengths.sum()
    width = (total + LANES - 1) // LANES * LANES
    tallest = lengths[order[-1]]
    begins = np.zeros(items + 1, np.int64)
    panel, null = np.empty((frames.shape[1], width), frames.dtype), np.empty(width, np.bool_)
    for place in range(items):
        item, begin = order[place], begins[place]
        begins[place + 1] = begin + lengths[item]
        end = begins[place + 1] if place < items - 1 else width
        pack(frames, nulls, first[item], lengths[item], panel, null, range(begin, end))
    products, steps = np.empty((tallest, width), frames.dtype), steps_for(frames, total, width)
    for place in range(items - 1):
        rows = slice(first[order[place]], first[order[place]] + lengths[order[place]])
        start = begins[place + 1] // LANES * LANES
        of_item = steps[begins[place] : begins[place + 1]]
        lattice(kind, scale, frames[rows], nulls[rows], panel, null, start, width, products, of_item)
    shortest = 0 if steps.itemsize == 8 else SHORT
    narrow = np.empty((tallest, STATE), np.int32)
    wide = np.empty((tallest if 2 * tallest >= shortest else 0, STATE), np.int64)
    lanes, pairs = steps_for(frames, tallest, tallest * LANES), np.empty((LANES, 2), np.int64)
    distances = np.zeros((items, items))
    x, y = 0, 1
    while x < items - 1:
        count, columns = 0, np.int64(0)
        while count < LANES and x < items - 1:
            pairs[count, 0], pairs[count, 1] = x, y
            columns = max(columns, begins[y + 1] - begins[y])
            for i in range(begins[x + 1] - begins[x]):
                row = steps[begins[x] + i, begins[y] : begins[y + 1]]
                for j in range(len(row)):
                    lanes[i, j * LANES + count] = row[j]
            count += 1
            x, y = (x, y + 1) if y < items - 1 else (x + 1, x + 2)
        done, lane = np.int64(0), 0
        while lane < count:  # pairs whose X ends here have arrived; the others have as many rows or more
            rows = lengths[order[pairs[lane, 0]]]
            short = lengths[order[pairs[count - 1, 0]]] + columns < shortest
            advance(False, short, lanes[done:rows], 0, rows - done, columns, narrow, wide, done)
            done = rows
            while lane < count and lengths[order[pairs[lane, 0]]] == done:
                a, b = order[pairs[lane, 0]], order[pairs[lane, 1]]
                last = lengths[b] - 1
                there, back = arrived(narrow, last, lane) if short else arrived(wide, last, lane)
                distances[a, b], distances[b, a] = there, back
                lane += 1
    return distances


@njit(nogil=True)
def distances_in_block(
    kind: int,
    scale: float,
    edits: bool,
    both_ways: bool,
    frames: np.ndarray,
    nulls: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
    block: np.ndarray,
) -> np.ndarray:
    """Distances from some items (rows) to others (columns): [rows, columns] float64.

    frames: [F, D]; first, lengths: the frames of each item; block: first and last item of the columns, then of the
    rows; both_ways: they are the same, and every pair is warped once for both directions.
    """
    low, high, top, bottom = block
    first_y, lengths_y = first[low:high], lengths[low:high]
    order, longest = in_panels(lengths_y)
    if both_ways and not edits and lengths_y.sum() <= FEW:
        return distances_in_small_block(kind, scale, frames, nulls, first_y, lengths_y, order)
    met = np.zeros(bottom - top, np.int64)  # panels before: their items, shorter ones, met this one when they were x
    if both_ways:
        for place in range(len(order)):
            met[order[place]] = place // LANES
    tallest = greatest(lengths[top:bottom])
    height, width = min(tallest, HEIGHT), max(min(WIDTH, longest.sum() * LANES), longest[-1] * LANES)
    panel, null = np.empty((frames.shape[1], width), frames.dtype), np.empty(width, np.bool_)
    products, steps = np.empty((height, width), frames.dtype), steps_for(frames, height, width)
    shortest = 0 if edits or steps.itemsize == 8 else SHORT  # two items of fewer frames fit into 32 bits
    narrow = np.empty((width // LANES, STATE), np.int32)
    wide = np.empty((width // LANES if tallest + longest[-1] >= shortest else 0, STATE), np.int64)
    distances = np.empty((bottom - top, high - low))
    begin = 0
    while begin < len(longest):
        end, width = fill(frames, nulls, first_y, lengths_y, order, longest, begin, panel, null)
        for x in range(top, bottom):
            new = max(begin, met[x - top])
            if new >= end:
                continue
            start = longest[begin:new].sum() * LANES
            for done in range(0, lengths[x], HEIGHT):
                rows = slice(first[x] + done, first[x] + min(done + HEIGHT, lengths[x]))
                lattice(kind, scale, frames[rows], nulls[rows], panel, null, start, width, products, steps)
                column = start
                for p in range(new, end):
                    short = lengths[x] + longest[p] < shortest
                    advance(edits, short, steps, column, rows.stop - rows.start, longest[p], narrow, wide, done)
                    column += longest[p] * LANES
            m = start // LANES
            for p in range(new, end):
                short = lengths[x] + longest[p] < shortest
                for lane in range(min(LANES, len(order) - p * LANES)):
                    y = order[p * LANES + lane]
                    last = m + lengths_y[y] - 1
                    there, back = arrived(narrow, last, lane) if short else arrived(wide, last, lane)
                    distances[x - top, y] = there
                    if both_ways:
                        distances[y, x - top] = back
                m += longest[p]
        begin = end
    return distances


@njit(nogil=True)
def count_cell(
    distances: np.ndarray, x: np.ndarray, a: np.ndarray, b: np.ndarray, block: np.ndarray, same: bool
) -> tuple[int, int]:
    """Triplets lost and tied in a cell, of those X that are rows of the block.

    x, a, b: first and last item of each group; same: A is the group of X.
    """
    low, _, top, bottom = block
    lost, tied = 0, 0
    for i in range(max(x[0], top), min(x[1], bottom)):
        row = distances[i - top]
        to_b = row[b[0] - low : b[1] - low]
        for j in range(a[0], a[1]):
            if same and i == j:
                continue  # X is never compared with itself
            to_a = row[j - low]
            for k in range(len(to_b)):
                lost += to_a > to_b[k]
                tied += to_a == to_b[k]
    return lost, tied


def source_stamp() -> int:
    """A number that changes when any file does that is compiled into `count_blocks`."""
    files = (Path(__file__).with_name(f"{name}.py") for name in KERNELS)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).digest()
    return int.from_bytes(digest[:6], "little")


def compiled(stamp: int) -> Callable[..., np.ndarray]:
    """Makes `count_blocks`, which is kept on disk; numba compiles it again when its own file changes, or `stamp`."""

    @njit(cache=True, nogil=True)
    def count_blocks(
        kind: int,
        scale: float,
        edits: bool,
        symmetric: bool,
        frames: np.ndarray,
        nulls: np.ndarray,
        first: np.ndarray,
        lengths: np.ndarray,
        blocks: np.ndarray,
        groups: np.ndarray,
        cells: np.ndarray,
    ) -> np.ndarray:
        """Triplets lost and tied in the cells of some blocks that follow each other: [cells, 2] int64.

        blocks: [blocks, 6] first and last item of the columns, of the rows, first and last cell; groups: [G, 2] first
        and last item; cells: [C, 3] the groups X, A, B of each.
        """
        base = blocks[0, 4] + 0 * stamp
        counts = np.zeros((blocks[-1, 5] - base, 2), np.int64)
        for number in range(len(blocks)):
            block = blocks[number, :4]
            both_ways = symmetric and block[0] == block[2] and block[1] == block[3]
            distances = distances_in_block(kind, scale, edits, both_ways, frames, nulls, first, lengths, block)
            for cell in range(blocks[number, 4], blocks[number, 5]):
                x, a, b = cells[cell]
                lost, tied = count_cell(distances, groups[x], groups[a], groups[b], block, x == a)
                counts[cell - base, 0] += lost
                counts[cell - base, 1] += tied
        return counts

    return count_blocks


count_blocks = compiled(source_stamp())
