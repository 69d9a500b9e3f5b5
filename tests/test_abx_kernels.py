"""The compiled parts of ABX against the same written plainly: distances of frames, warping, blocks and their tiling."""

import ast
import runpy
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from unitdisc.evaluation.abx import all_pairs, block_kernels
from unitdisc.evaluation.abx.cells import Groups, across_pairs, across_pairs_in_parts, cells_of, within_pairs
from unitdisc.evaluation.abx.distances import (
    DISTANCES,
    NEAR,
    STEPS,
    angle_row,
    angular_lattice,
    other_lattice,
    small_angle,
)
from unitdisc.evaluation.abx.matrix_products import multiply
from unitdisc.evaluation.abx.tiling import tiled

oracle = runpy.run_path(str(Path(__file__).parent / "reference" / "abx.py"))


def unit(frames: np.ndarray) -> np.ndarray:
    return (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)


def packed(items: list[np.ndarray], nulls: list[np.ndarray] | None = None) -> tuple[np.ndarray, ...]:
    """Frames, nulls, first and lengths as the kernels take them."""
    lengths = np.array([len(item) for item in items])
    nulls = [np.zeros(len(item), bool) for item in items] if nulls is None else nulls
    return np.concatenate(items), np.concatenate(nulls), np.cumsum(lengths) - lengths, lengths


def kept(stamp: int):
    """`distances_in_block`, compiled anew when a file of the kernels changes, as `count_blocks` is: it takes long."""

    @njit(cache=True, nogil=True)
    def distances(kind, scale, edits, both_ways, frames, nulls, first, lengths, block):
        return block_kernels.distances_in_block(
            kind, scale + 0 * stamp, edits, both_ways, frames, nulls, first, lengths, block
        )

    return distances


distances_in_block = kept(block_kernels.source_stamp())


def distances_between(items: list[np.ndarray], distance: str, block: list[int], both_ways: bool) -> np.ndarray:
    kind, edits = DISTANCES[distance].kind, DISTANCES[distance].edits
    return distances_in_block(kind, float(STEPS), edits, both_ways, *packed(items), np.array(block))


@pytest.mark.parametrize("dims", [1, 2, 5, 64, 257])
def test_angles_are_those_of_double_precision(dims):
    rng = np.random.default_rng(dims)
    xs, ys = unit(rng.standard_normal((9, dims))), unit(rng.standard_normal((32, dims)))
    ys[:9] = unit(xs + 10.0 ** rng.uniform(-6, -1, (9, 1)) * rng.standard_normal((9, dims)))
    steps, products = np.zeros((9, 32), np.int32), np.zeros((9, 32), np.float32)
    angular_lattice(xs, np.zeros(9, bool), ys.T.copy(), np.zeros(32, bool), 0, 32, products, steps)
    x, y = xs[:, None].astype(float), ys[None].astype(float)
    angles = 2 * np.arctan2(np.linalg.norm(x - y, axis=-1), np.linalg.norm(x + y, axis=-1)) / np.pi * STEPS
    sines = np.maximum(np.sin(angles / STEPS * np.pi), NEAR / STEPS)  # a cosine tells little where the sine is small
    assert (np.abs(steps - angles) <= 2 + 3e-7 * STEPS / np.pi / sines).all()
    assert (np.abs(steps - angles)[angles < NEAR / 2] <= 2).all()


def test_an_angle_in_single_precision_is_right_to_two_millionths():
    cosines = np.linspace(-1, 1, 100_001).astype(np.float32)
    steps = np.zeros(len(cosines), np.int32)
    assert angle_row(cosines, steps) == 0 == steps.min()
    assert np.abs(steps - np.arccos(cosines.astype(float)) / np.pi * STEPS).max() < 2e-7 * STEPS
    assert angle_row(np.array([0.5, 1.0000002, -1.0000002], np.float32), steps[:3]) == 0
    assert steps[:3].tolist()[1:] == [0, STEPS]


def test_null_frames_are_far_from_all_but_each_other():
    xs, ys = unit(np.ones((2, 3))), unit(np.ones((16, 3)))
    null_xs, nulls = np.array([False, True]), np.arange(16) % 2 == 1
    steps = np.zeros((2, 32), np.int32)
    panel, null = np.tile(ys.T, 2), np.tile(nulls, 2)
    angular_lattice(xs, null_xs, panel, null, 16, 32, np.zeros((2, 32), np.float32), steps)
    assert (steps[0, 16:] == np.where(nulls, STEPS, 0)).all()
    assert (steps[1, 16:] == np.where(nulls, 0, STEPS)).all()
    assert (steps[:, :16] == 0).all()  # columns before are not touched
    angular_lattice(xs, null_xs, panel, np.zeros(32, bool), 0, 16, np.zeros((2, 32), np.float32), steps)
    assert (steps[1, :16] == STEPS).all()


