"""Language models of units: n-grams and ARPA files against slow oracles, lmplz and KenLM; symbols and their scores."""

import json
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from reference.kneser_ney import KneserNey

from unitdisc.language.arpa import read_arpa, write_arpa
from unitdisc.language.bpe import learn_merges
from unitdisc.language.co_occurrence import followers
from unitdisc.language.errors import LanguageError
from unitdisc.language.kneser_ney import estimate
from unitdisc.language.reading import Source, as_symbols, read_source, read_words
from unitdisc.language.scores import Bits, Pair, bits_of, spotted
from unitdisc.language.sequences import Sequences, frames_of, of_codes, of_strings, units_of, with_durations
from unitdisc.language.vocabulary import Vocabulary

pytest_plugins = ["tiny_fixtures"]

REFERENCE = Path(__file__).parent / "reference"


def drawn(number: int, most: int, seed: int) -> list[list[str]]:
    """Symbols that are as uneven as words."""
    rng = np.random.default_rng(seed)
    return [[str(min(int(w), most)) for w in rng.zipf(1.5, size=rng.integers(1, 9))] for _ in range(number)]


def sequences_of(strings: list[list[str]]) -> Sequences:
    return of_strings([f"u{i}" for i in range(len(strings))], strings)


def model_of(strings: list[list[str]], order: int, **options):
    sequences = sequences_of(strings)
    vocabulary = Vocabulary.of(sequences.symbols)
    return estimate(vocabulary.stream(sequences), vocabulary, order, **options)


# Kneser-Ney


