"""unitdisc lm-train, lm-score and lm-sample: what they print and keep, and what they refuse."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from tiny import tree

from unitdisc.language.reading import Source, read_source

pytest_plugins = ["tiny_fixtures"]

TEXT = "a b a\nb a b b\n\na b\n"


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "pairs.tsv").write_text("word\tnonword\tkind\n1\t2\tx\n1\t4\ty\n")
    return tmp_path


def test_units_of_a_model_from_training_to_new_ones(unitdisc, tiny_encodings, tmp_path):
    units, lm = tiny_encodings / "bottleneck", tmp_path / "lm"
    made = unitdisc("lm-train", "ngram", units, lm, "--set", "order=2")
    assert made.code == 0, made.err
    card = json.loads((lm / "lm.json").read_text())
    read = read_source(Source(units)).sequences
    assert card["symbols"] == "units" and card["made_of"]["utterances"] == 12 == len(read)
    assert f"ngram of units, {len(card['vocabulary']) - 3} different ones" in made.out
    assert (lm / "followers.tsv").read_text().startswith("symbol\tnext\tcount\tprobability\texpected\tpmi\n")
    scored = unitdisc("lm-score", lm, units, "--output", tmp_path / "s.json", "--utterances", tmp_path / "u.jsonl")
    assert scored.code == 0, scored.err
    figures = json.loads((tmp_path / "s.json").read_text())
    rows = [json.loads(line) for line in (tmp_path / "u.jsonl").read_text().splitlines()]
    assert [row["utterance"] for row in rows] == read.names
    assert sum(row["bits"] for row in rows) == pytest.approx(figures["as_they_are"]["bits"])
    assert figures["as_they_are"]["seconds"] == pytest.approx(read.seconds.sum())
    assert "bits/second" in scored.out and "shuffled" in scored.out and "reversed" in scored.out
    sampled = unitdisc("lm-sample", lm, tmp_path / "made.jsonl", "--sequences", "3", "--prompts", units)
    assert sampled.code == 0, sampled.err
    again = read_source(Source(tmp_path / "made.jsonl")).sequences
    assert again.names == ["sample-1", "sample-2", "sample-3"] and {*again.symbols} <= {*card["vocabulary"]}
    before = tree(lm)
    assert unitdisc("lm-train", "ngram", units, lm, "--set", "order=2").code == 0
    assert tree(lm) == before


@pytest.mark.parametrize("symbols", ["codes", "durations", "bpe"])
def test_every_kind_of_symbol_comes_back_as_codes(unitdisc, tiny_encodings, tmp_path, symbols):
    units = tiny_encodings / "bottleneck"
    options = ["--symbols", symbols, "--bpe-size", "12", "--longest", "3", "--set", "order=2"]
    made = unitdisc("lm-train", "ngram", units, tmp_path / "lm", *options)
    assert made.code == 0, made.err
    assert ("last more than 3 frames" in made.err) == (symbols == "durations")
    assert unitdisc("lm-score", tmp_path / "lm", units).code == 0
    assert unitdisc("lm-sample", tmp_path / "lm", tmp_path / "made.jsonl", "--longest", "40").code == 0
    codes = {code for line in read_source(Source(tmp_path / "made.jsonl")).sequences for code in line}
    assert codes <= {*read_source(Source(units)).sequences.symbols}


def test_words_of_a_text(unitdisc, here):
    made = unitdisc("lm-train", "ngram", here / "text.txt", here / "lm", "--set", "order=2")
    assert made.code == 0, made.err
    assert "left out: 1 blank lines of" in made.err and "order 1: the discounts cannot be estimated" in made.err
    scored = unitdisc("lm-score", here / "lm", here / "text.txt", "--pairs", here / "pairs.tsv")
    assert "of 2 pairs" in scored.out and "bits/second" not in scored.out
    arpa = unitdisc("lm-score", here / "lm/model.arpa", here / "text.txt", "--pairs", here / "pairs.tsv")
    assert arpa.out == scored.out
    sampled = unitdisc("lm-sample", here / "lm", here / "made.txt", "--prompt", "b a", "--sequences", "4")
    assert sampled.code == 0 and all(line.startswith("b a") for line in (here / "made.txt").read_text().splitlines())


def other_model(here: Path) -> None:
    """Of another text, in the folder `there`."""
    (here / "other.txt").write_text("a c\nc a\n")


def spoil(name: str, change) -> None:
    def harm(here: Path) -> None:
        path = here / "lm" / name
        path.write_bytes(change(path.read_bytes()))

    return harm


def codes_without_runs(here: Path) -> None:
    (here / "runs.jsonl").write_text('{"utterance": "x", "codes": [' + "1, 2, " * 40 + "3]}\n")


def frames_for_codes(here: Path) -> None:
    (here / "frames").mkdir()
    np.save(here / "frames/x.npy", np.zeros((4, 3)))


def special(here: Path) -> None:
    (here / "special.txt").write_text("a b\na </s> b\n")


def unfinished(here: Path) -> None:
    (here / "lm/model.arpa").unlink()


TRAIN, SCORE, SAMPLE = ["lm-train", "ngram"], ["lm-score", "lm"], ["lm-sample", "lm"]
BAD = [  # what is done, the command, what it says
    (None, ["lm-train", "gpt", "text.txt", "new"], r"there is no language model 'gpt'; choose one of \['ngram', "),
    (None, [*TRAIN, "nothing", "new"], "nothing: no such folder, nor a .km or .jsonl file"),
    (None, [*TRAIN, "nothing.txt", "new"], "nothing.txt: no such folder"),
    (None, [*TRAIN, "text.txt", "new", "--symbols", "phones"], "--symbols must be one of"),
    (None, [*TRAIN, "text.txt", "new", "--symbols", "units"], "has words, and no codes to make units of; .*--symbols"),
    (None, [*TRAIN, "text.txt", "new", "--set", "order=0"], r"order` must be 1 to 20|--order|order must be"),
    (None, [*TRAIN, "text.txt", "new", "--set", "layers=3"], r"\[ngram\] has no option \['layers'\]"),
    (None, [*TRAIN, "text.txt", "new", "--set", "x.order=3"], "write OPTION=VALUE, without a table"),
    (None, [*TRAIN, "text.txt", "new", "--set", "fallback=false"], "no 1-gram counts 1, .*fallback"),
    (None, [*TRAIN, "text.txt", "text.txt"], "text.txt: is a file, where a folder is needed"),
    (None, [*TRAIN, "text.txt", "new", "--tier", "phone"], "text.txt: neither a manifest nor a folder"),
    (None, [*TRAIN, "text.txt", "new", "--bpe-size", "1"], "--bpe-size must be 2 symbols or more"),
    (None, [*TRAIN, "text.txt", "new", "--longest", "0"], "--longest must be 1 frame or more"),
    (None, ["lm-train", "lm-small", "text.txt", "new", "--set", "heads=3"], "dim 256 must be a multiple of heads 3"),
    (None, ["lm-train", "lm-small", "text.txt", "new", "--set", "context=1"], "context must be 2 or more"),
    (other_model, [*TRAIN, "other.txt", "lm"], "lm: holds another language model, which differs in .*vocabulary"),
    (None, [*TRAIN, "text.txt", "lm", "--set", "order=3"], "lm: holds another language model, which differs in order"),
    (codes_without_runs, [*TRAIN, "runs.jsonl", "new", "--symbols", "durations"], "no code follows itself"),
    (codes_without_runs, [*SCORE, "runs.jsonl"], "runs.jsonl: has codes, and no words"),
    (frames_for_codes, [*TRAIN, "frames", "new"], "x.npy: holds frames, of 3 numbers each, and no codes"),
    (special, [*TRAIN, "special.txt", "new"], "special.txt:2: has </s>, which the model itself adds"),
    (unfinished, [*SCORE, "text.txt"], "lm: is not finished; run the same `unitdisc lm-train` again"),
    (spoil("model.arpa", lambda content: content[:150]), [*SCORE, "text.txt"], "model.arpa.*copy it again, whole"),
    (spoil("lm.json", lambda content: content[:50]), [*SCORE, "text.txt"], "lm.json: damaged"),
    (spoil("lm.json", lambda c: c.replace(b'"b"', b'"d"')), [*SCORE, "text.txt"], "model.arpa: has other symbols"),
    (None, ["lm-score", "nothing", "text.txt"], "nothing: no such folder or ARPA file"),
    (None, ["lm-score", "text.txt", "text.txt"], r"text.txt:1: does not begin with \\data\\"),
    (None, [*SCORE, "text.txt", "--symbols", "codes"], "is a model of words, not of codes; leave out --symbols"),
    (None, [*SCORE, "text.txt", "--pairs", "text.txt"], r"text.txt:1: has no columns \['nonword', 'word'\]"),
    (
        lambda h: (h / "p.tsv").write_text("word\tnonword\n1\t9\n"),
        [*SCORE, "text.txt", "--pairs", "p.tsv"],
        "p.tsv:2: '9'",
    ),
    (lambda h: (h / "p.tsv").write_text("word\tnonword\n"), [*SCORE, "text.txt", "--pairs", "p.tsv"], "has no pairs"),
    (None, [*SAMPLE, "made.json"], "made.json: must end in .jsonl or .txt"),
    (None, [*SAMPLE, "made.txt", "--prompt", "a z"], "--prompt: the model does not know the symbol 'z'"),
    (None, [*SAMPLE, "made.txt", "--prompt", "a", "--prompts", "text.txt"], "--prompt and --prompts are two ways"),
    (None, [*SAMPLE, "made.txt", "--temperature", "-1"], "--temperature must be 0 or more"),
    (None, [*SAMPLE, "made.txt", "--top-p", "0"], "--top-p must be above 0"),
    (None, [*SAMPLE, "made.txt", "--longest", "2", "--prompt", "a b a"], "has 3 symbols already; .*--longest"),
]


@pytest.mark.parametrize(("harm", "command", "message"), BAD, ids=[message[:40] for *_, message in BAD])
def test_what_is_wrong_is_said_in_one_sentence(unitdisc, here, monkeypatch, harm, command, message):
    monkeypatch.chdir(here)
    if "lm" in command or harm is not None:
        assert unitdisc(*TRAIN, "text.txt", "lm", "--set", "order=2").code == 0
    if harm is not None:
        harm(here)
    result = unitdisc(*command)
    last = result.err.splitlines()[-1]
    assert result.code == 1 and last.startswith("unitdisc: "), result.err
    assert re.search(message, last), last
    assert "new" not in {path.name for path in here.iterdir()}
