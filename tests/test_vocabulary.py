"""Types beside true words: purity, growth of the vocabulary, Zipf's slope."""

import json
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics.cluster import contingency_matrix

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.encodings.runs import Runs
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units import vocabulary
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.vocabulary import (
    frequencies,
    growth,
    purity,
    purity_by_lot,
    purity_of_repeated,
    vocabulary_scores,
    words_of,
    zipf_slope,
)

pytest_plugins = ["tiny_fixtures"]


def dealt(seed: int, items: int = 60) -> tuple[list[int], list[str]]:
    rng = np.random.default_rng(seed)
    return rng.integers(9, size=items).tolist(), [f"w{one}" for one in rng.integers(6, size=items)]


@pytest.mark.parametrize("seed", range(3))
def test_purity_is_that_of_the_table_of_counts(seed):
    types, words = dealt(seed)
    table = contingency_matrix(words, types)
    assert purity(types, words) == pytest.approx(table.max(0).sum() / 60)
    assert purity(words, types) == pytest.approx(table.max(1).sum() / 60)
    often = table[:, table.sum(0) > 1]
    assert purity_of_repeated(types, words) == pytest.approx(often.max(0).sum() / often.sum())


def test_purity_where_there_is_nothing_to_mix():
    assert purity([], []) is None and purity_of_repeated([1, 2], "ab") is None
    assert purity([1, 2, 3], "aab") == 1.0 and purity([1, 1, 1], "aab") == 2 / 3


def test_purity_by_lot_is_the_mean_over_all_deals(monkeypatch):
    monkeypatch.setattr(vocabulary, "DEALS", 4000)
    types, words = [0, 0, 0, 1, 1, 2], "aabbcc"
    every = np.mean([purity(types, one) for one in permutations(words)])
    assert purity_by_lot(types, words, 0) == pytest.approx(every, abs=0.006)
    assert purity_by_lot([1] * 6, words, 0) == pytest.approx(2 / 6) and purity_by_lot([*range(6)], words, 0) == 1


def test_growth_is_the_mean_over_all_draws():
    tokens = "aaabbcd"
    found = dict(growth(np.array([3, 2, 1, 1])))
    assert found.keys() == set(range(1, 8))
    for size, types in found.items():
        draws = [len({*draw}) for draw in combinations(tokens, size)]
        assert types == pytest.approx(np.mean(draws))


def test_growth_of_many_tokens_begins_with_one_and_ends_with_all():
    counts = np.sort(np.random.default_rng(0).integers(1, 4000, size=900))[::-1]
    found = growth(counts)
    assert found[0] == [1, pytest.approx(1.0)] and found[-1] == [counts.sum(), pytest.approx(900)]
    assert len(found) <= 24 and all(np.diff([types for _, types in found]) > 0)
    assert growth(np.zeros(0, int)) == []


@pytest.mark.parametrize("seed", range(4))
def test_the_slope_of_zipf_is_the_likeliest(seed):
    counts = np.sort(np.random.default_rng(seed).zipf(1.7, size=50))[::-1]
    logs = np.log(np.arange(1, 51))

    def cost(slope: float) -> float:
        return slope * counts @ logs + counts.sum() * np.log(np.exp(-slope * logs).sum())

    best = minimize_scalar(cost, bounds=(0, 20), method="bounded", options={"xatol": 1e-9}).x
    assert zipf_slope(counts) == pytest.approx(best, abs=1e-6)


def test_the_slope_of_a_power_law_is_its_own():
    counts = np.round(1e7 * np.arange(1, 200) ** -1.3).astype(int)
    assert zipf_slope(counts) == pytest.approx(1.3, abs=1e-4)
    assert zipf_slope(np.full(9, 4)) == pytest.approx(0, abs=1e-9) and zipf_slope(np.array([7])) is None


