"""Readings: Viterbi and posteriors against trying everything, learning that never gets worse, what labels say."""

from collections import Counter

import numpy as np
import pytest
from named_units import VECTORS, encode, material, spelled
from reference.naming import log_probability, random_model, ways

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.naming import lattice
from unitdisc.naming.glyphs import as_units, parts_of, text_of, words_of
from unitdisc.naming.labels import counted, learned, sequence_of, tiers_of, under
from unitdisc.naming.material import Material
from unitdisc.naming.oracle import Oracle
from unitdisc.naming.reader import RUNS, TIED, Counts, Known, ReaderOptions, Token, fit, sure
from unitdisc.naming.simulation import Simulation, SimulationOptions, simulated, table
from unitdisc.naming.spread import SILENCE, spread
from unitdisc.naming.table import Answer, NamesError

CASES = [(seed, runs, names) for seed, (runs, names) in enumerate([(1, 1), (1, 3), (2, 2), (3, 2), (4, 2), (3, 3)] * 2)]


def scored(model: dict) -> np.ndarray:
    return lattice.segments(*model.values(), TIED)


@pytest.mark.parametrize(("seed", "runs", "names"), CASES)
def test_the_best_path_is_the_best_of_all(seed, runs, names):
    model = random_model(np.random.default_rng(seed), runs, names, RUNS)
    path, best = lattice.best_path(scored(model), model["follows"], model["tie"], RUNS)
    tried = {tuple(way): log_probability(way, **model) for way in ways(runs, names, RUNS, TIED)}
    assert tuple(map(tuple, path.tolist())) == max(tried, key=tried.get)
    assert best == pytest.approx(max(tried.values()))


@pytest.mark.parametrize(("seed", "runs", "names"), CASES)
def test_posteriors_and_expected_counts_are_those_of_all_ways(seed, runs, names):
    model = random_model(np.random.default_rng(seed), runs, names, RUNS)
    units = np.arange(runs) % 2
    found = Counts.none(names, 2)
    total, posterior = lattice.counts(
        units, model["x"], scored(model), model["follows"], model["tie"], RUNS, *found.arrays()
    )
    tried = [(way, log_probability(way, **model)) for way in ways(runs, names, RUNS, TIED)]
    whole = np.logaddexp.reduce([score for _, score in tried])
    assert total == pytest.approx(whole)
    expected, of_runs = Counts.none(names, 2), np.zeros((runs, names))
    for way, score in tried:
        share, before = np.exp(score - whole), names
        for first, taken, tied, name in way:
            of_runs[first : first + taken, name] += share
            for run in range(first, first + taken):
                expected.emitted[units[run], name] += share
            expected.transitions[before, name] += share
            expected.transitions[name, name] += share * (tied - 1)
            expected.ties[name] += share * np.array([tied - 1, before == name])
            if tied == 1:
                expected.shapes[name, taken - 1] += share
            lasting = np.log(np.exp(model["x"][first : first + taken]).sum()) - np.log(tied)
            expected.lasting[name] += share * np.array([1, tied, tied * lasting, tied * lasting**2])
            before = name
        expected.transitions[before, names] += share
    np.testing.assert_allclose(posterior, of_runs, atol=1e-9)
    np.testing.assert_allclose(posterior.sum(1), 1)
    for ours, theirs in zip(found.arrays(), expected.arrays()):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.fixture(scope="module")
def units(tmp_path_factory) -> Material:
    return material(tmp_path_factory.mktemp("units") / "e", noise=0.05)


ANSWERS = (
    Answer("0", "silence"),
    Answer("1", "name", "a"),
    Answer("3", "name", "b"),
    Answer("4", "name", "c"),
)


@pytest.mark.parametrize("answers", [ANSWERS, ANSWERS[1:2], ANSWERS[:3]])
def test_learning_never_makes_the_parameters_less_probable(units, answers):
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, answers), options=ReaderOptions(iterations=12))
    assert len(reader.history) == 12
    assert (np.diff(reader.history) > -1e-6 * np.abs(reader.history[:-1])).all()
    for logarithms in (reader.emissions, reader.follows, reader.shape, reader.tie):
        np.testing.assert_allclose(np.exp(logarithms).sum(1), 1)


def test_what_was_said_is_read_and_what_is_alike_too(units):
    """Unit 2 has no answer, but looks like unit 1."""
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, ANSWERS))
    for utterance in units.utterances:
        tokens = reader.read(units.names[utterance.id], units.runs[utterance.id].intervals)
        assert text_of(utterance, tokens) == utterance.text
        assert all(0 < token.confidence <= 1 for token in tokens)
        assert tokens[0].start == 0 and tokens[-1].end == utterance.ticks


