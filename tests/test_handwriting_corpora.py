"""The scripts of data_prep/ over handwriting: on small trees laid out as the corpora are, and on the real sets."""

import json
import runpy
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.prep.scripts import only, summary
from unitdisc.prep.tables import read_arrays
from unitdisc.prep.utterances import line_image

FOLDER = Path(__file__).parent.parent / "data_prep"


def script(name: str) -> dict:
    return runpy.run_path(str(FOLDER / f"{name}.py"))


def prepare(name: str, *arguments: object) -> None:
    script(name)["main"]([str(argument) for argument in arguments])


def utterances(manifest: Path) -> dict[str, Utterance]:
    return {utterance.id: utterance for utterance in read_manifest(manifest)}


def splits(folder: Path) -> dict[str, dict[str, Utterance]]:
    return {path.stem: utterances(path) for path in sorted(folder.glob("*.jsonl"))}


def draw(path: Path, columns: int, rows: int, **how) -> Path:
    """An image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(columns).integers(0, 256, (rows, columns))
    Image.fromarray(noise.astype(np.uint8)).save(path, **how)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def ink_of(utterance: Utterance) -> np.ndarray:
    return 1 - np.asarray(Image.open(utterance.path)).T / 255


def assert_ink_is_where_the_tier_says(utterance: Utterance) -> None:
    ink = ink_of(utterance)
    assert ink.shape == (utterance.ticks, utterance.height)
    inside = np.zeros(len(ink), bool)
    for start, end, _ in utterance.alignment["character"]:
        inside[start:end] = True
        assert ink[start].max() > 0.04 < ink[end - 1].max()
    assert ink[~inside].max() < 0.06


# --- MNIST with its writers


@pytest.fixture
def mnist(tmp_path) -> Path:
    """Three writers of 20, 11 and 2 digits, each a bar of a width of its own, so that it can be found again."""
    writers = np.array([7] * 20 + [2330] * 11 + [45] * 2, dtype=np.int32)
    images = np.zeros((33, 28, 28), np.uint8)
    for number, image in enumerate(images):
        image[1:15, 5 : 6 + number % 17] = 100 + number  # in the upper half
    raw = tmp_path / "mnist"
    raw.mkdir()
    np.savez_compressed(
        raw / "mnist10k.npz", images=images, label=np.arange(33, dtype=np.uint8) % 10, writer=writers, hsf=writers
    )
    return raw


def bars(lines: dict[str, Utterance], single: bool = False) -> Counter:
    """How often each bar is in the lines, of writer, number and label; single: alone in a square."""
    found = Counter()
    for utterance in lines.values():
        ink = ink_of(utterance)
        for start, end, label in utterance.alignment["character"]:
            number = round(ink[start:end].max() * 255) - 100
            assert (end - start, label) == (32 if single else 1 + number % 17, str(number % 10))
            assert (ink[start:end] > 0.04).any(axis=1).sum() == 1 + number % 17
            assert single or not ink[start:end, 20:].any()
            found[utterance.speaker, number] += 1
    return found


def test_every_digit_of_mnist_is_in_one_line_of_its_writer(mnist, tmp_path):
    prepare("mnist_writers", mnist, tmp_path / "out", "--strict")
    made = splits(tmp_path / "out")
    found = {split: bars(lines) for split, lines in made.items()}
    expected = (
        {("w0007", n) for n in range(20)} | {("w2330", n) for n in range(20, 31)} | {("w0045", n) for n in (31, 32)}
    )
    assert found["train"].keys() | found["test"].keys() == expected
    assert (found["train"] + found["test"]).total() == 33
    assert Counter(writer for writer, _ in found["test"]) == {"w0007": 4, "w2330": 2, "w0045": 1}
    for utterance in made["train"].values():
        assert_ink_is_where_the_tier_says(utterance)
        assert len(utterance.alignment["character"]) <= 12


def test_digits_of_mnist_one_by_one(mnist, tmp_path, capsys):
    prepare("mnist_writers", mnist, tmp_path / "all", "--strict", "--layout", "single")
    made = splits(tmp_path / "all")
    found = {split: bars(lines, single=True) for split, lines in made.items()}
    assert (found["train"] + found["test"]).total() == len(found["train"] | found["test"]) == 33
    assert "w0007-0-00" in made["train"] | made["test"]
    prepare(
        "mnist_writers", mnist, tmp_path / "few", "--layout", "single", "--per-writer", 3, "--test-writers", "w0045"
    )
    counts = {split: Counter(u.speaker for u in lines.values()) for split, lines in splits(tmp_path / "few").items()}
    assert counts == {"train": {"w0007": 3, "w2330": 3}, "test": {"w0045": 2}}
    prepare("mnist_writers", mnist, tmp_path / "told", "--layout", "single", "--speaker", "label")
    told = [u for lines in splits(tmp_path / "told").values() for u in lines.values()]
    assert len(told) == 33 and all(u.speaker == u.text == u.id.split("-")[1] for u in told)
    for wrong, message in (
        (("--per-writer", 0), "argument --per-writer: must be a whole number, 1 or more, not '0'"),
        (("--speaker", "label"), "--speaker label is of single characters; give --layout single, too"),
    ):
        with pytest.raises(SystemExit):
            prepare("mnist_writers", mnist, tmp_path / "none", *wrong)
        assert message in capsys.readouterr().err


def test_writers_of_mnist_are_held_out_or_chosen(mnist, tmp_path):
    prepare("mnist_writers", mnist, tmp_path / "a", "--test-writers", "w0007")
    made = splits(tmp_path / "a")
    assert {u.speaker for u in made["train"].values()} == {"w0045", "w2330"}
    assert bars(made["test"]) == Counter({("w0007", n): 1 for n in range(20)})
    prepare("mnist_writers", mnist, tmp_path / "b", "--writers", "w2330")
    assert {u.speaker for lines in splits(tmp_path / "b").values() for u in lines.values()} == {"w2330"}
    with pytest.raises(CorpusError, match=r"no writers \['7'\]: choose from \['w0007', 'w0045', 'w2330'\]"):
        prepare("mnist_writers", mnist, tmp_path / "c", "--writers", "7")


def test_an_empty_digit_is_left_out_and_the_same_bytes_come_every_time(mnist, tmp_path, capsys):
    arrays = dict(np.load(mnist / "mnist10k.npz"))
    arrays["images"][3] = 0
    np.savez(mnist / "mnist10k.npz", **arrays)
    for number in (1, 2):
        prepare("mnist_writers", mnist, tmp_path / str(number))
    assert "image 3 is empty" in capsys.readouterr().err
    files = [sorted(p for p in (tmp_path / n).rglob("*") if p.is_file()) for n in ("1", "2")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    with pytest.raises(CorpusError, match="image 3 is empty"):
        prepare("mnist_writers", mnist, tmp_path / "3", "--strict")
    np.savez(mnist / "mnist10k.npz", **{**arrays, "label": arrays["label"][:5]})
    with pytest.raises(CorpusError, match=r"mnist10k.npz: holds images .* 5 labels .*; copy it again"):
        prepare("mnist_writers", mnist, tmp_path / "4")


# --- Omniglot


@pytest.fixture
def omniglot(tmp_path) -> Path:
    """Two alphabets of 10 and 5 characters by five drawers; a character is a box of a width of its own."""
    alphabet, character, drawer, ink = [], [], [], []
    for letters, number in ((10, 0), (5, 1)):
        for letter in range(letters):
            for person in range(5):
                image = np.zeros((105, 105), np.uint8)
                image[20 + person : 80, 10 : 20 + 7 * letter] = 1
                image[60:80, 12 : 20 + 7 * letter] = 0  # legs: what is up is heavier
                ink.append(image)
                alphabet.append(number)
                character.append(letter + 1)
                drawer.append(person + 1)
    raw = tmp_path / "omniglot"
    raw.mkdir()
    np.savez(
        raw / "images.npz",
        ink_packed=np.packbits(np.array(ink).reshape(len(ink), -1), axis=1),
        shape=np.array([len(ink), 105, 105]),
        alphabet=np.array(alphabet, np.int16),
        alphabet_names=np.array(["Greek", "Latin"]),
        character=np.array(character, np.int16),
        drawer=np.array(drawer, np.int16),
    )
    return raw


def shown(lines: dict[str, Utterance]) -> Counter:
    return Counter((u.speaker, i.label) for u in lines.values() for i in u.alignment["character"])


def test_images_of_omniglot_are_on_one_side_and_characters_and_drawers_on_both(omniglot, tmp_path):
    prepare("omniglot", omniglot, tmp_path / "out", "--strict", "--rounds", 3)
    made = splits(tmp_path / "out")
    train, test = shown(made["train"]), shown(made["test"])
    assert set(train.values()) == set(test.values()) == {3}
    assert not train.keys() & test.keys()
    assert len(train) + len(test) == 75
    assert len(test) == 15  # a fifth
    for part in (0, 1):
        assert {pair[part] for pair in train} == {pair[part] for pair in test}
    for lines in made.values():
        for utterance in lines.values():
            assert_ink_is_where_the_tier_says(utterance)
            assert {i.label.split("-")[0] for i in utterance.alignment["character"]} == {utterance.speaker[:5]}
            for start, end, label in utterance.alignment["character"]:
                person = int(utterance.speaker[-2:]) - 1
                width = (10 + 7 * (int(label[-2:]) - 1)) * 44 / (60 - person)
                assert abs(end - start - width) <= 2
                ink = ink_of(utterance)[start:end]
                assert (ink.max(axis=0) > 0.5).sum() in (43, 44)  # all rows its drawer uses, and no more
                assert ink[:, :24].sum() > ink[:, 24:].sum()


def test_drawers_of_omniglot_are_held_out_evenly(omniglot, tmp_path):
    prepare("omniglot", omniglot, tmp_path / "a", "--test-writers", 4)
    made = splits(tmp_path / "a")
    train, test = ({u.speaker for u in lines.values()} for lines in (made["train"], made["test"]))
    assert (len(train), len(test)) == (6, 4)
    assert Counter(name[:5] for name in test) == {"Greek": 2, "Latin": 2}
    assert not train & test
    prepare("omniglot", omniglot, tmp_path / "b", "--alphabets", "Latin", "--writers", "Latin-drawer02")
    made = splits(tmp_path / "b")
    assert {u.speaker for lines in made.values() for u in lines.values()} == {"Latin-drawer02"}
    with pytest.raises(CorpusError, match=r"no alphabets \['Thai'\]: choose from \['Greek', 'Latin'\]"):
        prepare("omniglot", omniglot, tmp_path / "c", "--alphabets", "Thai")


def test_characters_of_omniglot_one_by_one(omniglot, tmp_path):
    prepare("omniglot", omniglot, tmp_path / "out", "--strict", "--layout", "single")
    made = splits(tmp_path / "out")
    listed = {**made["train"], **made["test"]}
    assert len(made["train"]) + len(made["test"]) == len(listed) == 75
    # the widest box of drawer 1 of Latin is 40 x 45 pixels with legs of 60 rows, of which the square has 28
    ink = ink_of(listed["Latin-drawer01-Latin-05-00"])
    assert (ink > 0.04).any(axis=0).sum() == 28 and ink.shape == (32, 32)
    small = (ink_of(listed["Latin-drawer01-Latin-01-00"]) > 0.04).any(axis=1).sum()
    assert small == round(10 * 28 / 60)
    prepare("omniglot", omniglot, tmp_path / "few", "--layout", "single", "--per-writer", 2, "--speaker", "label")
    few = splits(tmp_path / "few")["train"].values()
    assert len(few) == 20 and {u.speaker for u in few} <= {u.text for u in listed.values()}


def test_an_empty_drawing_is_left_out(omniglot, tmp_path, capsys):
    arrays = dict(np.load(omniglot / "images.npz"))
    arrays["ink_packed"][0] = 0
    np.savez(omniglot / "images.npz", **arrays)
    prepare("omniglot", omniglot, tmp_path / "out")
    assert "image 0 is empty" in capsys.readouterr().err
    np.savez(omniglot / "images.npz", **{**arrays, "shape": np.array([75, 105, 90])})
    with pytest.raises(CorpusError, match=r"these do not belong together: .*; copy it again"):
        prepare("omniglot", omniglot, tmp_path / "out")


@pytest.mark.parametrize("name", ["mnist", "omniglot"])
def test_composed_lines_are_apart_if_nothing_is_said_and_joined_if_asked_for(name, request, tmp_path):
    raw, command = request.getfixturevalue(name), {"mnist": "mnist_writers", "omniglot": "omniglot"}[name]
    listed = {}
    for folder, options in {"as-ever": (), "apart": ("--layout", "apart"), "joined": ("--layout", "joined")}.items():
        prepare(command, raw, tmp_path / folder, *options)
        listed[folder] = splits(tmp_path / folder)["train"]
    assert {id: Path(u.path).read_bytes() for id, u in listed["as-ever"].items()} == {
        id: Path(u.path).read_bytes() for id, u in listed["apart"].items()
    }
    gaps = {
        folder: [
            after.start - before.end
            for line in lines.values()
            for before, after in pairwise(line.alignment["character"])
            if after.start not in {word.start for word in line.alignment.get("word", ())}
        ]
        for folder, lines in listed.items()
    }
    assert min(gaps["apart"]) >= 1
    assert min(gaps["joined"]) == 0 and np.mean(np.array(gaps["joined"]) == 0) > 2 / 3
    assert shown(listed["joined"]).keys() == shown(listed["apart"]).keys()


# --- medieval French


@pytest.fixture
def medieval(tmp_path) -> Path:
    raw, rows, alignments = tmp_path / "medieval", ["image\twriter\tpage\twidth\tsplit\ttext"], []
    for writer in ("bnf_1", "bnf_2"):
        for number, split in enumerate(("train", "train", "test")):
            name = f"images/{writer}/{writer}_{number}.jpg"
            draw(raw / name, 61, 48)
            rows.append(f'{name}\t{writer}\tp{number}\t61\t{split}\tla t̾re "9')
            edges, labels = (
                [0, 4, 10, 20, 24, 30, 38, 44, 50, 56, 62],
                [" ", "l", "a", " ", "t̾", "r", "e", '"', "9", " "],
            )
            alignments.append(json.dumps({"image": name, "x": edges, "c": labels}))
    write(raw / "lines.tsv", "\n".join(rows) + "\n")
    write(raw / "char_alignment.jsonl", "\n".join(alignments[:-1]) + "\n")
    return raw


def test_medieval_french(medieval, tmp_path):
    prepare("medieval_french", medieval, tmp_path / "out", "--strict")
    made = splits(tmp_path / "out")
    assert {split: len(lines) for split, lines in made.items()} == {"train": 4, "test": 2}
    one = made["train"]["bnf_1_0"]
    assert (one.speaker, one.ticks, one.height, one.rate, one.text) == ("bnf_1", 61, 48, None, 'la t̾re "9')
    assert one.alignment["character"] == [
        (4, 10, "l"), (10, 20, "a"), (24, 30, "t̾"), (30, 38, "r"), (38, 44, "e"), (44, 50, '"'), (50, 56, "9")
    ]  # fmt: skip
    assert one.alignment["word"] == [(4, 20, "la"), (24, 44, "t̾re"), (44, 56, '"9')]
    assert Path(one.path).resolve().is_relative_to(medieval)  # not copied
    assert made["test"]["bnf_2_2"].alignment == {}  # which has none


def test_words_are_kept_where_marks_and_capitals_differ_and_others_are_said(medieval, tmp_path, capsys):
    table = medieval / "lines.tsv"
    rows = table.read_text(encoding="utf-8").splitlines()
    rows[1] = rows[1].replace('la t̾re "9', 'La\u0301 tre "9')
    rows[2] = rows[2].replace('la t̾re "9', 'la trois "9')
    rows[3] = rows[3].replace('la t̾re "9', 'la \u0303 tre "9')
    write(table, "\n".join(rows) + "\n")
    prepare("medieval_french", medieval, tmp_path / "out")
    lines = {id: line for lines in splits(tmp_path / "out").values() for id, line in lines.items()}
    assert lines["bnf_1_0"].alignment["word"] == [(4, 20, "La\u0301"), (24, 44, "tre"), (44, 56, '"9')]
    assert [list(lines[name].alignment) for name in ("bnf_1_1", "bnf_1_2", "bnf_2_2")] == [["character"]] * 2 + [[]]
    assert capsys.readouterr().err.splitlines() == [
        "lines whose characters spell something else than the text, so without words: 2 (bnf_1_1, bnf_1_2)",
        "lines without an alignment, so without characters and words: 1 (bnf_2_2)",
    ]


def test_hands_of_medieval_french_are_held_out_or_chosen(medieval, tmp_path):
    prepare("medieval_french", medieval, tmp_path / "a", "--test-writers", "bnf_2")
    made = splits(tmp_path / "a")
    assert {u.speaker for u in made["train"].values()} == {"bnf_1"}
    assert len(made["test"]) == 3
    prepare("medieval_french", medieval, tmp_path / "b", "--writers", "bnf_2")
    assert {u.speaker for lines in splits(tmp_path / "b").values() for u in lines.values()} == {"bnf_2"}


def test_characters_past_the_edge_and_missing_images_are_named(medieval, tmp_path, capsys):
    table = medieval / "char_alignment.jsonl"
    table.write_text(table.read_text(encoding="utf-8").replace("56, 62]", "56, 66]", 1), encoding="utf-8")
    (medieval / "images/bnf_2/bnf_2_1.jpg").write_bytes(b"")
    prepare("medieval_french", medieval, tmp_path / "out")
    said = capsys.readouterr().err
    assert "char_alignment.jsonl: bnf_1_0: ends in column 66, but the image has 61; copy" in said
    assert "bnf_2_1.jpg: is empty (0 bytes)" in said
    assert list(splits(tmp_path / "out")["train"]) == ["bnf_1_1", "bnf_2_0"]
    write(table, '{"image": "a", "x": [1, 2], "c": ["a", "b"]}\n')
    with pytest.raises(CorpusError, match=r"char_alignment.jsonl:1: is not .*; copy the file again"):
        prepare("medieval_french", medieval, tmp_path / "out")


# --- IAM


@pytest.fixture
def iam(tmp_path) -> Path:
    """Three forms by two writers, as the archives unpack."""
    raw = tmp_path / "IAM"
    widths = {"a01-000u-00": 61, "a01-000u-01": 50, "a01-003-00": 40, "r06-022-00": 30}
    for name, width in widths.items():
        folder, form = name.split("-")[0], "-".join(name.split("-")[:2])
        draw(raw / "lines" / folder / form / f"{name}.png", width, 9)
    write(
        raw / "ascii/lines.txt",
        "#--- lines.txt ---#\n#\n# format: a01-000u-00 ok 154 19 408 746 1663 91 A|MOVE\n"
        "a01-000u-00 ok 154 19 408 746 60 9 A|M Ps|.\n"
        "a01-000u-01 err 154 19 395 932 50 9 any|more\n"
        "a01-003-00 ok 154 19 100 800 40 9 Though\n"
        "r06-022-00 ok 154 19 100 800 30 9 last\n",
    )
    write(
        raw / "ascii/words.txt",
        "# words\na01-000u-00-00 ok 154 408 746 20 9 AT A\na01-000u-00-01 ok 154 424 746 30 9 NN M Ps\n"
        "a01-000u-00-02 ok 154 460 746 12 9 . .\na01-000u-01-00 err 154 395 932 50 9 DT any\n"
        "a01-003-00-00 ok 154 -1 -1 -1 -1 CS Though\nr06-022-00-00 ok 154 100 800 30 9 AP last\n",
    )
    write(
        raw / "ascii/forms.txt",
        "# forms\na01-000u 000 2 prt 7 5 52 36\na01-003 001 3 all 9 9 8 8\nr06-022 002 1 all 1 1 1 1\n",
    )
    return raw


def sets(raw: Path) -> None:
    task = raw / "largeWriterIndependentTextLineRecognitionTask"
    for name, lines in (
        ("trainset", "a01-000u-00\n"),
        ("validationset1", "a01-003-00\n"),
        ("validationset2", ""),
        ("testset", "r06-022-00\n"),
    ):
        write(task / f"{name}.txt", lines)


def test_iam(iam, tmp_path, capsys):
    sets(iam)
    prepare("iam", iam, tmp_path / "out", "--strict")
    made = splits(tmp_path / "out")
    assert {split: list(lines) for split, lines in made.items()} == {
        "train": ["a01-000u-00"],
        "valid": ["a01-003-00"],
        "test": ["r06-022-00"],
        "other": ["a01-000u-01"],
    }
    one = made["train"]["a01-000u-00"]
    assert (one.speaker, one.ticks, one.height, one.text) == ("w000", 61, 9, "A M Ps .")
    assert one.alignment == {"word": [(0, 20, "A"), (20, 46, "M Ps"), (52, 61, ".")]}  # boxes overlap and stick out
    assert Path(one.path).resolve().is_relative_to(iam)
    error = made["other"]["a01-000u-01"]
    assert (error.text, error.alignment) == ("any more", {})
    assert made["valid"]["a01-003-00"].alignment == {}  # nobody knows where its word is
    said = capsys.readouterr().err
    assert "words whose place is not known, left out of the tier word: 1 (a01-003-00-00)" in said
    assert "lines segmented with errors, without words: 1 (a01-000u-01)" in said


def test_iam_without_the_task_holds_writers_out(iam, tmp_path):
    prepare("iam", iam, tmp_path / "a", "--leave-out-errors")
    made = splits(tmp_path / "a")
    assert sorted(name for lines in made.values() for name in lines) == ["a01-000u-00", "a01-003-00", "r06-022-00"]
    train, test = ({u.speaker for u in made[split].values()} for split in ("train", "test"))
    assert len(test) == 1
    assert not train & test
    sets(iam)
    prepare("iam", iam, tmp_path / "b", "--test-writers", "w002")
    assert list(splits(tmp_path / "b")["test"]) == ["r06-022-00"]


def test_what_is_wrong_with_iam_is_named(iam, tmp_path, capsys):
    (iam / "lines/a01/a01-003/a01-003-00.png").unlink()
    draw(iam / "lines/r06/r06-022/r06-022-00.png", 15, 5)
    with (iam / "ascii/lines.txt").open("a") as file:
        file.write("z99-000-00 ok 154 19 100 800 30 9 who\n")
    sets(iam)
    prepare("iam", iam, tmp_path / "out")
    assert sorted(name for lines in splits(tmp_path / "out").values() for name in lines) == [
        "a01-000u-00",
        "a01-000u-01",
    ]
    said = capsys.readouterr().err
    assert "a01-003-00.png: no such file" in said
    assert "r06-022-00.png: has 15 columns, but its box 30; use the images as distributed" in said
    assert "forms.txt does not say who wrote z99-000; copy it again" in said


def test_tables_of_iam_say_what_is_wrong_with_them(iam, tmp_path):
    with (iam / "ascii/words.txt").open("a") as file:
        file.write("a01-003-00-01 ok 154 x 800 30 9 AP last\n")
    with pytest.raises(CorpusError, match=r"words.txt:8: 'x' or '30' is no number of columns; copy the file again"):
        prepare("iam", iam, tmp_path / "out")
    with (iam / "ascii/lines.txt").open("a") as file:
        file.write("a01-003-01 ok 154\n")
    with pytest.raises(CorpusError, match=r"lines.txt:8: has 3 of 9 columns; copy the file again"):
        prepare("iam", iam, tmp_path / "out")
    (iam / "ascii/forms.txt").unlink()
    (iam / "ascii/lines.txt").write_text("")
    (iam / "ascii/words.txt").write_text("")
    with pytest.raises(CorpusError, match=r"no ascii/forms.txt in it; unpack ascii.tgz there, and give the folder"):
        prepare("iam", iam, tmp_path / "out")


# --- ScribbleLens


def alignment(image: str, symbols: str, text: str) -> str:
    rows = "".join(f"{t} {t + 1} {symbol} -0.1\n" for t, symbol in enumerate(symbols))
    return f"{image} {len(symbols)} targetStr:{text}\n{rows}"


class Tree:
    """The two zip files of ScribbleLens, in small: two transcribed scribes, three others."""

    root = "scribblelens.corpus.v1"

    def __init__(self, folder: Path):
        self.folder = folder
        self.corpus: dict[str, bytes | str] = {}
        self.paths: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        for number, (page, split) in enumerate(
            [("tasman/12", "train"), ("tasman/12", "train"), ("tasman/13.1", "test"), ("kieft/3", "train")]
        ):
            stem = f"nl/{page}/line{number + 1}"
            self.picture(stem)
            self.corpus[f"{stem}.txt"] = "door  't zee.\n"
            symbols = "*ddoooor_t_zeeee***"
            self.paths[f"{self.root}/{stem}.ali"] = alignment(f"{stem}.jpg", symbols, "*door t zee*")
            for name in (split, f"{page.split('/')[0]}.{split}"):
                lists.setdefault(f"nl.bw.lines.{name}", []).append(f"{stem}.jpg {stem}.txt")
        for page in ("roggeveen/25.1", "owic.brieven.49/21.13", "owic.brieven.49/3.11", "ridderschap"):
            self.picture(f"nl/unsupervised/{page}/line.bw.1")
            lists.setdefault("all.nl.bw.lines.unsupervised", []).append(f"nl/unsupervised/{page}/line.bw.1.jpg")
        for name, rows in lists.items():
            self.corpus[f"corpora/{name}.dat"] = "\n".join(rows) + "\n"
        self.corpus["corpora/nl.writers.scribes.v2.txt"] = (
            "A heading.\n\nwriter-name ID directory year slant curviness/complexity\n"
            f"tasman 4 {self.root}/nl/tasman 1642 1 2\n"
            f"owic.brieven.49/3.[356-11] 42 {self.root}/nl/unsupervised/owic.brieven.49/3. 1641 1 2\n"
            f"owic.brieven.49/21.[1368-13] 47 {self.root}/nl/unsupervised/owic.brieven.49/21. 1641 1 2\n"
            f"roggeveen 80 {self.root}/nl/unsupervised/roggeveen/[6.0-25.0] 1721 1 2\n"
            f"roggeveen 81 {self.root}/nl/unsupervised/roggeveen/[25.1-39.0] 1721 1 2\n"
        )

    def picture(self, stem: str, columns: int = 38, rows: int = 64) -> None:
        self.corpus[f"{stem}.jpg"] = draw(self.folder / "one.jpg", columns, rows).read_bytes()

    def written(self) -> Path:
        for name, members, root in (("corpus.v1.2", self.corpus, f"{self.root}/"), ("paths.1.4b", self.paths, "")):
            with zipfile.ZipFile(self.folder / f"scribblelens.{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for member, content in members.items():
                    archive.writestr(root + member, content)
        return self.folder


@pytest.fixture
def tree(tmp_path) -> Tree:
    (tmp_path / "downloads").mkdir()
    return Tree(tmp_path / "downloads")


def test_scribblelens(tree, tmp_path):
    prepare("scribblelens", tree.written(), tmp_path / "out", "--strict")
    made = splits(tmp_path / "out")
    assert {split: list(lines) for split, lines in made.items()} == {
        "train": ["kieft-3-line4", "tasman-12-line1", "tasman-12-line2"],
        "test": ["tasman-13.1-line3"],
    }
    one = made["train"]["tasman-12-line2"]
    assert (one.speaker, one.ticks, one.height, one.text) == ("tasman", 38, 64, "door t zee")
    # 19 columns of 32 rows are 38 of 64; "oo" and "ee" are one run each, and two characters
    assert one.alignment["character"] == [
        (2, 6, "d"), (6, 10, "o"), (10, 14, "o"), (14, 16, "r"),
        (18, 20, "t"), (22, 24, "z"), (24, 28, "e"), (28, 32, "e"),
    ]  # fmt: skip
    assert one.alignment["word"] == [(2, 16, "door"), (18, 20, "t"), (22, 32, "zee")]
    image = tmp_path / "out/images/tasman/12/line2.jpg"
    assert Path(one.path) == image
    assert image.read_bytes() == tree.corpus["nl/tasman/12/line2.jpg"]


def test_a_slice_and_the_lines_of_unknown_text(tree, tmp_path):
    raw = tree.written()
    prepare("scribblelens", raw, tmp_path / "a", "--slice", "kieft", "--punctuation")
    made = splits(tmp_path / "a")
    assert {split: [u.text for u in lines.values()] for split, lines in made.items()} == {"train": ["door 't zee."]}
    prepare("scribblelens", raw, tmp_path / "b", "--unsupervised")
    others = splits(tmp_path / "b")["unsupervised"]
    assert {name: (u.speaker, u.text, u.alignment) for name, u in others.items()} == {
        "unsupervised-owic.brieven.49-21.13-line.bw.1": ("owic.brieven.49-47", None, {}),
        "unsupervised-owic.brieven.49-3.11-line.bw.1": ("owic.brieven.49-42", None, {}),
        "unsupervised-ridderschap-line.bw.1": ("ridderschap", None, {}),
        "unsupervised-roggeveen-25.1-line.bw.1": ("roggeveen-81", None, {}),
    }
    with pytest.raises(CorpusError, match=r"no list of bw lines of zeewijck; choose .* --slice \['kieft', 'tasman'\]"):
        prepare("scribblelens", raw, tmp_path / "c", "--slice", "zeewijck")
    with pytest.raises(CorpusError, match="no list of color lines"):
        prepare("scribblelens", raw, tmp_path / "c", "--colour", "color")


@pytest.mark.parametrize(
    "pattern,pages",
    [
        ("(3-5)", "3 4 5"),
        ("17[2346]", "172 173 174 176"),
        ("21.[1368-13]", "21.1 21.3 21.6 21.8 21.13"),
        ("37.[8,11]", "37.8 37.11"),
        ("27A.[45]", "27A.4 27A.5"),
        ("31.3", "31.3"),
        ("[25.1-27.0]", "25.1 26.0 26.1 27.0"),
        ("", ""),
    ],
)
def test_patterns_of_the_table_of_scribes_stand_for_pages(pattern, pages):
    assert list(script("scribblelens")["pages_of"](pattern)) == pages.split()


@pytest.mark.parametrize(
    "symbols,text,expected",
    [
        ("aabb", "ab", "aabb"),
        ("aaaa", "aa", "aabb"),
        ("aaaaaa_a", "aaa a", "aabbcc_d"),
        ("a*aa", "aa", "a*bb"),
        ("*aab*", "aab", "*abc*"),
        ("aab", "xy", "aab"),  # they do not agree: as the alignment has it
        ("*__*", "", ""),
        ("SPACE", "a", None),
    ],
)
def test_double_letters_are_cut_where_the_text_has_them(symbols, text, expected):
    """Characters in order are a, b, c, ... in `expected`."""
    tiers = script("scribblelens")["tiers"]
    if expected is None:
        assert tiers(["a", "SPACE", "a"], "a a", 3)["word"] == [(0, 1, "a"), (2, 3, "a")]
        return
    found = tiers(list(symbols), text, len(symbols)).get("character", [])
    names = sorted(set(expected) - set("*_"))
    assert [(start, end) for start, end, _ in found] == [(expected.index(n), expected.rindex(n) + 1) for n in names]


def test_without_alignments_there_is_the_text_alone(tree, tmp_path, capsys):
    (tree.written() / "scribblelens.paths.1.4b.zip").unlink()
    prepare("scribblelens", tree.folder, tmp_path / "out")
    assert "4 transcribed lines have no alignment" in capsys.readouterr().err
    assert all(u.text and not u.alignment for u in splits(tmp_path / "out")["train"].values())


def test_bad_lines_of_scribblelens_are_left_out_and_named(tree, tmp_path, capsys):
    lists = "corpora/nl.bw.lines.train.dat"
    tree.corpus[lists] += (
        "../../../outside.jpg\n/etc/nl/a/line1.jpg\nnl/a/..\\b/line1.jpg\nnl/tasman/99/line1.jpg\nnl/tasman/12/line1.txt\n"
        "nl/tasman/14/line5.jpg nl/tasman/14/line5.txt\nnl/tasman/14/line6.jpg\nnl/tasman/14/line7.jpg\n"
    )
    tree.corpus["nl/tasman/14/line5.jpg"] = b"no image"
    tree.picture("nl/tasman/14/line6")
    tree.paths[f"{tree.root}/nl/tasman/14/line6.ali"] = alignment("x", "*ddoooor", "*door*")
    tree.corpus["nl/tasman/14/line7.jpg"] = bytes(20 << 20)  # a bomb: 20 kB in the zip file
    prepare("scribblelens", tree.written(), tmp_path / "out")
    said = capsys.readouterr().err.splitlines()
    for expected in (
        "nl.bw.lines.train.dat:4: '../../../outside.jpg' names no line (it leads out of the zip file)",
        "nl.bw.lines.train.dat:5: '/etc/nl/a/line1.jpg' names no line (it leads out of the zip file)",
        "it leads out of the zip file",
        "has no scribblelens.corpus.v1/nl/tasman/99/line1.jpg in it",
        "'nl/tasman/12/line1.txt' names no line (it must be nl/<scribe>/",
        "line5.jpg: cannot be read",
        "line6.ali: has 8 columns, but the image, scaled to 32 rows, has 19",
        "line7.jpg unpacks to more than 16777216 bytes",
    ):
        assert any(expected in line for line in said), expected
    assert len(said) == 8
    assert len(splits(tmp_path / "out")["train"]) == 3
    files = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert files == {
        "train.jsonl",
        "test.jsonl",
        "images/kieft/3/line4.jpg",
        *(f"images/tasman/{name}.jpg" for name in ("12/line1", "12/line2", "13.1/line3")),
    }


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "begins with ''"),
        ("x.jpg 3 targetStr:ab\n0 1 a -1\n", r"begins with 'x.jpg 3 targetStr:ab' and has 1 lines more"),
        ("x.jpg 2 targetStr:ab\n0 1 a -1\n1 2 b\n", r"line1.ali:3: '1 2 b' is not 't t\+1 symbol score'"),
        ("x.jpg 0 targetStr:\n", "must be 'image length targetStr:text'"),
    ],
)
def test_broken_alignments_are_named(tree, tmp_path, text, message):
    tree.paths[f"{tree.root}/nl/tasman/12/line1.ali"] = text
    with pytest.raises(CorpusError, match=message):
        prepare("scribblelens", tree.written(), tmp_path / "out", "--strict")


def test_damaged_zip_files_are_named(tree, tmp_path):
    raw = tree.written()
    path = raw / "scribblelens.corpus.v1.2.zip"
    content = path.read_bytes()
    place = content.index(b"JFIF") + 200
    path.write_bytes(content[:place] + bytes(50) + content[place + 50 :])
    with pytest.raises(CorpusError, match=r"v1.2.zip: .*line1.jpg cannot be unpacked \(.*\); download the file again"):
        prepare("scribblelens", raw, tmp_path / "out", "--strict")
    path.write_bytes(content[:1000])
    with pytest.raises(CorpusError, match=r"v1.2.zip: cannot be read as a zip file \(.*\); download it again"):
        prepare("scribblelens", raw, tmp_path / "out")


def test_mini_handwriting_has_the_shape_of_scribblelens(tmp_path):
    prepare("mini_handwriting", tmp_path / "lines", "--train-lines", 36, "--test-lines", 12)
    prepare("mini_scribblelens", tmp_path / "lines", tmp_path / "raw")
    prepare("scribblelens", tmp_path / "raw", tmp_path / "out", "--unsupervised", "--strict")
    made = splits(tmp_path / "out")
    assert {split: len(lines) for split, lines in made.items()} == {"train": 24, "test": 8, "unsupervised": 16}
    assert {u.speaker for u in made["unsupervised"].values()} == {
        "owic.brieven.49-47",
        "ridderschap",
        "roggeveen-80",
        "roggeveen-81",
    }
    originals = {u.text: u for lines in splits(tmp_path / "lines").values() for u in lines.values()}
    for split in ("train", "test"):
        for utterance in made[split].values():
            original = originals[utterance.text]
            assert (utterance.ticks, utterance.height) == (3 * original.ticks, 96)
            assert [w.label for w in utterance.alignment["word"]] == original.text.split()
            pairs = list(zip(utterance.alignment["character"], original.alignment["character"], strict=True))
            assert all(one.label == other.label for one, other in pairs)
            assert [(w.start, w.end) for w in utterance.alignment["word"]] == [
                (3 * w.start, 3 * w.end) for w in original.alignment["word"]
            ]
            ink = ink_of(utterance)
            for start, end, _ in utterance.alignment["character"]:
                assert ink[start:end].max() > 0.9


# --- the real sets


def test_the_real_mnist_writers(real_data, tmp_path):
    prepare("mnist_writers", real_data / "mnist10k_writers", tmp_path / "out", "--strict", "--writers", "w0326,w2578")
    arrays = np.load(real_data / "mnist10k_writers" / "mnist10k.npz")
    made = [u for lines in splits(tmp_path / "out").values() for u in lines.values()]
    for writer in (326, 2578):
        drawn = Counter(i.label for u in made if u.speaker == f"w{writer:04d}" for i in u.alignment["character"])
        assert drawn == Counter(map(str, arrays["label"][arrays["writer"] == writer].tolist()))
    for utterance in made:
        assert_ink_is_where_the_tier_says(utterance)


def test_the_real_omniglot(real_data, tmp_path):
    prepare("omniglot", real_data / "omniglot_small1", tmp_path / "out", "--strict", "--alphabets", "Greek")
    made = splits(tmp_path / "out")
    train, test = shown(made["train"]), shown(made["test"])
    assert len(train) + len(test) == 24 * 20
    assert len(test) == 96
    assert set((train + test).values()) == {4}
    for utterance in made["test"].values():
        assert_ink_is_where_the_tier_says(utterance)


def test_the_real_medieval_french(real_data, tmp_path):
    prepare("medieval_french", real_data / "hw_medieval_fro", tmp_path / "out", "--strict")
    made = splits(tmp_path / "out")
    assert {split: len(lines) for split, lines in made.items()} == {"train": 1624, "test": 497}
    table = (real_data / "hw_medieval_fro" / "char_alignment.jsonl").read_text(encoding="utf-8").splitlines()
    listed = Counter(label for row in map(json.loads, table) for label in row["c"] if label != " ")
    lines = [u for lines in made.values() for u in lines.values()]
    assert Counter(i.label for u in lines for i in u.alignment.get("character", [])) == listed
    worded = [u for u in lines if "word" in u.alignment]
    assert len(worded) > 0.99 * len(lines)
    assert all([w.label for w in u.alignment["word"]] == u.text.split() for u in worded)


# --- what the scripts share


def test_a_line_image_is_listed_by_its_header(tmp_path):
    path = draw(tmp_path / "a.png", 70, 32)
    one = line_image(path, speaker="ann")
    assert (one.id, one.path, one.ticks, one.height, one.rate, one.speaker) == ("a", str(path), 70, 32, None, "ann")
    assert line_image(path, "other").id == "other"


def test_what_is_written_is_counted_in_what_it_is_made_of():
    lines = [Utterance(f"u{n}", "x.png", f"w{n}", 1000, height=32) for n in range(3)]
    assert summary(lines) == "3 lines, 3000 columns, 3 writers"
    recordings = [Utterance(f"u{n}", "x.wav", None, 16000 * 30, rate=16000) for n in range(3)]
    assert summary(recordings) == "3 utterances, 1.5 minutes, unknown speakers"


def test_only_those_asked_for():
    assert only(["b", "a", "b"], None) == ["a", "b"]
    assert only(["b", "a"], " b ,") == ["b"]
    for wanted, message in (("c", r"no writers \['c'\]: choose from \['a'\]"), (",", "no writers in ','")):
        with pytest.raises(CorpusError, match=message):
            only(["a"], wanted)
    with pytest.raises(CorpusError, match=r"choose from \['00', '01', .*, '11'\] and 38 more"):
        only([f"{number:02d}" for number in range(50)], "c")


def test_arrays_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(CorpusError, match=r"a.npz: cannot be read \(No such file.*give the folder"):
        read_arrays(path, ["x"])
    np.savez(path, x=np.arange(1000))
    assert read_arrays(path, ["x"])["x"].sum() == 499500
    with pytest.raises(CorpusError, match=r"a.npz: y is not a file in the archive; copy it again"):
        read_arrays(path, ["x", "y"])
    content = path.read_bytes()
    for broken in (b"", b"text", content[:500], content[:300] + bytes(400) + content[700:]):
        path.write_bytes(broken)
        with pytest.raises(CorpusError, match=r"a.npz: cannot be read \(.*copy it again"):
            read_arrays(path, ["x"])
    np.savez(path, x=np.array([{}]))  # an object: reading it would run code
    with pytest.raises(CorpusError, match="cannot be read"):
        read_arrays(path, ["x"])
