"""k-means out of core: exact passes, the same bytes however it is run, and codebooks that say what they are of."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus

from unitdisc.api.kmeans import kmeans as verb
from unitdisc.clustering import KMeansOptions, initialisation, kmeans
from unitdisc.clustering.assignment import PreparedCodes
from unitdisc.clustering.codebook_files import CodebookError, read_codebook, refuse_unfit, write_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.clustering.passes import mini_batches, next_state, place_empty
from unitdisc.clustering.states import State
from unitdisc.clustering.statistics import FrameStatistics, survey
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.foreign import open_encodings

SMALL = KMeansOptions(8, sample=200, starts=1)


class InMemory:
    """Frames by utterance."""

    folder = "here"

    def __init__(self, frames: dict[str, np.ndarray]):
        self.frames, self.names = frames, sorted(frames)
        self.dim = next(iter(frames.values())).shape[1]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.frames[name]


def clouds(utterances: int = 20, dim: int = 5, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Utterances whose frames are near one of six places."""
    rng = np.random.default_rng(1)
    places = 4 * rng.normal(size=(6, dim))
    lengths = rng.integers(1, 90, utterances)
    frames = {f"u{i:02}": places[rng.integers(0, 6, n)] + rng.normal(size=(n, dim)) for i, n in enumerate(lengths)}
    return {name: (values + shift).astype(np.float32) for name, values in frames.items()}


def write(folder, frames: dict[str, np.ndarray]):
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in frames.items():
        np.save(folder / f"{name}.npy", values)
    return folder


def stored(folder, spherical: bool = False) -> StoredFrames:
    opened = open_encodings(folder, frame_rate=50)
    return StoredFrames(opened, opened.codes, spherical)


def passed(vectors: np.ndarray, frames: InMemory, **options) -> State:
    """The state after one full pass from given codes."""
    everything = np.concatenate([*frames.frames.values()])
    lengths = {name: len(frames[name]) for name in frames.names}
    seen = FrameStatistics(len(everything), lengths, everything.mean(0), "", everything)
    none = np.zeros(len(vectors), np.int64)
    chosen = KMeansOptions(len(vectors), **options)
    return next_state(frames, State(vectors, vectors, none, none), seen, chosen, 1, lambda *_: None)


def test_a_pass_moves_codes_to_the_means_of_their_frames():
    frames = InMemory(clouds())
    everything = np.concatenate([frames[name] for name in frames.names]).astype(np.float64)
    vectors = everything[:7].astype(np.float32)
    distances = ((everything[:, None] - vectors) ** 2).sum(-1)
    codes = distances.argmin(1)
    state = passed(vectors, frames)
    assert state.inertias[0] == pytest.approx(distances.min(1).sum(), rel=1e-12)
    np.testing.assert_array_equal(state.counts, np.bincount(codes, minlength=7))
    np.testing.assert_allclose(state.vectors, [everything[codes == k].mean(0) for k in range(7)], rtol=1e-6)


def test_utterances_are_assigned_together_as_each_alone():
    rng = np.random.default_rng(0)
    vectors, middle = rng.normal(size=(7, 4)).astype(np.float32), np.ones(4, np.float32)
    prepared = PreparedCodes(vectors - middle, middle)
    for lengths in ((3,), (50, 0, 20), (2, 1)):  # the same room, whether it is large enough or not
        utterances = [rng.normal(size=(length, 4)).astype(np.float32) for length in lengths]
        for frames, codes in zip(utterances, prepared.nearest_of(utterances), strict=True):
            np.testing.assert_array_equal(codes, ((frames[:, None] - vectors) ** 2).sum(-1).argmin(1))


def test_codes_without_frames_go_to_the_farthest_frame():
    frames = InMemory({"a": np.array([[0, 0], [1, 0], [0, 1], [50, 50]], np.float32)})
    vectors = np.array([[0, 0], [-900, 0]], np.float32)
    np.testing.assert_allclose(passed(vectors, frames).vectors, [[1 / 3, 1 / 3], [50, 50]], rtol=1e-6)


def test_a_code_keeps_its_only_frame():
    """Of three codes, the one that has the farthest frame has no other."""
    frames = InMemory({"a": np.array([[0], [1], [50]], np.float32)})
    assert passed(np.array([[0], [40], [-900]], np.float32), frames).vectors.ravel().tolist() == [0, 50, 1]


