"""unitdisc words: from units and frames to tiers, classes and scores; what cannot be used is said."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from unitdisc.api.score import score
from unitdisc.api.words import words as find_words
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.encodings.runs import Runs
from unitdisc.encodings.tokens import read_tokens, shifted
from unitdisc.evaluation.units.term_files import read_classes
from unitdisc.word_segmentation.options import ON_FRAMES, WordOptions

pytest_plugins = ["tiny_fixtures"]

HOP, RATE, KINDS = 160, 16_000, 8
SETTINGS = {"point": "bottleneck", "stride": HOP, "offset": HOP / 2, "rate": RATE, "num_codes": KINDS + 1}
SETTINGS["segmentation"] = {"method": "units"}  # as of `unitdisc segment`
LEXICON = [(0, 1, 2), (3, 4), (5, 0), (6, 7, 1, 3), (2, 2, 6)]
SILENCE = KINDS


@dataclass(frozen=True)
class Place:
    root: Path

    @property
    def corpus(self) -> Path:
        return self.root / "corpus.jsonl"

    @property
    def units(self) -> Path:
        return self.root / "units"

    def words(self, folder: str = "words", *, options: WordOptions | None = None, **more):
        options = options or WordOptions("dp-unigram", iterations=40)
        return find_words(self.units, self.corpus, self.root / folder, options, threads=1, **more)

    def scores(self, folder: str = "words", **more) -> dict:
        return score(self.root / folder, self.corpus, tier="word", **more).figures["units"]


def utterance_of(name: str, rng: np.random.Generator) -> tuple[Utterance, np.ndarray]:
    """Words of LEXICON between silences, each unit some frames long; and the code of every frame."""
    phones, words, codes = [], [], []

    def say(label: str, code: int, frames: int) -> None:
        start = len(codes) * HOP
        codes.extend([code] * frames)
        phones.append(Interval(start, len(codes) * HOP, label))

    say("SIL", SILENCE, 10)
    words.append(Interval(0, len(codes) * HOP, "SIL"))
    for one in rng.integers(0, len(LEXICON), rng.integers(3, 8)):
        start = len(codes) * HOP
        for unit in LEXICON[one]:
            say(str(unit), unit, int(rng.integers(3, 8)))
        words.append(Interval(start, len(codes) * HOP, f"w{one}"))
    say("SIL", SILENCE, 10)
    words.append(Interval(phones[-1].start, phones[-1].end, "SIL"))
    tiers = {"phone": phones, "word": words}
    return Utterance(name, f"{name}.wav", "s", len(codes) * HOP, RATE, alignment=tiers), np.array(codes)


@pytest.fixture
def place(tmp_path) -> Place:
    rng = np.random.default_rng(0)
    utterances, writer = [], EncodingsWriter(tmp_path / "units", SETTINGS)
    vectors = 3 * rng.normal(size=(KINDS + 1, 4))
    for number in range(30):
        utterance, codes = utterance_of(f"u{number:02}", rng)
        centres = HOP / 2 + HOP * np.arange(len(codes))
        frames = vectors[codes] + 0.1 * rng.normal(size=(len(codes), 4))
        writer.write(Encoding(utterance.id, centres, frames, codes=codes))
        utterances.append(utterance)
    writer.finish()
    write_manifest(tmp_path / "corpus.jsonl", utterances)
    return Place(tmp_path)


def test_words_are_found_written_and_scored(place):
    found = place.words(units_tier="phone", speech_tier="phone")
    scores = place.scores()
    assert scores["terms"]["token"]["f1"] > 0.9 and scores["terms"]["ned"] < 0.05
    assert scores["terms"]["token"]["found"] == scores["boundaries"]["token"]["found"] == found.words
    lexicon = [json.loads(line) for line in (place.root / "words/words/lexicon.jsonl").read_text().splitlines()]
    assert {tuple(map(int, entry["units"])) for entry in lexicon} >= set(LEXICON)
    assert sum(entry["tokens"] for entry in lexicon) == found.words and len(lexicon) == found.types
    assert [entry["tokens"] for entry in lexicon] == sorted((one["tokens"] for one in lexicon), reverse=True)


def test_words_of_one_type_in_a_row_are_two(place):
    place.words(options=WordOptions("given"), units_tier="phone", speech_tier="phone", boundaries_tier="word")
    scores = place.scores()
    assert scores["terms"]["token"]["f1"] == scores["boundaries"]["token"]["f1"] == 1.0
    assert scores["boundaries"]["strict"]["r_value"] == 1.0
    codes = Encodings.open(place.root / "words").codes
    tokens = read_tokens(Encodings.open(place.root / "words"))
    joined = [name for name in codes if (np.diff(tokens[name].codes) == 0).any()]
    assert joined, "the corpus has no word twice in a row"


def test_files_hold_the_same_words(place):
    found = place.words(speech_tier="phone")
    listed = read_tokens(Encodings.open(place.root / "words"))
    there = sorted((name, *times) for name, runs in listed.items() for times in runs.intervals.tolist())
    classes = read_classes(place.root / "words/words/classes.txt")
    in_classes = [(one.file, round(one.start * RATE), round(one.end * RATE)) for own in classes.values() for one in own]
    assert sorted(in_classes) == there and len(classes) == found.types
    ctm = [line.split() for line in (place.root / "words/words/words.ctm").read_text().splitlines()]
    times = [
        (name, round(float(start) * RATE), round((float(start) + float(last)) * RATE))
        for name, _, start, last, _ in ctm
    ]
    assert sorted(times) == there
    grid = (place.root / "words/words/textgrid/u00.TextGrid").read_text()
    assert 'name = "found word"' in grid and 'name = "word"' in grid
    lines = (place.root / "words/words/words.txt").read_text().splitlines()
    assert sum(line.count("|") + 1 for line in lines) == found.words and len(lines) == 30


@pytest.mark.parametrize(
    "method",
    ["tp", "entropy", "unigram", "bpe", "dp-unigram", "dpdp", "even", "random", "prominence", "dips", "es-kmeans"],
)
def test_every_method_finds_about_as_many_words_as_asked(method, place):
    on_frames = method in ON_FRAMES
    types = {"types": 6} if on_frames else {}
    options = WordOptions(method, 5.5, iterations=3, window=30, min_duration=40, **types)
    found = place.words(options=options, speech_tier="phone")
    rate = 5.5
    few = 0.25 if method in ("unigram", "bpe") else 0.05  # whose boundaries come several at once
    assert abs(found.rate - rate) < few * rate and found.per == "second"
    assert place.scores()["terms"]["coverage"] > 0.95


def test_types_by_graph_and_by_kmeans(place):
    given = {"units_tier": "phone", "speech_tier": "phone", "boundaries_tier": "word"}
    graph = place.words("graph", options=WordOptions("given", types_by="graph", edit_distance=0.0), **given)
    alike = place.words("alike", options=WordOptions("given", types_by="graph", edit_distance=1.0), **given)
    means = place.words("means", options=WordOptions("given", types_by="kmeans", types=5), **given)
    assert (graph.types, alike.types, means.types) == (5, 1, 5)
    assert place.scores("means")["terms"]["ned"] < 0.2


@pytest.mark.slow
def test_frames_of_another_system_name_words(place, capsys):
    """At half the rate, while those of the units are noise."""
    rng, given = np.random.default_rng(1), WordOptions("given", types_by="warping", types=5)
    tiers = {"units_tier": "phone", "speech_tier": "phone", "boundaries_tier": "word"}
    own, blind = Encodings.open(place.units), EncodingsWriter(place.root / "blind", SETTINGS)
    other = EncodingsWriter(place.root / "other", {**SETTINGS, "stride": 2 * HOP, "offset": HOP, "num_codes": None})
    for one in own:
        blind.write(Encoding(one.utterance, one.centres, rng.normal(size=(len(one.centres), 4)), codes=one.codes))
        centres = np.arange(HOP, HOP * len(one.centres), 2 * HOP)
        if one.utterance != "u07":
            other.write(Encoding(one.utterance, centres, one.frames[: 2 * len(centres) : 2]))
    blind.finish()
    other.finish()

    def neds(folder: str, options: WordOptions, **more) -> float:
        find_words(place.root / "blind", place.corpus, place.root / folder, options, threads=1, **tiers, **more)
        return place.scores(folder)["terms"]["ned"]

    assert neds("warped", given, types_from=place.root / "other") < 0.05 < neds("none", given)
    assert "u07" in capsys.readouterr().err
    means = WordOptions("given", types_by="kmeans", types=5)
    assert neds("means", means, types_from=place.root / "other") < neds("none-means", means)
    with pytest.raises(EncodingsError, match=r"made in another way \(types_from differ"):
        neds("warped", given)
    with pytest.raises(ValueError, match="holds the frames that name words"):
        neds("other", given, types_from=place.root / "other")


def test_a_second_run_writes_the_same_bytes(place):
    def tree() -> dict:
        return {path.name: path.read_bytes() for path in sorted((place.root / "words").rglob("*")) if path.is_file()}

    place.words(speech_tier="phone")
    first = tree()
    place.words(speech_tier="phone")
    assert tree() == first and not any("part" in name for name in first)
    with pytest.raises(EncodingsError, match=r"made in another way \(words differ\)"):
        place.words(options=WordOptions("tp"), speech_tier="phone")


def test_a_shift_undoes_a_lag(place):
    place.words(options=WordOptions("given"), units_tier="phone", speech_tier="phone", boundaries_tier="word")
    path = place.root / "words/words/words.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for unit in line["units"]:
            unit["start"], unit["end"] = unit["start"] + 3 * HOP, unit["end"] + 3 * HOP
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    late = place.scores()
    assert late["boundaries"]["strict"]["f1"] < 0.5
    right = place.scores(shift=-30)
    assert right["boundaries"]["strict"]["f1"] == right["terms"]["token"]["f1"] == 1.0


def test_a_shift_leaves_the_ends_of_an_utterance_and_drops_what_is_empty():
    tokens = Runs(np.array([[0, 10], [10, 95], [95, 100]]), np.array([4, 5, 6]), np.zeros(3, int))
    moved = shifted(tokens, 100, 10)
    assert moved.intervals.tolist() == [[0, 20], [20, 100]] and moved.codes.tolist() == [4, 5]
    assert shifted(tokens, 100, -10).intervals.tolist() == [[0, 85], [85, 100]]


def test_the_command_says_what_it_found_and_by_what_shift(unitdisc, place):
    done = unitdisc("words", place.units, place.corpus, place.root / "out", "--method", "tp", "--speech-tier", "phone")
    assert done.code == 0 and "words of" in done.out.splitlines()[0]
    scored = unitdisc("score", place.root / "out", place.corpus, "--tier", "word", "--shift", "-12.5")
    assert "tolerance 20 ms, shifted by -12.5 ms" in scored.out
    assert "shifted" not in unitdisc("score", place.root / "out", place.corpus, "--tier", "word").out


def test_one_bad_utterance_is_said_and_left_out(place, capsys):
    (place.units / "u03.npy").write_bytes(b"nothing")
    found = place.words(options=WordOptions("tp"), speech_tier="phone")
    assert found.utterances == 29 and "u03" in capsys.readouterr().err
    with pytest.raises(CorpusError, match=r"1 of 30 utterances cannot be cut into words, the first: .*u03"):
        place.words("other", options=WordOptions("tp"), strict=True)


@pytest.mark.parametrize(
    "options,words",
    [
        ({"method": "even"}, "say how many: `words_per_second`"),
        ({"method": "prominence", "types": 3}, "takes as many words as are asked for"),
        ({"method": "prominence", "rate": 3}, "how many types kmeans is to make: `types`"),
        ({"method": "tp", "lexicon": 3}, "`lexicon` is of `method` unigram and bpe"),
        ({"method": "bpe", "lexicon": 30, "rate": 3}, "both settle how many words"),
        ({"method": "tp", "types": 3}, "give `types_by` kmeans or warping"),
        ({"method": "tp", "types_by": "warping"}, "how many types warping is to make: `types`"),
        ({"method": "dips", "rate": 3, "types_by": "string"}, "reads frames, which spell no strings"),
        ({"method": "tpp"}, "choose one of"),
        ({"method": "tp", "rate": -1}, "must be above 0"),
        ({"method": "tp", "longest": 0}, "must be 1 or more"),
        ({"boundary_probability": 1.0}, "must be between 0 and 1"),
        ({"prominence": 0.1}, "`prominence` is of `method` prominence"),
    ],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        WordOptions(**options)


@pytest.mark.parametrize(
    "options,more,words",
    [
        (WordOptions("given"), {}, "`boundaries_tier` and `method` given belong together"),
        (WordOptions("tp"), {"boundaries_tier": "word"}, "belong together"),
        (WordOptions("tp"), {"units_tier": "syllable"}, "has no tier 'syllable', only"),
        (WordOptions("prominence", 3, types=4), {"units_tier": "phone"}, "reads frames"),
        (WordOptions("tp", 3), {"per": "100 columns"}, "counted in seconds; give `words_per_second`"),
        (WordOptions("prominence", 3, types=4000), {}, "fewer than the 4000 types"),
        (WordOptions("tp"), {"types_from": "other"}, "`types_from` is of `types_by` kmeans and warping, not string"),
    ],
)
def test_what_does_not_go_together_is_refused(place, options, more, words):
    with pytest.raises(ValueError, match=words):
        place.words(options=options, **more)


def test_frames_without_codes_are_refused_for_strings(place):
    writer = EncodingsWriter(place.root / "plain", {**SETTINGS, "num_codes": None})
    for encoding in Encodings.open(place.units):
        writer.write(Encoding(encoding.utterance, encoding.centres, encoding.frames))
    writer.finish()
    with pytest.raises(ValueError, match="has no codes, and words are strings of them"):
        find_words(place.root / "plain", place.corpus, place.root / "out", WordOptions("tp"))


def test_damaged_tokens_are_named(place):
    place.words(options=WordOptions("tp"))
    path = place.root / "words/words/words.jsonl"
    path.write_text(path.read_text().replace('"start": 0', '"start": 10000000', 1))
    with pytest.raises(EncodingsError, match=r"words.jsonl:1: tokens must not be empty or overlap"):
        place.scores()
    path.unlink()
    with pytest.raises(EncodingsError, match=r"words.jsonl: not there"):
        place.scores()
