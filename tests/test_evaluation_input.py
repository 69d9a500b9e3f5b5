"""Corrupt inputs of all that evaluates: each ends in a sentence of its own: what is wrong, where, and the cure.

Every case spoils one thing in a small folder in which all is right, and runs one command there. What must be said is in
corrupt_inputs.txt, a case and its sentence on each line; there … stands for the words of a library.
"""

import errno
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sentences import assert_ends_in_its_sentence, read_sentences, sentence
from spoilt import (
    DIM,
    FRAMES,
    HEADINGS,
    NAMES,
    Spoil,
    archive,
    array,
    both,
    changed,
    codes,
    content,
    cut,
    each,
    folder,
    gone,
    header,
    item,
    nothing,
    settings,
    tiers,
    with_value,
)
from tiny import tree

pytest_plugins = ["tiny_fixtures", "spoilt_fixtures"]

SENTENCES = read_sentences("corrupt_inputs.txt")

ABX = "abx enc corpus.jsonl"
ITEMS = "abx enc test.item"
THEIRS = "abx theirs test.item --frame-rate 100"
PROBE = "probe enc corpus.jsonl --device cpu --no-controls"
SCORE = "score enc corpus.jsonl"
EXPORT = "export enc corpus.jsonl units"
REPORT = "probe_report.py corpus.jsonl page enc --device cpu --no-controls --task speaker"
SEGMENTATION = "segmentation.py corpus.jsonl found.jsonl"
TERMS = "term_discovery.py gold.phn gold.wrd found.class"
ZS17 = "zerospeech2017.py data17 enc17 --languages english --durations 1s --no-quotes --threads 1"
ZS19 = "zerospeech2019.py data19 sub19 --languages english --threads 1"
ZS21 = "zerospeech2021.py score data21 enc21 --point bottleneck --threads 1"
SUB21 = "zerospeech2021.py score data21 sub21 --threads 1"
CHECK21 = "zerospeech2021.py check sub21"
WRITE21 = "zerospeech2021.py write enc21 new21 --author A --affiliation B --description C --train-set D"

# What is spoilt, and the command


