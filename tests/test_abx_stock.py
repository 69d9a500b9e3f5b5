"""Frames as ABX compares them: any size and precision of numbers, codes, and what is needed of them at once."""

from collections import Counter

import numpy as np
import pytest
from abx_items import as_items, encode, random_tokens

from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import AbxItem, AbxProtocol, Sampling, SurveyedItems, abx
from unitdisc.evaluation.abx import item_frames as stock


@pytest.mark.parametrize("distance", ["angular", "euclidean"])
@pytest.mark.parametrize("size", [2.0**-100, 2.0**-30, 2.0**30, 2.0**100])
def test_the_size_of_numbers_changes_nothing(distance, size, tmp_path):
    tokens = random_tokens(np.random.default_rng(1), "noise", count=40)
    sized = [(*token, size * frames) for *token, frames in tokens]
    protocol = AbxProtocol(distance)
    expected = abx(*as_items(tokens, tmp_path / "as-they-are"), "across", protocol)
    found = abx(*as_items(sized, tmp_path / "sized"), "across", protocol)
    assert [cell.lost for cell in found.table] == [cell.lost for cell in expected.table]


def test_an_offset_of_all_frames_changes_no_euclidean_distance(tmp_path):
    tokens = random_tokens(np.random.default_rng(2), "one-hot", count=40)
    far = [(*token, frames + 2.0**30) for *token, frames in tokens]
    protocol = AbxProtocol("euclidean")
    expected = abx(*as_items(tokens, tmp_path / "near"), "across", protocol)
    assert abx(*as_items(far, tmp_path / "far"), "across", protocol).error == pytest.approx(expected.error, abs=1e-12)


def test_distances_have_as_many_steps_as_paths_can_hold():
    rng = np.random.default_rng(3)
    for distance, frames in (
        ("euclidean", 1e-7 * rng.standard_normal((50, 3))),
        ("kl_symmetric", rng.dirichlet(np.ones(4), 50)),
        ("kl", 1e6 * rng.dirichlet(np.ones(4) / 9, 50)),
    ):
        prepare = stock.Preparation(distance, "none", False)
        ready = prepare.last(frames, "u.npy")
        scale = prepare.scale(prepare.extent(ready))
        x, y = frames[:, None], frames[None]
        apart = {
            "euclidean": lambda x, y: np.sqrt(((x - y) ** 2).sum(-1)),
            "kl": lambda x, y: (x * np.log((x + 1e-6) / (y + 1e-6))).sum(-1),
            "kl_symmetric": lambda x, y: ((x - y) * np.log((x + 1e-6) / (y + 1e-6))).sum(-1) / 2,
        }[distance]
        assert 2**35 < np.abs(apart(x, y)).max() * scale <= 2**40


@pytest.mark.parametrize("distance", ["angular", "euclidean", "identity"])
@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "g", "<i2", "u1"])
def test_any_precision_of_numbers_is_read(distance, dtype, tmp_path):
    tokens = random_tokens(np.random.default_rng(4), "one-hot", count=30)
    items, encodings = as_items(tokens, tmp_path)
    expected = abx(items, encodings, "across", AbxProtocol(distance)).error
    for path in sorted(tmp_path.glob("u*.npy"))[::2]:  # some only: equal numbers are equal, however precise
        np.save(path, np.asfortranarray(np.load(path).astype(dtype)))
    assert abx(items, encodings, "across", AbxProtocol(distance)).error == expected


def test_rows_of_equal_numbers_are_one_code(tmp_path):
    frames = {f"u{i}": np.array([[1.0, value]]) for i, value in enumerate((0.0, -0.0, 2.0, 2.0))}
    items = [AbxItem(name, 0, 160, "ppqq"[i], (), "s") for i, name in enumerate(frames)]
    result = abx(items, encode(tmp_path, frames), protocol=AbxProtocol("identity"))
    assert (result.error, result.ties) == (0, 0)


def test_null_frames_are_counted_in_all_utterances(tmp_path):
    frames = {f"u{i}": np.eye(2)[[i // 2] * 3] for i in range(4)}
    for name, nulls in (("u0", 1), ("u2", 2), ("u3", 0)):
        frames[name][:nulls] = 0
    items = [AbxItem(name, 0, 480, "ppqq"[i], (), "s") for i, name in enumerate(frames)]
    assert abx(items, encode(tmp_path, frames)).null_frames == 3


def test_codes_of_some_utterances_only_are_refused(tmp_path):
    frames = {f"u{i}": np.eye(2)[[i // 2]] for i in range(4)}
    items = [AbxItem(name, 0, 160, "ppqq"[i], (), "s") for i, name in enumerate(frames)]
    for known in ({"u0": [0]}, {"u3": [0]}):
        encodings = encode(tmp_path, frames, codes=known)
        encodings.codes.update({name: None for name in frames if name not in known})
        with pytest.raises(EncodingsError, match=r"units.jsonl has codes of u., but not of every utterance"):
            abx(items, encodings, protocol=AbxProtocol("identity"))


def test_items_that_are_all_too_short_leave_nothing_to_compare(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    short = [item._replace(start=100, end=200) for item in items]  # between the centres 80 and 240
    for sampling in (None, Sampling(), Sampling("abx2")):
        with pytest.raises(UnscorableError, match="in 0 items"):
            abx(short, encodings, "across", AbxProtocol(sampling=sampling))


def test_draws_of_speakers_that_leave_nothing_to_compare_are_left_out(tmp_path):
    frames = {f"u{i}": np.eye(2)[[i % 2]] for i in range(6)}
    items = [AbxItem(name, 0, 160, "pq"[i % 2], (), f"s{i // 2}") for i, name in enumerate(frames)]
    encodings = encode(tmp_path, frames)
    found = {abx(items, encodings, "across", replicates=1, seed=seed).interval for seed in range(20)}
    assert found == {(0.0, 0.0), None}  # None where one speaker was drawn three times


def test_a_draw_of_libriabx2_compares_no_more_than_it_needs(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(5), "noise", count=90), tmp_path)
    told = []
    protocol = AbxProtocol(sampling=Sampling("abx2", 2, 1))
    cells = abx(items, encodings, "across", protocol, progress=lambda done, total: told.append(total)).cells
    assert told[-1] <= cells * (6 * 4) ** 2  # six items of at most four frames in each


def test_frames_are_read_once_for_both_errors(tmp_path, monkeypatch):
    items, encodings = as_items(random_tokens(np.random.default_rng(5), "noise", count=40), tmp_path)
    expected = {speaker: abx(items, encodings, speaker) for speaker in ("within", "across")}
    reads = Counter()
    read = type(encodings).__getitem__
    monkeypatch.setattr(type(encodings), "__getitem__", lambda self, name: reads.update([name]) or read(self, name))
    surveyed = SurveyedItems.read(items, encodings)
    assert {speaker: surveyed.abx(speaker) for speaker in expected} == expected
    assert set(reads) == {item.utterance for item in items} and set(reads.values()) == {1}