@pytest.mark.parametrize(("number", "most"), [(200, 40), (30, 5)], ids=["words", "few symbols"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_formulas(order, number, most):
    """Of text that was learned from and of other, with symbols that are not known; few symbols need the fallback."""
    taught = drawn(number, most, seed=order)
    oracle, (model, _) = KneserNey(taught, order), model_of(taught, order)
    strings = [*taught[:5], *drawn(15, most + 20, seed=99)]
    stream = model.vocabulary.stream(sequences_of(strings))
    wanted = []
    for string in strings:
        words = ["<s>", *(symbol if symbol in oracle.symbols else "<unk>" for symbol in string), "</s>"]
        wanted += [0.0] + [np.log2(oracle.probability(words[i], words[:i])) for i in range(1, len(words))]
    np.testing.assert_allclose(model.log2_probs(stream), wanted, atol=1e-9)


def test_discounts_are_those_of_the_formulas():
    taught = [*read_words(REFERENCE / "lmplz.txt").sequences]
    _, card = model_of(taught, 3)
    oracle = KneserNey(taught, 3)
    for order in card["orders"]:
        assert not order["fallback"]
        np.testing.assert_allclose(order["discounts"], oracle.discounts[order["order"]], atol=1e-12)


def test_a_model_is_that_of_lmplz():
    """`lmplz -o 3 --text lmplz.txt --arpa lmplz.arpa` of KenLM (commit 4cb443e, 2025); it writes 32-bit numbers."""
    sequences = read_words(REFERENCE / "lmplz.txt").sequences
    theirs = read_arpa(REFERENCE / "lmplz.arpa")
    ours, _ = estimate(Vocabulary.of(sequences.symbols).stream(sequences), Vocabulary.of(sequences.symbols), 3)
    mine, other = table(ours), table(theirs)
    assert mine.keys() == other.keys()
    grams = sorted(mine.keys() - {("<s>",)})  # which is never predicted
    np.testing.assert_allclose([mine[gram] for gram in grams], [other[gram] for gram in grams], atol=1e-6)


def table(model) -> dict[tuple[str, ...], tuple[float, float]]:
    """n-gram -> log10 probability and back-off."""
    found, texts = {}, [()]
    for order, grams in enumerate(model.grams, 1):
        shorter = texts
        texts = [
            (*(shorter[context] if order > 1 else ()), model.vocabulary.symbols[last])
            for context, last in zip(grams.contexts, grams.last)
        ]
        found |= dict(zip(texts, zip(grams.log_probs, grams.backoffs)))
    return found


def test_without_the_fallback_few_symbols_are_refused():
    with pytest.raises(LanguageError, match=r"no 1-gram counts 1, .*allow `fallback` discounts"):
        model_of(drawn(60, 3, seed=0), 2, fallback=None)


def test_what_may_follow_sums_to_one_and_is_what_is_scored():
    model, _ = model_of(drawn(100, 12, seed=1), 3)
    sequences = sequences_of(drawn(5, 14, seed=2))
    stream = model.vocabulary.stream(sequences)
    scored = model.log2_probs(stream)
    for start, length in zip(stream.starts, stream.lengths):
        ids = stream.ids[start : start + length]
        for i in range(1, length):
            probs = model.next_probs(ids[:i])
            assert probs.sum() == pytest.approx(1, abs=1e-12)
            assert np.log2(probs[ids[i]]) == pytest.approx(scored[start + i], abs=1e-9)


def test_kenlm_reads_what_is_written(tmp_path):
    kenlm = pytest.importorskip("kenlm")
    model, _ = model_of(drawn(200, 40, seed=1), 3)
    write_arpa(tmp_path / "lm.arpa", model)
    theirs = kenlm.Model(str(tmp_path / "lm.arpa"))
    strings = drawn(20, 60, seed=2)
    ours = bits_of(model, sequences_of(strings)).bits
    np.testing.assert_allclose(ours, [-theirs.score(" ".join(s)) * np.log2(10) for s in strings], atol=1e-4)


# ARPA


@pytest.mark.parametrize("order", [1, 3])
def test_what_is_written_is_read_as_the_same(tmp_path, order):
    model, _ = model_of(drawn(100, 12, seed=1), order)
    write_arpa(tmp_path / "lm.arpa", model)
    read = read_arpa(tmp_path / "lm.arpa")
    assert read.vocabulary.symbols == model.vocabulary.symbols
    for one, other in zip(read.grams, model.grams, strict=True):
        for name in ("contexts", "last", "log_probs", "backoffs"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


ARPA = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>
0\t<s>\t-.3
-.5\t</s>
-.5\ta\t-.1

\\2-grams:
-.2\t<s> a
-.4\ta </s>

\\end\\
"""


def test_an_arpa_file_by_hand(tmp_path):
    """After `a`, `</s>` is in the table, and `a` backs off: -.1 - .5."""
    (tmp_path / "lm.arpa").write_text(ARPA)
    model = read_arpa(tmp_path / "lm.arpa")
    bits = bits_of(model, sequences_of([["a"], ["a", "a"], ["b"]])).bits
    assert bits / np.log2(10) == pytest.approx([0.2 + 0.4, 0.2 + 0.6 + 0.4, 0.3 + 1 + 0.5])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"arpa:1: does not begin with \\data\\"),
        ("ngram 2=2", "ngram 3=2", r"arpa:3: must be `ngram 2=COUNT` or \\1-grams:"),
        ("ngram 1=4", "ngram 1=5", "arpa:11: must be LOG10-PROBABILITY, 1 symbols"),
        ("ngram 2=2", f"ngram 2={10**19}", "arpa:15: must be LOG10-PROBABILITY, 2 symbols"),
        ("ngram 1=4", "ngram 1=3", r"arpa:9: has .* where \\2-grams: must be"),
        ("-.2\t<s> a", "-.2\t<s> b", "arpa:12: '<s> b' is listed, but its last symbol is not"),
        ("-.2\t<s> a", "-.2\tb a", "arpa:12: 'b a' is listed, but its beginning is not"),
        ("-.4\ta </s>", "-.2\t<s> a", "arpa:13: '<s> a' is listed twice"),
        ("-.5\ta", "-.5\t<s>", "has the 1-gram '<s>' twice"),
        ("</s>", "b", "has no 1-gram </s>"),
        ("-.2\t", "0.2\t", "arpa:12: must be LOG10-PROBABILITY, 2 symbols .*no finite logarithms"),
        ("-.2\t", "x\t", "arpa:12: must be LOG10-PROBABILITY, 2 symbols .*could not convert"),
        ("-.4\ta </s>\n\n\\end\\\n", "", "ends after 1 of 2 2-grams"),
        ("\\end\\", "-1\ta a", r"arpa:15: has '-1\\ta a' where \\end\\ must be"),
    ],
)
def test_what_is_no_arpa_file_is_refused_with_its_line(tmp_path, old, new, message):
    assert ARPA.count(old)
    (tmp_path / "lm.arpa").write_text(ARPA.replace(old, new))
    with pytest.raises(LanguageError, match=message):
        read_arpa(tmp_path / "lm.arpa")


# Symbols


FRAMES = [[3, 3, 3, 12, 12, 3], [7], [3, 3, 12, 12, 12, 12, 7, 7]]


def test_codes_become_units_with_and_without_durations():
    """Against `itertools.groupby`; runs do not go on from one utterance to the next."""
    codes = of_codes("abc", FRAMES)
    units, lengths = units_of(codes)
    runs = [[(code, len([*group])) for code, group in groupby(frames)] for frames in FRAMES]
    assert [*units] == [[str(code) for code, _ in run] for run in runs]
    assert lengths.tolist() == [many for run in runs for _, many in run]
    timed, cut = with_durations(codes, longest=3)
    assert [*timed] == [[f"{code}x{min(many, 3)}" for code, many in run] for run in runs]
    assert cut == 1 and frames_of("12x3") == ["12"] * 3
    assert Vocabulary.of(timed.symbols).symbols[3:] == ("3x1", "3x2", "3x3", "7x1", "7x2", "12x2", "12x3")


def test_utterances_are_taken_reversed_and_shuffled():
    strings = drawn(20, 9, seed=3)
    sequences = sequences_of(strings)
    assert [*sequences.take([4, 2])] == [strings[4], strings[2]]
    assert [*sequences.reversed()] == [string[::-1] for string in strings]
    mixed = [*sequences.shuffled(1)]
    assert [sorted(s) for s in mixed] == [sorted(s) for s in strings] and mixed != strings
    assert [*sequences.shuffled(1)] == mixed != [*sequences.shuffled(2)]


def slow_merges(strings: list[list[str]], size: int) -> tuple[list, list[list[str]]]:
    symbols, pairs = [*dict.fromkeys(symbol for string in strings for symbol in string)], []
    while len(symbols) < size:
        counts = Counter(pair for string in strings for pair in pairwise(string))
        best = max(counts, key=lambda pair: (counts[pair], *(-symbols.index(symbol) for symbol in pair)))
        if counts[best] < 2:
            break
        pairs.append(best)
        symbols.append("+".join(best))
        strings = [joined(string, best) for string in strings]
    return pairs, strings


def joined(string: list[str], pair: tuple[str, str]) -> list[str]:
    made = []
    for symbol in string:
        if made and (made[-1], symbol) == pair:
            made[-1] = "+".join(pair) + " "  # the blank keeps it from being joined on
        else:
            made.append(symbol)
    return [symbol.strip() for symbol in made]


@pytest.mark.parametrize("most", [2, 12])
def test_byte_pairs_are_merged_as_by_hand(most):
    """Also where a symbol follows itself: of x x x the first two become one."""
    strings = drawn(40, most, seed=most)
    merges = learn_merges(sequences_of(strings), 40)
    pairs, wanted = slow_merges(strings, 40)
    assert merges.pairs == pairs and len(pairs) > 10
    assert [*merges.applied(sequences_of(strings))] == wanted
    parts = merges.parts()
    assert [[part for symbol in string for part in parts.get(symbol, [symbol])] for string in wanted] == strings


def test_the_same_codes_are_read_from_files_of_any_tool(tmp_path, tiny_encodings):
    folder = tiny_encodings / "bottleneck"
    own = read_source(Source(folder)).sequences
    for name, string in zip(own.names, own):
        np.save(tmp_path / f"{name}.npy", np.array([*map(int, string)]))
    (tmp_path / "as").mkdir()
    (tmp_path / "as/units.km").write_text("".join(" ".join(string) + "\n" for string in own))
    (tmp_path / "as/units.tsv").write_text("/audio\n" + "".join(f"{name}.wav\t1\n" for name in own.names))
    lines = [json.dumps({"utterance": name, "codes": [*map(int, s)]}) for name, s in zip(own.names, own)]
    (tmp_path / "as/units.jsonl").write_text("\n".join(lines))
    assert own.seconds is not None
    for place in (tmp_path / "as/units.km", tmp_path / "as/units.jsonl"):
        read = read_source(Source(place, frame_rate=100)).sequences
        assert (read.names, [*read]) == (own.names, [*own])
        np.testing.assert_allclose(read.seconds, own.lengths / 100)
    for path in (tmp_path / "as").iterdir():
        path.unlink()
    assert [*read_source(Source(tmp_path)).sequences] == [*own]
    assert read_source(Source(tmp_path)).sequences.seconds is None


def test_labels_of_a_corpus_are_words(tiny_corpus):
    read = read_source(Source(tiny_corpus, tier="phone")).sequences
    assert read.symbols == ["a", "b", "c", "d"]
    assert read.seconds[0] == pytest.approx(6400 / 16_000)
    assert as_symbols(read, "words", Source(tiny_corpus, tier="phone"), longest=9, merges=None)[0] is read


# Scores


def test_followers_by_hand():
    """`a b` comes twice among the 8 pairs: a stands first in 3, b second in 2."""
    sequences = sequences_of([["a", "b"], ["a", "b"], ["a"]])
    vocabulary = Vocabulary.of(sequences.symbols)
    rows = {row[:2]: row[2:] for row in followers(vocabulary.stream(sequences), vocabulary)}
    assert rows["a", "b"] == pytest.approx((2, 2 / 3, 3 * 2 / 8, np.log2(2 / (3 * 2 / 8))))
    assert rows["<s>", "a"] == pytest.approx((3, 1, 3 * 3 / 8, np.log2(8 / 3)))
    assert sum(row[0] for row in rows.values()) == 8


def test_bits_by_hand(tmp_path):
    (tmp_path / "lm.arpa").write_text(ARPA)
    sequences = of_strings(["x", "y"], [["a"], ["b"]], seconds=np.array([0.5, 1.5]))
    figures = bits_of(read_arpa(tmp_path / "lm.arpa"), sequences).figures()
    bits = np.log2(10) * (0.6 + 1.8)
    assert figures["bits"] == pytest.approx(bits) and figures["unknown"] == 1
    assert figures["bits_per_symbol"] == pytest.approx(bits / 4)
    assert figures["perplexity"] == pytest.approx(2 ** (bits / 4))
    assert figures["bits_per_second"] == pytest.approx(bits / 2)


def test_spotted_words_by_hand():
    found = Bits(np.array([4.0, 6.0, 5.0, 5.0]), np.array([1, 2, 1, 1]), np.zeros(4), None)
    pairs = [Pair("a", "b", "x"), Pair("b", "a", "y"), Pair("c", "d", "y")]
    result = spotted(pairs, "abcd", found)
    assert result["accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert result["accuracy_per_symbol"] == pytest.approx((0.5 + 0.5 + 0.5) / 3)  # 4 / 2 beside 6 / 3
    assert result["kinds"] == {"x": 1.0, "y": 0.25}
    assert result["fewer_symbols"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert result["words"] == 3 and 0 <= result["interval"][0] < result["accuracy"] < result["interval"][1] <= 1


def test_intervals_of_spotted_words_are_over_words():
    """A hundred voices that say the same two words tell no more of other words than one."""
    names = [f"{word}{voice}" for voice in range(100) for word in "abcd"]
    found = Bits(np.tile([1.0, 2.0, 2.0, 1.0], 100), np.ones(400), np.zeros(400), None)
    pairs = [Pair(f"{a}{voice}", f"{b}{voice}", "", a) for voice in range(100) for a, b in ("ab", "cd")]
    result = spotted(pairs, names, found)
    assert (result["pairs"], result["words"], result["accuracy"]) == (200, 2, 0.5)
    assert result["interval"] == [0, 1]
    assert spotted(pairs[::2], names, found)["interval"] is None
