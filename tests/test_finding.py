"""Query by example: the warping against every path, hits against their definition, and precision counted by hand."""

import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.evaluation import UnscorableError
from unitdisc.retrieval import search as searching
from unitdisc.retrieval.average_precision import Ranking, drawn_tokens, judge, rankings, summary
from unitdisc.retrieval.contents import Codes
from unitdisc.retrieval.hits import FrameSpan, Hit, best, hits_in, is_same_place, minima
from unitdisc.retrieval.materials import Collection, Materials
from unitdisc.retrieval.materials import materials as prepared_by
from unitdisc.retrieval.places import borders, frames_within, in_ticks, label_under, occurrences, to_read
from unitdisc.retrieval.search import FindOptions, query_of, search
from unitdisc.retrieval.subsequence_dtw import Endings, angles, endings, euclidean

HOP, RATE = 160, 16_000
STEPS = ((1, 1), (1, 2), (2, 1))  # frames of the query and of the utterance


# Warping


@cache
def paths(rows: int, columns: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Every sequence of steps over so many frames of the query and of the utterance."""
    if rows == columns == 0:
        return ((),)
    if rows <= 0 or columns <= 0:
        return ()
    return tuple((*path, step) for step in STEPS for path in paths(rows - step[0], columns - step[1]))


def price(distances: np.ndarray, path: tuple[tuple[int, int], ...]) -> float:
    """Every frame of the query counts once; of two frames of the utterance under it, each by half."""
    total, n, m = 0.0, 0, 0
    for rows, columns in path:
        total += distances[n : n + rows, m : m + columns].sum() / columns
        n, m = n + rows, m + columns
    return total / len(distances)


def cheapest(distances: np.ndarray, start: int, end: int) -> float:
    """The cost of frames [start, end) by trying every path."""
    part = distances[:, start:end]
    return min((price(part, path) for path in paths(len(distances), end - start)), default=np.inf)


@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=50, deadline=None)
def test_every_ending_is_the_cheapest_of_all_starts_and_paths(rows, columns, seed, ties):
    rng = np.random.default_rng(seed)
    distances = rng.integers(3, size=(rows, columns)) if ties else rng.random((rows, columns))
    found = endings(distances)
    for end in range(columns + 1):
        costs = [cheapest(distances, start, end) for start in range(end)]
        expected = min(costs, default=np.inf)
        assert found.costs[end] == pytest.approx(expected, abs=1e-9)
        if np.isfinite(expected):
            assert costs[found.starts[end]] == pytest.approx(expected, abs=1e-9)
        else:
            assert found.starts[end] == -1


@given(st.integers(1, 30), st.integers(1, 90), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_hit_lasts_between_half_and_twice_the_query(rows, columns, seed):
    found = endings(np.random.default_rng(seed).random((rows, columns)))
    ends = np.flatnonzero(np.isfinite(found.costs))
    lasted = ends - found.starts[ends]
    assert ((lasted >= rows / 2) & (lasted <= 2 * rows)).all()
    assert len(ends) == max(0, columns - -(-rows // 2) + 1)  # and every place that is long enough has one


def test_a_query_spoken_slower_and_faster_is_found_at_no_cost():
    query = np.eye(6)
    slow, fast = np.repeat(query, 2, axis=0), query[::2] + query[1::2]
    noise = np.full((5, 6), 1 / np.sqrt(6))
    found = endings(angles(query, np.concatenate([noise, slow, noise])))
    assert found.costs[17] == found.costs.min() == pytest.approx(0, abs=1e-7)
    assert found.starts[17] in (5, 6)  # with or without one of the two frames of the first sound
    halved = endings(angles(query, np.concatenate([noise, fast / np.sqrt(2), noise])))
    assert (halved.starts[8], halved.costs[8]) == (5, pytest.approx(0.25))  # an eighth of a turn each


def test_angles_are_those_of_the_arc_cosine():
    rng = np.random.default_rng(0)
    one, other = (unit(rng.normal(size=(n, 7))) for n in (40, 60))
    other[:40] = np.where(rng.random((40, 1)) < 0.5, one, -one)
    expected = np.arccos(np.clip(one @ other.T, -1, 1)) / np.pi
    assert np.abs(angles(one, other) - expected).max() < 1e-7


def test_a_frame_of_zeros_is_near_its_like_alone():
    query = np.array([[0, 0], [1, 0.0]])
    found = angles(query, np.array([[0, 0], [0, 1], [1, 0.0]]))
    np.testing.assert_allclose(found, [[0, 1, 1], [1, 0.5, 0]], atol=1e-8)


def test_euclidean_distances_are_those_of_their_definition():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(9, 5)), rng.normal(size=(14, 5))
    np.testing.assert_allclose(euclidean(one, other), cdist(one, other), rtol=1e-9)
    assert np.isfinite(euclidean(one, one)).all()


# Hits


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.inf]), min_size=1, max_size=12))
def test_a_minimum_is_lower_than_what_surrounds_it(costs):
    expected = []
    for value, run in itertools.groupby(range(len(costs)), key=costs.__getitem__):
        places = list(run)
        before = costs[places[0] - 1] if places[0] else np.inf
        after = costs[places[-1] + 1] if places[-1] + 1 < len(costs) else np.inf
        if value < before and value < after:
            expected.append(places[0])
    assert minima(np.array(costs)).tolist() == expected


@given(st.integers(1, 8), st.integers(2, 60), st.integers(0, 2**32 - 1), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_of_hits_in_one_place_the_best_is_kept(rows, columns, seed, first):
    rng = np.random.default_rng(seed)
    found = endings(np.round(rng.random((rows, columns)), 1))
    query = FrameSpan("u", first, first + rows)
    hits = hits_in(found, "u", query)
    assert hits == sorted(hits)
    for one, other in itertools.combinations([query, *hits], 2):
        assert not is_same_place(one, other)
    ends = {hit.last for hit in hits}
    for end in minima(found.costs).tolist():
        other = Hit(found.costs[end], "u", found.starts[end], end)
        better = [hit for hit in hits if hit <= other]
        assert end in ends or any(is_same_place(other, hit) for hit in [query, *better])
    assert hits_in(found, "elsewhere", query) == [hit._replace(utterance="elsewhere") for hit in hits_in(found, "u")]


def test_sharing_half_is_not_yet_one_place():
    assert not is_same_place(FrameSpan("u", 0, 4), FrameSpan("u", 2, 12))
    assert is_same_place(FrameSpan("u", 0, 4), FrameSpan("u", 1, 12))
    assert not is_same_place(FrameSpan("u", 0, 4), FrameSpan("u", 4, 8))


def test_the_best_are_in_order_and_ties_go_by_utterance_and_start():
    hits = [Hit(0.5, "b", 3, 5), Hit(0.5, "a", 7, 9), Hit(0.1, "c", 0, 2), Hit(0.5, "a", 2, 5), Hit(0.9, "a", 0, 1)]
    assert best(iter(hits), 4) == [hits[2], hits[3], hits[1], hits[0]]
    assert best(hits, 99) == sorted(hits)


# Places


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_frames_of_a_stretch_reach_to_its_borders(widths, data):
    ticks = sum(widths)
    ends = np.cumsum(widths)
    centres = ends - np.array(widths) / 2
    edges = borders(centres, ticks)
    assert edges[0] == 0
    assert edges[-1] == ticks
    first = data.draw(st.integers(0, len(widths) - 1))
    last = data.draw(st.integers(first + 1, len(widths)))
    assert frames_within(centres, edges[first], edges[last]) == (first, last)


def test_borders_end_with_the_utterance_where_frames_do_not():
    assert borders(np.array([80, 240, 400]), 300).tolist() == [0, 160, 300, 300]


def spelled(*labels: str, gaps: tuple[int, ...] = ()) -> Utterance:
    """Ten ticks to a label, and five more after some of them."""
    intervals, position = [], 0
    for place, label in enumerate(labels):
        intervals.append(Interval(position, position + 10, label))
        position += 15 if place in gaps else 10
    return Utterance("u", "u.png", "s", position, height=8, alignment={"character": intervals})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q", [(0, 10), (30, 40)]),
        ("qu", [(0, 20), (30, 50)]),
        ("que", [(0, 30)]),
        ("eq", []),  # a gap between them
        ("e q", [(20, 40)]),
        ("que qu", [(0, 50)]),
        ("quex", []),
        ("u", [(10, 20), (40, 50)]),
        (" ", []),
    ],
)
def test_labels_in_a_row_are_found_by_their_text(text, expected):
    utterance = spelled("q", "u", "e", "q", "u", gaps=(2,))
    if "e q" in text or text.startswith("que q"):
        expected = [(start, end + 5) for start, end in expected]
    else:
        expected = [(start + 5 * (start >= 30), end + 5 * (start >= 30)) for start, end in expected]
    assert [interval[:2] for _, interval in occurrences([utterance], "character", text)] == expected


def test_labels_of_scripts_that_run_leftwards_are_found_as_they_are_read():
    utterance = spelled("ג", "ב", "א")
    assert [interval[:2] for _, interval in occurrences([utterance], "character", "אב")] == [(10, 30)]
    assert not list(occurrences([utterance], "character", "בא"))
    assert label_under(utterance, "character", 0, 30) == "אבג"


def test_what_lies_under_a_stretch_is_read_in_words():
    utterance = spelled("q", "u", "e", "l", gaps=(1,))
    assert label_under(utterance, "character", 0, 30) == "qu"
    assert label_under(utterance, "character", 4, 45) == "qu el"
    assert label_under(utterance, "character", 11, 14) == "u"
    assert label_under(utterance, "word", 0, 30) == label_under(utterance, None, 0, 30) == ""
    words = replace(utterance, alignment={"word": utterance.alignment["character"]})
    assert label_under(words, "word", 0, 20) == "q u"


def test_seconds_become_ticks_and_columns_stay():
    spoken = Utterance("u", "u.wav", "s", 100, 8000)
    assert in_ticks(spoken, 0.0015) == 12
    assert to_read(spoken, 12) == 0.0015
    assert in_ticks(spelled("a"), 7) == to_read(spelled("a"), 7) == 7


# Searching


def unit(frames: np.ndarray) -> np.ndarray:
    return frames / np.linalg.norm(frames, axis=1, keepdims=True)


def encoded(folder: Path, frames: dict[str, np.ndarray], codes: dict[str, np.ndarray] | None = None) -> Encodings:
    writer = EncodingsWriter(folder, {"point": "projection", "stride": HOP, "offset": HOP / 2, "rate": RATE})
    for name, values in frames.items():
        centres = HOP * (np.arange(len(values)) + 0.5)
        writer.write(Encoding(name, centres, values, None if codes is None else codes[name]))
    writer.finish()
    return Encodings.open(folder)


WORDS = ["one", "two", "three", "four"]


def spoken(seed: int = 0, utterances: int = 12, noise: float = 0.3) -> tuple[dict[str, np.ndarray], list[Utterance]]:
    """Words of ten to fourteen frames in strings of four, by three speakers with an offset and a scale of their own."""
    rng = np.random.default_rng(seed)
    shapes = {word: np.cumsum(rng.normal(size=(12, 6)), axis=0) for word in WORDS}
    voices = {f"s{k}": (rng.normal(0, 4, 6), rng.uniform(0.5, 2, 6)) for k in range(3)}
    frames, listed = {}, []
    for number in range(utterances):
        parts, words, position = [], [], 0
        for word in rng.permutation(WORDS):
            length = int(rng.integers(10, 15))
            places = np.linspace(0, 11, length).round().astype(int)
            parts.append(shapes[word][places] + noise * rng.normal(size=(length, 6)))
            words.append(Interval(position * HOP, (position + length) * HOP, str(word)))
            position += length
        speaker = f"s{number % 3}"
        offset, scale = voices[speaker]
        frames[f"u{number:02d}"] = (np.concatenate(parts) * scale + offset).astype(np.float32)
        listed.append(Utterance(f"u{number:02d}", "x.wav", speaker, position * HOP, RATE, alignment={"word": words}))
    return frames, listed


@pytest.fixture
def strings(tmp_path) -> Collection:
    frames, utterances = spoken()
    codes = {name: np.abs(values).astype(int).sum(1) % 7 for name, values in frames.items()}
    return Collection(encoded(tmp_path / "frames", frames, codes), utterances)


def materials(searched: Collection, queried: Collection | None, options: FindOptions) -> Materials:
    return prepared_by(searched, queried, options.how, threads=options.threads)


def hits_of(collection: Collection, options: FindOptions, stretch: FrameSpan) -> list[Hit]:
    prepared = materials(collection, None, options)
    names = [utterance.id for utterance in collection.utterances]
    found = search(prepared.searched, names, [query_of(prepared, stretch)], options.threads)
    return sorted(hit for _, (hits,) in found for hit in hits)


def test_frames_come_into_the_scale_of_their_speaker_or_corpus(strings):
    for normalise, group in (("speaker", lambda u: u.speaker), ("corpus", lambda u: "all")):
        taken = materials(strings, None, FindOptions(distance="euclidean", normalise=normalise)).searched
        groups = {}
        for utterance in strings.utterances:
            groups.setdefault(group(utterance), []).append(taken.read(utterance.id))
        for values in map(np.concatenate, groups.values()):
            np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
            np.testing.assert_allclose(values.std(0), 1, atol=1e-5)
    taken = materials(strings, None, FindOptions(distance="euclidean", normalise="none")).searched
    np.testing.assert_array_equal(taken.read("u03"), strings.encodings["u03"].frames)


def test_a_dimension_that_never_changes_is_no_hindrance(tmp_path):
    frames, utterances = spoken(utterances=4)
    frames = {name: np.pad(values, ((0, 0), (0, 1)), constant_values=3) for name, values in frames.items()}
    collection = Collection(encoded(tmp_path / "frames", frames), utterances)
    hits = hits_of(collection, FindOptions(), FrameSpan("u00", 0, 10))
    assert len(hits) > 3
    assert all(np.isfinite(hit.cost) for hit in hits)


@pytest.mark.parametrize("by", ["frames", "codes"])
def test_threads_and_the_order_of_utterances_change_nothing(strings, by):
    expected = hits_of(strings, FindOptions(by), FrameSpan("u01", 3, 17))
    turned = Collection(strings.encodings, strings.utterances[::-1])
    assert hits_of(turned, FindOptions(by, threads=3), FrameSpan("u01", 3, 17)) == expected
    assert len(expected) > 20


@pytest.mark.parametrize("cells", [1, 40, 300])
def test_utterances_too_long_for_memory_are_searched_in_parts(strings, monkeypatch, cells):
    expected = hits_of(strings, FindOptions(), FrameSpan("u01", 3, 17))
    monkeypatch.setattr(searching, "CELLS", cells)
    found = hits_of(strings, FindOptions(), FrameSpan("u01", 3, 17))
    assert [hit[1:] for hit in found] == [hit[1:] for hit in expected]
    np.testing.assert_allclose([hit.cost for hit in found], [hit.cost for hit in expected], rtol=1e-9)


def test_codes_are_as_far_apart_as_the_means_of_their_frames(strings, tmp_path):
    options = FindOptions("codes", "euclidean", "none")
    by_codes = hits_of(strings, options, FrameSpan("u01", 3, 17))
    everything = list(strings.encodings)
    frames, codes = (np.concatenate([getattr(each, kind) for each in everything]) for kind in ("frames", "codes"))
    means = {each.utterance: np.stack([frames[codes == code].mean(0) for code in each.codes]) for each in everything}
    replaced = Collection(encoded(tmp_path / "means", means), strings.utterances)
    by_frames = hits_of(replaced, FindOptions("frames", "euclidean", "none"), FrameSpan("u01", 3, 17))
    assert [hit[1:] for hit in by_codes[:5]] == [hit[1:] for hit in by_frames[:5]]
    np.testing.assert_allclose([hit.cost for hit in by_codes[:5]], [hit.cost for hit in by_frames[:5]], rtol=1e-5)


def test_codes_may_be_any_numbers(strings, tmp_path):
    frames, _ = spoken()
    codes = {each.utterance: each.codes * 100_000_000 for each in strings.encodings}
    other = Collection(encoded(tmp_path / "large", frames, codes), strings.utterances)
    stretch, options = FrameSpan("u01", 3, 17), FindOptions("codes")
    assert hits_of(other, options, stretch) == hits_of(strings, options, stretch)
    assert isinstance(materials(other, None, options).searched, Codes)


def test_frames_without_codes_cannot_be_compared_by_codes(tmp_path):
    frames, utterances = spoken(utterances=2)
    collection = Collection(encoded(tmp_path / "frames", frames), utterances)
    with pytest.raises(EncodingsError, match="u00 has no codes; look for frames, or take"):
        materials(collection, None, FindOptions("codes"))


def test_a_query_of_another_corpus_comes_into_the_scale_of_the_one_searched(strings, tmp_path):
    frames, utterances = spoken()
    other = Collection(encoded(tmp_path / "other", {"u05": frames["u05"]}), [utterances[5]])
    prepared = materials(strings, other, FindOptions(normalise="corpus"))
    stretch = FrameSpan("u05", 2, 14)
    np.testing.assert_array_equal(prepared.queried.read(*stretch), prepared.searched.read(*stretch))
    own = materials(strings, other, FindOptions(distance="euclidean")).queried.read("u05")
    np.testing.assert_allclose(own.mean(0), 0, atol=1e-5)


def test_a_query_of_other_dimensions_is_refused(strings, tmp_path):
    other = Collection(encoded(tmp_path / "other", {"u05": np.ones((4, 3))}), [strings.utterances[5]])
    with pytest.raises(EncodingsError, match=r"3 dimensions, those of .* 6; encode both"):
        materials(strings, other, FindOptions(normalise="none"))


def test_frames_that_are_no_numbers_are_refused_by_name(tmp_path):
    frames, utterances = spoken(utterances=3)
    frames["u01"][4, 2] = np.nan
    collection = Collection(encoded(tmp_path / "frames", frames), utterances)
    with pytest.raises(EncodingsError, match=r"u01.npy: .* value 3 of frame 5 is nan"):
        materials(collection, None, FindOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "units"}, "`by` must be one of .*'codes'.* not 'units'"),
        ({"distance": "manhattan"}, "`distance` must be one of"),
        ({"normalise": "utterance"}, "`normalise` must be one of"),
        ({"threads": 0}, "`threads` must be 1 or more"),
    ],
)
def test_options_that_there_are_not_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FindOptions(**options)


# Retrieval


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_average_precision_is_that_of_scikit_learn(right):
    ranking = Ranking(np.array(right), sum(right))
    expected = average_precision_score(right, -np.arange(len(right)))
    assert ranking.average_precision == pytest.approx(expected)
    assert Ranking(np.array(right), 2 * sum(right)).average_precision == pytest.approx(expected / 2)  # half never hit


def test_precision_is_of_ten_or_of_as_many_as_there_are():
    right = np.array([True, False, True, True] + [False] * 20)
    assert Ranking(right, 3).precision == pytest.approx(2 / 3)
    assert Ranking(right, 30).precision == pytest.approx(0.3)
    assert Ranking(right, 30).recall == pytest.approx(0.1)
    assert Ranking(np.zeros(0, bool), 3).average_precision == Ranking(np.zeros(0, bool), 3).precision == 0


def test_an_interval_is_found_once_and_by_half_at_least():
    edges = np.arange(40)
    wanted = [Interval(0, 10, "a"), Interval(20, 30, "a")]
    hits = [Hit(0.1, "u", 2, 10), Hit(0.2, "u", 0, 9), Hit(0.3, "u", 15, 25), Hit(0.4, "u", 20, 25)]
    assert [right for _, right in judge(hits, wanted, edges)] == [True, False, False, True]


def test_words_planted_in_other_voices_are_found_and_chance_finds_few(strings):
    tokens = drawn_tokens(strings, "word", 20, seed=0)
    assert sorted({token.interval.label for token in tokens}) == sorted(WORDS)
    found = summary(rankings(strings, materials(strings, None, FindOptions()), tokens, "word"), 0)
    raw = summary(rankings(strings, materials(strings, None, FindOptions(normalise="none")), tokens, "word"), 0)
    for scope in ("within", "across"):
        assert found[scope]["mean_average_precision"] > 0.9
        assert found[scope]["chance"] < 0.5
        assert found[scope]["queries"] == 20
        low, high = found[scope]["interval"]
        assert low <= found[scope]["mean_average_precision"] <= high
    assert raw["across"]["mean_average_precision"] < found["across"]["mean_average_precision"]


def test_every_other_interval_with_the_label_is_wanted_once(strings):
    tokens = drawn_tokens(strings, "word", 8, seed=1)
    found = rankings(strings, materials(strings, None, FindOptions()), tokens, "word")
    assert [ranking.wanted for ranking in found["within"]] == [3] * 8  # of four utterances of each speaker
    assert [ranking.wanted for ranking in found["across"]] == [8] * 8


def test_speakers_that_are_not_known_are_neither_within_nor_across(strings):
    unknown = [replace(utterance, speaker=None) for utterance in strings.utterances]
    collection = Collection(strings.encodings, unknown)
    tokens = drawn_tokens(collection, "word", 4, seed=1)
    found = rankings(collection, materials(collection, None, FindOptions()), tokens, "word")
    assert found == {"within": [], "across": []}
    assert "why" in summary(found, 0)["within"]


def test_draws_are_the_same_for_one_seed_and_spread_over_the_labels(strings):
    places = [[token.stretch for token in drawn_tokens(strings, "word", 10, seed)] for seed in (0, 0, 1)]
    assert places[0] == places[1] != places[2]
    labels = [token.interval.label for token in drawn_tokens(strings, "word", 10, 0)]
    assert sorted(map(labels.count, WORDS)) == [2, 2, 3, 3]


def test_labels_that_occur_once_cannot_be_looked_for(strings):
    single = [Collection(strings.encodings, strings.utterances[:1]), replace(strings, utterances=strings.utterances)]
    for collection, tier in zip(single, ("word", "phone"), strict=True):
        with pytest.raises(UnscorableError, match="occurs twice"):
            drawn_tokens(collection, tier, 10, 0)


def test_an_utterance_too_short_has_no_hits():
    assert hits_in(endings(np.zeros((9, 4))), "u") == []
    assert hits_in(Endings(np.array([np.inf]), np.array([-1])), "u") == []