CASES: dict[str, tuple[Spoil, str]] = {
    # arrays of ours
    "no array": (gone("enc/u1.npy"), ABX),
    "empty array file": (content("enc/u1.npy", b""), ABX),
    "text instead of an array": (content("enc/u1.npy", "0.1 0.2"), PROBE),
    "cut in the header": (content("enc/u1.npy", header("{'descr': ")), ABX),
    "cut in the values": (cut("enc/u1.npy", 300), PROBE),
    "header that is no dictionary": (content("enc/u1.npy", header("[1, 2]\n")), ABX),
    "header of a giant": (content("enc/u1.npy", header(shape=(10**15, 3))), ABX),
    "header whose size overflows": (content("enc/u1.npy", header(shape=(2**62, 4))), ABX),
    "flat array": (array("enc/u1.npy", np.zeros(40)), SCORE),
    "cube": (array("enc/u1.npy", np.zeros((4, 5, 2))), PROBE),
    "no dimensions": (array("enc/u1.npy", np.zeros((40, 0))), ABX),
    "no frames": (both(array("enc/u1.npy", np.zeros((0, 3))), gone("enc/units.jsonl")), ITEMS),
    "words": (array("enc/u1.npy", np.array([["a", "b", "c"]] * 40)), ABX),
    "truths": (array("enc/u1.npy", np.zeros((40, 3), bool)), ABX),
    "complex numbers": (array("enc/u1.npy", np.zeros((40, 3), complex)), ABX),
    "dates": (array("enc/u1.npy", np.zeros((40, 3), "m8[s]")), ABX),
    "objects": (array("enc/u1.npy", np.array([{}], object), allow_pickle=True), ABX),
    "archive": (archive("enc/u1.npy"), ABX),
    "a folder instead of an array": (both(gone("enc/u1.npy"), folder("enc/u1.npy")), ABX),
    "NaN": (with_value("enc/u1.npy", np.nan), ABX),
    "infinity": (with_value("enc/u1.npy", -np.inf), PROBE),
    "too large for single precision": (with_value("enc/u1.npy", 1e200, np.float64), ABX),
    "other dimensions": (array("enc/u1.npy", np.ones((40, 4))), ABX),
    "other dimensions to probe": (array("enc/u2.npy", np.ones((40, 4))), PROBE),
    "shorter than its items": (both(array("enc/u1.npy", np.ones((10, 3))), gone("enc/units.jsonl")), ITEMS),
    "shorter than its codes": (array("enc/u1.npy", np.ones((39, 3))), SCORE),
    "negative values as probabilities": (nothing, f"{ABX} --distance kl"),
    # encodings.json
    "no settings": (gone("enc/encodings.json"), ABX),
    "torn settings": (content("enc/encodings.json", '{"stride": 16'), ABX),
    "settings that are a list": (content("enc/encodings.json", "[1, 2]"), ABX),
    "settings that are nested without end": (content("enc/encodings.json", "[" * 100_000), ABX),
    "settings in UTF-16": (content("enc/encodings.json", "{}".encode("utf-16")), ABX),
    "stride 0": (settings(stride=0), ABX),
    "negative stride": (settings(stride=-160), SCORE),
    "stride NaN": (settings(stride=float("nan")), PROBE),
    "stride of a giant": (settings(stride=10**20), ABX),
    "stride in words": (settings(stride="10 ms"), ABX),
    "infinite offset": (settings(offset=float("inf")), ABX),
    "rate in words": (settings(rate="16 kHz"), ITEMS),
    "rate 0": (settings(rate=0), ABX),
    # units.jsonl
    "torn line": (codes('{"utterance": "u1", "codes": [1, 2'), SCORE),
    "no lines": (content("enc/units.jsonl", ""), SCORE),
    "encoding that was interrupted": (lambda: Path("enc/units.jsonl").rename("enc/units.jsonl.part"), ABX),
    "line of no utterance": (codes('{"utterance": 7, "codes": [1]}'), SCORE),
    "line of a path": (codes('{"utterance": "../../u1", "codes": [1]}'), SCORE),
    "one utterance twice": (codes('{"utterance": "u0", "codes": [1]}'), SCORE),
    "negative codes": (codes('{"utterance": "u1", "codes": [1, -1]}'), EXPORT),
    "codes with a fraction": (codes('{"utterance": "u1", "codes": [1, 2.5]}'), SCORE),
    "codes in words": (codes('{"utterance": "u1", "codes": ["a"]}'), EXPORT),
    "codes too large": (codes('{"utterance": "u1", "codes": [100000000000000000000]}'), SCORE),
    "codes of another length": (codes('{"utterance": "u1", "codes": [1, 2]}'), SCORE),
    "codes of another length to export": (codes('{"utterance": "u1", "codes": [1, 2]}'), EXPORT),
    "no codes to score": (each(lambda e: e.update(codes=None), "enc/units.jsonl"), SCORE),
    "no codes to export": (each(lambda e: e.update(codes=None), "enc/units.jsonl"), EXPORT),
    # centres
    "centres gone": (gone("irregular/centres/u1.npy"), "abx irregular corpus.jsonl"),
    "centres fall": (array("irregular/centres/u1.npy", np.arange(40.0)[::-1]), "abx irregular corpus.jsonl"),
    "centres with NaN": (array("irregular/centres/u1.npy", np.full(40, np.nan)), "probe irregular corpus.jsonl"),
    "centres of two dimensions": (array("irregular/centres/u1.npy", np.zeros((40, 1))), "score irregular corpus.jsonl"),
    "too few centres": (array("irregular/centres/u1.npy", np.arange(39.0)), "score irregular corpus.jsonl"),
    "irregular frames with Libri-Light's slicing": (nothing, "abx irregular corpus.jsonl --slicing librilight"),
    # item files
    "no item file": (gone("test.item"), ITEMS),
    "a folder as item file": (both(gone("test.item"), folder("test.item")), ITEMS),
    "empty item file": (content("test.item", ""), ITEMS),
    "headings without items": (content("test.item", HEADINGS), ITEMS),
    "items without headings": (changed("test.item", HEADINGS, ""), ITEMS),
    "short line": (item("u0 0.05 0.1 b x x"), ITEMS),
    "times swapped": (item("u0 0.1 0.05 b x x s0"), ITEMS),
    "item of no length": (item("u0 0.1 0.1 b x x s0"), ITEMS),
    "negative time": (item("u0 -0.1 0.05 b x x s0"), ITEMS),
    "time NaN": (item("u0 nan 0.05 b x x s0"), ITEMS),
    "time infinite": (item("u0 0.05 inf b x x s0"), ITEMS),
    "time in letters": (item("u0 0.05 end b x x s0"), ITEMS),
    "time with a comma": (item("u0 0,05 0,1 b x x s0"), ITEMS),
    "binary garbage": (content("test.item", bytes(range(1, 256))), ITEMS),
    "null bytes": (content("test.item", b"\0" * 99), ITEMS),
    "their half of a tensor": (both(gone("theirs"), folder("theirs"), content("theirs/u0.pt", "hello")), THEIRS),
    "their ragged text": (both(gone("theirs"), folder("theirs"), content("theirs/u0.txt", "1 2\n3\n")), THEIRS),
    "UTF-16": (lambda: Path("test.item").write_text(Path("test.item").read_text(), encoding="utf-16"), ITEMS),
    "item without features": (item("u9 0.05 0.1 b x x s0"), ITEMS),
    "item after the end": (item("u0 0.05 0.9 b x x s0"), ITEMS),
    "item file in ticks": (item("u0 800 1600 b x x s0"), ITEMS),
    "one item": (content("test.item", HEADINGS + "u0 0 0.1 b x x s0\n"), ITEMS),
    "items of one label": (changed("test.item", " b x x ", " a x x ", -1), ITEMS),
    "unknown column on": (nothing, f"{ITEMS} --on colour"),
    "unknown column by": (nothing, f"{ITEMS} --by prev-phone,colour"),
    "unknown column across": (nothing, f"{ITEMS} --across colour"),
    "columns of a corpus": (nothing, f"{ABX} --on speaker"),
    "tier of an item file": (nothing, f"{ITEMS} --tier word"),
    # corpora
    "no corpus": (gone("corpus.jsonl"), SCORE),
    "empty corpus": (content("corpus.jsonl", ""), PROBE),
    "torn corpus": (cut("corpus.jsonl", 300), SCORE),
    "unsorted intervals": (tiers(lambda e: e["alignment"]["phone"].reverse()), ABX),
    "overlapping intervals": (tiers(lambda e: e["alignment"]["phone"].insert(1, [700, 900, "b"])), PROBE),
    "interval after the end": (tiers(lambda e: e["alignment"]["phone"].append([6400, 6500, "b"])), SCORE),
    "interval in seconds": (tiers(lambda e: e["alignment"].update(phone=[[0.0, 0.1, "b"]])), ABX),
    "label that is a number": (tiers(lambda e: e["alignment"].update(phone=[[0, 10, 3]])), PROBE),
    "negative length": (tiers(lambda e: e.update(ticks=-1)), SCORE),
    "unknown tier to abx": (nothing, f"{ABX} --tier tone"),
    "unknown tier to score": (nothing, f"{SCORE} --tier tone"),
    "unknown tier to probe": (nothing, f"{PROBE} --tier word --task labels"),
    "a tier that one utterance lacks": (tiers(lambda e: e["alignment"].pop("phone")), ABX),
    "another corpus": (each(lambda e: e.update(id="v" + e["id"])), PROBE),
    "another version of the corpus": (each(lambda e: e.update(ticks=12_800)), SCORE),
    "another version to export": (each(lambda e: e.update(ticks=12_800)), EXPORT),
    "nobody knows the speakers": (each(lambda e: e.pop("speaker")), ABX),
    "one speaker, one label": (
        each(lambda e: e.update(speaker="s", alignment={"phone": [[0, 6400, "a"]]})),
        f"{ABX} --context any",
    ),
    "no phone between phones": (each(lambda e: e["alignment"].update(phone=[[0, 800, "a"], [900, 1000, "b"]])), ABX),
    # frame rates
    "no frame rate": (nothing, "abx theirs corpus.jsonl"),
    "no frame rate for items": (nothing, "abx theirs test.item"),
    "frame rate 0": (nothing, "score theirs corpus.jsonl --frame-rate 0"),
    "frame rate NaN": (nothing, "abx theirs test.item --frame-rate nan"),
    "frame rate half of what it is": (nothing, "abx theirs corpus.jsonl --frame-rate 50"),
    "frame rate twice what it is": (nothing, "probe theirs corpus.jsonl --frame-rate 200"),
    "frame rate twice what it is, items": (nothing, "abx theirs test.item --frame-rate 200"),
    "frame rate of recordings of several rates": (
        tiers(lambda e: e.update(rate=8000)),
        "abx theirs corpus.jsonl --frame-rate 100",
    ),
    # arrays of others
    "their NaN": (with_value("theirs/u1.npy", np.nan), THEIRS),
    "their archive": (archive("theirs/u1.npy"), THEIRS),
    "their cut header": (content("theirs/u1.npy", header("{'descr': ")), THEIRS),
    "their other dimensions": (array("theirs/u1.npy", np.ones((40, 4))), THEIRS),
    "their missing file": (gone("theirs/u1.npy"), THEIRS),
    "their files in two formats": (content("theirs/u9.txt", "1 2 3\n"), THEIRS),
    "their codes, as frames": (both(*(array(f"theirs/{n}.npy", np.arange(40)) for n in NAMES)), THEIRS),
    # options
    "memory 0": (nothing, f"{ABX} --memory 0"),
    "memory infinite": (nothing, f"{ABX} --memory inf"),
    "threads 0": (nothing, f"{ABX} --threads 0"),
    "threads -1": (nothing, f"{ABX} --threads -1"),
    "bootstrap -1": (nothing, f"{ABX} --bootstrap -1"),
    "seed -1": (nothing, f"{ABX} --seed -1"),
    "groups of none": (nothing, f"{ABX} --max-size-group 0"),
    "no speakers across": (nothing, f"{ABX} --max-x-across 0"),
    "unknown distance": (nothing, f"{ABX} --distance manhattan"),
    "unknown slicing": (nothing, f"{ABX} --slicing thick"),
    "unknown average": (nothing, f"{ABX} --average median"),
    "unknown pooling": (nothing, f"{ABX} --pooling max"),
    "unknown sampler": (nothing, f"{ABX} --sampler dice"),
    "unknown context": (nothing, f"{ABX} --context sentence"),
    "pooled codes": (nothing, f"{ABX} --distance identity --pooling mean"),
    "cells of a spreadsheet": (nothing, f"{ABX} --cells cells.xlsx"),
    "cells into a folder": (folder("cells.csv"), f"{ABX} --cells cells.csv"),
    "output into a folder": (nothing, f"{ABX} --output enc"),
    "output below a file": (nothing, f"{SCORE} --output test.item/scores.json"),
    "output of a probe below a file": (nothing, f"{PROBE} --output corpus.jsonl/a/b.json"),
    "negative tolerance": (nothing, f"{SCORE} --tolerance -5"),
    "names of codes from nowhere": (nothing, f"{SCORE} --learn-encodings enc"),
    "units below a file": (nothing, "export enc corpus.jsonl test.item/units"),
    "units in an unknown format": (nothing, f"{EXPORT} --format mlf"),
    # probes
    "unknown task": (nothing, f"{PROBE} --task mood"),
    "unknown reader": (nothing, f"{PROBE} --reader forest"),
    "even context": (nothing, f"{PROBE} --context-frames 2"),
    "negative training frames": (nothing, f"{PROBE} --training-frames -1"),
    "negative seed of a probe": (nothing, f"{PROBE} --seed -1"),
    "training encodings without their corpus": (nothing, f"{PROBE} --train-encodings enc"),
    "mel without its corpus": (nothing, f"{PROBE} --train-mel enc"),
    "no mel": (nothing, f"{PROBE} --mel nowhere"),
    "mel NaN": (with_value("irregular/u1.npy", np.nan), f"{PROBE} --mel irregular --task mel"),
    "training in other dimensions": (
        both(
            *(array(f"irregular/{n}.npy", np.ones((40, 4))) for n in NAMES),
            lambda: shutil.copy("corpus.jsonl", "other.jsonl"),
            each(lambda e: e.update(path="elsewhere.wav"), "other.jsonl"),
        ),
        f"{PROBE} --task labels --train-encodings irregular --train-corpus other.jsonl",
    ),
    "training on what is scored": (
        nothing,
        f"{PROBE} --task labels --known-speakers --train-encodings enc --train-corpus corpus.jsonl",
    ),
    "one speaker to probe": (each(lambda e: e.update(speaker="s")), f"{PROBE} --task labels"),
    "one class to probe": (each(lambda e: e["alignment"].update(phone=[[0, 6400, "a"]])), f"{PROBE} --task labels"),
    "report of an unknown task": (nothing, f"{REPORT} --task mood"),
    "report of a missing point": (nothing, "probe_report.py corpus.jsonl page enc/none --device cpu"),
    "report at a negative frame rate": (
        nothing,
        "probe_report.py corpus.jsonl page theirs --frame-rate -100",
    ),
    "report of even context": (nothing, f"{REPORT} --context-frames 4"),
    "report below a file": (
        nothing,
        "probe_report.py corpus.jsonl test.item enc --device cpu --no-controls --task speaker",
    ),
    "report of torn encodings": (cut("enc/u2.npy", 200), REPORT),
    "report without training encodings": (nothing, f"{REPORT} --train-corpus corpus.jsonl"),
    # segmentation
    "segments of other utterances": (each(lambda e: e.update(id="v" + e["id"]), "found.jsonl"), SEGMENTATION),
    "segments of another length": (tiers(lambda e: e.update(ticks=9600), "found.jsonl"), SEGMENTATION),
    "unknown tier of segments": (nothing, f"{SEGMENTATION} --found-tier word"),
    "unknown tier of the reference": (nothing, f"{SEGMENTATION} --tier word"),
    "segments with a negative tolerance": (nothing, f"{SEGMENTATION} --tolerance -1"),
    "segments with tolerance NaN": (nothing, f"{SEGMENTATION} --tolerance nan"),
    "segments into a folder": (nothing, f"{SEGMENTATION} --output enc"),
    # terms
    "gold with three fields": (content("gold.phn", "f 0 0.1\n"), TERMS),
    "gold that overlaps": (content("gold.phn", "f 0 0.1 a\nf 0.05 0.2 b\n"), TERMS),
    "gold in UTF-16": (content("gold.wrd", "f 0 0.1 a".encode("utf-16")), TERMS),
    "empty gold": (content("gold.wrd", ""), TERMS),
    "gold with a time NaN": (content("gold.phn", "f nan 0.1 a\n"), TERMS),
    "no classes": (gone("found.class"), TERMS),
    "empty classes": (content("found.class", "Class 1\n\n"), TERMS),
    "classes cut off": (cut("found.class", 24), TERMS),
    "class within a class": (content("found.class", "Class 1\nf 0 0.1\nClass 2\nf 0 0.1\n\n"), TERMS),
    "fragment of no class": (content("found.class", "f 0 0.1\n\n"), TERMS),
    "fragment with times swapped": (content("found.class", "Class 1\nf 0.2 0.1\n\n"), TERMS),
    "fragment of an unknown file": (content("found.class", "Class 1\ng 0 0.1\n\n"), TERMS),
    "fragments in ticks": (content("found.class", "Class 1\nf 16000 32000\n\n"), TERMS),
    "terms into a folder": (nothing, f"{TERMS} --output theirs"),
    # ZeroSpeech 2017
    "2017: no items": (gone("data17/english/1s.item"), ZS17),
    "2017: no encodings": (gone("enc17"), ZS17),
    "2017: NaN": (with_value("enc17/english/1s/bottleneck/u2.npy", np.nan), ZS17),
    "2017: one file missing": (
        both(gone("enc17/english/1s/bottleneck/u2.npy"), gone("enc17/english/1s/bottleneck/units.jsonl")),
        ZS17,
    ),
    "2017: a wrong line of items": (changed("data17/english/1s.item", "0.1", "one"), ZS17),
    "2017: threads 0": (nothing, ZS17.replace("--threads 1", "--threads 0")),
    "2017: json into a folder": (nothing, f"{ZS17} --json data19"),
    "2017: unknown duration": (nothing, ZS17.replace("1s", "2s")),
    # 2019
    "2019: ragged rows": (content("sub19/english/test/u1.txt", "1 2 3\n1 2\n"), ZS19),
    "2019: empty file": (content("sub19/english/test/u1.txt", ""), ZS19),
    "2019: missing file": (gone("sub19/english/test/u1.txt"), ZS19),
    "2019: unknown distance": (content("sub19/metadata.yaml", 'abx distance: "none"\n'), ZS19),
    "2019: broken metadata": (content("sub19/metadata.yaml", "- abx\n"), ZS19),
    "2019: durations in words": (content("data19/english/bitrate_filelist.txt", "u1.txt long\n"), ZS19),
    "2019: durations of 0": (content("data19/english/bitrate_filelist.txt", "u1.txt 0\n"), ZS19),
    "2019: durations listed twice": (content("data19/english/bitrate_filelist.txt", "u1.txt 1\nu1.txt 1\n"), ZS19),
    "2019: durations of other files": (content("data19/english/bitrate_filelist.txt", "v1.txt 1\n"), ZS19),
    "2019: items in seconds": (changed("data19/english.item", "u1 0 1 ", "u1 0 2.5 "), ZS19),
    "2019: nothing submitted": (gone("sub19/english"), ZS19),
    # 2021
    "2021: no parts": (gone("enc21/dev-clean"), ZS21),
    "2021: no point": (gone("enc21/dev-clean/bottleneck"), ZS21),
    "2021: a wrong line of items": (changed("data21/dev-clean.item", " 0 ", " -0.05 "), ZS21),
    "2021: frame shift 0": (nothing, f"{SUB21} --frame-shift 0"),
    "2021: negative frame shift": (nothing, f"{SUB21} --frame-shift -0.01"),
    "2021: frame shift in words": (changed("sub21/meta.yaml", "0.01", '"quick"'), SUB21),
    "2021: no metric": (changed("sub21/meta.yaml", '"metric": "cosine"', '"metric": "taxi"'), SUB21),
    "2021: torn meta.yaml": (cut("sub21/meta.yaml", 40), SUB21),
    "2021: meta.yaml that is a list": (content("sub21/meta.yaml", "- author\n- affiliation\n"), SUB21),
    "2021: meta.yaml without sections": (content("sub21/meta.yaml", "parameters: 3\n"), SUB21),
    "2021: ragged rows": (content("sub21/phonetic/dev-clean/u1.txt", "1 2 3\n4 5 x\n"), SUB21),
    "2021: output below a file": (nothing, f"{SUB21} --output test.item/scores"),
    "2021: missing recording": (gone("sub21/phonetic/dev-clean/u1.txt"), f"{CHECK21} --items data21"),
    "2021: extra entry": (folder("sub21/notes"), CHECK21),
    "2021: no submission": (gone("sub21"), CHECK21),
    "2021: items nowhere": (nothing, f"{CHECK21} --items enc"),
    "2021: into a full folder": (nothing, WRITE21.replace("new21", "enc")),
    "2021: of no point": (nothing, f"{WRITE21} --point condition"),
    "2021: too few frames": (array("enc21/dev-clean/bottleneck/u1.npy", np.ones((1, 3))), WRITE21),
    "2021: NaN to write": (with_value("enc21/dev-clean/bottleneck/u1.npy", np.nan), WRITE21),
    "2021: budget NaN": (nothing, f"{WRITE21} --gpu-budget nan"),
    "2021: no code": (nothing, f"{WRITE21} --code nowhere"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_corrupt_input_ends_in_a_sentence_of_its_own(run, here, case):
    assert_ends_in_its_sentence(run, here, CASES, SENTENCES, case)


def test_every_sentence_is_another():
    assert list(SENTENCES) == list(CASES)
    assert len({*SENTENCES.values()}) == len(CASES)


@pytest.mark.parametrize(
    "command",
    [ABX, ITEMS, THEIRS, PROBE, SCORE, EXPORT, REPORT, SEGMENTATION, TERMS, ZS17, ZS19, ZS21, SUB21, CHECK21, WRITE21],
)
def test_nothing_is_wrong_before_it_is_spoilt(run, here, command):
    here(command)
    said = run(command)
    assert said.code == 0, said.err


@pytest.mark.parametrize("command", [ABX, ITEMS, THEIRS])
def test_null_frames_are_counted_aloud(run, here, command):
    """Frames of zeros have no direction, but distances all the same."""
    path = here(command) / command.split()[1] / "u2.npy"
    values = np.load(path)
    values[6:9] = 0
    np.save(path, values)
    said = run(command)
    assert said.code == 0, said.err
    assert all(", 3 null frames" in line for line in said.out.splitlines() if line.startswith(("within", "across")))
    assert run(f"{command} --distance euclidean").out.count("null frames") == 0


def test_frames_that_are_all_null_are_scored_and_said(run, here):
    home = here(ABX)
    for name in NAMES:
        np.save(home / f"enc/{name}.npy", np.zeros((FRAMES, DIM), np.float32))
    said = run(ABX)
    assert said.code == 0, said.err
    assert said.out.count("50.00 %") == 2 and said.out.count(f", {FRAMES * len(NAMES)} null frames") == 2


@pytest.mark.parametrize("command", [f"{ABX} --output", f"{ABX} --cells", f"{SCORE} --output"])
def test_a_disk_that_cannot_be_written_leaves_nothing(run, here, monkeypatch, command):
    def refused(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    home = here(command)
    before = tree(home)
    monkeypatch.setattr(Path, "write_text", refused)
    monkeypatch.setattr(Path, "replace", refused)
    said = run(f"{command} new/result.csv")
    assert said.code == 1
    cannot = "new/result.csv: cannot be written (Read-only file system); make room there, or choose another place"
    assert sentence(said.err) == cannot
    assert tree(home) == before


@pytest.mark.parametrize("option", ["--threads all", "--memory much", "--seed 1.5", "--frame-rate fast"])
def test_what_is_no_number_is_refused_with_its_option(run, here, option):
    here(ABX)
    said = run(f"{ABX} {option}")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said.err)
    assert said.code == 2
    assert f"Invalid value for '{option.split()[0]}'" in plain