def test_inertia_is_as_low_as_that_of_scikit_learn():
    frames = InMemory(clouds(60))
    everything = np.concatenate([frames[name] for name in frames.names])
    for codes in (6, 25):
        ours = kmeans(frames, KMeansOptions(codes))
        runs = [KMeans(codes, n_init=1, random_state=seed).fit(everything).inertia_ for seed in range(5)]
        assert ours.inertia < 1.003 * np.mean(runs)
        exact = ((everything[:, None].astype(np.float64) - ours.vectors) ** 2).sum(-1).min(1).sum()
        assert ours.inertia == pytest.approx(exact, rel=1e-9)
        assert ours.counts.sum() == ours.frames == len(everything)


def test_a_start_has_the_frames_that_scikit_learn_draws():
    frames = np.concatenate([*clouds().values()])
    chosen = initialisation.spread_out(np.ascontiguousarray(frames.T), KMeansOptions(12, starts=3, seed=4))
    draws = np.random.RandomState(4)
    assert chosen.tolist() == [kmeans_plusplus(frames, 12, random_state=draws)[1].tolist() for _ in range(3)]


def test_real_frames_are_as_near_to_their_codes_as_with_scikit_learn(real_data):
    import soundfile

    from unitdisc.data.acoustic_features import AcousticFeatures

    mfcc = AcousticFeatures("mfcc", 16_000, 160)
    paths = sorted((real_data / "so762_dev" / "audio").rglob("*.*"))[:40]
    frames = InMemory({path.stem: mfcc(soundfile.read(path, dtype="float32")[0]) for path in paths})
    everything = np.concatenate([frames[name] for name in frames.names])
    theirs = KMeans(30, n_init=1, random_state=0).fit(everything).inertia_
    assert kmeans(frames, KMeansOptions(30, sample=5000)).inertia < 1.003 * theirs


@pytest.mark.parametrize(
    "options", [SMALL, KMeansOptions(8, sample=200, mini_batch=100, passes=4)], ids=["full", "mini"]
)
def test_threads_memory_and_order_of_files_change_no_byte(options, monkeypatch):
    monkeypatch.setattr(initialisation, "ROWS", 30)  # of the sample, so that it has several pieces
    frames = clouds()
    first = kmeans(InMemory(frames), options)
    backwards = InMemory(dict(reversed(frames.items())))
    for memory, threads in ((1e-3, 1), (2.0, 3)):
        other = kmeans(backwards, options, memory=memory, threads=threads)
        assert other.vectors.tobytes() == first.vectors.tobytes()
        assert (other.inertias, other.frames_checksum) == (first.inertias, first.frames_checksum)
    assert kmeans(InMemory(frames), KMeansOptions(8, sample=200, starts=1, seed=1)).inertias != first.inertias


class Stop:
    """Progress that interrupts the second pass after some utterances."""

    def __init__(self, passes: int):
        self.left = passes

    def __call__(self, title: str, total: int, done: int = 0):
        from contextlib import nullcontext

        return nullcontext(self.advance if title == "k-means" else lambda *_, **__: None)

    def advance(self, count: int = 1, note: str = "") -> None:
        self.left -= count
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "options", [SMALL, KMeansOptions(8, sample=200, mini_batch=100, passes=4)], ids=["full", "mini"]
)
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, options):
    frames, state = InMemory(clouds()), tmp_path / "state"
    whole = kmeans(frames, options)
    with pytest.raises(KeyboardInterrupt):
        kmeans(frames, options, state_file=state, progress=Stop(len(frames.names) + 5))
    assert state.exists()
    resumed = kmeans(frames, options, state_file=state)
    assert resumed.vectors.tobytes() == whole.vectors.tobytes()
    assert resumed.inertias == whole.inertias


def test_the_state_of_other_frames_or_a_torn_one_is_not_used(tmp_path):
    state = tmp_path / "state"
    kmeans(InMemory(clouds(10)), SMALL, state_file=state)
    frames = InMemory(clouds(12))
    whole = kmeans(frames, SMALL)
    assert kmeans(frames, SMALL, state_file=state).inertias == whole.inertias
    state.write_bytes(state.read_bytes()[:100])
    assert kmeans(frames, SMALL, state_file=state).inertias == whole.inertias


def test_frames_far_from_zero_are_told_apart():
    near, far = kmeans(InMemory(clouds()), SMALL), kmeans(InMemory(clouds(shift=3000)), SMALL)
    assert far.inertia == pytest.approx(near.inertia, rel=0.02)