def test_what_nobody_named_is_less_sure(units):
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, ANSWERS[:3]))
    sure: dict[str, list[float]] = {"3": [], "4": []}
    for utterance in units.utterances:
        names, runs = units.names[utterance.id], units.runs[utterance.id]
        for token in reader.read(names, runs.intervals):
            place = int(np.searchsorted(runs.intervals[:, 0], token.start, side="right")) - 1
            if names[place] in sure:
                sure[names[place]].append(token.confidence)
    assert np.mean(sure["4"]) < 0.5 < np.mean(sure["3"])


def test_what_is_not_sure_is_left_out_and_gaps_stay():
    tokens = [Token(0, 2, "a", 0.9), Token(2, 3, "", 0.1), Token(3, 5, "b", 0.39), Token(5, 7, "c", 0.4)]
    assert sure(tokens, 0.4) == [tokens[0], tokens[1], tokens[3]]
    assert sure(tokens, 0) == tokens
    for options in (ReaderOptions, SimulationOptions):
        with pytest.raises(ValueError, match="`least` 40: must be a confidence from 0 to 1"):
            options(least=40)


def made_up(texts: list[tuple[list[int], str, list[int]]], folder) -> Material:
    """Utterances of codes that last so many frames each."""
    coded = []
    for number, (codes, labels, wide) in enumerate(texts):
        utterance, _ = spelled(f"u{number:02d}", codes, labels, wide=1)
        frames = [int(code) for code in np.repeat(codes, wide)]
        coded.append((Utterance(utterance.id, utterance.path, "s", 10 * len(frames), height=30), frames))
    return Material.of(encode(folder, coded, VECTORS), [utterance for utterance, _ in coded])


def read_first(units: Material, answers: tuple) -> str:
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, answers))
    first = units.utterances[0]
    return text_of(first, reader.read(units.names[first.id], units.runs[first.id].intervals))


NAMED = (Answer("1", "name", "a"), Answer("3", "name", "b"), Answer("4", "name", "c"), Answer("0", "silence"))


def test_a_run_that_lasts_long_enough_is_a_name_several_times(tmp_path):
    usual = ([1, 3, 1, 4, 3, 4], "abacbc", [4, 4, 4, 4, 4, 4])
    assert read_first(made_up([([1, 3, 4], "abc", [4, 8, 4]), *[usual] * 20], tmp_path), NAMED) == "abbc"


def test_several_short_runs_are_one_name(tmp_path):
    """Unit 2 is only ever the end of unit 1, and both together last as long as a name."""
    usual = ([1, 2, 3, 1, 2, 4, 3], "a", [3, 3, 6, 3, 3, 6, 6])
    answers = (*NAMED, Answer("2", "name", "a"))
    known = Known({}, {"a": [60.0], "b": [60.0], "c": [60.0]})
    units = made_up([usual] * 20, tmp_path)
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, answers), known)
    first = units.utterances[0]
    tokens = reader.read(units.names[first.id], units.runs[first.id].intervals)
    assert text_of(first, tokens) == "abacb"
    assert [(token.start, token.end) for token in tokens][:2] == [(0, 60), (60, 120)]


def test_a_unit_that_is_not_known_is_read_by_its_neighbours(units):
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, ANSWERS))
    tokens = reader.read(["3", "77", "3"], np.array([[0, 30], [30, 60], [60, 90]]))
    assert [token.name for token in tokens][::2] == ["b", "b"]
    assert reader.read([], np.zeros((0, 2), int)) == []


def test_without_a_name_nothing_is_read(units):
    inventory = units.inventory()
    with pytest.raises(NamesError, match="no unit has a name yet; give some"):
        fit(units, inventory, spread(inventory, (Answer("0", "silence"),)))


# Names as text


TOKENS = [
    Token(0, 10, SILENCE, 1.0),
    Token(10, 30, "t h", 0.5),
    Token(30, 40, SILENCE, 1.0),
    Token(40, 50, SILENCE, 1.0),
    Token(50, 60, "q̃u", 0.9),
]


def test_names_of_several_labels_have_equal_shares():
    assert [part[:3] for part in parts_of(TOKENS, by_character=True)] == [
        (0, 10, " "),
        (10, 20, "t"),
        (20, 30, "h"),
        (30, 50, " "),
        (50, 55, "q̃"),
        (55, 60, "u"),
    ]
    line = Utterance("l", "l.png", None, 60, height=10)
    assert text_of(line, TOKENS) == "th q̃u"
    assert text_of(Utterance("r", "r.wav", None, 60, rate=100), TOKENS) == "t h q̃u"
    units = as_units(line, TOKENS)
    assert units.intervals == [Interval(10, 20, "t"), Interval(20, 30, "h"), Interval(50, 60, "q̃u")]
    assert units.confidences == [0.5, 0.5, 0.9]


def test_lines_that_run_leftwards_are_read_leftwards():
    line = Utterance("l", "l.png", None, 50, height=10)
    drawn = ["ד", "ג", SILENCE, "ב", "א"]
    tokens = [Token(10 * place, 10 * place + 10, name, 1.0) for place, name in enumerate(drawn)]
    assert text_of(line, tokens) == "אב גד"
    assert [[part.start for part in word] for word in words_of(tokens)] == [[40, 30], [10, 0]]


