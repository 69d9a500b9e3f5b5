"""Corrupt inputs of `kmeans` and `segment`, and of the scripts about units: each ends in a sentence of its own.

What must be said is in corrupt_units.txt, as in test_evaluation_input.py.
"""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sentences import assert_ends_in_its_sentence, read_sentences
from spoilt import (
    NAMES,
    Spoil,
    archive,
    array,
    both,
    content,
    cut,
    each,
    folder,
    gone,
    header,
    nothing,
    settings,
    tiers,
    with_value,
)
from tiny import tree

pytest_plugins = ["tiny_fixtures", "spoilt_fixtures"]

SENTENCES = read_sentences("corrupt_units.txt")

KMEANS = "kmeans enc new.npy --codes 4 --threads 1"
THEIR_KMEANS = "kmeans theirs new.npy --codes 4 --threads 1"
SEGMENT = "segment enc corpus.jsonl new --units-per-second 10 --codes 4 --threads 1 --strict"
RATE = "segment enc corpus.jsonl new --codes 4 --threads 1"
BOOK = "segment enc corpus.jsonl new --units-per-second 10 --codebook book/codes.npy --threads 1"
THEIRS = "segment theirs corpus.jsonl new --units-per-second 10 --codes 4 --threads 1 --strict --frame-rate 100"


def all_of(spoil, **options) -> Spoil:
    return both(*(array(f"theirs/{name}.npy", spoil(name), **options) for name in NAMES))


def all_ours(spoil) -> Spoil:
    return both(*(array(f"enc/{name}.npy", spoil(name)) for name in NAMES))


def zero_frame() -> None:
    values = np.load("enc/u1.npy")
    values[6] = 0
    np.save("enc/u1.npy", values)