def test_frequencies_of_words():
    found = frequencies("abcaba")
    assert (found.tokens, found.types, found.once, found.counts) == (6, 3, 1, [3, 2, 1])


@pytest.mark.parametrize("seed", range(5))
def test_a_token_is_of_the_word_that_it_shares_most_time_with(seed):
    rng = np.random.default_rng(seed)
    edges = np.unique(rng.integers(0, 200, 24))
    labels = [Interval(int(a), int(b), f"w{a}") for a, b in zip(edges[:-1:2], edges[1::2])]
    starts = rng.integers(0, 220, 40)
    tokens = np.stack([starts, starts + rng.integers(1, 50, 40)], 1)
    expected = []
    for start, end in tokens.tolist():
        shared = [max(0, min(label.end, end) - max(label.start, start)) for label in labels]
        expected.append(labels[int(np.argmax(shared))].label if max(shared) else None)
    assert words_of(tokens, labels) == expected
    assert words_of(tokens, []) == [None] * 40


def utterance(name: str, words: list[tuple[int, int, str]]) -> Utterance:
    return Utterance(name, "x.wav", None, 100, 100, alignment={"word": [Interval(*word) for word in words]})


def tokens_of(*tokens: tuple[int, int, int]) -> Runs:
    array = np.array(tokens).reshape(-1, 3)
    return Runs(array[:, :2], array[:, 2], np.zeros(len(array), int))


def test_silence_is_no_word_and_what_is_in_none_is_left_out():
    words = [(0, 10, "SIL"), (10, 30, "so"), (30, 50, "it"), (50, 60, "SIL"), (60, 90, "so")]
    listed = tokens_of((0, 9, 7), (10, 31, 1), (31, 50, 2), (52, 58, 7), (58, 90, 1), (92, 99, 7))
    entry = CodedUtterance(utterance("a", words), np.zeros(0, int), np.zeros(0), listed)
    found = vocabulary_scores([entry], "word")
    assert (found.labelled_tokens, found.purity, found.words_together) == (3, 1.0, 1.0)
    assert found.found == found.true and found.true.counts == [2, 1]


def test_what_cannot_be_scored_is_said():
    silent = CodedUtterance(utterance("a", [(0, 90, "SIL")]), np.zeros(0, int), np.zeros(0), tokens_of((1, 2, 3)))
    with pytest.raises(UnscorableError, match="no unit shares any time"):
        vocabulary_scores([silent], "word")
    with pytest.raises(UnscorableError, match="no utterance has a tier 'phone'"):
        vocabulary_scores([silent], "phone")


def test_the_command_prints_and_keeps_it(tmp_path, unitdisc):
    writer = EncodingsWriter(tmp_path / "units", {"stride": 10, "offset": 5, "rate": 100, "num_codes": 3})
    utterances = [utterance(name, [(0, 40, "so"), (40, 70, "it"), (70, 100, "so")]) for name in "ab"]
    for one in utterances:
        codes = np.array([1] * 4 + [2] * 3 + [1 if one.id == "a" else 0] * 3)
        writer.write(Encoding(one.id, 5.0 + 10 * np.arange(10), np.zeros((10, 1), np.float32), codes=codes))
    writer.finish()
    write_manifest(tmp_path / "corpus.jsonl", utterances)
    arguments = ["score", tmp_path / "units", tmp_path / "corpus.jsonl", "-o", tmp_path / "x.json"]
    done = unitdisc(*arguments, "--tier", "word")
    assert done.code == 0, done.err
    assert "purity of types                                 1.0000  by lot" in done.out
    assert "units in the type with most of their label      0.8333" in done.out
    kept = json.loads((tmp_path / "x.json").read_text())["units"]["vocabulary"]
    assert kept["words_together"] == pytest.approx(5 / 6) and kept["found"]["counts"] == [3, 2, 1]
    assert kept["true"]["growth"][-1] == [6, 2.0]
    assert len(Encodings.open(tmp_path / "units")) == 2
