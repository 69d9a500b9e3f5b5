"""Batches follow from seed and step alone, and every crop is the stretch of signal it says."""

import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data import loader as loading
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.cache import DiskCache, MemoryCache, key
from unitdisc.data.crops import BATCHES_IN_A_BUCKET, CropPlan
from unitdisc.data.fitted_utterances import fitted_of
from unitdisc.data.loader import CropBatches, batches, whole_utterances
from unitdisc.data.normalisation import fit
from unitdisc.data.signals import Signals
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
    signals = Signals.fitted(AcousticFeatures(), target or LogMelTarget(16_000, 160), utterances, cache)
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
            assert length == min(len(features), crop.start + 32 + 8) - first
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
    between = CropPlan(np.array([15, 17, 47, 49, 80]), 1, 32, 2, seed=0)
    counts = np.bincount(np.asarray(between.epoch(0))[..., 0].flat)
    assert counts.tolist() == [1, 1, 1, 2, 2]  # as many as the length comes nearest to (of two and a half, the even)
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


def test_statistics_of_features_and_target_take_one_reading(utterances, monkeypatch):
    opened = []
    read = AcousticFeatures.signal
    monkeypatch.setattr(AcousticFeatures, "signal", lambda self, u, *rest: opened.append(u.id) or read(self, u, *rest))
    features, target = AcousticFeatures(normalise="speaker"), LogMelTarget(16_000, 160)
    found = Signals.fitted(features, target, utterances)
    assert sorted(opened) == sorted(u.id for u in utterances)
    raw = Signals.fitted(replace(features, normalise="none"), replace(target, normalise="none"), utterances)
    assert len(opened) == len(utterances)  # no normalisation, nothing to know
    of_features = fit("speaker", [(u.speaker, raw.features_of(u)) for u in utterances])
    of_target = fit(target.normalise, [(u.speaker, raw.target_of(u)) for u in utterances])
    assert found.feature_normaliser.to_json() == of_features.to_json()
    assert found.target_normaliser.to_json() == of_target.to_json()


def test_whole_utterances_are_covered_once(utterances):
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), utterances)
    groups = whole_utterances(utterances, signals, 250)
    assert sorted(i for group in groups for i in group) == list(range(len(utterances)))
    assert all(len(g) * max(signals.frames_in(utterances[i]) for i in g) <= 250 for g in groups if len(g) > 1)


def test_the_disk_cache_gives_back_what_was_computed(utterances, tmp_path):
    plain, kept = dataset(utterances), dataset(utterances, cache=tmp_path)
    assert all(same(plain[step], kept[step]) for step in range(3))
    again = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), utterances, tmp_path)
    np.testing.assert_array_equal(again.features_of(utterances[0]), plain.signals.features_of(utterances[0]))
    assert len(list(tmp_path.rglob("*.npy"))) == 2 * len(utterances)


def test_the_cache_depends_on_options_file_and_stretch(utterances):
    u = utterances[0]
    shorter = Utterance(u.id, u.path, u.speaker, 5_000, 16_000)
    names = {
        key(u, AcousticFeatures()),
        key(u, AcousticFeatures("log-mel")),
        key(u, AcousticFeatures(hop=80)),
        key(shorter, AcousticFeatures()),
    }
    assert len(names) == 4