@pytest.mark.parametrize("distance", ["euclidean", "kl", "kl_symmetric", "identity"])
def test_other_distances_are_rounded_to_steps(distance):
    rng = np.random.default_rng(0)
    xs, ys = rng.dirichlet(np.ones(4), 3), rng.dirichlet(np.ones(4), 32)
    if distance == "identity":
        xs, ys = rng.integers(3, size=(3, 1)).astype(float), rng.integers(3, size=(32, 1)).astype(float)
    elif distance != "euclidean":
        xs, ys = (np.hstack([frames, np.log(frames + 1e-6)]) for frames in (xs, ys))
    steps = np.full((3, 32), -1, np.int64)
    other_lattice(DISTANCES[distance].kind, 2.0**20, xs, ys.T.copy(), 16, 32, steps)
    half = slice(0, 4) if "kl" in distance else slice(None)
    expected = [[oracle[distance](x[half], y[half]) / STEPS * 2**20 for y in ys[16:]] for x in xs]
    assert np.abs(steps[:, 16:] - expected).max() <= 0.54  # the oracle rounds too
    assert (steps[:, :16] == -1).all()


def test_small_angles_are_never_negative_nor_lost():
    x = unit(np.array([[1.0, 2.0, 3.0]]))
    y = unit(np.array([[1.0, 2.0, 3.0 + 1e-6]]))
    panel = np.repeat(y.T, 16, axis=1)
    assert small_angle(x[0], panel, 3) > 0
    assert small_angle(x[0], np.repeat(x.T, 16, axis=1), 3) == 0


@pytest.mark.parametrize("dims", [1, 3, 16, 61])
def test_products_are_those_of_the_library_in_every_shape(dims):
    rng = np.random.default_rng(dims)
    panel = rng.standard_normal((dims, 64)).astype(np.float32)
    for count in range(1, 20):
        xs = rng.standard_normal((count, dims)).astype(np.float32)
        products = np.full((20, 64), 9, np.float32)
        multiply(xs, panel, 16, 48, products)
        np.testing.assert_allclose(products[:count, 16:48], xs @ panel[:, 16:48], rtol=1e-4, atol=1e-5)
        products[:count, 16:48] = 9
        assert (products == 9).all()


CODEBOOK = unit(np.random.default_rng(8).standard_normal((4, 3)))


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("distance", ["angular", "identity", "levenshtein"])
def test_blocks_hold_the_distance_of_every_pair(distance, both_ways, monkeypatch):
    rng = np.random.default_rng(1)
    items = [rng.integers(4, size=length) for length in (1, 2, 3, 5, 8, 1, 4, 60, 66, 70, *rng.integers(1, 12, 30))]
    frames = [CODEBOOK[item] if distance == "angular" else item[:, None].astype(float) for item in items]
    block = [0, len(items)] * 2 if both_ways else [5, len(items), 2, 12]
    found = distances_between(frames, distance, block, both_ways)
    apart = [[oracle["angular" if distance == "angular" else "identity"](x, y) for y in CODEBOOK] for x in CODEBOOK]
    for x in range(block[2], block[3]):
        for y in range(block[0], block[1]):
            steps = np.array(apart)[np.ix_(items[x], items[y])]
            expected = edit_distance(steps > 0) * STEPS if distance == "levenshtein" else warped(steps)
            slack = 3 if distance == "angular" else 0
            assert abs(found[x - block[2], y - block[0]] - expected) <= slack, (x, y)


@pytest.mark.parametrize("count", [2, 3, 17, 40, 300])  # the last of more frames than a small block has
@pytest.mark.parametrize("distance", ["angular", "identity"])
def test_pairs_are_as_far_apart_in_small_blocks_as_in_large_ones(distance, count):
    rng = np.random.default_rng(count)
    items = [rng.integers(4, size=length) for length in rng.integers(1, 13, count)]
    frames = [CODEBOOK[item] if distance == "angular" else item[:, None].astype(float) for item in items]
    together, apart = (distances_between(frames, distance, [0, count, 0, count], both) for both in (True, False))
    assert (sum(map(len, items)) > block_kernels.FEW) == (count == 300)
    others = ~np.eye(count, dtype=bool)
    np.testing.assert_array_equal(together[others], apart[others])


def warped(steps: np.ndarray) -> float:
    xs, ys = range(len(steps)), range(steps.shape[1])
    return float(oracle["dtw"](xs, ys, lambda x, y: int(steps[x, y])))


