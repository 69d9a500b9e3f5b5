"""Shard by shard: a pure function of seed and step, every crop once an epoch, memory bounded, nothing read twice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data import tar_crops as shard_plan
from unitdisc.data.crops import CropPlan
from unitdisc.data.tar_crops import ShardPlan, in_shards, places_of

SHARDS, EACH = 12, 100


def corpus(seed: int = 0, least: int = 20, most: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Frames and places of utterances that lie in no order in the manifest."""
    rng = np.random.default_rng(seed)
    number = SHARDS * EACH
    places = np.stack(
        [np.repeat(np.arange(SHARDS), EACH), np.tile(np.arange(EACH) * 512, SHARDS), np.zeros(number)], axis=1
    )
    return rng.integers(least, most, number), places.astype(np.int64)[rng.permutation(number)]


def plan(seed: int = 0, batch_size: int = 8, crop: int | None = 32, **options) -> ShardPlan:
    options = {"buffer": 8_000, "chapter": 1 << 12, **options}
    return ShardPlan(*corpus(), batch_size, crop, 2, seed, **options)


@pytest.fixture(autouse=True)
def few_lanes(monkeypatch):
    monkeypatch.setattr(shard_plan, "LANES", 4)


@pytest.fixture(scope="module", params=[32, None], ids=["crops", "whole"])
def crop(request) -> int | None:
    return request.param


def epoch_of(made: ShardPlan, number: int = 0) -> np.ndarray:
    """How often each utterance is seen in an epoch."""
    first = number * made.batches_per_epoch
    seen = [crop.index for step in range(first, first + made.batches_per_epoch) for crop in made.batch(step)]
    return np.bincount(seen, minlength=len(made.frames))


def test_every_crop_is_seen_once_an_epoch_but_for_a_remainder(crop):
    made = plan(crop=crop)
    missing = made.repeats - epoch_of(made)
    assert set(missing.tolist()) <= {0, 1}
    assert missing.sum() == made.repeats.sum() - made.batches_per_epoch * 8 < 8 * made.turns


def test_over_epochs_no_utterance_is_seen_less_often_than_another():
    """The remainder is another one in every epoch: nobody is left out for good."""
    made = plan(crop=None, batch_size=176, chapter=1 << 20)  # 144 of 1200 are left out each time
    seen = sum(epoch_of(made, number) for number in range(40))
    share = 6 * 176 / 1200
    assert abs(seen.mean() - 40 * share) < 1e-9
    assert seen.std() < 1.5 * np.sqrt(40 * share * (1 - share))  # no wider than drawing lots
    assert seen.min() > 40 * share - 5 * np.sqrt(40 * share * (1 - share))


def test_a_batch_follows_from_seed_and_step(crop):
    made, again, other = plan(crop=crop), plan(crop=crop), plan(seed=1, crop=crop)
    last = 2 * made.batches_per_epoch + 3
    for step in (last, 0, made.batches_per_epoch, 5, made.steps, made.steps - 1, last):
        assert made.batch(step) == again.batch(step)
        assert plan(crop=crop).batch(step) == made.batch(step)
    assert any(made.batch(step) != other.batch(step) for step in range(3))


def test_epochs_differ():
    made = plan()
    assert made.batch(0) != made.batch(made.batches_per_epoch)


def test_shards_come_in_another_order_in_every_epoch(monkeypatch):
    monkeypatch.setattr(shard_plan, "TURNS", 1)
    made = ShardPlan(*corpus(), 7, 32, 2, 0, buffer=8_000)  # in one lane
    orders = []
    for number in range(3):
        first = number * made.batches_per_epoch
        read = corpus()[1][read_by(made, (0, 1), range(first, first + made.batches_per_epoch)), 0]
        orders.append(list(dict.fromkeys(read.tolist())))  # it ends in the shard it began in
    assert all(sorted(order) == list(range(SHARDS)) for order in orders)
    around = [order[order.index(0) :] + order[: order.index(0)] for order in orders]  # wherever they were entered
    assert around[0] != around[1] != around[2] != around[0]


def test_crops_lie_inside_and_on_the_grid(crop):
    made = plan(crop=crop)
    for step in range(0, made.batches_per_epoch, 7):
        for found in made.batch(step):
            assert found.start % 2 == 0
            assert 0 <= found.start <= max(0, made.frames[found.index] - found.frames)
            assert found.frames == (crop or made.frames[found.index])


def test_small_corpora_still_fill_a_batch():
    made = ShardPlan([50, 40], np.array([[0, 512, 0], [0, 1024, 0]]), 4, 32, 2, seed=0)
    assert sorted(crop.index for crop in made.batch(5)) in ([0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 1, 1])


def test_a_crop_off_the_grid_is_refused():
    with pytest.raises(ValueError, match="multiple of the encoder's stride 4"):
        ShardPlan([50], np.zeros((1, 3), int), 4, 30, 4, seed=0)


def test_batches_bring_like_lengths_together():
    made = plan(crop=None)
    padding = [1 - np.mean(f) / np.max(f) for f in ([c.frames for c in made.batch(s)] for s in range(100))]
    shuffled = np.random.default_rng(1).permutation(made.frames).reshape(-1, 8)
    assert np.mean(padding) < np.mean([1 - batch.mean() / batch.max() for batch in shuffled]) / 2


def test_the_longest_do_not_come_last():
    made = plan(crop=None)
    lengths = np.array([made.batch(step)[0].frames for step in range(made.batches_per_epoch)])
    place = np.arange(len(lengths)) % 16
    assert abs(np.corrcoef(place, lengths)[0, 1]) < 0.25