def card(**facts) -> Spoil:
    def change() -> None:
        path = Path("book/codes.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | facts))

    return change


CASES: dict[str, tuple[Spoil, str]] = {
    # frames of ours, to kmeans
    "no folder": (nothing, "kmeans nowhere new.npy"),
    "a file as folder": (nothing, "kmeans corpus.jsonl new.npy --times regular"),
    "no arrays": (both(*(gone(f"enc/{name}.npy") for name in NAMES), gone("enc/units.jsonl")), KMEANS),
    "array gone": (gone("enc/u1.npy"), KMEANS),
    "empty array file": (content("enc/u1.npy", b""), KMEANS),
    "text instead of an array": (content("enc/u1.npy", "0.1 0.2"), KMEANS),
    "header of a giant": (content("enc/u1.npy", header(shape=(10**15, 3))), KMEANS),
    "cut in the values": (cut("enc/u1.npy", 300), KMEANS),
    "archive": (archive("enc/u1.npy"), KMEANS),
    "objects": (array("enc/u1.npy", np.array([{}], object), allow_pickle=True), KMEANS),
    "whole numbers": (all_ours(lambda n: np.zeros((40, 3), int)), KMEANS),
    "NaN": (with_value("enc/u1.npy", np.nan), KMEANS),
    "infinity": (with_value("enc/u1.npy", np.inf), KMEANS),
    "huge values": (with_value("enc/u1.npy", 1e20), KMEANS),
    "too large for single precision": (with_value("enc/u1.npy", 1e200, np.float64), KMEANS),
    "other dimensions": (array("enc/u1.npy", np.ones((40, 4), np.float32)), KMEANS),
    "no frames": (both(array("enc/u1.npy", np.zeros((0, 3))), gone("enc/units.jsonl")), KMEANS),
    "one frame in all": (
        both(*(array(f"enc/{n}.npy", np.ones((1, 3))) for n in NAMES), gone("enc/units.jsonl")),
        f"{KMEANS} --codes 5",
    ),
    "frames all the same": (all_ours(lambda n: np.ones((40, 3))), KMEANS),
    "a frame of zeros by angle": (zero_frame, f"{KMEANS} --spherical"),
    "more codes than frames": (nothing, f"{KMEANS} --codes 161"),
    "interrupted encoding": (lambda: Path("enc/units.jsonl").rename("enc/units.jsonl.part"), KMEANS),
    "torn settings": (content("enc/encodings.json", '{"stride": 16'), KMEANS),
    # of others
    "their codes": (all_of(lambda n: np.arange(40)), THEIR_KMEANS),
    "their NaN": (with_value("theirs/u1.npy", np.nan, np.float16), THEIR_KMEANS),
    "their other dimensions": (array("theirs/u1.npy", np.ones((40, 4))), THEIR_KMEANS),
    "their empty folder": (both(gone("theirs"), folder("theirs")), THEIR_KMEANS),
    "their text with times": (
        both(gone("theirs"), folder("theirs"), content("theirs/u0.txt", "".join(f"{i / 10} 1 2\n" for i in range(20)))),
        THEIR_KMEANS,
    ),
    # options of kmeans
    "0 codes": (nothing, f"{KMEANS} --codes 0"),
    "seed -1": (nothing, f"{KMEANS} --seed -1"),
    "0 passes": (nothing, f"{KMEANS} --passes 0"),
    "tolerance NaN": (nothing, f"{KMEANS} --tolerance nan"),
    "memory 0": (nothing, f"{KMEANS} --memory 0"),
    "memory NaN": (nothing, f"{KMEANS} --memory nan"),
    "threads -1": (nothing, f"{KMEANS} --threads -1"),
    "sample -1": (nothing, f"{KMEANS} --sample -1"),
    "a sample beyond the memory": (nothing, f"{KMEANS} --memory 1e-5"),
    "codebook of another format": (nothing, "kmeans enc new.pt --codes 4"),
    "codebook into a folder": (folder("new.npy"), KMEANS),
    "codebook below a file": (nothing, "kmeans enc corpus.jsonl/new.npy --codes 4"),
    "codebook among the frames": (nothing, "kmeans enc enc/new.npy --codes 4"),
    "codebook over the frames": (nothing, "kmeans theirs theirs/u0.npy --codes 4"),
    # frames, to segment
    "segment: array gone": (gone("enc/u1.npy"), SEGMENT),
    "segment: every array gone": (both(*(gone(f"enc/{name}.npy") for name in NAMES)), SEGMENT),
    "segment: NaN": (with_value("enc/u1.npy", np.nan), SEGMENT),
    "segment: NaN in the first": (with_value("enc/u0.npy", np.nan), SEGMENT),
    "segment: first array empty": (content("enc/u0.npy", b""), SEGMENT),
    "segment: huge values": (with_value("enc/u1.npy", 1e20), SEGMENT),
    "segment: no frames": (both(array("enc/u1.npy", np.zeros((0, 3))), gone("enc/units.jsonl")), SEGMENT),
    "segment: other dimensions": (array("enc/u1.npy", np.ones((40, 4))), SEGMENT),
    "segment: zeros by angle": (zero_frame, f"{SEGMENT} --distance cosine"),
    "segment: half the frames": (array("enc/u1.npy", np.ones((20, 3), np.float32)), SEGMENT),
    "segment: stride 0": (settings(stride=0), SEGMENT),
    "segment: centres with NaN": (
        array("irregular/centres/u1.npy", np.full(40, np.nan)),
        SEGMENT.replace(" enc", " irregular"),
    ),
    "segment: frames of other utterances": (each(lambda e: e.update(id="v" + e["id"])), SEGMENT),
    "segment: one utterance not encoded": (tiers(lambda e: e.update(id="v1")), SEGMENT),
    "segment: another version of the corpus": (each(lambda e: e.update(ticks=12_800)), SEGMENT),
    "segment: no corpus": (gone("corpus.jsonl"), SEGMENT),
    "segment: empty corpus": (content("corpus.jsonl", ""), SEGMENT),
    "segment: images and recordings": (tiers(lambda e: e.pop("rate")), SEGMENT),
    "segment: images": (each(lambda e: e.pop("rate")), SEGMENT),
    "segment: recordings by columns": (nothing, f"{RATE} --units-per-100-columns 10"),
    # frame rates
    "no frame rate": (nothing, THEIRS.replace(" --frame-rate 100", "")),
    "frame rate 0": (nothing, THEIRS.replace("100", "0")),
    "frame rate NaN": (nothing, THEIRS.replace("100", "nan")),
    "frame rate half of what it is": (nothing, THEIRS.replace("100", "50")),
    "their images": (each(lambda e: e.pop("rate")), THEIRS),
    # codebooks
    "no codebook": (gone("book/codes.npy"), BOOK),
    "codebook NaN": (with_value("book/codes.npy", np.nan), BOOK),
    "codebook too large": (both(gone("book/codes.json"), with_value("book/codes.npy", 1e30)), BOOK),
    "codebook of another width": (both(gone("book/codes.json"), array("book/codes.npy", np.eye(4))), BOOK),
    "codebook that is flat": (array("book/codes.npy", np.zeros(4)), BOOK),
    "codebook of no codes": (array("book/codes.npy", np.zeros((0, 3))), BOOK),
    "codebook cut": (cut("book/codes.npy", 150), BOOK),
    "codebook that is text": (content("book/codes.npy", "1 2 3"), BOOK),
    "codebook that is a folder": (both(gone("book/codes.npy"), folder("book/codes.npy")), BOOK),
    "codebook that is a card": (nothing, BOOK.replace("codes.npy", "codes.json")),
    "codebook of objects": (array("book/codes.npy", np.array([[{}]], object), allow_pickle=True), BOOK),
    "codebook with another's card": (card(checksum="abc"), BOOK),
    "card torn": (cut("book/codes.json", 20), BOOK),
    "card that is a list": (content("book/codes.json", "[1, 2]"), BOOK),
    "card of no kind": (card(frames_of="mfcc"), BOOK),
    "codebook of other frames": (
        both(card(frames_of={"model": "abc", "point": "projection"}), settings(model="abd", point="projection")),
        BOOK,
    ),
    "codebook of unit length": (card(spherical=True), BOOK),
    "code of zeros by angle": (
        both(gone("book/codes.json"), array("book/codes.npy", np.zeros((2, 3)))),
        f"{BOOK} --distance cosine",
    ),
    "codebook of no known frames, strictly": (card(frames_of={}), f"{BOOK} --strict"),
    "codebook and codes": (nothing, f"{BOOK} --codes 4"),
    "neither codebook nor codes": (nothing, "segment enc corpus.jsonl new --units-per-second 10"),
    "experiment nowhere": (nothing, "segment enc corpus.jsonl new --units-per-second 10 --experiment nowhere"),
    "experiment torn": (
        both(folder("exp"), content("exp/model.safetensors", "abc")),
        "segment enc corpus.jsonl new --units-per-second 10 --experiment exp",
    ),
    # rates
    "no rate": (nothing, RATE),
    "rate 0": (nothing, f"{RATE} --units-per-second 0"),
    "rate negative": (nothing, f"{RATE} --units-per-second -3"),
    "rate NaN": (nothing, f"{RATE} --units-per-second nan"),
    "rate infinite": (nothing, f"{RATE} --units-per-second inf"),
    "rate above that of frames": (nothing, f"{RATE} --units-per-second 101"),
    "rate above that of frames, with a prior": (nothing, f"{RATE} --units-per-second 102 --durations gamma"),
    "rate above that of frames, exactly": (nothing, f"{RATE} --units-per-second 103 --solver exact"),
    "rate above that of peaks": (nothing, f"{RATE} --units-per-second 60 --method peaks --strict"),
    "rate above that of nearest codes": (nothing, f"{RATE} --units-per-second 95 --strict"),
    "two rates": (nothing, f"{RATE} --units-per-second 10 --units-per-100-columns 10"),
    # other options
    "unknown method": (nothing, f"{SEGMENT} --method valleys"),
    "unknown solver": (nothing, f"{SEGMENT} --solver magic"),
    "unknown distance": (nothing, f"{SEGMENT} --distance taxi"),
    "unknown durations": (nothing, f"{SEGMENT} --durations normal"),
    "unknown transitions": (nothing, f"{SEGMENT} --transitions trigram"),
    "prior weight 0": (nothing, f"{SEGMENT} --durations gamma --prior-weight 0"),
    "longest below a frame": (nothing, f"{SEGMENT} --max-duration 1"),
    "shortest above the longest": (nothing, f"{SEGMENT} --min-duration 60 --max-duration 50"),
    "shortest too long for the rate": (nothing, f"{SEGMENT} --min-duration 200"),
    "longest too short for the rate": (nothing, f"{SEGMENT} --max-duration 20"),
    "lengths that cannot be cut": (nothing, f"{SEGMENT} --min-duration 140 --max-duration 190"),
    "longest with one code": (nothing, f"{SEGMENT} --codes 1 --max-duration 100"),
    "priors to greedy": (nothing, f"{SEGMENT} --solver greedy --transitions bigram"),
    "number to nearest": (nothing, f"{SEGMENT} --solver nearest"),
    "prominence NaN": (nothing, f"{RATE} --method peaks --prominence nan"),
    "iterations -1": (nothing, f"{SEGMENT} --iterations -1"),
    "exact beyond the memory": (nothing, f"{BOOK} --solver exact --memory 1e-6"),
    "segment: more codes than frames": (nothing, f"{SEGMENT} --codes 200"),
    "segment: more codes than segments": (nothing, f"{RATE} --codes 150 --method peaks --prominence 0.9"),
    # where it goes
    "into the frames": (nothing, "segment enc corpus.jsonl enc --units-per-second 10 --codes 4"),
    "into the frames by another name": (nothing, "segment enc corpus.jsonl enc/../enc --units-per-second 10 --codes 4"),
    "into their frames": (
        nothing,
        "segment theirs corpus.jsonl theirs --units-per-second 10 --codes 4 --frame-rate 100",
    ),
    "onto a file": (nothing, "segment enc corpus.jsonl corpus.jsonl --units-per-second 10 --codes 4"),
    "inside of their frames": (
        nothing,
        "segment theirs corpus.jsonl theirs/units --units-per-second 10 --codes 4 --frame-rate 100",
    ),
    "into a folder of other arrays": (nothing, "segment enc corpus.jsonl theirs --units-per-second 10 --codes 4"),
    "into other encodings": (nothing, "segment enc corpus.jsonl irregular --units-per-second 10 --codes 4"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_corrupt_input_ends_in_a_sentence_of_its_own(run, here, case):
    assert_ends_in_its_sentence(run, here, CASES, SENTENCES, case)


def test_every_sentence_is_another():
    assert list(SENTENCES) == list(CASES)
    assert len({*SENTENCES.values()}) == len(CASES)


@pytest.mark.parametrize("command", [KMEANS, THEIR_KMEANS, SEGMENT, BOOK, THEIRS])
def test_nothing_is_wrong_before_it_is_spoilt(run, here, command):
    here(command)
    said = run(command)
    assert said.code == 0, said.err


@pytest.mark.parametrize("command", [KMEANS, SEGMENT])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(run, here, monkeypatch, command):
    here(command)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    said = run(command)
    assert said.code == 1
    assert "nothing can be written there; choose another place" in said.err and "reading frames" not in said.err


@pytest.mark.parametrize("command", [KMEANS, SEGMENT, BOOK])
def test_a_full_disk_leaves_nothing_half_written(run, here, monkeypatch, command):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    home = here(command)
    before = tree(home)
    monkeypatch.setattr(Path, "replace", full)
    said = run(command)
    assert said.code == 1
    assert said.err.splitlines()[-1].endswith(
        "cannot be written (No space left on device); make room there, or choose another place"
    )
    assert tree(home) == before
