"""Batches follow from seed and step alone, and every crop is the stretch of signal it says."""

import numpy as np
import pytest
import soundfile
import torch

from unitdisc.corpus import Utterance
from unitdisc.data.cache import DiskCache, key
from unitdisc.data.features import Features
from unitdisc.data.loading import CropBatches, CropPlan, Signals, batches, whole_utterances
from unitdisc.data.targets import LogMelTarget, MuLawTarget

SPEAKERS = ["ann", "bob"]
TICKS = [16_000, 9_000, 24_000, 4_000, 30_000, 12_345]


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    made = []
    for i, ticks in enumerate(TICKS):
        path = folder / f"u{i}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(ticks), 16_000)
        made.append(Utterance(f"u{i}", str(path), SPEAKERS[i % 2], ticks, 16_000))
    return made


def dataset(utterances, target=None, crop=32, context=8, share=(0, 1), seed=0, cache=None):
    signals = Signals.fitted(Features(), target or LogMelTarget(16_000, 160), utterances, cache)
    plan = CropPlan([signals.frames_in(u) for u in utterances], 4, crop, 2, seed)
    return CropBatches(utterances, signals, plan, context, SPEAKERS, share)


def same(a, b):
    return all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(vars(a).values(), vars(b).values())
    )


def test_a_batch_follows_from_seed_and_step(utterances):
    first, again, other = dataset(utterances), dataset(utterances), dataset(utterances, seed=1)
    for step in (7, 0, 3):
        assert same(first[step], again[step])
    assert not all(same(first[step], other[step]) for step in range(3))


def test_workers_change_nothing(utterances):
    data = dataset(utterances)
    alone, helped = list(batches(data, 2, 6, 0)), list(batches(data, 2, 6, 2))
    assert len(alone) == len(helped) == 4
    assert all(same(a, b) for a, b in zip(alone, helped))


def test_processes_share_a_batch(utterances):
    whole = dataset(utterances)[3]
    parts = [dataset(utterances, share=(rank, 2))[3] for rank in range(2)]
    assert torch.equal(torch.cat([part.target for part in parts]), whole.target)
    assert torch.equal(torch.cat([part.speakers for part in parts]), whole.speakers)


@pytest.mark.parametrize("target", [LogMelTarget(16_000, 160), MuLawTarget(16_000, 160)])
def test_crops_are_what_the_plan_says(utterances, target):
    data = dataset(utterances, target)
    for step in range(4):
        batch = data[step]
        for row, crop in enumerate(data.plan.batch(step)):
            utterance = utterances[crop.index]
            features, whole = data.signals.features_of(utterance), data.signals.target_of(utterance)
            start, length = int(batch.starts[row]), int(batch.lengths[row])
            first = crop.start - start
            assert start % 2 == 0
            assert start == min(8, crop.start)
            np.testing.assert_array_equal(batch.features[row, :length], features[first : first + length])
            steps = target.steps_per_frame
            expected = whole[crop.start * steps : (crop.start + 32) * steps]
            np.testing.assert_array_equal(batch.target[row, : int(batch.target_lengths[row])], expected)
            assert batch.target_lengths[row] == len(expected)
            assert batch.speakers[row] == SPEAKERS.index(utterance.speaker)


def test_an_epoch_covers_every_utterance_by_its_length():
    frames = np.array([320, 32, 640, 16])
    plan = CropPlan(frames, 3, 32, 2, seed=0)
    counts = np.bincount(np.asarray(plan.epoch(0))[..., 0].flat, minlength=4)
    assert plan.batches_per_epoch == 32 // 3
    assert (np.abs(counts - [10, 1, 20, 1]) <= 2).all()
    indices, starts = np.moveaxis(np.asarray(plan.epoch(1)), -1, 0)
    assert (starts + 32 <= np.maximum(32, frames[indices])).all()


def test_batches_bring_like_lengths_together():
    frames = np.random.default_rng(0).integers(10, 1000, 400)
    plan = CropPlan(frames, 8, None, 2, seed=0)
    grouped = frames[np.asarray(plan.epoch(0))[..., 0]]
    shuffled = np.random.default_rng(1).permutation(frames).reshape(-1, 8)

    def padding(batches):
        return np.mean([1 - batch.mean() / batch.max() for batch in batches])

    assert padding(grouped) < padding(shuffled) / 3


def test_small_corpora_still_fill_a_batch():
    assert len(CropPlan([50], 4, 32, 2, seed=0).batch(5)) == 4


def test_a_crop_off_the_grid_is_refused():
    with pytest.raises(ValueError, match="multiple of the encoder's stride 4"):
        CropPlan([50], 4, 30, 4, seed=0)


def test_whole_utterances_are_covered_once(utterances):
    signals = Signals.fitted(Features(), LogMelTarget(16_000, 160), utterances)
    groups = whole_utterances(utterances, signals, 250)
    assert sorted(i for group in groups for i in group) == list(range(len(utterances)))
    assert all(len(g) * max(signals.frames_in(utterances[i]) for i in g) <= 250 for g in groups if len(g) > 1)


def test_the_disk_cache_gives_back_what_was_computed(utterances, tmp_path):
    plain, kept = dataset(utterances), dataset(utterances, cache=tmp_path)
    assert all(same(plain[step], kept[step]) for step in range(3))
    again = Signals.fitted(Features(), LogMelTarget(16_000, 160), utterances, tmp_path)
    np.testing.assert_array_equal(again.features_of(utterances[0]), plain.signals.features_of(utterances[0]))
    assert len(list(tmp_path.rglob("*.npy"))) == 2 * len(utterances)


def test_the_cache_depends_on_options_file_and_stretch(utterances):
    u = utterances[0]
    shorter = Utterance(u.id, u.path, u.speaker, 5_000, 16_000)
    names = {key(u, Features()), key(u, Features("log-mel")), key(u, Features(hop=80)), key(shorter, Features())}
    assert len(names) == 4


def test_a_damaged_cache_file_is_replaced(utterances, tmp_path):
    cache = DiskCache(tmp_path)
    cache.get(utterances[0], Features(), lambda: np.arange(3))
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(b"torn")
    assert cache.get(utterances[0], Features(), lambda: np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert np.load(path).tolist() == [0, 1, 2, 3, 4]
