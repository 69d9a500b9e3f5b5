"""Running text read aloud: exact words and phones, voices kept apart, the same bytes however it was made."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tiny import tree

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.prep.grammar import WordGrammar
from unitdisc.prep.notes import Notes
from unitdisc.prep.running_text import LONGEST, parted, read_sentences
from unitdisc.prep.speech import corpora
from unitdisc.prep.speech.phonemes import LANGUAGES
from unitdisc.prep.speech.reading import Spelt, read_apart
from unitdisc.prep.speech.voices import voice_with_manner

pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: pip install 'unitdisc[demo]'")

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "data_prep" / "spoken_text.py"
SOME = ("--train-minutes", "0.3", "--test-minutes", "0.2", "--jobs", "1")
TEXT = """Ge1:1 In the beginning of the year, one of the men went out of the house.
Ge1:2 "It was 3 o'clock," he said; and the Mother-in-law: came in!

And so they all went to sea in a sieve of the best of the wood in the land and did not come back to the town for years.
Nobody knew where they were.
"""


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def corpus(script, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spoken")
    script["main"]([str(folder), *SOME, "--beginnings", "0.1", "0.3"])
    return folder


def listed(folder: Path, split: str) -> list[Utterance]:
    return [*read_manifest(folder / f"{split}.jsonl")]


def everything(folder: Path) -> list[Utterance]:
    return listed(folder, "train") + listed(folder, "test")


def made(folder: Path) -> dict[str, bytes]:
    """All files; what stands in parts/ names the folder."""
    return {name: content for name, content in tree(folder).items() if not name.startswith(("parts", "."))}


def test_tiers_are_those_of_the_recordings(corpus):
    for utterance in everything(corpus):
        assert audio_info(utterance.path) == (utterance.ticks, 16_000)
        words = [each.label for each in utterance.alignment["word"] if each.label != "SIL"]
        assert words == utterance.text.split()
        edges = {tick for each in utterance.alignment["phone"] for tick in each[:2]}
        for tier in ("phone", "word"):
            intervals = utterance.alignment[tier]
            assert (intervals[0].start, intervals[-1].end) == (0, utterance.ticks)
            assert all(one.end == two.start for one, two in pairwise(intervals))
            assert {tick for each in intervals for tick in each[:2]} <= edges
        wave = read_audio(utterance)
        for start, end, label in utterance.alignment["phone"]:
            if label == "SIL":
                assert np.abs(wave[start + 400 : end - 400]).max(initial=0) < 0.05


def test_no_voice_and_no_sentence_is_trained_on_and_tested(corpus):
    train, test = listed(corpus, "train"), listed(corpus, "test")
    assert {each.speaker for each in train}.isdisjoint(each.speaker for each in test)
    shared = {each.text for each in train} & {each.text for each in test}
    assert len(shared) <= 2  # of very short ones


def test_the_truth_is_that_of_the_grammar(corpus):
    truth = json.loads((corpus / "truth.json").read_bytes())
    grammar = WordGrammar.read(SCRIPT.with_suffix("") / "en.txt")
    assert truth["bits_per_sentence"] == grammar.bits_per_sentence()
    for split in ("train", "test"):
        said = [each.text.split() for each in listed(corpus, split)]
        assert (corpus / f"{split}.txt").read_text().split("\n")[:-1] == [
            " ".join(words) for words in in_order(corpus, split)
        ]
        assert truth[f"{split}_bits"] == pytest.approx(sum(map(grammar.bits_of, said)))
        assert truth[f"{split}_symbols"] == sum(len(words) + 1 for words in said)


def in_order(corpus: Path, split: str) -> list[list[str]]:
    """What is said, in the order in which it was."""
    return [each.text.split() for each in sorted(listed(corpus, split), key=lambda each: each.id[-6:])]


def test_beginnings_are_the_first_minutes(corpus, script, tmp_path):
    every = sorted(listed(corpus, "train"), key=lambda each: each.id[-6:])
    assert listed(corpus, "train-0.3") == listed(corpus, "train")
    few = sorted(listed(corpus, "train-0.1"), key=lambda each: each.id[-6:])
    assert few == every[: len(few)]
    assert sum(each.ticks for each in few) >= 0.1 * 60 * 16_000 > sum(each.ticks for each in few[:-1])
    script["main"]([str(tmp_path), "--train-minutes", "0.1", "--test-minutes", "0.1", "--jobs", "1"])
    assert [each.id for each in listed(tmp_path, "train")] == [each.id for each in listed(corpus, "train-0.1")]
    with pytest.raises(SystemExit):
        script["main"]([str(tmp_path), "--train-minutes", "1", "--beginnings", "2"])


def test_a_corpus_that_was_killed_is_completed_to_the_same_bytes(corpus, script, tmp_path, monkeypatch):
    """Killed where a recording is written; nor do parts matter that were made ahead."""
    monkeypatch.setattr(corpora, "BLOCK", 4)
    script["main"]([str(tmp_path / "whole"), *SOME])
    write, count = corpora.write_audio, 0

    def killed(*given):
        nonlocal count
        count += 1
        if count == 7:
            raise SystemExit("killed")
        write(*given)

    monkeypatch.setattr(corpora, "write_audio", killed)
    with pytest.raises(SystemExit, match="killed"):
        script["main"]([str(tmp_path / "twice"), *SOME])
    part = tmp_path / "twice" / "parts" / "train-00000.jsonl"
    assert part.exists() and not (tmp_path / "twice" / "train.jsonl").exists()
    monkeypatch.setattr(corpora, "write_audio", write)
    spoken: list[str] = []
    speak = corpora.speak
    monkeypatch.setattr(corpora, "speak", lambda block, place: spoken.append(block.ids[place]) or speak(block, place))
    script["main"]([str(tmp_path / "twice"), *SOME])
    assert not {"f1-000000", "f2-000002"} & {*spoken}
    monkeypatch.undo()
    assert (
        made(tmp_path / "whole")
        == made(tmp_path / "twice")
        == {name: content for name, content in made(corpus).items() if "train-0" not in name}
    )


@pytest.mark.slow
def test_processes_and_kill_9_change_nothing(corpus, tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "out"), *SOME[:-1], "2"]
    started = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if any((tmp_path / "out").glob("wav/train/*.wav")):
            break
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert made(tmp_path / "out") == {name: each for name, each in made(corpus).items() if "train-0" not in name}


@pytest.mark.slow
def test_more_minutes_go_on(corpus, script, tmp_path):
    script["main"]([str(tmp_path), "--train-minutes", "0.1", "--test-minutes", "0.1", "--jobs", "1"])
    script["main"]([str(tmp_path), *SOME])
    assert made(tmp_path) == {name: content for name, content in made(corpus).items() if "train-0" not in name}


def test_another_corpus_is_not_mixed_in(corpus, script, tmp_path):
    with pytest.raises(CorpusError, match="differs in seed; choose another folder"):
        script["main"]([str(corpus), *SOME, "--seed", "1"])
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(CorpusError, match="holds another corpus"):
        script["main"]([str(tmp_path), *SOME])


def test_a_text_is_cut_into_sentences(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "\n" + "It was so. " * 180)
    notes = Notes()
    assert [" ".join(words) for words in read_sentences(tmp_path / "text.txt", notes)][:5] == [
        "in the beginning of the year, one of the men went out of the house",
        "and so they all went to sea in a sieve of the best of the",
        "wood in the land and did not come back to the town for years",
        "nobody knew where they were",
        "it was so",
    ]
    assert notes.counts == {
        "left out: what has digits, at the beginning of a line": 2,
        "left out: a sentence with digits, or other signs that are no words": 1,
        f"cut: a sentence of more than {LONGEST} words": 1,
    }


def test_sentences_of_the_test_are_not_trained_on():
    parts = parted([[str(number)] for number in range(1000)])
    assert len(parts["test"]) == 100 and len(parts["train"]) == 900
    assert parts["test"][:2] == [["180"], ["181"]]


def test_a_text_is_read_aloud_to_its_end(script, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("We sat. " * 185)
    options = ("--train-minutes", "100", "--test-minutes", "0.1", "--jobs", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "write_audio", lambda *given: None)
        script["main"]([str(tmp_path / "out"), "--text", str(tmp_path / "text.txt"), *options])
    said = capsys.readouterr().err
    assert "it is not repeated" in said and "the text ended after" in said
    assert len(listed(tmp_path / "out", "train")) == 180
    assert not (tmp_path / "out" / "truth.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "cmn"])
def test_other_languages_have_a_grammar_that_is_drawn(script, language, tmp_path):
    options = ("--train-minutes", "0.1", "--test-minutes", "0.05", "--jobs", "1")
    script["main"]([str(tmp_path), "--language", language, *options])
    words = {word for each in everything(tmp_path) for word in each.text.split()}
    assert words <= {*(SCRIPT.parent / "mini_speech" / f"{language}.txt").read_text().split()}
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    assert 0 < truth["train_bits_per_symbol"] < 20
    assert all(("tone" in each.alignment) == (language == "cmn") for each in everything(tmp_path))


def test_words_that_are_one_to_espeak_are_kept_apart():
    words = ["one", "of", "the", "men", "went", "out", "of", "the", "house"]
    voice = voice_with_manner("m3", 0)
    said = read_apart(LANGUAGES["en"], words, voice, np.random.default_rng(0))
    assert [each.label for each in said.alignment["word"] if each.label != "SIL"] == words
    assert said.text == " ".join(words)
    assert Spelt.of(words[:3], {1, 2}) == Spelt("one | of | the", [0, 6, 11])


@pytest.mark.parametrize(
    "text,told",
    [
        ("", "has no sentence that can be read aloud"),
        ("1 2 3\n", "has no sentence that can be read aloud"),
        ("@ @\n", "has no sentence that can be read aloud"),
        (TEXT, "has 4 sentences, and none of them is for the test"),
    ],
)
def test_what_is_no_text_is_refused(script, text, told, tmp_path):
    (tmp_path / "text.txt").write_text(text)
    with pytest.raises(CorpusError, match=rf"text.txt: {told}.*; give"):
        script["main"]([str(tmp_path / "out"), "--text", str(tmp_path / "text.txt"), *SOME])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong", [("--jobs", "0"), ("--train-minutes", "0"), ("--test-minutes", "nan"), ("--seed", "-1")]
)
def test_options_that_cannot_be_are_refused(script, wrong, tmp_path):
    with pytest.raises(SystemExit):
        script["main"]([str(tmp_path / "out"), *wrong])
    assert not (tmp_path / "out").exists()
