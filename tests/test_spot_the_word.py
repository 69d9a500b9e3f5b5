"""Words beside pseudo-words: fair pairs, by voices that nothing was learned from, in the layout of the challenge."""

import csv
import runpy
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.prep.pseudo_words import pieces, pseudo_words
from unitdisc.prep.speech.voices import TEST_VOICES, TRAIN_VOICES

ROOT = Path(__file__).parent.parent
WORDS = {
    tuple(word.split()): word.replace(" ", "").lower()
    for word in (
        "K AE T",
        "B AE T",
        "D AO G",
        "M AE P",
        "P EH N",
        "S T AO P",
        "S T IY L",
        "B IY CH",
        "L IY F",
        "K AO F",
    )
}


def test_pseudo_words_are_none_of_the_words_and_as_long():
    made = dict(pseudo_words(WORDS, seed=0, most=3))
    assert len(made) > 5
    neighbours = {pair for phones in WORDS for pair in pairwise(("", *phones, ""))}
    for word, others in made.items():
        assert 1 <= len(others) <= 3
        for other in others:
            assert other not in WORDS
            assert [len(piece) for piece in pieces(other)] == [len(piece) for piece in pieces(word)]
            assert {*pairwise(("", *other, ""))} <= neighbours


def test_the_first_pseudo_word_has_the_likest_transitions():
    """Brute force: of all that may be made by one piece of another word."""
    moves = Counter(pair for phones in WORDS for pair in pairwise(("", *phones, "")))

    def common(phones) -> float:
        return sum(np.log(moves[pair]) if moves[pair] else -np.inf for pair in pairwise(("", *phones, "")))

    tried = 0
    for word, (first, *_) in pseudo_words(WORDS, seed=0):
        swapped = set()
        for other in WORDS:
            for place in range(3):  # consonants, vowel, consonants
                cut, piece = pieces(word), pieces(other)[place]
                if len(piece) == len(cut[place]):
                    swapped.add(tuple(phone for each in (*cut[:place], piece, *cut[place + 1 :]) for phone in each))
        distances = {each: abs(common(each) - common(word)) for each in swapped - {*WORDS}}
        assert distances[first] == pytest.approx(min(distances.values()))
        tried += len(distances) > 3
    assert tried > 3


def test_stress_stays_where_it_is():
    said = ("B 'AE T", "K 'AE P", "B AH T", "K AH P", "D AH P", "D 'AE T")
    made = dict(
        pseudo_words({tuple(word.split()): word for word in said}, 0, 5, lambda phone: phone.strip("'")[0] in "A")
    )
    assert {" ".join(other) for others in made.values() for other in others} == {
        "B 'AE P",
        "B AH P",
        "D 'AE P",
        "D AH T",
        "K 'AE T",
        "K AH T",
    }
    for word, others in made.items():
        assert all(other[1] == word[1] for other in others)


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Path:
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: pip install 'unitdisc[demo]'")
    folder = tmp_path_factory.mktemp("task")
    corpus, spot = (runpy.run_path(str(ROOT / "data_prep" / f"{name}.py")) for name in ("spoken_text", "spot_the_word"))
    corpus["main"]([str(folder), "--train-minutes", "1", "--test-minutes", "0.1", "--jobs", "1"])
    spot["main"]([str(folder), "--words", "12", "--voices", "3"])
    return folder


def items(task: Path) -> dict[str, Utterance]:
    return {each.id: each for each in read_manifest(task / "words.jsonl")}


def gold(task: Path) -> list[dict[str, str]]:
    with (task / "lexical" / "dev" / "gold.csv").open() as file:
        return [*csv.DictReader(file)]


def table(task: Path) -> list[dict[str, str]]:
    with (task / "pairs.tsv").open() as file:
        return [*csv.DictReader(file, delimiter="\t")]


def phones(utterance: Utterance) -> list[str]:
    return [label for *_, label in utterance.alignment["phone"] if label != "SIL"]


def test_pairs_are_fair(task):
    """As many phones by the same voice, as much silence around; the word was heard, what is none was not."""
    forms, counts = defaultdict(set), Counter()
    for utterance in read_manifest(task / "train.jsonl"):
        for start, end, word in utterance.alignment["word"]:
            inside = [label for first, last, label in utterance.alignment["phone"] if start <= first and last <= end]
            forms[tuple(inside)].add(word)
            counts[word] += 1
    said, rows = items(task), table(task)
    assert len(rows) >= 24 and len(said) == 2 * len(rows)
    for row in rows:
        word, nonword = said[row["word"]], said[row["nonword"]]
        assert word.speaker == nonword.speaker == row["voice"]
        assert len(phones(word)) == len(phones(nonword)) == int(row["length"]) >= 3
        assert row["spelt"] in forms[tuple(phones(word))] and word.text == row["spelt"]
        assert not forms[tuple(phones(nonword))]
        assert int(row["frequency"]) == counts[row["spelt"]]
        first, other = (each.alignment["phone"] for each in (word, nonword))
        assert first[0].end == pytest.approx(other[0].end, abs=1600)  # a stop begins with its burst
        assert first[-1].end - first[-1].start == pytest.approx(other[-1].end - other[-1].start, abs=1600)


def test_voices_are_held_out_and_take_turns(task):
    voices = Counter(row["voice"] for row in table(task))
    assert {*voices} <= {*TEST_VOICES.split()} and not {*voices} & {*TRAIN_VOICES.split()}
    assert len(voices) == 12
    by_word = defaultdict(set)
    for row in table(task):
        by_word[row["spelt"]].add(row["voice"])
    assert all(len(each) == 3 for each in by_word.values())


def test_recordings_are_those_of_the_tiers(task):
    for utterance in items(task).values():
        assert audio_info(utterance.path) == (utterance.ticks, 16_000)
        assert [each.label for each in utterance.alignment["word"] if each.label != "SIL"] == [utterance.text]
        wave = read_audio(utterance)
        before, *_, after = utterance.alignment["phone"]
        assert np.abs(wave[: before.end - 400]).max() < 0.01 < np.abs(wave[before.end : after.start]).max()


def test_the_gold_list_has_the_layout_of_the_challenge(task):
    rows = gold(task)
    assert [*rows[0]] == ["id", "filename", "voice", "frequency", "word", "phones", "length", "correct"]
    assert {row["filename"] for row in rows} == {path.stem for path in (task / "lexical" / "dev").glob("*.wav")}
    assert {*items(task)} == {row["filename"] for row in rows}
    pairs = defaultdict(list)
    for row in rows:
        pairs[row["id"], row["voice"]].append(row["correct"])
        assert row["phones"].split() == phones(items(task)[row["filename"]])
        assert bool(row["frequency"]) == (row["correct"] == "1")
    assert all(each == ["1", "0"] for each in pairs.values())


def test_what_is_no_such_corpus_is_refused(task, tmp_path):
    main = runpy.run_path(str(ROOT / "data_prep" / "spot_the_word.py"))["main"]
    with pytest.raises(CorpusError, match=r"has no spoken_text.json; give the folder"):
        main([str(tmp_path)])
    (tmp_path / "spoken_text.json").write_text('{"language": "cmn"}')
    with pytest.raises(CorpusError, match="the language is cmn; pairs are made of en, fr only"):
        main([str(tmp_path)])
    with pytest.raises(SystemExit):
        main([str(task), "--voices", "13"])
