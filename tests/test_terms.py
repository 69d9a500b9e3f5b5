"""Term discovery: the golden scores of zerospeech-tde, pairs listed one by one, and files that are not right."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reference import terms as brute

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.edit_distance import summed_distances
from unitdisc.evaluation.units.term_files import AlignedFile, Fragment, Gold, read_alignment, read_classes, read_gold
from unitdisc.evaluation.units.terms import spell, term_scores
from unitdisc.evaluation.units.words import unit_terms

ROOT = Path(__file__).parent.parent
GOLDEN = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data")).parent / "golden" / "term_discovery"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden scores in {GOLDEN}")


@golden
def test_scores_are_those_of_zerospeech_tde():
    gold = read_gold(GOLDEN / "gold.phn", GOLDEN / "gold.wrd")
    found = term_scores(gold, read_classes(GOLDEN / "disc.class", gold))
    expected = json.loads((GOLDEN / "scores.json").read_text())
    assert (found.fragments, found.classes, found.pairs) == tuple(
        expected[k] for k in ("intervals", "classes", "pairs")
    )
    assert found.ned == pytest.approx(expected["ned"], abs=1e-9)
    assert found.coverage == pytest.approx(expected["coverage"], abs=1e-9)
    for name in ("boundary", "token", "type", "grouping"):
        ours, theirs = getattr(found, name), expected[name]
        rates = [theirs["precision"], theirs["recall"], theirs["fscore"]]
        assert [ours.precision, ours.recall, ours.f1] == pytest.approx(rates, abs=1e-9), name
    counts = expected["boundary"]
    boundary = found.boundary
    assert [boundary.found, boundary.reference, boundary.hits] == [counts[k] for k in ("n_disc", "n_gold", "n_hit")]
    assert found.type.found == expected["words"]


@golden
def test_the_script_prints_and_keeps_the_scores(tmp_path):
    output = tmp_path / "scores.json"
    files = [GOLDEN / name for name in ("gold.phn", "gold.wrd", "disc.class")]
    command = [sys.executable, ROOT / "eval/term_discovery.py", *files, "-o", output]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert "NED" in done.stdout
    kept = json.loads(output.read_text())
    assert kept["terms"]["ned"] == pytest.approx(json.loads((GOLDEN / "scores.json").read_text())["ned"], abs=1e-9)
    assert kept["settings"]["convention"] == "zerospeech-tde"
    assert len(kept["settings"]["checksums"]["disc.class"]) == 64
    wrong = subprocess.run([*command[:-3], GOLDEN / "gold.phn"], capture_output=True, text=True, env=os.environ)
    assert wrong.returncode == 1
    assert "belongs to no class" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def chance(seed: int, files: int = 3) -> tuple[Gold, dict[str, list[Fragment]]]:
    """Files of a few phones, and classes of fragments that begin and end near them."""
    rng = np.random.default_rng(seed)
    phones, words = {}, {}
    for file in map(str, range(files)):
        edges = np.round(np.cumsum(rng.choice([0.03, 0.05, 0.06, 0.08], 31)), 4).tolist()
        phones[file] = AlignedFile(edges[:-1], edges[1:], rng.choice(["a", "b", "SIL"], 30).tolist())
        words[file] = AlignedFile(edges[0:-2:2], edges[2::2], rng.choice(["w", "v"], 15).tolist())
    classes: dict[str, list[Fragment]] = {}
    for _ in range(40):
        file = str(rng.integers(files))
        start, end = sorted(rng.choice(phones[file].ends, 2, replace=False) + rng.choice([-0.02, 0, 0.03], 2))
        if start < end:
            classes.setdefault(str(rng.integers(6)), []).append(Fragment(file, round(start, 4), round(end, 4)))
    return Gold(phones, words), classes


def listed(gold: Gold, classes: dict[str, list[Fragment]], by_file: bool) -> list[list[tuple]]:
    def entry(fragment: Fragment) -> tuple:
        phones = gold.phones[fragment.file]
        found = spell(fragment, phones)
        times = tuple(phones.starts[found.first : found.last])
        return (*fragment, found.spelling, (times, fragment.file if by_file else ""))

    found = [[entry(fragment) for fragment in members] for members in classes.values()]
    return [[member for member in members if member[3]] for members in found]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("convention", ["zerospeech-tde", "corrected"])
def test_counting_tokens_gives_what_listing_pairs_gives(seed, convention):
    gold, classes = chance(seed)
    found = term_scores(gold, classes, convention)
    pairs = listed(gold, classes, by_file=convention == "corrected")
    assert (found.grouping.precision, found.grouping.recall) == pytest.approx(brute.grouping(pairs), abs=1e-12)
    assert found.ned == pytest.approx(brute.ned(pairs), abs=1e-12)


def test_edit_distances_are_those_of_their_definition():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, 12)
    strings = rng.integers(3, size=(12, 6))
    spellings = [tuple(row[:length]) for row, length in zip(strings.tolist(), lengths)]
    for i in range(12):
        for j in range(i):
            if max(lengths[i], lengths[j]):
                expected = brute.edit_distance(spellings[i], spellings[j]) / max(lengths[i], lengths[j])
                assert summed_distances(strings[[i, j]], lengths[[i, j]], np.array([2, 3])) == pytest.approx(
                    6 * expected
                )


PHONES = AlignedFile([0.0, 0.1, 0.2, 0.25], [0.1, 0.2, 0.25, 0.5], ["a", "b", "c", "d"])


@pytest.mark.parametrize(
    "start,end,spelling",
    [
        (0.0, 0.2, "ab"),
        (0.07, 0.2, "ab"),  # 30 ms of a
        (0.071, 0.2, "b"),  # 29 ms of it
        (0.1, 0.22, "b"),  # 20 ms of c, which lasts 50
        (0.1, 0.226, "bc"),
        (0.05, 0.21, "ab"),
        (0.23, 0.27, ""),  # nothing is covered enough, and only the first phone and the last are overlapped
        (0.3, 0.33, "d"),
        (0.6, 0.7, ""),
        (0.09, 0.26, "bc"),  # phones in the middle are never asked
    ],
)
def test_a_fragment_is_spelled_with_the_phones_it_covers(start, end, spelling):
    found = spell(Fragment("f", start, end), PHONES)
    assert "".join(found.spelling) == spelling
    assert PHONES.labels[found.first : found.last] == list(spelling)


def test_a_word_found_twice_is_one_token():
    gold = Gold({"f": PHONES}, {"f": AlignedFile([0.0, 0.2], [0.2, 0.5], ["w", "v"])})
    found = term_scores(
        gold, {"1": [Fragment("f", 0.0, 0.2), Fragment("f", 0.01, 0.2)], "2": [Fragment("f", 0.2, 0.5)]}
    )
    assert (found.token.hits, found.token.found, found.token.reference) == (2, 3, 2)
    assert (found.ned, found.pairs, found.coverage) == (0, 1, 1)
    assert (found.type.precision, found.type.recall) == (1, 1)


def test_words_that_sound_the_same_are_one_type_only_if_corrected():
    phones = AlignedFile([0.0, 0.1, 0.2], [0.1, 0.2, 0.3], ["a", "a", "b"])
    gold = Gold({"f": phones}, {"f": AlignedFile([0.0, 0.1, 0.2], [0.1, 0.2, 0.3], ["sea", "see", "be"])})
    classes = {"1": [Fragment("f", 0.0, 0.1), Fragment("f", 0.1, 0.2)]}
    assert term_scores(gold, classes).type.recall == 1 / 3
    assert term_scores(gold, classes, "corrected").type.recall == 1 / 2


def test_tokens_of_two_files_at_the_same_times_are_two_only_if_corrected():
    phones = AlignedFile([0.0, 0.1], [0.1, 0.2], ["a", "b"])
    gold = Gold({"f": phones, "g": phones}, {"f": phones, "g": phones})
    classes = {"1": [Fragment("f", 0.0, 0.1), Fragment("g", 0.0, 0.1), Fragment("g", 0.1, 0.2)]}
    assert (term_scores(gold, classes).grouping.hits, term_scores(gold, classes).grouping.found) == (1, 2)
    corrected = term_scores(gold, classes, "corrected").grouping
    assert (corrected.hits, corrected.found) == (2, 3)


def test_fragments_that_overlap_are_no_pair_to_be_found():
    gold = Gold({"f": PHONES}, {"f": PHONES})
    found = term_scores(gold, {"1": [Fragment("f", 0.0, 0.1), Fragment("f", 0.01, 0.1)]})
    assert (found.grouping.reference, found.grouping.recall, found.grouping.precision) == (0, 0, 0)


def test_fragments_that_touch_are_a_pair_to_be_found():
    phones = AlignedFile([0.0, 0.1], [0.1, 0.2], ["a", "a"])
    found = term_scores(Gold({"f": phones}, {"f": phones}), {"1": [Fragment("f", 0.0, 0.1), Fragment("f", 0.1, 0.2)]})
    assert (found.grouping.reference, found.grouping.recall, found.grouping.precision) == (2, 1, 1)


def test_a_fragment_without_phones_is_dropped_and_counted():
    gold = Gold({"f": PHONES}, {"f": PHONES})
    found = term_scores(gold, {"1": [Fragment("f", 0.0, 0.1), Fragment("f", 0.7, 0.8)]})
    assert (found.dropped, found.fragments, found.pairs, found.ned) == (1, 1, 0, None)


def test_what_cannot_be_scored_says_why():
    gold = Gold({"f": PHONES}, {"f": PHONES})
    with pytest.raises(ValueError, match="the convention is 'mine'; it must be one of"):
        term_scores(gold, {"1": [Fragment("f", 0.0, 0.1)]}, "mine")
    with pytest.raises(UnscorableError, match="no fragment holds a gold phone; are the times in seconds"):
        term_scores(gold, {"1": [Fragment("f", 16000.0, 17000.0)]})
    with pytest.raises(UnscorableError, match="the gold has no words but silence"):
        term_scores(Gold({"f": PHONES}, {"f": AlignedFile([], [], [])}), {"1": [Fragment("f", 0.0, 0.1)]})


GOOD = {
    "phn": "f 0 0.1 a\nf 0.1 0.2 SIL\ng 0 0.1 b\n",
    "wrd": "f 0.1 0.2 SIL\nf 0 0.1 w\ng 0 0.1 v\n",
    "class": "Class 1 name\nf 0 0.1\ng 0 0.1\n\nClass 2\nf 0 0.1\n\n",
}


def read(folder: Path, **changed: str) -> tuple[Gold, dict[str, list[Fragment]]]:
    for name, text in (GOOD | changed).items():
        (folder / f"x.{name}").write_text(text)
    gold = read_gold(folder / "x.phn", folder / "x.wrd")
    return gold, read_classes(folder / "x.class", gold)


def test_files_are_read_in_any_order_and_words_without_silence(tmp_path):
    gold, classes = read(tmp_path)
    assert gold.words["f"] == AlignedFile([0.0], [0.1], ["w"])
    assert gold.phones["f"].labels == ["a", "SIL"]
    assert classes == {"1": [Fragment("f", 0, 0.1), Fragment("g", 0, 0.1)], "2": [Fragment("f", 0, 0.1)]}


@pytest.mark.parametrize(
    "changed,message",
    [
        ({"phn": ""}, r"x\.phn: is empty"),
        ({"phn": "f 0 0.1\n"}, r"x\.phn:1: 3 fields; write FILE START END SYMBOL"),
        ({"phn": "f 0 0.1 a b\n"}, r"x\.phn:1: 5 fields"),
        ({"phn": "f 0 x a\n"}, r"x\.phn:1: '0' and 'x' must be times in seconds"),
        ({"phn": "f 0 nan a\n"}, r"x\.phn:1: from 0 to nan s is no stretch of time"),
        ({"phn": "f 0.2 0.1 a\n"}, r"x\.phn:1: from 0\.2 to 0\.1 s is no stretch of time; the end must be later"),
        ({"phn": "f -1 0.1 a\n"}, r"x\.phn:1: from -1 to 0\.1 s is no stretch of time"),
        ({"phn": "f 0 0.1 a\nf 0.05 0.2 b\n"}, r"x\.phn:2: 'b' starts at 0\.05, before 'a' of line 1 ends at 0\.1"),
        ({"wrd": "f 0 0.1 a\nf 0 0.1 a\n"}, r"x\.wrd:2: 'a' starts at 0, before 'a' of line 1 ends"),
        ({"class": ""}, r"x\.class: has no fragments"),
        ({"class": "Class 1\n\n"}, r"x\.class: has no fragments"),
        ({"class": "f 0 0.1\n\n"}, r"x\.class:1: 'f 0 0\.1' belongs to no class"),
        ({"class": "Class\nf 0 0.1\n\n"}, r"x\.class:1: 'Class' names no class"),
        ({"class": "Class1\nf 0 0.1\n\n"}, r"x\.class:1: 'Class1' names no class; write `Class 1`"),
        ({"class": "Class 1\nf 0 0.1\nClass 2\nf 0 0.1\n\n"}, r"x\.class:3: a class begins within class '1'"),
        ({"class": "Class 1\nf 0 0.1\n\nClass 1\nf 0 0.1\n\n"}, r"x\.class:4: class '1' is already on line 1"),
        ({"class": "Class 1\nf 0\n\n"}, r"x\.class:2: 2 fields; write FILE START END"),
        ({"class": "Class 1\nf zero 0.1\n\n"}, r"x\.class:2: 'zero' and '0\.1' must be times"),
        ({"class": "Class 1\nf 0.1 0.1\n\n"}, r"x\.class:2: from 0\.1 to 0\.1 s is no stretch"),
        ({"class": "Class 1\nh 0 0.1\n\n"}, r"x\.class:2: the gold has no phones of file 'h'"),
        ({"wrd": "g 0 0.1 v\n"}, r"x\.class:2: the gold has no words of file 'f'"),
        ({"class": "Class 1\nf 0 0.1\n"}, r"x\.class: does not end with an empty line; it may be cut off"),
        ({"class": "Class 1\nf 0 0.1"}, r"x\.class: does not end with an empty line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, changed, message):
    with pytest.raises(CorpusError, match=message):
        read(tmp_path, **changed)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(CorpusError, match=r"no\.phn: cannot be read \(No such file"):
        read_alignment(tmp_path / "no.phn")
    (tmp_path / "x.class").write_bytes(b"Class \xff\n")
    with pytest.raises(CorpusError, match=r"x\.class:1: not UTF-8 \(byte 0xff\); save"):
        read_classes(tmp_path / "x.class")


def coded(codes: list[int], words: list[Interval]) -> CodedUtterance:
    phones = [Interval(0, 100, "a"), Interval(100, 200, "b"), Interval(200, 400, "sp"), Interval(400, 600, "a")]
    utterance = Utterance("u", "u.wav", "s", 600, 1000, alignment={"phone": phones, "word": words})
    return CodedUtterance(utterance, np.array(codes), np.arange(50, 600, 100.0))


def test_units_are_scored_as_words():
    words = [Interval(0, 200, "w"), Interval(200, 400, ""), Interval(400, 600, "v")]
    found = unit_terms([coded([1, 1, 2, 2, 3, 3], words)], "word")
    assert (found.token.f1, found.type.f1, found.boundary.f1, found.coverage) == (1, 1, 1, 1)
    assert (found.fragments, found.classes) == (2, 2)  # the unit in the silence is none
    halves = unit_terms([coded([1, 4, 2, 2, 1, 4], words)], "word")
    assert halves.ned == pytest.approx((0 + 1) / 2)  # 1: a and a; 4: b and a
    assert halves.token.hits == 1  # half of "a" is spelled as the whole of it


def test_units_need_both_tiers_and_a_rate():
    with pytest.raises(UnscorableError, match="no utterance has a rate and both of the tiers 'tone' and 'phone'"):
        unit_terms([coded([1] * 6, [])], "tone")