def test_mini_batches_move_a_code_to_the_mean_of_all_that_it_got():
    frames = InMemory(clouds())
    everything = np.concatenate([*frames.frames.values()]).astype(np.float64)
    lengths = {name: len(frames[name]) for name in frames.names}
    seen = FrameStatistics(len(everything), lengths, everything.mean(0), "", everything)
    first = np.zeros((1, everything.shape[1]), np.float32)
    state = State(first, first, np.zeros(1, np.int64), np.zeros(1, np.int64), phase="mini-batch")
    found = mini_batches(frames, state, seen, KMeansOptions(1, mini_batch=100), 1, lambda count: None)
    assert found.moved_by.tolist() == [len(everything)]
    np.testing.assert_allclose(found.vectors, [everything.mean(0)], rtol=1e-5)


def test_codes_without_frames_take_the_farthest_each_of_another_code(tmp_path):
    counts, farthest = np.array([5, 0, 5, 0]), np.array([9.0, 0.0, 4.0, 0.0])
    frames = np.array([[9.0], [0.0], [4.0], [0.0]])
    tally = SimpleNamespace(sums=np.full((4, 1), 20.0), counts=counts, farthest=farthest, farthest_frames=frames)
    place_empty(tally, tmp_path)
    assert tally.counts.tolist() == [4, 1, 4, 1]
    assert tally.sums.ravel().tolist() == [11.0, 9.0, 16.0, 4.0]


def test_mini_batches_come_near_to_full_passes():
    frames = InMemory(clouds(60))
    full, mini = kmeans(frames, KMeansOptions(6)), kmeans(frames, KMeansOptions(6, mini_batch=200, passes=5))
    assert mini.inertia < 1.05 * full.inertia
    everything = np.concatenate([frames[name] for name in frames.names]).astype(np.float64)
    assert mini.inertia == pytest.approx(((everything[:, None] - mini.vectors) ** 2).sum(-1).min(1).sum(), rel=1e-9)


def test_spherical_codes_have_length_one_and_do_not_see_loudness(tmp_path):
    quiet = clouds()
    rng = np.random.default_rng(0)
    loud = {name: values * rng.uniform(1, 9, (len(values), 1)).astype(np.float32) for name, values in quiet.items()}
    options = KMeansOptions(6, spherical=True, sample=200)
    found = [
        kmeans(stored(write(tmp_path / name, frames), True), options)
        for name, frames in (("quiet", quiet), ("loud", loud))
    ]
    np.testing.assert_allclose(np.linalg.norm(found[0].vectors, axis=1), 1, rtol=1e-6)
    assert found[1].inertia == pytest.approx(found[0].inertia, rel=1e-3)


def test_every_frame_is_as_likely_to_be_drawn():
    frames = InMemory({name: np.arange(100, dtype=np.float32)[:, None] + 100 * i for i, name in enumerate("abcd")})
    drawn = [survey(frames, KMeansOptions(2, sample=40, seed=s), 1, lambda *_: None).sample[:, 0] for s in range(200)]
    assert all(len(set(sample)) == 40 for sample in drawn)
    times = np.bincount(np.concatenate(drawn).astype(int), minlength=400)  # 20 each on average, deviation 4.2
    assert times.min() > 3 and times.max() < 42