def test_the_cache_knows_a_file_that_was_written_again(tmp_path):
    """Be it of the same size."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(8000, 0.5), 16_000)
    recording, cache = Utterance("a", str(path), "ann", 8000, 16_000), DiskCache(tmp_path / "cache")

    def first() -> float:
        return float(cache.get(recording, AcousticFeatures(), lambda: soundfile.read(path)[0][:1])[0])

    assert first() == first() == 0.5
    later = path.stat().st_mtime_ns + 1_000_000
    soundfile.write(path, np.full(8000, 0.25), 16_000)
    os.utime(path, ns=(later, later))
    assert first() == 0.25


def test_a_damaged_cache_file_is_replaced(utterances, tmp_path):
    cache = DiskCache(tmp_path)
    cache.get(utterances[0], AcousticFeatures(), lambda: np.arange(3))
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(b"torn")
    assert cache.get(utterances[0], AcousticFeatures(), lambda: np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert np.load(path).tolist() == [0, 1, 2, 3, 4]


def plain_epoch(plan: CropPlan, number: int) -> np.ndarray:
    """The crops of an epoch, in one piece."""
    rng = np.random.default_rng([plan.seed, number])
    indices = rng.permutation(np.repeat(np.arange(len(plan.frames)), plan.repeats))
    indices = np.resize(indices, plan.batches_per_epoch * plan.batch_size)
    sizes = plan.frames[indices] if plan.crop is None else np.minimum(plan.frames[indices], plan.crop)
    bucket = np.arange(len(indices)) // (BATCHES_IN_A_BUCKET * plan.batch_size)
    indices = indices[np.lexsort((sizes, bucket))]
    places = np.maximum(0, plan.frames[indices] - (plan.crop or plan.frames[indices])) // plan.stride + 1
    starts = plan.stride * rng.integers(places)
    crops = np.stack([indices, starts], axis=-1).reshape(-1, plan.batch_size, 2)
    return crops[rng.permutation(len(crops))]


@pytest.mark.parametrize("number,batch_size,crop", [(300, 4, 32), (37, 5, 32), (700, 16, None), (3, 16, 64)])
def test_an_epoch_in_little_memory_is_the_same(number, batch_size, crop):
    plan = CropPlan(np.random.default_rng(number).integers(1, 1500, number), batch_size, crop, 2, seed=number)
    for epoch in (0, 3):
        np.testing.assert_array_equal(np.asarray(plan.epoch(epoch)), plain_epoch(plan, epoch))
        drawn = plan.batch(epoch * plan.batches_per_epoch)
        assert [(crop.index, crop.start) for crop in drawn] == list(map(tuple, plain_epoch(plan, epoch)[0].tolist()))


TARGETS = {"log-mel": LogMelTarget(16_000, 160), "mu-law": MuLawTarget(16_000, 160)}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize(
    "features",
    [AcousticFeatures(), AcousticFeatures("waveform"), AcousticFeatures("log-mel", normalise="global")],
    ids=str,
)
@pytest.mark.parametrize("kept", [False, True], ids=["files", "cache"])
def test_a_stretch_is_part_of_the_whole(utterances, tmp_path, features, target, kept):
    signals = Signals.fitted(features, target, utterances, tmp_path if kept else None)
    for utterance in utterances:
        frames, values = signals.both_of(utterance)
        steps = target.steps_per_frame
        for first, last in ((0, len(frames)), (0, 1), (3, 17), (len(frames) - 5, len(frames)), (9, 10)):
            some, own = signals.stretch_of(utterance, first, last)
            np.testing.assert_allclose(some, frames[first:last], atol=1e-4)
            np.testing.assert_allclose(own, values[first * steps : last * steps], atol=1e-4)
            assert own.dtype == values.dtype


def test_a_stretch_may_be_silent_but_not_missing(tmp_path):
    wave = np.zeros(16_000)
    wave[12_000:] = 0.1 * np.random.default_rng(0).standard_normal(4000)
    soundfile.write(tmp_path / "a.wav", wave, 16_000)
    utterance = Utterance("a", str(tmp_path / "a.wav"), "s", 16_000, 16_000)
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), [utterance])
    assert len(signals.stretch_of(utterance, 10, 30)[0]) == 20
    with pytest.raises(CorpusError, match="a is listed up to 32000; copy it again"):
        signals.stretch_of(replace(utterance, ticks=32_000), 10, 30)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_batches_of_large_corpora_are_cut_from_files_and_the_same(utterances, monkeypatch, target):
    whole = dataset(utterances, target)
    assert not whole.in_parts
    expected = [whole[step] for step in range(4)]
    monkeypatch.setattr(loading, "MemoryCache", lambda: MemoryCache(100_000))
    parts = dataset(utterances, target)
    assert parts.in_parts
    monkeypatch.setattr(Signals, "both_of", lambda *_: pytest.fail("read as a whole"))
    for one, other in zip(expected, map(parts.__getitem__, range(4))):
        torch.testing.assert_close(one.features, other.features, atol=1e-4, rtol=0)
        torch.testing.assert_close(one.target.float(), other.target.float(), atol=1e-4, rtol=0)
        assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("starts", "lengths", "speakers"))


def test_what_needs_all_of_an_utterance_is_read_as_a_whole(utterances):
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), utterances)
    assert signals.can_be_cut(utterances[0])
    for other in (
        replace(utterances[0], speaker="new"),
        replace(utterances[0], rate=8000),
        replace(utterances[0], path="cat a.wav |"),
    ):
        assert not signals.can_be_cut(other)
    own = Signals.fitted(AcousticFeatures(normalise="utterance"), LogMelTarget(16_000, 160), utterances)
    assert not own.can_be_cut(utterances[0])


def test_a_file_is_read_once_for_features_and_target(utterances, monkeypatch):
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), utterances)
    read = []
    monkeypatch.setattr(Signals, "signal", lambda self, utterance: read.append(1) or self.features.signal(utterance))
    signals.both_of(utterances[0])
    assert len(read) == 1


def test_memory_stays_within_its_bound(utterances):
    memory, made = MemoryCache(100_000), dataset(utterances)
    made.memory = memory
    for step in range(40):
        made[step]
        assert memory.used <= 100_000 or len(memory.values) == 1
        assert memory.used == sum(array.nbytes for arrays in memory.values.values() for array in arrays)
    small = MemoryCache(24)
    for index in (0, 1, 2, 0, 3):
        small.get(index, lambda: (np.zeros(1),))
    assert list(small.values) == [2, 0, 3]  # what was asked for longest ago has gone


@pytest.mark.parametrize("kind,expected", [("global", 20), ("speaker", 10), ("utterance", 50), ("none", 50)])
def test_statistics_of_huge_corpora_are_those_of_a_sample(utterances, monkeypatch, kind, expected):
    speakers = [None, "ann", "bob"]
    many = UtteranceTable.of(replace(utterances[i % 6], id=f"u{i:03d}", speaker=speakers[i % 3]) for i in range(50))
    assert fitted_of(many, kind) is many
    for name, value in (("ALL_ARE_FITTED", 49), ("FITTED", 20), ("FITTED_OF_A_SPEAKER", 5)):
        monkeypatch.setattr(f"unitdisc.data.fitted_utterances.{name}", value)
    some = fitted_of(many, kind)
    assert len(some) == expected
    if kind == "speaker":
        assert [utterance.speaker for utterance in some].count("ann") == 5
    made = Signals.fitted(AcousticFeatures(normalise=kind), MuLawTarget(16_000, 160), many).feature_normaliser
    again = Signals.fitted(
        AcousticFeatures(normalise=kind), MuLawTarget(16_000, 160), some[: len(some)]
    ).feature_normaliser
    assert made.to_json() == again.to_json()


def test_tables_are_encoded_in_the_batches_of_lists(utterances):
    signals = Signals.fitted(AcousticFeatures(), LogMelTarget(16_000, 160), utterances)
    many = [replace(utterances[i % 6], id=f"u{(i * 7) % 50:03d}", ticks=500 + 37 * (i % 9)) for i in range(50)]
    groups = whole_utterances(many, signals, 250)
    assert whole_utterances(UtteranceTable.of(many), signals, 250) == groups
    order = sorted(range(50), key=lambda i: (signals.frames_in(many[i]), many[i].id))
    assert [i for group in groups for i in group] == order