def edit_distance(different: np.ndarray) -> int:
    row = list(range(different.shape[1] + 1))
    for i, line in enumerate(different):
        before, row = row, [i + 1]
        for j, differs in enumerate(line):
            row.append(min(before[j] + differs, before[j + 1] + 1, row[j] + 1))
    return row[-1]


@pytest.mark.parametrize("distance", ["angular", "levenshtein"])
def test_long_items_are_compared_strip_by_strip(distance):
    rng = np.random.default_rng(2)
    lengths = (
        1,
        3,
        block_kernels.HEIGHT - 1,
        block_kernels.HEIGHT,
        block_kernels.HEIGHT + 1,
        2 * block_kernels.HEIGHT,
        300,
    )
    items = [rng.integers(4, size=length) for length in lengths]
    frames = [CODEBOOK[item] if distance == "angular" else item[:, None].astype(float) for item in items]
    found = distances_between(frames, distance, [0, 7, 0, 7], True)
    table = np.array([[oracle["angular"](x, y) for y in CODEBOOK] for x in CODEBOOK])
    for x, y in [(0, 6), (6, 0), (2, 4), (4, 3), (5, 2), (6, 6), (6, 5), (1, 4)]:
        steps = table[np.ix_(items[x], items[y])]
        expected = edit_distance(steps > 0) * STEPS if distance == "levenshtein" else warped(steps)
        assert abs(found[x, y] - expected) <= 3, (x, y)


@pytest.mark.parametrize("rows,columns", [(63, 64), (64, 64), (126, 1), (127, 1), (1, 127), (60, 67), (70, 70)])
def test_costs_of_the_longest_paths_do_not_overflow(rows, columns):
    items = [np.tile([[1.0, 0.0]], (rows, 1)), np.tile([[-1.0, 0.0]], (columns, 1))]  # as far apart as can be
    items[1][-1] = 1, 0
    frames = [item.astype(np.float32) for item in items]
    found = distances_between(frames, "angular", [0, 2, 0, 2], False)
    steps = np.full((rows, columns), STEPS)
    steps[:, -1] = 0
    assert found[0, 1] == warped(steps)
    assert found[1, 0] == warped(steps.T)
    items[1][-1] = -1, 0
    found = distances_between([item.astype(np.float32) for item in items], "angular", [0, 2, 0, 2], True)
    assert found[0, 1] == found[1, 0] == STEPS


@pytest.mark.parametrize("rows,columns", [(63, 64), (64, 64), (65, 66), (127, 1), (1, 128), (100, 128)])
def test_divergences_below_zero_do_not_overflow_either(rows, columns):
    # frames [1 | logarithm]: every step of the longest path is the least there can be
    items = [np.tile([[1.0, -1.0]], (rows, 1)), np.tile([[1.0, 0.0]], (columns, 1))]
    assert distances_between(items, "kl", [0, 2, 0, 2], False)[0, 1] == -STEPS


def test_paths_of_equal_cost_are_as_long_as_the_tools_say():
    rng = np.random.default_rng(3)
    uneven = 0
    for _ in range(150):
        items = [rng.integers(3, size=(length, 1)).astype(float) for length in rng.integers(8, 12, 2)]
        found = distances_between(items, "identity", [0, 2, 0, 2], True)
        for x, y in ((0, 1), (1, 0)):
            assert found[x, y] == warped(np.where(items[x] == items[y].T, 0, STEPS))
        uneven += found[0, 1] != found[1, 0]
    assert uneven  # of the paths of equal cost, another one from Y to X


def test_triplets_are_counted_one_by_one():
    rng = np.random.default_rng(4)
    table = rng.integers(3, size=(12, 12)).astype(float)
    groups = {"x": (2, 6), "a": (6, 9), "b": (9, 12)}
    for x, a in (("x", "x"), ("x", "a")):
        for block in ([0, 12, 0, 12], [0, 12, 3, 5], [2, 12, 0, 4]):
            lost = tied = 0
            for i in range(*groups[x]):
                for j in range(*groups[a]):
                    for k in range(*groups["b"]):
                        if block[2] <= i < block[3] and (i != j or x != a):
                            lost += table[i, j] > table[i, k]
                            tied += table[i, j] == table[i, k]
            view = table[block[2] : block[3], block[0] : block[1]]
            three = (np.array(groups[name]) for name in (x, a, "b"))
            assert block_kernels.count_cell(view, *three, np.array(block), x == a) == (lost, tied)


