"""Words that a network says again: costs against saying strings one by one, words that recur, going on."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from unitdisc.word_segmentation import states
from unitdisc.word_segmentation.autoencoding import Autoencoder, dpdp, from_each
from unitdisc.word_segmentation.stretches import Strings

KINDS, LONGEST = 7, 4
WORDS = [(0, 1, 2), (3, 4), (5, 0, 6), (2, 6)]


def strings_of(words: list[list[tuple[int, ...]]]) -> tuple[Strings, np.ndarray]:
    """Stretches of words, and where these begin [N] bool."""
    codes = [unit for own in words for word in own for unit in word]
    begun = [place == 0 for own in words for word in own for place in range(len(word))]
    firsts = np.cumsum([0, *(sum(map(len, own)) for own in words)])
    return Strings(np.array(codes), firsts, KINDS), np.array(begun)


@pytest.fixture
def spoken() -> tuple[Strings, np.ndarray]:
    rng = np.random.default_rng(0)
    return strings_of([[WORDS[one] for one in rng.integers(0, len(WORDS), 5)] for _ in range(60)])


def cut(strings: Strings, words: int, state, rounds: int = 5, advance=lambda count, note="": None, seed: int = 0):
    return dpdp(strings, LONGEST, words, rounds=rounds, seed=seed, state=state, advance=advance)


def test_the_price_of_a_string_is_that_of_saying_it_again():
    torch.manual_seed(0)
    network = Autoencoder(KINDS)
    units = torch.randint(0, KINDS, (3, LONGEST))
    prices = network.prices(units)
    for row in range(3):
        for last in range(1, LONGEST + 1):
            own = units[row : row + 1, :last]
            kept = network.keep(network.read(network.embed(own))[0][:, -1])
            said, _ = network.say(kept[:, None].repeat(1, last, 1))
            nats = F.cross_entropy(network.choose(said)[0], own[0], reduction="sum")
            torch.testing.assert_close(prices[row, last - 1], nats)
            torch.testing.assert_close(network.loss(own, torch.tensor([last])), nats / last)


def test_what_lies_beyond_the_end_costs_nothing():
    torch.manual_seed(0)
    network, lengths = Autoencoder(KINDS), torch.tensor([2, 4])
    units = torch.randint(0, KINDS, (2, LONGEST))
    other = units.clone()
    other[0, 2:] = (units[0, 2:] + 1) % KINDS
    torch.testing.assert_close(network.loss(units, lengths), network.loss(other, lengths), rtol=0, atol=0)


def test_strings_end_with_their_stretch():
    strings, _ = strings_of([[(0, 1, 2)], [(3, 4)]])
    units, room = from_each(strings, LONGEST)
    assert room.tolist() == [3, 2, 1, 2, 1]
    assert units.tolist() == [[0, 1, 2, 0], [1, 2, 0, 0], [2, 0, 0, 0], [3, 4, 0, 0], [4, 0, 0, 0]]


def test_words_that_recur_are_found(spoken, tmp_path):
    strings, begun = spoken
    cuts, facts = cut(strings, int(begun.sum()), tmp_path / "state", rounds=10)
    right = (cuts & begun & strings.inner).sum()  # 35 % by lot
    assert cuts[strings.firsts[:-1]].all() and abs(int(cuts.sum()) - int(begun.sum())) <= 2
    assert right > 0.5 * (begun & strings.inner).sum() and facts["nats_per_unit"] < np.log(KINDS)


def test_an_interrupted_training_goes_on_to_the_same_words(spoken, tmp_path, monkeypatch):
    strings, begun = spoken
    monkeypatch.setattr(states, "SECONDS", 0.0)
    words = int(begun.sum())
    whole, facts = cut(strings, words, tmp_path / "whole")
    done = []

    def stop(count: int, note: str = "") -> None:
        done.append(count)
        if note and len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut(strings, words, tmp_path / "state", advance=stop)
    rest = []
    again, found = cut(strings, words, tmp_path / "state", advance=lambda count, note="": rest.append(count))
    assert rest == [2, 1, 1, 1] and found == facts
    np.testing.assert_array_equal(again, whole)
    other, _ = cut(strings, words, tmp_path / "state", seed=1)  # not from the state of another seed
    assert (other != whole).any()
    _, fewer = cut(strings, words, tmp_path / "whole", rounds=1)  # nor from one that has learned longer
    assert fewer["nats_per_unit"] > facts["nats_per_unit"]