def read_by(made: ShardPlan, share: tuple[int, int], steps: range) -> list[int]:
    """The utterances that a process (or a worker of it) reads, with a cache that forgets nothing."""
    found = []
    for step in steps:
        found += made.arrivals(step, share)
    return found


@pytest.mark.parametrize("share", [(0, 1), (1, 2), (3, 4), (5, 8)])
def test_what_a_batch_needs_has_arrived(share, crop):
    made = plan(crop=crop, chapter=1 << 20)
    rank, parts = share
    size, there = 8 // parts, set()
    for step in range(made.batches_per_epoch):
        there |= set(made.arrivals(step, share))
        assert {crop.index for crop in made.batch(step)[rank * size : (rank + 1) * size]} <= there


def test_shards_are_read_from_beginning_to_end(monkeypatch):
    """By every lane: if there is but one, offsets only ever go up inside a shard."""
    monkeypatch.setattr(shard_plan, "TURNS", 1)
    made = ShardPlan(*corpus(), 7, 32, 2, 0, buffer=8_000)  # 7 and 4 have no lanes in common
    places = corpus()[1]
    read = places[read_by(made, (0, 1), range(made.batches_per_epoch))]
    jumps = np.diff(read[:, 0]) != 0
    assert (np.diff(read[:, 1])[~jumps] > 0).all()
    assert SHARDS - 1 <= jumps.sum() <= SHARDS  # it ends in the shard it began in


@pytest.mark.parametrize("processes,workers", [(1, 1), (4, 1), (2, 4), (4, 2)])
def test_processes_and_workers_read_apart(processes, workers, monkeypatch):
    """So that nothing is read twice, but where lanes meet in the middle of an utterance; all read equally much."""
    monkeypatch.setattr(shard_plan, "TURNS", 4)
    made = plan(chapter=1 << 20, batch_size=8)
    assert (made.lanes, made.turns) == (4, 4)
    read = [
        read_by(made, (rank, processes), range(worker, made.batches_per_epoch, workers))
        for rank in range(processes)
        for worker in range(workers)
    ]
    counts = np.bincount(np.concatenate(read), minlength=len(made.frames))
    assert (counts >= 1).mean() > 0.98  # the others have one crop, which was the remainder
    assert counts.sum() <= len(made.frames) + made.lanes * made.turns
    frames = [made.frames[reader].sum() for reader in read]
    assert max(frames) < 1.1 * min(frames)


def live_frames(made: ShardPlan) -> int:
    """The most frames of utterances between their arrival and their last use."""
    arrived, last = {}, {}
    for step in range(made.batches_per_epoch):
        for index in made.arrivals(step):
            arrived.setdefault(index, step)
        last |= {crop.index: step for crop in made.batch(step)}
    change = np.zeros(made.batches_per_epoch + 1)
    for index, step in arrived.items():
        if index in last:
            change[step] += made.frames[index]
            change[last[index] + 1] -= made.frames[index]
    return int(np.cumsum(change).max())


def test_memory_is_bounded_by_the_buffer():
    """Besides the buffer an utterance or two of each lane."""
    for buffer in (10_000, 40_000):
        made = plan(buffer=buffer, chapter=1 << 20)
        assert live_frames(made) < 1.2 * buffer + 2 * 900 * made.lanes * made.turns


def test_the_buffer_shuffles():
    """Crops of an utterance come apart, and the order is that of no shard; farther with a larger buffer."""
    gaps = []
    for buffer in (10_000, 100_000):
        made = plan(buffer=buffer, chapter=1 << 20)
        steps = {}
        for step in range(made.batches_per_epoch):
            for crop in made.batch(step):
                steps.setdefault(crop.index, []).append(step)
        gaps.append(np.mean([np.ptp(found) for found in steps.values()]))
    assert gaps[1] > 3 * gaps[0]


def test_chapters_go_on_where_the_last_one_stopped(crop):
    """Their size changes what is planned at a time, not what is seen."""
    made, at_once = plan(crop=crop, chapter=1 << 9), plan(crop=crop, chapter=1 << 20)
    assert made.steps < made.batches_per_epoch <= at_once.steps
    np.testing.assert_array_equal(epoch_of(made), epoch_of(at_once))


def utterances(*paths: str) -> list[Utterance]:
    return [Utterance(f"u{number}", path, None, 100, 16_000) for number, path in enumerate(paths)]


def test_shards_are_recognised():
    packed = utterances("a/000000.tar:512", "a/000001.TAR:512")
    assert in_shards("auto", packed)
    assert in_shards("shards", packed)
    assert not in_shards("random", packed)
    archived = utterances("a.ark:12", "b.tar:512")
    assert not in_shards("auto", archived)
    assert in_shards("shards", archived)
    loose = [*packed, *utterances("u.wav")]
    assert not in_shards("auto", loose)
    with pytest.raises(CorpusError, match=r"u\.wav lies in no shard; pack the corpus"):
        in_shards("shards", loose)


def test_places_are_those_of_the_paths():
    listed = utterances("b.tar:1024", "a.tar:512", "b.tar:512")
    listed.append(replace(listed[0], id="v", start=30))
    assert places_of(listed).tolist() == [[1, 1024, 0], [0, 512, 0], [1, 512, 0], [1, 1024, 30]]


def test_it_is_as_even_as_a_random_order():
    """The same number of batches of the same number of crops as the plan of loose files."""
    made, loose = plan(), CropPlan(corpus()[0], 8, 32, 2, 0)
    assert 0 <= loose.batches_per_epoch - made.batches_per_epoch < made.turns
    assert torch.tensor([len(made.batch(step)) for step in range(5)]).tolist() == [8] * 5