# What labels say


def test_what_is_under_a_unit():
    line = Utterance("l", "l.png", None, 100, height=10)
    labels = [Interval(0, 20, "t"), Interval(20, 40, "h"), Interval(40, 60, " "), Interval(60, 100, "m")]
    spans = np.array([[0, 40], [40, 60], [60, 75], [75, 100], [36, 46]])
    found = under(labels, spans, line)
    assert [inside for inside, _ in found] == [("t", "h"), (SILENCE,), ("m",), ("m",), (SILENCE,)]
    assert [largest for _, largest in found] == [("t",), (SILENCE,), ("m",), ("m",), (SILENCE,)]
    assert under([], spans[:1], line) == [((SILENCE,), (SILENCE,))]


def test_a_unit_of_several_labels_is_so_in_most_cases():
    pair, one = (("t", "h"), ("h",)), (("t",), ("t",))
    assert [*counted([pair] * 4 + [one] * 3)] == ["t h"] * 4 + ["t"] * 3
    assert [*counted([pair] * 3 + [one] * 3)] == ["h"] * 3 + ["t"] * 3
    assert [*counted([pair] * 2)] == ["h"] * 2


def test_labels_are_counted_under_units(units):
    counts, known = learned(units, "character")
    assert {unit: max(own, key=own.get) for unit, own in counts.items()} == {
        "0": SILENCE,
        "1": "a",
        "2": "a",
        "3": "b",
        "4": "c",
    }
    said = Counter(label for utterance in units.utterances for label in sequence_of(utterance, "character"))
    assert sum(counts["1"].values()) + sum(counts["2"].values()) == said["a"]
    assert sum(count for (before, _), count in known.follows.items() if before == "b") == said["b"]
    assert set(known.ticks["a"]) == {30}


def test_labels_alone_teach_a_reader(units):
    counts, known = learned(units, "character", units.utterances[:4])
    inventory = units.inventory()
    reader = fit(units, inventory, spread(inventory, (Answer("0", "silence"),), counts), known)
    for utterance in units.utterances[4:]:
        tokens = reader.read(units.names[utterance.id], units.runs[utterance.id].intervals)
        assert text_of(utterance, tokens) == utterance.text


def test_a_tier_that_is_not_there_is_said(units):
    with pytest.raises(CorpusError, match=r"x\.jsonl: has no labels in tier 'phone', only in \['character'\]"):
        tiers_of(units.utterances, "phone", "x.jsonl")


# Simulations


def test_the_simulated_person_says_what_most_examples_are(units):
    assert Oracle(units, "character").reply("3") == Answer("3", "name", "b")
    assert Oracle(units, "character").reply("0") == Answer("0", "silence")


def test_the_simulated_person_says_mixed_and_gets_halves(tmp_path):
    """One unit for a and b, which its frames tell apart, and which never follow each other."""
    labels = ["a b a", "b c b", "a b", "a b", "a"]
    coded = [
        spelled(f"u{number}", [{"a": 1, "b": 3, "c": 4, " ": 0}[label] for label in text], text)
        for number, text in enumerate(labels)
    ]
    mixed = [(utterance, [5 if code in (1, 3) else code for code in codes]) for utterance, codes in coded]
    encodings = encode(tmp_path / "codes", mixed, np.concatenate([VECTORS, [[2.5, 0]]]))
    frames = encode(tmp_path / "frames", coded, VECTORS, noise=0.05)
    units = Material.of(encodings, [utterance for utterance, _ in coded], frames)
    assert Oracle(units, "character", examples=30).reply("5").kind == "mixed"
    units.divide("5", units.split("5"))
    replies = {Oracle(units, "character").reply(half).name for half in ("5a", "5b")}
    assert replies == {"a", "b"}


def test_more_questions_are_fewer_errors(units):
    options = SimulationOptions(questions=5, every=1, seeds=2)
    simulation = Simulation(units, units, "character", options)
    figures = simulated(simulation)
    assert len(figures) == 4 * 2 * 5
    for strategy in options.strategies:
        own = [each for each in figures if each.strategy == strategy and each.seed == 0]
        assert [each.questions for each in own] == [1, 2, 3, 4, 5]
        assert own[-1].error_rate < 0.05 and own[-1].error_rate <= own[0].error_rate
    assert simulation.ceiling().error_rate < 0.05
    assert units.inventory().units == ("0", "1", "2", "3", "4")  # nothing was divided here
    text = table(figures)
    assert text.splitlines()[0] == "| strategy | 1 | 2 | 3 | 4 | 5 |" and len(text.splitlines()) == 6


@pytest.mark.parametrize("given", [{"questions": 0}, {"seeds": 0}, {"every": 0}, {"strategies": ("best",)}])
def test_simulations_that_cannot_be_are_refused(given):
    with pytest.raises(ValueError, match=r"must be 1 or more|is not known; choose from expected"):
        SimulationOptions(**given)
