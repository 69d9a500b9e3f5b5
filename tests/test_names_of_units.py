"""How many names: as many as halves of the corpus agree about."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score
from test_templates import InMemory

from unitdisc.segmentation.templates import names
from unitdisc.segmentation.templates.names import AgreedNames, agreed_names, agreed_number, falls_short, numbers


def pieces(kinds: int, noise: float = 0.3, utterances: int = 40, dims: int = 6) -> InMemory:
    """Twelve pieces an utterance, each of one of some kinds."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(kinds, dims))
    return InMemory(
        {
            f"u{number:02}": (centres[rng.integers(kinds, size=12)] + noise * rng.normal(size=(12, dims))).astype("f")
            for number in range(utterances)
        }
    )


@pytest.mark.parametrize("kinds", [8, 16])
def test_halves_agree_best_about_the_number_of_kinds(kinds):
    tried = agreed_names(pieces(kinds), seed=0, threads=1)
    best = max(tried, key=lambda each: each.agreement)
    assert best.names == kinds and best.agreement > 0.9
    assert kinds <= agreed_number(tried) <= 1.5 * kinds
    assert [each.names for each in tried] == numbers()[: len(tried)]


def test_agreement_is_that_of_an_independent_clustering_of_halves():
    given = pieces(8)
    ours = next(each for each in agreed_names(given, seed=0, threads=1) if each.names == 8)
    found, whole = [], np.concatenate([given[name] for name in given.names])
    for halving in range(4):
        order = np.random.default_rng(10 + halving).permutation(len(given.names))
        halves = [np.concatenate([given[given.names[place]] for place in order[half::2]]) for half in (0, 1)]
        called = [KMeans(8, n_init=3, random_state=0).fit(half).predict(whole) for half in halves]
        found.append(adjusted_mutual_info_score(*called))
    assert ours.agreement == pytest.approx(np.mean(found), abs=0.06)


def test_halves_share_nothing_and_leave_nothing_out():
    given = names.drawn_pieces(pieces(4), np.random.default_rng(0))
    for seed in range(3):
        first, second = names.halved(given, np.random.default_rng(seed))
        assert not {*first.names} & {*second.names}
        assert {*first.names, *second.names} == {*given.names}
        assert abs(len(first.names) - len(second.names)) <= 1


def test_of_many_pieces_some_utterances_are_drawn(monkeypatch):
    given = pieces(4)
    given.frames["empty"] = np.zeros((0, 6), np.float32)
    monkeypatch.setattr(names, "SAMPLE", 100)
    some = names.drawn_pieces(given, np.random.default_rng(0)).names
    assert len(some) in (9, 10) and "empty" not in some
    assert some != names.drawn_pieces(given, np.random.default_rng(1)).names


@pytest.mark.slow
def test_threads_change_nothing_and_seeds_do():
    given = pieces(5, utterances=20)
    once = agreed_names(given, seed=0, threads=1)
    assert agreed_names(given, seed=0, threads=3) == once != agreed_names(given, seed=1, threads=1)


def test_the_most_names_that_fall_short_by_little():
    def tried(*agreements):
        return [AgreedNames(names, agreement, 0.01) for names, agreement in zip(numbers(), agreements)]

    assert agreed_number(tried(0.5, 0.9, 0.86, 0.84)) == 16
    assert agreed_number(tried(0.8)) == 8
    assert not falls_short(tried()) and not falls_short(tried(0.9, 0.1, 0.1))
    assert falls_short(tried(0.9, 0.79, 0.79, 0.79)) and not falls_short(tried(0.9, 0.1, 0.1, 0.81))


def test_too_few_pieces_or_too_alike_are_not_clustered():
    assert agreed_names(pieces(2, utterances=1), seed=0, threads=1) == []
    few = agreed_names(pieces(2, utterances=4), seed=0, threads=1)
    assert [each.names for each in few] == [8, 11]
    assert agreed_names(InMemory({"u0": np.zeros((0, 3), np.float32)}), seed=0, threads=1) == []
    alike = InMemory({f"u{number}": np.ones((12, 3), np.float32) for number in range(8)})
    assert agreed_names(alike, seed=0, threads=1) == []