SPOILT = {
    "nan": (lambda f: f.update(u03=np.full((4, 5), np.nan, np.float32)), "u03"),
    "infinite": (lambda f: f.update(u03=np.full((4, 5), np.inf, np.float32)), "u03"),
    "huge": (lambda f: f.update(u03=np.full((4, 5), 1e20, np.float32)), "u03.*too large"),
    "other dimensions": (lambda f: f.update(u03=np.zeros((4, 6), np.float32)), "u03.*6 dimensions"),
    "no frames": (lambda f: f.update(u03=np.zeros((0, 5), np.float32)), "u03"),
    "zeros": (lambda f: f.update(u03=np.zeros((4, 5), np.float32)), "frame 1 of u03 is all zeros"),
    "codes": (lambda f: f.update({name: np.zeros(4, np.int64) for name in f}), "u00 has codes and no frames"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_frames_that_cannot_be_used_are_refused_by_name(tmp_path, fault):
    frames = clouds()
    spoil, message = SPOILT[fault]
    spoil(frames)
    with pytest.raises(EncodingsError, match=message):
        kmeans(stored(write(tmp_path, frames), spherical=True), SMALL)


def test_too_few_frames_or_different_ones_are_refused():
    with pytest.raises(EncodingsError, match="3 frames, but 8 codes"):
        kmeans(InMemory({"a": np.eye(3, dtype=np.float32)}), SMALL)
    with pytest.raises(EncodingsError, match="2 different values, but 8"):
        kmeans(InMemory({"a": np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)}), SMALL)


def test_as_many_codes_as_frames_and_one_code_work():
    frames = InMemory({"a": np.arange(6, dtype=np.float32)[:, None], "b": np.array([[9]], np.float32)})
    assert kmeans(frames, KMeansOptions(7)).inertia == 0
    assert kmeans(frames, KMeansOptions(1)).vectors.tolist() == [[pytest.approx(24 / 7)]]


def test_a_sample_beyond_the_memory_is_refused():
    with pytest.raises(ValueError, match=r"`memory` is 0.0001; give more memory, or a smaller `sample`"):
        kmeans(InMemory(clouds()), KMeansOptions(8), memory=1e-4)


@pytest.mark.parametrize("wrong", [{"codes": 0}, {"seed": -1}, {"passes": 0}, {"tolerance": 2.0}, {"starts": 0}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
        KMeansOptions(**{"codes": 8} | wrong)


def test_a_codebook_is_written_with_its_card(tmp_path):
    folder = write(tmp_path / "hubert", clouds())
    verb(folder, tmp_path / "c.npy", SMALL, threads=1)
    vectors, card = np.load(tmp_path / "c.npy"), json.loads((tmp_path / "c.json").read_text())
    assert vectors.shape == (8, 5) and vectors.dtype == np.float32
    assert (card["num_codes"], card["dim"], card["utterances"], card["spherical"]) == (8, 5, 20, False)
    assert card["options"]["seed"] == 0 and sum(card["counts"]) == card["frames"]
    assert not (tmp_path / "c.npy.part").exists()
    with pytest.raises(ValueError, match=r"must end in \.npy"):
        verb(folder, tmp_path / "c.bin", SMALL, threads=1)


OURS = {"model": "abc", "point": "projection", "stride": 320, "offset": 160, "rate": 16000}


def test_a_codebook_is_refused_for_other_frames(tmp_path):
    write_codebook(tmp_path / "c.npy", np.eye(3), {"frames_of": OURS})
    codebook = read_codebook(tmp_path / "c.npy")
    assert refuse_unfit(codebook, tmp_path / "e", OURS, 3) is None
    for settings, dim, told in (
        (OURS, 4, "3 dimensions, but the frames of .*e have 4"),
        (OURS | {"point": "encoder"}, 3, "point: projection there, encoder here"),
        (OURS | {"model": "abd"}, 3, "model: abc there, abd here"),
        ({"point": "mfcc", "features": {"kind": "mfcc"}}, 3, "features|kind: None there, mfcc here"),
    ):
        with pytest.raises(CodebookError, match=told) as caught:
            refuse_unfit(codebook, tmp_path / "e", settings, dim)
        assert "c.npy" in str(caught.value) and str(tmp_path / "e") in str(caught.value)
    assert "does not say" in refuse_unfit(codebook, tmp_path / "e", {"point": "x"}, 3)


def test_damaged_codebooks_are_refused_by_name(tmp_path):
    path = tmp_path / "c.npy"
    write_codebook(path, np.eye(3), {})
    np.save(path, 2 * np.eye(3))
    with pytest.raises(CodebookError, match=r"c.npy: is not the codebook that .*c.json is about"):
        read_codebook(path)
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(CodebookError, match=r"c.json: damaged"):
        read_codebook(path)
    (tmp_path / "c.json").unlink()
    for array, told in (
        (np.zeros(3), "shape"),
        (np.full((2, 2), np.nan), "value 1 of code 0 is nan"),
        (np.array([{}]), "no codebook"),
        (np.zeros((0, 3)), "shape"),
    ):
        np.save(path, array)
        with pytest.raises(CodebookError, match=told):
            read_codebook(path)
    with pytest.raises(CodebookError, match="no such file"):
        read_codebook(tmp_path / "d.npy")


def test_frames_of_another_system_fit_a_codebook_of_such_frames(tmp_path):
    folder = write(tmp_path / "hubert", clouds())
    verb(folder, tmp_path / "c.npy", SMALL, threads=1)
    codebook = read_codebook(tmp_path / "c.npy")
    assert refuse_unfit(codebook, folder, open_encodings(folder, frame_rate=50).settings, 5) is None
    assert "does not say" in refuse_unfit(codebook, folder, OURS, 5)