def random_groups(rng: np.random.Generator, contexts: int, speakers: int, labels: int) -> Groups:
    keys = [
        (context, speaker, label)
        for context in range(contexts)
        for speaker in range(speakers)
        for label in range(labels)
        if rng.random() < 0.8
    ]
    stops = np.cumsum(rng.integers(1, 9, len(keys)))
    bounds = np.stack([np.append(0, stops[:-1]), stops], axis=1)
    return Groups(np.arange(stops[-1]), bounds, *np.array(keys).T)


def assert_every_triplet_once(groups: Groups, cells: np.ndarray, ordered: np.ndarray, tiles: np.ndarray) -> None:
    assert sorted(map(tuple, ordered)) == sorted(map(tuple, cells))
    seen = {}
    for low, high, top, bottom, start, stop in tiles:
        for number in range(start, stop):
            x, a, b = groups.bounds[ordered[number]]
            assert low <= min(a[0], b[0]) <= max(a[1], b[1]) <= high
            for row in range(max(top, x[0]), min(bottom, x[1])):
                assert (number, row) not in seen
                seen[number, row] = True
    assert len(seen) == sum(groups.sizes[x] for x in ordered[:, 0])


def is_of_one_speaker(groups: Groups, low: int, high: int) -> bool:
    return len(np.unique(groups.speakers[(groups.bounds[:, 0] < high) & (groups.bounds[:, 1] > low)])) == 1


@pytest.mark.parametrize("speaker,pairs", [("within", within_pairs), ("across", across_pairs)])
@pytest.mark.parametrize("side", [1, 5, 20, 64, 10_000])
def test_tiles_hold_every_triplet_once_and_are_small(speaker, pairs, side):
    groups = random_groups(np.random.default_rng(5), 3, 4, 4)
    cells = cells_of(groups, pairs(groups))
    ordered, tiles = tiled(groups, cells, speaker, side)
    assert_every_triplet_once(groups, cells, ordered, tiles)
    for low, high, top, bottom in tiles[:, :4]:
        widest = max(np.diff(groups.bounds[run])[0].item() for run in range(len(groups)))
        assert high - low <= max(side, widest) or is_of_one_speaker(groups, low, high)
        assert (bottom - top) * (high - low) <= max(side * side, high - low)


def test_tiles_of_few_drawn_speakers_hold_little_else():
    """Time grew with the square of the speakers, though cells did not."""
    groups = random_groups(np.random.default_rng(5), 1, 60, 9)
    pairs = across_pairs(groups)
    drawn = pairs[np.random.default_rng(6).permutation(len(pairs))[: 2 * len(groups)]]
    for pairs_of, narrow in ((drawn, True), (pairs, False)):
        cells = cells_of(groups, pairs_of)
        ordered, tiles = tiled(groups, cells, "across", 10_000)
        assert len(ordered) == len(cells) == sum(stop - start for *_, start, stop in tiles)
        assert all(is_of_one_speaker(groups, low, high) == narrow for low, high in tiles[:, :2])
        size = groups.bounds[-1, 1]
        low, high, top, bottom = tiles[:, :4].T
        assert (((high - low) * (bottom - top)).sum() < size * size / 4) == narrow
        if narrow:
            assert_every_triplet_once(groups, cells, ordered, tiles)


def test_pairs_across_speakers_come_in_small_parts():
    """Of a sample memory need not hold all pairs, of which there are as many as the square of the speakers."""
    groups = random_groups(np.random.default_rng(5), 3, 9, 4)
    keys = [*zip(groups.contexts, groups.labels, groups.speakers)]
    pairs = [
        [x, a] for x, of_x in enumerate(keys) for a, of_a in enumerate(keys) if of_x != of_a and of_x[:2] == of_a[:2]
    ]
    parts = [*across_pairs_in_parts(groups, most=20)]
    assert sorted(np.concatenate(parts).tolist()) == pairs == across_pairs(groups).tolist()
    assert max(map(len, parts)) < 20 + 9
    assert sum(len({*part[:, 1]}) for part in parts) == len({a for _, a in pairs})  # each A in one of them


def test_kernels_are_compiled_again_when_any_of_their_files_changes():
    """Numba looks at the file of the function that is kept, not at those it calls."""
    folder = Path(block_kernels.__file__).parent
    imported = {
        node.module.rsplit(".", 1)[1]
        for name in block_kernels.KERNELS
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text()))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("unitdisc.")
    }
    assert imported | {"block_kernels"} == set(block_kernels.KERNELS)
    on_disk = [path.stem for path in folder.glob("*.py") if "cache=True" in path.read_text()]
    assert sorted(on_disk) == ["all_pairs", "block_kernels"]
    for compiled in (
        block_kernels.compiled,
        all_pairs.compiled,
        kept,
    ):  # what is in the closure is in the key of what is kept
        assert [cell.cell_contents for cell in compiled(5).py_func.__closure__] == [5]
