"""The built-in corpus of handwriting: the digits are real, the boundaries exact, the writers told apart."""

import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "data_prep" / "mini_handwriting.py"))


def make(folder: Path, *options: object) -> dict[str, list[Utterance]]:
    SCRIPT["main"]([str(folder), *map(str, options)])
    return {split: list(read_manifest(folder / f"{split}.jsonl")) for split in ("train", "test")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mini_handwriting")


@pytest.fixture(scope="module")
def corpus(folder) -> dict[str, list[Utterance]]:
    return make(folder, "--train-lines", 96, "--test-lines", 48)


def ink_of(utterance: Utterance) -> np.ndarray:
    return 1 - np.asarray(Image.open(utterance.path)).T / 255


def digits(listed: list[Utterance]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every digit as a picture of 16 columns, with its label and writer."""
    pictures, labels, writers = [], [], []
    for utterance in listed:
        ink = ink_of(utterance)
        for start, end, label in utterance.alignment["character"]:
            picture = Image.fromarray(ink[start:end].astype(np.float32)).resize((32, 16))
            pictures.append(np.append(np.asarray(picture).ravel(), (end - start) / 16))
            labels.append(label)
            writers.append(utterance.speaker)
    return np.array(pictures), np.array(labels), np.array(writers)


def test_as_many_lines_as_asked_for_by_all_writers(corpus):
    assert {split: len(listed) for split, listed in corpus.items()} == {"train": 96, "test": 48}
    for listed in corpus.values():
        assert set(Counter(u.speaker for u in listed).values()) == {len(listed) // 12}
        assert {len(u.alignment["character"]) for u in listed} == set(range(8, 15))
        assert {label for u in listed for _, _, label in u.alignment["character"]} == set("0123456789")


def test_digits_are_where_the_tier_says_and_nothing_else_is_on_the_line(corpus):
    for utterance in corpus["test"]:
        ink = ink_of(utterance)
        assert ink.shape == (utterance.ticks, utterance.height) == (utterance.ticks, 32)
        inside = np.zeros(len(ink), bool)
        for start, end, _ in utterance.alignment["character"]:
            inside[start:end] = True
            assert ink[start].max() > 0.05 < ink[end - 1].max()
            assert 4 <= end - start <= 40
        assert not ink[~inside].any()
        assert utterance.text.replace(" ", "") == "".join(i.label for i in utterance.alignment["character"])


def test_digits_are_legible_and_writers_told_apart(corpus):
    """Floors that a small classifier of single digits clears by far: .1 and .08 are chance."""
    pictures, labels, writers = digits(corpus["train"])
    others, other_labels, other_writers = digits(corpus["test"])
    for truth, other_truth, floor in ((labels, other_labels, 0.85), (writers, other_writers, 0.8)):
        model = SVC().fit(pictures, truth)
        assert model.score(others, other_truth) > floor


def test_no_image_of_a_digit_is_on_both_sides():
    labels = load_digits().target
    pools = SCRIPT["pools"](labels, np.random.default_rng(0))
    assert sorted(np.concatenate(list(pools.values())).tolist()) == list(range(1797))
    assert np.bincount(labels[pools["test"]]).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_the_lines_of_a_split_are_of_its_images_alone(folder, tmp_path):
    """With the training images blotted out, the test lines stay as they are."""
    digits = load_digits()
    chosen = SCRIPT["pools"](digits.target, np.random.default_rng(0))["test"]
    images = digits.images[chosen] / 16
    writers = list(SCRIPT["WRITERS"])
    made = list(SCRIPT["lines"]("test", images, digits.target[chosen], writers, 12, tmp_path, 0))
    for utterance in made:
        assert Path(utterance.path).read_bytes() == (folder / "images/test" / f"{utterance.id}.png").read_bytes()


def test_the_same_bytes_every_time_and_others_for_another_seed(tmp_path):
    contents = []
    for number, seed in enumerate((3, 3, 4)):
        make(tmp_path / str(number), "--train-lines", 12, "--test-lines", 12, "--seed", seed)
        files = sorted(path for path in (tmp_path / str(number)).rglob("*") if path.is_file())
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert len(contents[0]) == 26
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


@pytest.mark.parametrize("which,count", [("3", 3), ("ada,fay", 2)])
def test_writers_held_out_are_in_the_test_alone(tmp_path, which, count):
    corpus = make(tmp_path, "--train-lines", 12, "--test-lines", 12, "--test-writers", which)
    train, test = ({u.speaker for u in corpus[split]} for split in ("train", "test"))
    assert (len(train), len(test)) == (12 - count, count)
    assert not train & test


def test_a_writer_unknown_or_a_count_of_none_is_refused(tmp_path, capsys):
    with pytest.raises(CorpusError, match=r"\['bob'\] to hold out: choose from \['ada'"):
        make(tmp_path, "--test-writers", "bob")
    with pytest.raises(SystemExit):
        make(tmp_path, "--test-lines", 0)
    assert "must be 1 or more" in capsys.readouterr().err


def test_what_is_up_and_left_in_an_image_stays_so():
    image = np.zeros((8, 8))
    image[0, :2] = 1
    ink = SCRIPT["drawn"](image, SCRIPT["Hand"](24, 24, 0, 0.5, 1.0), np.random.default_rng(0))
    column, row = np.argwhere(ink > 0.5).T
    assert (row < 6).all()
    assert (column < len(ink) / 2).all()


def test_a_slant_leans_to_the_right_and_a_broader_pen_leaves_more_ink():
    image = np.zeros((8, 8))
    image[:, 3:5] = 1  # a 1

    def draw(slant: float, pen: float) -> np.ndarray:
        hand = SCRIPT["Hand"](24, 20, slant, pen, 1.0)
        return SCRIPT["drawn"](image, hand, np.random.default_rng(0))

    one = draw(0.4, 0.5)
    top, bottom = (np.average(np.arange(len(one)), weights=one[:, row]) for row in (4, -5))
    assert top - bottom == pytest.approx(0.4 * 15, abs=1.5)
    assert draw(0, 0.9).sum() > 1.1 * draw(0, 0.1).sum()
