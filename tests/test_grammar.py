"""Grammars of words: their entropy is what counting all sentences says, and what is none is refused."""

from itertools import product
from math import log2
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError
from unitdisc.prep.grammar import WordGrammar

ROOT = Path(__file__).parent.parent
FINITE = """
start determiner 3 phrase
start noun 1 end
phrase adjective 1 last   # one adjective at most
phrase noun 2 end
last noun 1 end
= determiner
the some
= noun
house tree
door
= adjective
old
"""
ENDLESS = FINITE.replace("phrase adjective 1 last", "phrase adjective 1 phrase").replace("last noun 1 end\n", "")


def grammar(text: str, folder: Path) -> WordGrammar:
    (folder / "grammar.txt").write_text(text)
    return WordGrammar.read(folder / "grammar.txt")


def every_sentence(longest: int) -> list[tuple[str, ...]]:
    words = ("the", "some", "house", "tree", "door", "old")
    return [each for length in range(1, longest + 1) for each in product(words, repeat=length)]


def test_the_entropy_is_that_of_all_sentences(tmp_path):
    """Of a grammar that has few of them: each string of words is tried."""
    made = grammar(FINITE, tmp_path)
    chances = [2 ** -made.bits_of(sentence) for sentence in every_sentence(4)]
    assert sum(chances) == pytest.approx(1)
    assert -sum(p * log2(p) for p in chances if p) == pytest.approx(made.bits_per_sentence())
    lengths = [len(sentence) for sentence in every_sentence(4)]
    assert np.dot(chances, lengths) == pytest.approx(made.words_per_sentence())


def test_the_entropy_is_that_of_all_sentences_of_an_endless_grammar(tmp_path):
    """What is longer than nine words has 3/4 x 3^-7 of the probability; the series has converged to that."""
    made = grammar(ENDLESS, tmp_path)
    ways = [("old",) * old for old in range(40)]
    sentences = [(noun,) for noun in ("house", "tree", "door")]
    sentences += [(one, *way, noun) for one in ("the", "some") for way in ways for noun in ("house", "tree", "door")]
    chances = np.array([2 ** -made.bits_of(sentence) for sentence in sentences])
    assert chances.sum() == pytest.approx(1)
    assert -(chances * np.log2(chances)).sum() == pytest.approx(made.bits_per_sentence())
    assert chances @ [len(sentence) for sentence in sentences] == pytest.approx(made.words_per_sentence())
    assert made.bits_of(("house", "house")) == made.bits_of(("the",)) == made.bits_of(()) == float("inf")


def test_words_follow_zipf_and_mandelbrot(tmp_path):
    made = grammar(FINITE, tmp_path)
    assert made.odds["noun"] == pytest.approx(np.array([1 / 3.7, 1 / 4.7, 1 / 5.7]) / (1 / 3.7 + 1 / 4.7 + 1 / 5.7))


@pytest.mark.parametrize("which", ["built-in", "drawn"])
def test_sentences_come_as_often_as_they_should(which):
    made = WordGrammar.read(ROOT / "data_prep" / "spoken_text" / "en.txt")
    if which == "drawn":
        made = WordGrammar.drawn([f"w{number}" for number in range(300)], 12, seed=0)
    rng = np.random.default_rng(0)
    drawn = [made.sentence(rng) for _ in range(1500)]
    bits = np.array([bits for _, bits in drawn])
    lengths = np.array([len(words) for words, _ in drawn])
    for values, expected in ((bits, made.bits_per_sentence()), (lengths, made.words_per_sentence())):
        assert abs(values.mean() - expected) < 4 * values.std() / len(values) ** 0.5
    for words, its_bits in drawn[:100]:
        assert made.bits_of([each.word for each in words]) == pytest.approx(its_bits)


def test_subject_and_verb_of_the_built_in_grammar_agree():
    made = WordGrammar.read(ROOT / "data_prep" / "spoken_text" / "en.txt")
    assert made.bits_of(["the", "old", "house", "in", "these", "gardens", "sees", "him"]) < float("inf")
    assert made.bits_of(["the", "old", "house", "in", "these", "gardens", "see", "him"]) == float("inf")
    assert made.bits_of(["these", "houses", "in", "the", "garden", "see", "him"]) < float("inf")
    assert 1000 <= len({word for words in made.words.values() for word in words}) <= 2000


@pytest.mark.parametrize(
    "old,new,told",
    [
        ("start determiner 3 phrase", "start determiner phrase", "has 3 fields|weight is 'determiner'"),
        ("start determiner 3", "start determiner 0", "above 0"),
        ("start determiner 3", "start determiner nan", "above 0"),
        ("= adjective\nold", "= adjective", "has no words"),
        ("the some", "the some the", "'the' twice"),
        ("last noun 1 end", "last verb 1 end", "class verb, of which there are no words"),
        ("last noun 1 end", "last noun 1 nowhere", "goes on to nowhere"),
        ("last noun 1 end", "last noun 1 last", "no sentence ends"),
        ("start noun 1 end", "start noun 1 end\nalone noun 1 end", "comes to the state alone"),
        ("old", "old house", "so that its entropy is not known"),
        ("start noun 1 end", "start noun 1 end\nstart 1 last", "without a word"),
        ("start ", "begin ", "no state start"),
        ("= noun", "= noun = noun", "= CLASS"),
    ],
)
def test_what_is_no_grammar_is_refused(old, new, told, tmp_path):
    with pytest.raises(CorpusError, match=rf"grammar.txt(:\d+)?: .*({told})"):
        grammar(FINITE.replace(old, new), tmp_path)
