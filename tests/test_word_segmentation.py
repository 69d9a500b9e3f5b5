"""Words of strings of units and of frames: every method against its definition, by brute force."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations, pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest
from reference import words as brute
from scipy.special import gammaln

from unitdisc.encodings import EncodingsError
from unitdisc.word_segmentation import states, transitional
from unitdisc.word_segmentation.baselines import evenly, nearest_items, randomly
from unitdisc.word_segmentation.bigram_kernels import sample_bigram
from unitdisc.word_segmentation.bigrams import bigrams
from unitdisc.word_segmentation.dirichlet import Process, counted, dirichlet, new_concentration, resampled
from unitdisc.word_segmentation.distances import alike_pairs
from unitdisc.word_segmentation.frames import FrameStretches, cheapest, es_kmeans, peaks_in
from unitdisc.word_segmentation.kernels import expected_counts, likeliest_cuts, losses, sample_unigram
from unitdisc.word_segmentation.lexicon import Wanted, byte_pairs, unigram
from unitdisc.word_segmentation.spelling import Spelling, times_spelled, uses
from unitdisc.word_segmentation.stretches import Stretch, Strings, Substrings
from unitdisc.word_segmentation.types import by_graph, by_string, frames_within
from unitdisc.word_segmentation.warping import by_warping, joined

LEXICON = [(0, 1, 2), (3, 4), (5, 0), (6, 7, 1, 3), (2, 2, 6)]


def quiet(count: int = 1, note: str = "") -> None:
    pass


def strings_of(lines: list[tuple], kinds: int | None = None) -> Strings:
    stretches = [Stretch("u", np.arange(len(line) + 1), np.array(line)) for line in lines]
    return Strings.of(stretches, kinds or 1 + max(map(max, lines)))


def random_lines(number: int, kinds: int, longest: int, seed: int = 0) -> list[tuple]:
    rng = np.random.default_rng(seed)
    return [tuple(rng.integers(0, kinds, rng.integers(1, longest + 1)).tolist()) for _ in range(number)]


def spoken(number: int, seed: int = 0) -> tuple[list[tuple], list[list[tuple]]]:
    """Lines of words of LEXICON, and the words of each."""
    rng = np.random.default_rng(seed)
    words = [[LEXICON[one] for one in rng.integers(0, len(LEXICON), rng.integers(2, 7))] for _ in range(number)]
    return [sum(own, ()) for own in words], words


def words_of(strings: Strings, cuts: np.ndarray) -> list[list[tuple]]:
    found = []
    for first, last, own in zip(strings.firsts[:-1], strings.firsts[1:], strings.starts(cuts)):
        line = strings.codes[first:last].tolist()
        found.append([tuple(line[a:b]) for a, b in pairwise([0, *own.tolist(), len(line)])])
    return found


@pytest.mark.parametrize("threshold", ["relative", "absolute"])
@pytest.mark.parametrize("dependency", ["ftp", "btp", "mi"])
def test_transitional_probabilities_cut_as_one_step_after_the_other_does(dependency, threshold):
    lines = random_lines(30, 4, 12)
    strings = strings_of(lines)
    found = transitional.chosen(strings, transitional.tp_strengths(strings, dependency), threshold)
    assert words_of(strings, found) == brute.transitional([list(line) for line in lines], dependency, threshold)


@pytest.mark.parametrize("context", [1, 2, 3])
def test_entropy_is_of_what_comes_after_and_before_the_longest_context(context):
    lines = random_lines(20, 3, 8)
    strings = strings_of(lines)
    line, _ = transitional.joined(strings)
    for order in (line, line[::-1]):
        found = transitional.next_entropies(order, context, strings.kinds)
        symbols = order.tolist()
        for at in range(len(symbols) - 1):
            since = next((back for back in range(at + 1) if symbols[at - back] == strings.kinds), at + 1)
            length = max(1, min(context, since))
            own = symbols[at - length + 1 : at + 1]
            ends = [
                end
                for end in range(length - 1, len(symbols) - 1)
                if symbols[end - length + 1 : end + 1] == own
                and (length == 1 or strings.kinds not in symbols[end - length + 1 : end + 1])
            ]
            assert found[at] == pytest.approx(brute.entropy(Counter(symbols[end + 1] for end in ends)), abs=1e-12)


def test_substrings_have_one_number_wherever_they_are():
    lines = random_lines(15, 3, 9)
    strings = strings_of(lines)
    substrings = Substrings.of(strings, 4)
    numbers: dict[tuple, int] = {}
    counts: Counter = Counter()
    for first, line in zip(strings.firsts, lines):
        for at in range(len(line)):
            for length in range(1, 5):
                number = int(substrings.ids[first + at, length - 1])
                if at + length > len(line):
                    assert number == -1
                    continue
                own = line[at : at + length]
                assert numbers.setdefault(own, number) == number and substrings.lengths[number] == length
                counts[own] += 1
    assert len(set(numbers.values())) == len(numbers) == len(substrings.lengths)
    assert {own: substrings.counts[number] for own, number in numbers.items()} == counts


def lexicon_of(lines: list[tuple], longest: int, seed: int) -> tuple[Strings, Substrings, np.ndarray, dict]:
    """Scores by lot for all substrings, some of which are no words."""
    strings = strings_of(lines)
    substrings = Substrings.of(strings, longest)
    rng = np.random.default_rng(seed)
    weights = rng.random(len(substrings.lengths)) * (
        (rng.random(len(substrings.lengths)) < 0.6) | (substrings.lengths == 1)
    )
    scores = np.log(weights, out=np.full(len(weights), -np.inf), where=weights > 0)
    names = {
        number: tuple(strings.codes[place : place + length].tolist())
        for number, (place, length) in enumerate(zip(substrings.places, substrings.lengths))
    }
    return strings, substrings, scores, names


def test_expected_counts_and_the_likeliest_cut_are_those_of_all_cuts():
    lines = random_lines(12, 3, 7)
    strings, substrings, scores, names = lexicon_of(lines, 4, 1)
    probability = {names[number]: float(np.exp(score)) for number, score in enumerate(scores)}
    expected, likelihood = expected_counts(substrings.ids, strings.firsts, scores)
    literal, total = brute.expected_counts(lines, probability, 4)
    assert likelihood == pytest.approx(total)
    for number, name in names.items():
        assert expected[number] == pytest.approx(literal[name], abs=1e-9)
    cuts, counts = likeliest_cuts(substrings.ids, strings.firsts, scores)
    for line, own in zip(lines, words_of(strings, cuts)):
        likeliest = max(np.prod([probability[one] for one in words]) for words in brute.ways_to_cut(line, 4))
        assert np.prod([probability[one] for one in own]) == pytest.approx(likeliest)
    found = Counter(word for own in words_of(strings, cuts) for word in own)
    assert {names[number]: count for number, count in enumerate(counts) if count} == found


def test_a_word_is_worth_what_its_parts_would_lose():
    lines = random_lines(12, 3, 7)
    strings, substrings, scores, names = lexicon_of(lines, 4, 1)
    _, counts = likeliest_cuts(substrings.ids, strings.firsts, scores)
    found = losses(substrings.ids, substrings.places, substrings.lengths, scores, counts)
    numbers, looked_at = {name: number for number, name in names.items()}, 0
    for number, name in names.items():
        if len(name) == 1 or scores[number] == -np.inf:
            assert found[number] == np.inf
            continue
        others = [words for words in brute.ways_to_cut(name, 4) if len(words) > 1]
        value, best = max((sum(scores[numbers[one]] for one in words), words) for words in others)
        if value > scores[number] or not counts[number]:
            assert found[number] == 0
            continue
        more = counts.sum() + counts[number] * (len(best) - 1)
        after = sum(log((counts[numbers[one]] + counts[number]) / more) for one in best)
        assert found[number] == pytest.approx(counts[number] * (log(counts[number] / counts.sum()) - after))
        looked_at += 1
    assert looked_at > 3


def test_pairs_are_merged_as_if_all_were_counted_anew():
    lines = random_lines(25, 3, 12)
    for size in (3, 6, 15):
        cuts, facts = byte_pairs(strings_of(lines), 5, Wanted(lexicon=size), quiet)
        assert words_of(strings_of(lines), cuts) == brute.byte_pairs(lines, size, 5) and facts["lexicon"] <= size


@pytest.mark.parametrize("method", ["unigram", "bpe"])
def test_lexicons_end_at_a_number_of_words(method):
    lines, words = spoken(60)
    strings, wanted = strings_of(lines), sum(map(len, words))
    if method == "unigram":
        cuts, _ = unigram(strings, Substrings.of(strings, 8), Wanted(words=wanted), 2, quiet)
    else:
        cuts, _ = byte_pairs(strings, 8, Wanted(words=wanted), quiet)
    assert abs((cuts | ~strings.inner).sum() - wanted) <= 0.1 * wanted


def token_f1(found: list[list[tuple]], words: list[list[tuple]]) -> float:
    def spans(lines):
        return {
            (n, sum(map(len, own[:i])), sum(map(len, own[: i + 1])))
            for n, own in enumerate(lines)
            for i in range(len(own))
        }

    made, there = spans(found), spans(words)
    return 2 * len(made & there) / (len(made) + len(there))


@pytest.mark.slow
def test_words_that_are_there_are_found(tmp_path):
    lines, words = spoken(80)
    strings = strings_of(lines)
    substrings = Substrings.of(strings, 8)
    process = Process(None, None, 0, 60)
    probable, learned = dirichlet(strings, substrings, process, state=tmp_path / "state", advance=quiet)
    assert token_f1(words_of(strings, probable > 0.5), words) > 0.95
    assert learned["boundary_probability"] == pytest.approx(5 / 14, abs=0.25)
    probable, _ = bigrams(strings, substrings, process, None, state=tmp_path / "state", advance=quiet)
    assert token_f1(words_of(strings, probable > 0.5), words) > 0.95


LINES = [(0, 1, 0, 1, 2), (0, 1, 2), (2, 0, 1), (1, 2, 0)]
CUTS = [(0, 2, 4), (0, 2), (0, 1), (0, 2)]


def chosen_cuts(strings: Strings) -> np.ndarray:
    cuts = np.zeros(len(strings.codes), bool)
    for first, own in zip(strings.firsts, CUTS):
        cuts[first + np.array(own)] = True
    return cuts


def uniform(boundary_probability: float, kinds: int) -> Spelling:
    return Spelling(boundary_probability, np.full(kinds, 1 / kinds), False)


def spelled_out(word: tuple, spelling: Spelling) -> float:
    """Unit by unit; where units are learned, a word might have ended before the first."""
    ending = spelling.boundary_probability
    value = 1 - ending if spelling.learned else 1.0
    for place, unit in enumerate(word):
        value *= spelling.units[unit] * (ending if place == len(word) - 1 else 1 - ending)
    return value


@pytest.mark.parametrize("learned", [True, False])
def test_new_words_are_spelled_unit_by_unit(learned):
    strings = strings_of(LINES)
    substrings = Substrings.of(strings, 4)
    spelling = Spelling(0.3, np.array([0.5, 0.2, 0.3]), learned)
    found = spelling.probabilities(strings, substrings)
    for number, (place, length) in enumerate(zip(substrings.places, substrings.lengths)):
        word = tuple(strings.codes[place : place + length].tolist())
        assert found[number] == pytest.approx(spelled_out(word, spelling))


def test_how_often_a_word_was_new_is_drawn_as_tables_are():
    """As often as so many tables are likely: weight^tables times a Stirling number of the first kind."""
    counts, newness = np.array([4, 0, 1, 3, 2]), np.array([0.7, 0.2, 0.1, 2.5, 0.0])
    drawn = np.array([times_spelled(counts, newness, np.random.default_rng(seed)) for seed in range(4000)])
    assert (drawn[:, 1] == 0).all() and (drawn[:, [2, 4]] == 1).all()
    for word, stirling in ((0, [6, 11, 6, 1]), (3, [2, 3, 1])):
        weights = {(tables,): number * newness[word] ** tables for tables, number in enumerate(stirling, 1)}
        assert_drawn_as(Counter((int(number),) for number in drawn[:, word]), weights)


@pytest.mark.parametrize("learned", [True, False])
def test_spelling_is_drawn_given_the_words(learned):
    """Means of a Beta and a Dirichlet distribution, of units and ends counted by hand."""
    lines = [(0, 0, 0, 1), (0, 0, 2, 1), (0, 2), (0, 2)]
    strings = strings_of(lines)
    substrings = Substrings.of(strings, 4)
    counts = counted(strings, substrings, ~strings.inner)
    assert (uses(strings, substrings, counts) == np.bincount(strings.codes)).all() and counts.max() == 2
    process = Process(3.0, None, 0, 1, "learned" if learned else "uniform")
    rng, endings, units = np.random.default_rng(0), [], []
    before = (3.0, Spelling(0.4, np.full(3, 1 / 3), learned))
    base = np.full(len(counts), 1e-12)  # so improbable that every word was new but once
    for _ in range(2000):
        concentration, spelling = resampled(process, before, strings, substrings, counts=counts, base=base, rng=rng)
        assert concentration == 3.0
        endings.append(spelling.boundary_probability)
        units.append(spelling.units)
    written = [unit for word in set(lines) for unit in word]
    going_on = len(written) - (0 if learned else 3)
    assert np.mean(endings) == pytest.approx((1 + 3) / (2 + 3 + going_on), abs=0.01)
    weights = np.array([1 + written.count(unit) for unit in range(3)])
    assert np.mean(units, 0) == pytest.approx(weights / weights.sum() if learned else np.full(3, 1 / 3), abs=0.01)
    assert (np.std(units, 0).max() > 1e-9) == learned


def drawn_of_first(draw, strings: Strings, number: int) -> Counter:
    return Counter(tuple(words_of(strings, draw(seed))[0]) for seed in range(number))


def assert_drawn_as(found: Counter, weights: dict[tuple, float]) -> None:
    """Within five standard deviations."""
    total, number = sum(weights.values()), sum(found.values())
    for words, weight in weights.items():
        share = weight / total
        assert abs(found[words] - number * share) < 5 * np.sqrt(number * share * (1 - share)) + 1, words


def test_a_stretch_is_drawn_given_all_others():
    strings = strings_of(LINES)
    substrings = Substrings.of(strings, 4)
    base, concentration = uniform(0.4, strings.kinds).probabilities(strings, substrings), 2.5
    others = Counter(word for own, line in zip(CUTS[1:], LINES[1:]) for word in cut_by(line, own))
    tokens = sum(others.values())
    going_on = (tokens - 3 + 1) / (tokens + 2)

    def probability(word: tuple) -> float:
        new = 0.4 * 0.6 ** (len(word) - 1) / 3 ** len(word)
        return (others[word] + concentration * new) / (tokens + concentration)

    weights = {
        tuple(words): np.prod([probability(word) for word in words]) * going_on ** (len(words) - 1)
        for words in brute.ways_to_cut(LINES[0], 4)
    }

    def draw(seed: int) -> np.ndarray:
        cuts, uniforms = chosen_cuts(strings), np.random.default_rng(seed).random(len(strings.codes))
        counts = counted(strings, substrings, cuts)
        sample_unigram(substrings.ids, strings.firsts, cuts, counts, base, concentration, 1.0, uniforms, np.array([0]))
        assert (counts == counted(strings, substrings, cuts)).all()
        return cuts

    assert_drawn_as(drawn_of_first(draw, strings, 4000), weights)


def cut_by(line: tuple, own: tuple) -> list[tuple]:
    return [line[a:b] for a, b in pairwise([*own, len(line)])]


def test_a_stretch_of_bigrams_is_drawn_given_all_others_and_their_tables():
    """All guests of a pair are at one table, so that what the lexicon holds is known."""
    strings = strings_of(LINES)
    substrings = Substrings.of(strings, 4)
    base, concentration, between, ending = uniform(0.4, strings.kinds).probabilities(strings, substrings), 2.5, 1.5, 0.3
    fixed = (base, concentration, between, ending)
    pairs, seats, tables_of = Counter(), np.full(len(strings.codes) + len(LINES), -1), {}
    for number, (line, own) in enumerate(zip(LINES, CUTS)):
        words = [None, *cut_by(line, own), None]
        tokens = [*(strings.firsts[number] + np.array(own)), len(strings.codes) + number]
        for pair, token in zip(pairwise(words), tokens):
            seats[token] = tables_of.setdefault((*pair, number == 0), len(tables_of))
            pairs[pair] += number > 0
    pairs = +pairs
    guests = Counter()
    for (before, _), count in pairs.items():
        guests[before] += count
    tables = Counter(word for (_, word) in pairs if word is not None)

    def probability(before: tuple | None, word: tuple | None) -> float:
        new = ending
        if word is not None:
            spelled = 0.4 * 0.6 ** (len(word) - 1) / 3 ** len(word)
            new = (1 - ending) * (tables[word] + concentration * spelled) / (sum(tables.values()) + concentration)
        return (pairs[before, word] + between * new) / (guests[before] + between)

    weights = {
        tuple(words): np.prod([probability(a, b) for a, b in pairwise([None, *words, None])])
        for words in brute.ways_to_cut(LINES[0], 4)
    }

    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        cuts, own, units = chosen_cuts(strings), seats.copy(), len(strings.codes)
        uniforms, chances = rng.random(units), rng.random(2 * (units + len(LINES)))
        order = np.array([0])
        found = sample_bigram(substrings.ids, strings.firsts, cuts, own, fixed, 1.0, uniforms, chances, order)
        check_seats(strings, substrings, cuts, own, found)
        return cuts

    assert_drawn_as(drawn_of_first(draw, strings, 4000), weights)


def check_seats(strings: Strings, substrings: Substrings, cuts: np.ndarray, seats: np.ndarray, found: tuple) -> None:
    """Everybody sits, with guests of the same pair only, and tables and guests are those counted."""
    tables, guests, number = found
    size, at_table, after = len(substrings.lengths), {}, Counter()
    for stretch, own in enumerate(words_of(strings, cuts)):
        token, before = strings.firsts[stretch], size
        for word in own:
            named = int(substrings.ids[token, len(word) - 1])
            assert at_table.setdefault(seats[token], (before, named)) == (before, named)
            after[before] += 1
            token, before = token + len(word), named
        assert at_table.setdefault(seats[len(cuts) + stretch], (before, size)) == (before, size)
        after[before] += 1
    assert -1 not in at_table and number == len(at_table)
    assert Counter({word: count for word, count in enumerate(guests) if count}) == after
    served = Counter(word for _, word in at_table.values() if word < size)
    assert Counter({word: count for word, count in enumerate(tables) if count}) == served


def test_concentration_is_drawn_from_its_posterior():
    """Of one restaurant: the mean by Gibbs sampling against that of the density."""
    tables, guests, rng = 12, np.array([80]), np.random.default_rng(0)
    grid = np.exp(np.linspace(-4, 6, 4000))
    density = tables * np.log(grid) + gammaln(grid) - gammaln(grid + guests[0]) - 0.001 * grid + np.log(grid)
    weights = np.exp(density - density.max())
    drawn, value = [], 5.0
    for _ in range(6000):
        value = new_concentration(value, tables, guests, rng)
        drawn.append(value)
    assert np.mean(drawn) == pytest.approx((grid * weights).sum() / weights.sum(), rel=0.05)


@pytest.mark.parametrize("method", ["dirichlet", "bigrams"])
def test_an_interrupted_sampler_goes_on_as_if_it_had_not_been(method, tmp_path, monkeypatch):
    monkeypatch.setattr(states, "SECONDS", 0.0)
    strings = strings_of(spoken(20)[0])
    substrings, process = Substrings.of(strings, 6), Process(None, None, 3, 20)

    def run(state: Path, advance) -> tuple[np.ndarray, dict]:
        if method == "dirichlet":
            return dirichlet(strings, substrings, process, state=state, advance=advance)
        return bigrams(strings, substrings, process, None, state=state, advance=advance)

    whole, facts = run(tmp_path / "whole", quiet)
    for last in (4, 8, 13, 17):
        done = 0

        def killed(count: int = 1, note: str = "", last: int = last) -> None:
            nonlocal done
            done += count
            if done >= last and note:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "state", killed)
    again, learned = run(tmp_path / "state", quiet)
    assert (again == whole).all() and learned == facts


def test_peaks_are_where_frames_change():
    rng = np.random.default_rng(0)
    lengths = [20, 15, 25]
    frames = np.repeat(3 * np.eye(4)[:3], lengths, axis=0) + 0.05 * rng.normal(size=(60, 4))
    found = peaks_in(frames.astype(np.float32), window=3, shortest=5)
    strongest = found.starts[np.argsort(found.strengths)[-2:]]
    assert np.abs(np.sort(strongest) - [20, 35]).max() <= 1


def test_the_cheapest_choice_of_boundaries_is_that_of_all():
    rng = np.random.default_rng(2)
    firsts = np.array([0, 5, 8])
    prices = rng.random((8, 6)) * np.arange(1, 7)
    for first, last in pairwise(firsts):
        for row in range(first, last):
            prices[row, last - row :] = np.inf
    spans = np.arange(48, dtype=np.int32).reshape(8, 6)

    def price(borders: tuple, first: int, last: int) -> float:
        return sum(prices[a, b - a - 1] for a, b in pairwise([first, *borders, last]))

    for words in range(3, 8):
        cuts = cheapest(spans, firsts, prices, words)
        made = int(cuts.sum())
        inner = [one for one in range(8) if one not in (0, 5)]
        best = min(
            price(tuple(b for b in borders if b < 5), 0, 5) + price(tuple(b for b in borders if b > 5), 5, 8)
            for borders in combinations(inner, made - 2)
        )
        chosen = np.flatnonzero(cuts)
        assert price(tuple(chosen[(chosen > 0) & (chosen < 5)]), 0, 5) + price(tuple(chosen[chosen > 5]), 5, 8) == (
            pytest.approx(best)
        )
        assert abs(made - words) <= 1


class Frames:
    def __init__(self, **frames: np.ndarray):
        self.kept, self.names, self.folder, self.dim = frames, sorted(frames), Path("frames"), 3

    def __getitem__(self, name: str) -> np.ndarray:
        return self.kept[name]


def test_es_kmeans_takes_the_boundaries_of_its_types():
    rng = np.random.default_rng(1)
    types = 4 * np.eye(3)
    order = rng.integers(0, 3, 12)
    order = order[np.concatenate([[True], order[1:] != order[:-1]])]
    lengths = rng.integers(6, 12, len(order))
    frames = np.repeat(types[order], lengths, axis=0) + 0.3 * rng.normal(size=(lengths.sum(), 3))
    edges = np.cumsum(lengths)[:-1]
    candidates = np.unique(np.concatenate([edges, edges[:-1] + lengths[1:-1] // 2]))
    there = FrameStretches([Stretch("u", np.arange(len(frames) + 1))], [0], Frames(u=frames.astype(np.float32)))
    begun = types + 0.3 * rng.normal(size=(3, 3))
    starts, means = es_kmeans(there, [candidates], begun, words=len(order), rounds=3, advance=quiet)
    assert starts[0].tolist() == edges.tolist()
    assert np.abs(means - types).max() < 0.3


def test_alike_are_the_pairs_within_an_edit_distance():
    strings = sorted(set(random_lines(40, 3, 6)))
    for threshold in (0.0, 0.2, 0.34, 0.5, 1.0):
        found = {tuple(pair) for pair in alike_pairs(strings, threshold).tolist()}
        literal = {
            (i, j)
            for i, j in combinations(range(len(strings)), 2)
            if brute.levenshtein(strings[i], strings[j]) <= threshold * max(len(strings[i]), len(strings[j])) + 1e-9
        }
        assert found == literal


def test_types_are_numbered_from_the_commonest_and_linked_through_others():
    strings = [(1, 2), (0, 0, 0, 0), (0, 0, 0, 1), (1, 2), (0, 0, 1, 1), (0, 0, 0, 0), (1, 2)]
    assert by_string(strings).codes.tolist() == [0, 1, 2, 0, 3, 1, 0]
    types = by_graph(strings, 0.25)  # the third is like the second and like the fifth, which are not alike
    assert types.codes.tolist() == [1, 0, 0, 1, 0, 0, 1] and types.strings == [(0, 0, 0, 0), (1, 2)]


def test_even_and_random_words_are_as_many_as_asked():
    stretches = [Stretch("u", np.arange(0, 1010, 10)), Stretch("u", np.arange(0, 510, 10))]
    assert [own.tolist() for own in evenly(stretches, 30)] == [
        [5 * k for k in range(1, 20)],
        [5 * k for k in range(1, 10)],
    ]
    by_lot = randomly(stretches, 30, 0)
    assert sum(map(len, by_lot)) + 2 == 30 and all(len(set(own.tolist())) == len(own) for own in by_lot)
    assert all(own.min() > 0 and own.max() < len(stretch) for own, stretch in zip(by_lot, stretches))
    assert [own.tolist() for own in randomly(stretches, 30, 1)] != [own.tolist() for own in by_lot]
    assert nearest_items(Stretch("u", np.array([0, 7, 20, 40])), np.array([9, 35])).tolist() == [1, 2]


def test_a_word_shorter_than_a_frame_is_the_nearest_one():
    centres = np.array([80.0, 240.0, 400.0])
    first, last = frames_within(centres, np.array([0, 250, 300]), np.array([250, 300, 480]))
    assert (first.tolist(), last.tolist()) == ([0, 2, 2], [2, 3, 3])


def test_words_are_joined_by_the_mean_distance_of_their_groups():
    rng = np.random.default_rng(3)
    points = rng.random((25, 2))
    distances = np.abs(points[:, None] - points[None]).sum(-1)
    condensed = distances[np.triu_indices(25, 1)]
    groups = [{one} for one in range(25)]
    for types in range(25, 0, -1):
        labels = joined(condensed, 25, types)
        assert {frozenset(np.flatnonzero(labels == one).tolist()) for one in set(labels)} == set(map(frozenset, groups))
        apart = {
            (a, b): distances[np.ix_(sorted(groups[a]), sorted(groups[b]))].mean()
            for a, b in combinations(range(len(groups)), 2)
        }
        if apart:
            a, b = min(apart, key=apart.__getitem__)
            groups[a] |= groups.pop(b)
    assert len(set(joined(condensed, 25, 30))) == 25


def test_words_that_sound_the_same_are_of_as_many_types_as_asked():
    assert len(set(joined(np.zeros(45), 10, 4).tolist())) == 4


@pytest.mark.slow
def test_words_are_compared_by_all_of_their_frames_and_not_by_the_mean():
    """Words and the same backwards, some of them drawn out: k-means of mean frames cannot tell these."""
    rng, order = np.random.default_rng(0), np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0])
    word = rng.normal(size=(4, 3))
    pieces = [np.repeat(word[:: 1 - 2 * one], 1 + number % 3, axis=0) for number, one in enumerate(order)]
    lengths = np.array([len(piece) for piece in pieces])
    ends = lengths.cumsum()
    frames = Frames(a=np.concatenate(pieces[:4]).astype(np.float32), b=np.concatenate(pieces[4:]).astype(np.float32))
    starts = ends - lengths
    within = {"a": (starts[:4], ends[:4]), "b": (starts[4:] - ends[3], ends[4:] - ends[3])}
    for threads in (1, 3):
        found = by_warping(frames, within, 2, memory=1.0, threads=threads, progress=said)
        assert (found == found[0]).tolist() == (order == 0).tolist()
    with pytest.raises(EncodingsError, match=r"frames: to compare all pairs of 10 words takes .* give more `memory`"):
        by_warping(frames, within, 2, memory=1e-7, threads=1, progress=said)


@contextmanager
def said(title: str, total: int, what: str) -> Iterator:
    done = []
    yield done.append
    assert sum(done) == total


def test_dips_are_where_it_is_quiet_below_the_fricatives():
    level = np.array([9, 9, 9, 9, 9, 1, 9, 9, 9, 9, 9, 9, 5, 9, 9, 9, 9, 9], float)
    frames = np.stack([level, level, level, 40 - 3 * level], axis=1).astype(np.float32)  # in all bands, as loud
    found = peaks_in(frames, window=1, shortest=3, method="dips")
    assert found.starts.tolist() == [5, 12] and found.strengths[0] > found.strengths[1]
