"""Forced alignment: symbols, the loss and its priors, paths, borders, training that goes on, and `unitdisc align`."""

import json
import unicodedata
from dataclasses import asdict, replace
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unitdisc.alignment import (
    Aligner,
    AlignerError,
    AlignOptions,
    Alphabet,
    characters,
    compare_tiers,
    load,
    save,
    trained,
    worth_of,
)
from unitdisc.alignment.alphabet import labels, spelled
from unitdisc.alignment.losses import occupancies, prior_ctc, scaled
from unitdisc.alignment.paths import Spans, best_spans, intervals, least_frames
from unitdisc.alignment.training import error_rate, without_margins
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.texts import SPACE
from unitdisc.media.image import write_image

pytest_plugins = ["tiny_fixtures"]
HEIGHT = 16
WIDE = {"a": 10, "b": 14, "c": 8}  # columns of the characters that lines are drawn of
GAP = 6
FEATURES = ColumnFeatures(height=HEIGHT)
OPTIONS = AlignOptions(epochs=8, batch_size=4, learning_rate=1e-2, recurrent=16)


# Symbols -----------------------------------------------------------------------------------------------------------


def test_marks_belong_to_the_character_before_and_white_space_is_one_blank():
    assert characters("  q̃ui \t t̾re\n") == ["q̃", "u", "i", " ", "t̾", "r", "e"]
    assert characters(unicodedata.normalize("NFD", "é ñ")) == ["é", " ", "ñ"]
    assert characters("\u0301a") == ["\u0301", "a"]  # of nothing: a character of its own
    assert characters(None) == characters(" ") == []


def test_capitals_are_kept_and_texts_have_margins():
    assert spelled(Utterance("u", "u.wav", None, 9, 9, text="Ab")) == [SPACE, "A", "b", SPACE]
    assert Alphabet.of([["b", "A"]]).symbols == (SPACE, "A", "b")


def test_symbols_that_are_not_known_share_a_code_beyond_the_last():
    alphabet = Alphabet.of([list("ab")])
    assert alphabet.codes(list("a b?!")) == [2, 1, 3, 4, 4]
    assert alphabet.text([2, 1, 3]) == ["a", SPACE, "b"]


def test_characters_are_counted_as_in_the_real_corpus(real_data):
    path = real_data / "hw_medieval_fro" / "char_alignment.jsonl"
    counts = [0, 0]
    for line in path.read_text(encoding="utf-8").splitlines():
        labels = [label for label in json.loads(line)["c"] if label != " "]
        counts[0] += sum(len(characters(label)) == 1 for label in labels)
        counts[1] += len(labels)
    assert counts[0] >= 0.999 * counts[1]  # the others have a modifier letter (ꝰ), which is one of its own here


# The loss ----------------------------------------------------------------------------------------------------------


def paths_of(text: tuple[int, ...], frames: int, symbols: int) -> list[tuple[int, ...]]:
    """Every path of CTC that says a text: by trying all."""

    def said(path: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(code for place, code in enumerate(path) if code and (place == 0 or path[place - 1] != code))

    return [path for path in product(range(symbols), repeat=frames) if said(path) == text]


@pytest.mark.parametrize("text", [(1,), (1, 2), (2, 2), (1, 2, 1)])
def test_occupancies_are_those_of_all_paths_whatever_the_scores_sum_to(text):
    generator = torch.Generator().manual_seed(len(text))
    scores = torch.randn(1, 5, 3, generator=generator, dtype=torch.float64)  # not normalised
    expected, total = torch.zeros(5, 3, dtype=torch.float64), 0.0
    for path in paths_of(text, 5, 3):
        weight = float(scores[0, torch.arange(5), torch.tensor(path)].sum().exp())
        total += weight
        expected[torch.arange(5), torch.tensor(path)] += weight
    losses, found = occupancies(scores, [torch.tensor(text)], torch.tensor([5]))
    assert float(losses) == pytest.approx(-np.log(total))
    torch.testing.assert_close(found[0], expected / total)


def test_the_gradient_with_priors_is_that_of_the_sum_over_paths():
    text, prior = (1, 2), torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    inputs = torch.randn(1, 4, 3, dtype=torch.float64, requires_grad=True)
    prior_ctc(inputs.log_softmax(-1), prior, 0.5, [torch.tensor(text)], torch.tensor([4])).backward()
    found, inputs.grad = inputs.grad, None
    scores = scaled(inputs.log_softmax(-1), prior, 0.5)[0]
    sums = torch.stack([scores[torch.arange(4), torch.tensor(path)].sum() for path in paths_of(text, 4, 3)])
    (-sums.logsumexp(0) / 2).backward()
    torch.testing.assert_close(found, inputs.grad)


def test_without_priors_it_is_the_ctc_of_torch_and_padding_changes_nothing():
    inputs = torch.randn(2, 6, 4, requires_grad=True)
    targets, lengths = [torch.tensor([1, 2]), torch.tensor([3])], torch.tensor([6, 4])
    loss = prior_ctc(inputs.log_softmax(-1), torch.full((4,), 0.25), 0.0, targets, lengths)
    loss.backward()
    found, inputs.grad = inputs.grad, None
    counts = torch.tensor([2, 1])
    theirs = torch.nn.functional.ctc_loss(
        inputs.log_softmax(-1).transpose(0, 1), torch.cat(targets), lengths, counts, reduction="sum"
    )
    (theirs / 3).backward()
    assert loss.item() == pytest.approx(theirs.item() / 3, rel=1e-5)
    torch.testing.assert_close(found, inputs.grad)
    assert not found[1, 4:].any()


def test_a_prior_is_divided_by():
    """To the power of its weight; one of a symbol that is hardly ever seen counts as 1e-4."""
    log_probs, prior = torch.randn(2, 3, 4), torch.tensor([0.7, 0.2, 0.1, 1e-9])
    expected = (log_probs.double().exp() / torch.tensor([0.7, 0.2, 0.1, 1e-4]).double() ** 0.3).log()
    torch.testing.assert_close(scaled(log_probs, prior, 0.3).double(), expected, rtol=1e-5, atol=1e-5)


# Paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [(1,), (1, 2), (2, 2), (1, 1, 2)])
def test_the_best_path_is_the_best_of_all(text):
    for seed in range(5):
        log_probs = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
        best = max(paths_of(text, 6, 3), key=lambda path: float(log_probs[torch.arange(6), torch.tensor(path)].sum()))
        spans = best_spans(log_probs, text)
        found = [0] * 6
        for code, first, last in zip(text, spans.first, spans.last, strict=True):
            found[first : last + 1] = [code] * (last + 1 - first)
        assert tuple(found) == best
        assert spans.scores[0] == pytest.approx(
            float(log_probs[spans.first[0] : spans.last[0] + 1, text[0]].mean()), rel=1e-5
        )


def test_symbols_meet_at_the_tick_nearest_to_the_middle():
    """Of the last frame of the one and the first of the other; the margins on either side have no intervals."""
    spans = Spans(np.array([0, 2, 5, 7]), np.array([1, 3, 6, 7]), np.zeros(4))
    centres = np.array([5.0, 15.0, 26.0, 35.0, 45.0, 55.0, 65.0, 76.5])
    found = intervals(spans, [SPACE, "a", "b", SPACE], centres, 90)
    assert found == [Interval(21, 45, "a"), Interval(45, 71, "b")]  # of 20.5, 45 and 70.75


def test_a_symbol_that_is_not_known_is_whatever_is_there():
    log_probs = torch.full((6, 3), -9.0)
    log_probs[torch.arange(6), torch.tensor([0, 1, 1, 0, 2, 0])] = 0.0  # nothing, 1, nothing, 2, nothing
    spans = best_spans(log_probs, [3, 2])  # of the alphabet {1, 2}, code 3 is unknown
    assert (spans.first.tolist(), spans.last.tolist()) == ([1, 4], [2, 4])


def test_symbols_meet_halfway_and_blanks_are_gaps():
    spans = Spans(np.array([0, 3, 6, 7, 11]), np.array([1, 4, 6, 8, 11]), np.zeros(5))
    found = intervals(spans, [" ", "a", " ", "b", " "], 4 * (np.arange(12) + 0.5), 47)
    # centres: 2 6 | 14 18 | 26 | 30 34 | 46; halfway: 10, 22, 28, 40
    assert found == [Interval(10, 22, "a"), Interval(28, 40, "b")]
    assert intervals(spans, [" ", "a", "c", "b", " "], 4 * (np.arange(12) + 0.5), 47)[1] == Interval(22, 28, "c")


def test_what_has_no_length_is_left_out_and_nothing_lies_outside():
    spans = Spans(np.arange(4), np.arange(4), np.zeros(4))
    narrow = intervals(spans, [" ", "a", "b", " "], 0.3 * (np.arange(4) + 0.5), 1)
    assert all(0 <= start < end <= 1 for start, end, _ in narrow)
    late = intervals(spans, [" ", "a", "b", " "], 10 * (np.arange(4) + 0.5), 25)
    assert [interval.end for interval in late] == [20, 25]


def test_least_frames_count_the_blank_between_doubles():
    assert least_frames([1, 2, 2, 2, 1]) == 7


# Direction, and whether anything was learned


class Told:
    """An aligner that sees what is drawn: one column a symbol, from left to right."""

    features = SimpleNamespace(frames_in=lambda utterance: len(seen(utterance)))

    def __init__(self, letters: str, sure: float = 5.0):
        self.alphabet, self.sure = Alphabet.of([letters]), sure

    def can_write(self, text, frames):
        return least_frames(self.alphabet.codes(text)) <= frames

    def scores(self, features, weight):
        found = torch.zeros(len(features), 1 + len(self.alphabet.symbols))
        for frame, symbol in enumerate(features):
            found[frame, 0 if symbol == "-" else self.alphabet.codes([symbol])[0]] = self.sure
        return found.log_softmax(1)


def seen(utterance: Utterance) -> np.ndarray:
    """Columns of a line whose text is drawn from left to right, as its id says."""
    return np.array([*"-".join(f" {utterance.id} ")])


@pytest.mark.parametrize(
    ("letters", "turned", "forwards", "backwards"),
    [("abcd", False, 1.0, 0.0), ("אבגד", False, 1.0, 0.0), ("abcd", True, 0.5, 1.0), ("אבגד", True, 0.5, 1.0)],
)
def test_an_aligner_is_judged_by_the_order_of_characters(letters, turned, forwards, backwards):
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(20):
        text = "".join(rng.permutation([*letters])) + letters[0]
        drawn_as = text[::-1] if (letters[0] == "א") != turned else text
        lines.append(Utterance(drawn_as, "l.png", None, 99, None, height=9, text=text))
    judged = worth_of(Told(letters), lines, seen)
    assert judged.forwards == pytest.approx(forwards, abs=0.25) and judged.backwards == backwards
    assert judged.is_worthless == turned
    assert worth_of(Told(letters, sure=0.0), lines, seen).forwards == pytest.approx(0.5, abs=0.2)
    assert worth_of(Told(letters), lines[:7], seen) is None  # too few to tell
    assert worth_of(Told(letters), [replace(line, text=letters[0]) for line in lines], seen) is None


def test_boxes_of_a_line_that_runs_leftwards_are_in_the_order_of_columns():
    line = Utterance("ב(א", "l.png", None, 50, None, height=9, text="א)ב")
    assert spelled(line) == [SPACE, "ב", "(", "א", SPACE]  # as it is drawn
    assert labels(line) == [SPACE, "ב", ")", "א", SPACE]  # what these are in the text
    spoken = replace(line, path="s.wav", height=None, rate=16_000)
    assert spelled(spoken) == labels(spoken) == [SPACE, "א", ")", "ב", SPACE]


# Training ----------------------------------------------------------------------------------------------------------


def drawn(text: str) -> tuple[np.ndarray, list[Interval]]:
    """A line of bars of different height for each character: ink [columns, HEIGHT], and where they are."""
    rows = {"a": slice(0, 8), "b": slice(8, 16), "c": slice(4, 12)}
    columns, boxes, ink = GAP, [], {}
    for character in text:
        if character == SPACE:
            columns += GAP
            continue
        ink[columns] = character
        boxes.append(Interval(columns, columns + WIDE[character], character))
        columns += WIDE[character]
    image = np.zeros((columns + GAP, HEIGHT), np.float32)
    for start, character in ink.items():
        image[start + 1 : start + WIDE[character] - 1, rows[character]] = 1
    return image, boxes


def line(number: int, text: str, folder: Path | None = None) -> Utterance:
    ink, boxes = drawn(text)
    path = "x.png" if folder is None else str(folder / f"l{number:03}.png")
    if folder is not None:
        write_image(Path(path), ink)
    return Utterance(f"l{number:03}", path, "s", len(ink), text=text, alignment={"box": boxes}, height=HEIGHT)


def texts(number: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        " ".join("".join(rng.choice(list(WIDE), rng.integers(1, 4))) for _ in range(rng.integers(1, 3)))
        for _ in range(number)
    ]


LINES = [line(number, text) for number, text in enumerate(texts(48, 0))]
OTHERS = [line(100 + number, text) for number, text in enumerate(texts(12, 1))]


def read(utterance: Utterance) -> np.ndarray:
    return drawn(utterance.text.replace("?", "a"))[0]


@pytest.fixture(scope="module")
def learned():
    return trained(FEATURES, LINES, read, OPTIONS)


def test_texts_are_learned_and_boxes_are_found(learned):
    assert learned.error_rate < 0.2
    assert error_rate(learned.aligner, OTHERS, read) < 0.2
    aligned = [with_tier(learned.aligner, utterance) for utterance in OTHERS]
    check = compare_tiers(aligned, "found", "box")
    assert check.boundaries["4"].f1 > 0.8
    assert check.alike > 0.8
    for utterance in aligned:
        labels = [interval.label for interval in utterance.alignment["found"]]
        assert labels == [character for character in utterance.text if character != SPACE]


def with_tier(aligner: Aligner, utterance: Utterance) -> Utterance:
    found = aligner.align(utterance, read(utterance)).intervals
    return replace(utterance, alignment=utterance.alignment | {"found": found})


def test_a_text_of_another_line_has_a_worse_score(learned):
    right = [learned.aligner.align(u, read(u)).score for u in OTHERS]
    wrong = [learned.aligner.align(replace(u, text=v.text), read(u)).score for u, v in pairwise(OTHERS)]
    assert np.mean(right) > max(0, np.mean(wrong) + 1)


def test_a_character_never_seen_gets_a_box_too(learned):
    utterance = line(7, "abc ba")
    found = learned.aligner.align(replace(utterance, text="?bc ba"), drawn("abc ba")[0]).intervals
    assert [interval.label for interval in found] == list("?bcba")
    assert abs(found[0].end - utterance.alignment["box"][0].end) <= 6


def test_lines_of_another_height_are_aligned_in_their_own_columns(learned):
    utterance = OTHERS[0]
    large = replace(utterance, ticks=3 * utterance.ticks, height=3 * HEIGHT, alignment={})
    small = learned.aligner.align(utterance, read(utterance)).intervals
    assert [tuple(np.array(i[:2]) // 3) for i in learned.aligner.align(large, read(utterance)).intervals] == [
        i[:2] for i in small
    ]


def test_training_goes_on_bit_for_bit_where_it_was_interrupted(tmp_path):
    options = replace(OPTIONS, epochs=3)
    whole = trained(FEATURES, LINES[:16], read, options)

    def stop(epoch, batch, loss, error):
        if epoch == 1 and batch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(FEATURES, LINES[:16], read, options, tmp_path / "training.pt", stop)
    told = []
    again = trained(FEATURES, LINES[:16], read, options, tmp_path / "training.pt", lambda *each: told.append(each[0]))
    assert {*told} == {1, 2}
    for name, tensor in whole.aligner.writer.state_dict().items():
        assert torch.equal(tensor, again.aligner.writer.state_dict()[name]), name


def test_a_training_of_something_else_is_not_gone_on_with(tmp_path):
    options, state = replace(OPTIONS, epochs=1), tmp_path / "training.pt"
    trained(FEATURES, LINES[:12], read, options, state)
    for changed in (
        lambda: trained(FEATURES, LINES[:12], read, replace(options, seed=1), state),
        lambda: trained(FEATURES, [replace(LINES[0], text="ab"), *LINES[1:12]], read, options, state),
    ):
        with pytest.raises(AlignerError, match=r"training\.pt: is of a training on another corpus, or with other opt"):
            changed()
    state.write_bytes(b"PK")
    with pytest.raises(AlignerError, match=r"training\.pt: damaged; remove it"):
        trained(FEATURES, LINES[:12], read, options, state)


def test_an_aligner_that_was_saved_aligns_alike(learned, tmp_path):
    save(learned.aligner, tmp_path)
    found = load(tmp_path)
    assert found.features == FEATURES
    assert found.options == asdict(OPTIONS)
    for utterance in OTHERS[:3]:
        assert found.align(utterance, read(utterance)) == learned.aligner.align(utterance, read(utterance))


@pytest.mark.parametrize(
    "spoil,message",
    [
        (lambda folder: (folder / "aligner.json").unlink(), r"aligner\.json: not there"),
        (lambda folder: (folder / "aligner.json").write_text("{"), r"aligner\.json: damaged"),
        (lambda folder: (folder / "aligner.json").write_text("{}"), r"aligner\.json: damaged"),
        (lambda folder: (folder / "aligner.safetensors").write_bytes(b"x" * 99), r"aligner\.safetensors: damaged"),
        (lambda folder: (folder / "aligner.safetensors").unlink(), r"aligner\.safetensors: damaged"),
        (lambda folder: widen(folder / "aligner.json"), r"aligner\.safetensors: damaged"),
    ],
)
def test_a_damaged_aligner_is_named(learned, tmp_path, spoil, message):
    save(learned.aligner, tmp_path)
    spoil(tmp_path)
    with pytest.raises(AlignerError, match=message):
        load(tmp_path)


def widen(path: Path) -> None:
    settings = json.loads(path.read_text())
    settings["symbols"].append("z")
    path.write_text(json.dumps(settings))


def test_texts_too_long_for_their_frames_are_not_learned_from_and_not_aligned(learned):
    impossible = replace(LINES[0], text="abcabcabc" * 9)
    found = trained(FEATURES, [impossible, *LINES[1:12]], read, replace(OPTIONS, epochs=1))
    assert found.too_long == [impossible.id]
    with pytest.raises(AlignerError, match="l000: its text has 81 characters, too many for"):
        learned.aligner.align(impossible, read(LINES[0]))
    with pytest.raises(AlignerError, match="l000, like all others, is too long"):
        trained(FEATURES, [impossible], read, OPTIONS)
    with pytest.raises(AlignerError, match="there is nothing to learn from: no text"):
        trained(FEATURES, [replace(LINES[0], text=None)], read, OPTIONS)
    with pytest.raises(AlignerError, match="l000: has no text to align"):
        learned.aligner.align(replace(LINES[0], text=" "), read(LINES[0]))


def test_margins_are_no_errors():
    assert without_margins([" ", " ", "a", " ", "b", " "]) == ["a", " ", "b"]
    assert without_margins([" "]) == without_margins([]) == []


@pytest.mark.parametrize("options", [{"epochs": 0}, {"prior": 1.0}, {"learning_rate": 0.0}, {"recurrent": -1}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        AlignOptions(**options)


def test_recordings_are_read_by_the_encoder_of_recordings():
    aligner = Aligner.new(AcousticFeatures("log-mel", normalise="utterance"), Alphabet(("a", " ")), {}, recurrent=0)
    assert aligner.scores(np.zeros((9, 80), np.float32), 0.0).shape == (5, 3)
    spoken = Utterance("u", "u.wav", "s", 1600, 16_000, text="a")
    assert aligner.centres(spoken, 5).tolist() == (320 * (np.arange(5) + 0.5)).tolist()
    assert aligner.centres(replace(spoken, ticks=800, rate=8000), 5)[0] == 80


# Checks ------------------------------------------------------------------------------------------------------------


def test_a_check_counts_labels_and_borders_by_hand():
    reference = [Interval(0, 10, "a"), Interval(10, 20, "b"), Interval(24, 30, "c")]
    found = [Interval(0, 13, "a"), Interval(13, 20, "b"), Interval(20, 30, "c")]
    utterance = Utterance("u", "u.png", "s", 40, alignment={"box": reference, "found": found}, height=8)
    check = compare_tiers([utterance], "found", "box")
    assert check.alike == (10 + 7 + 6) / 26
    assert check.alike_everywhere == (10 + 7 + 6 + 10) / 40
    # found 13 20 30, reference 10 20 24 30
    assert [check.boundaries[each].hits_found for each in ("2", "4", "8")] == [2, 3, 3]
    assert check.boundaries["2"].recall == 2 / 4
    assert (check.unit, check.utterances, check.intervals) == ("columns", 1, 3)


def test_a_check_of_recordings_is_in_milliseconds():
    tiers = {"x": [Interval(0, 500, "a")], "y": [Interval(0, 518, "a")]}
    spoken = Utterance("u", "u.wav", "s", 1000, 1000, alignment=tiers)
    check = compare_tiers([spoken], "x", "y")
    assert [check.boundaries[each].hits_found for each in ("10", "20", "50")] == [0, 1, 1]
    assert check.unit == "ms"
    with pytest.raises(UnscorableError, match="no utterance has both"):
        compare_tiers([spoken], "x", "z")
    with pytest.raises(UnscorableError, match="check them apart"):
        compare_tiers([spoken, replace(spoken, rate=None, height=8)], "x", "y")


# The command -------------------------------------------------------------------------------------------------------


FEW = LINES[:24]  # what a command says of its alignments takes no more


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "images").mkdir()
    for name, utterances in (("train", FEW), ("test", OTHERS[:6])):
        written = [line(int(u.id[1:]), u.text, folder / "images") for u in utterances]
        write_manifest(folder / f"{name}.jsonl", written)
    return folder / "train.jsonl", folder / "test.jsonl"


FAST = ["--height", "16", "--epochs", "4", "--batch-size", "4", "--learning-rate", "0.01", "--recurrent", "8"]


def test_align_writes_manifests_timings_and_a_model_that_can_be_used_again(unitdisc, manifests, tmp_path):
    result = unitdisc("align", *manifests, "--output", tmp_path / "out", "--check", "box", *FAST)
    assert result.code == 0, result.err
    assert "characters wrong in held-out texts" in result.out
    assert "within  4 columns" in result.out
    found = list(read_manifest(tmp_path / "out" / "test.jsonl"))
    assert [i.label for i in found[0].alignment["character"]] == [c for c in found[0].text if c != SPACE]
    assert Path(found[0].path).exists()
    start, end, label = found[0].alignment["character"][0]
    assert (tmp_path / "out" / "test" / "character.ctm").read_text().splitlines()[0] == (
        f"{found[0].id} 1 {start} {end - start} {label}"
    )
    row = json.loads((tmp_path / "out" / "test" / "character.jsonl").read_text().splitlines()[0])
    assert row["intervals"][0] == [start, end, label]
    kept = json.loads((tmp_path / "out" / "alignment.json").read_text())
    assert "worthless" not in result.err and kept["corpora"]["train"]["order"]["forwards"] > 0.9
    assert kept["corpora"]["test"]["check"]["boundaries"].keys() == {"2", "4", "8"}
    assert kept["corpora"]["train"]["aligned"] == len(FEW)
    again = unitdisc("align", manifests[1], "--output", tmp_path / "again", "--model", tmp_path / "out" / "aligner")
    assert again.code == 0, again.err
    assert [u.alignment for u in read_manifest(tmp_path / "again" / "test.jsonl")] == [u.alignment for u in found]
    assert not (tmp_path / "out" / "aligner" / "training.pt").exists()


def test_an_alignment_of_other_texts_is_said_to_be_worthless(unitdisc, manifests, tmp_path):
    lines = list(read_manifest(manifests[0]))
    write_manifest(tmp_path / "wrong.jsonl", [replace(u, text=u.text[::-1]) for u in lines])
    command = ("align", tmp_path / "wrong.jsonl", "--output", tmp_path / "out", *FAST, "--epochs", "1")
    result = unitdisc(*command)
    assert result.code == 0 and "WARNING: wrong: its alignment is worthless" in result.err
    assert (tmp_path / "out" / "wrong.jsonl").exists()


@pytest.mark.parametrize(
    "more,message",
    [
        (["--tier", "box"], "has a tier 'box' already"),
        (["--check", "words"], "has no tier 'words' to check with, only ['box']"),
        (["--epochs", "0"], "epochs must be 1 or more"),
        (["--model", "nowhere"], "not there; is nowhere the `aligner` folder"),
    ],
)
def test_what_cannot_be_aligned_is_said(unitdisc, manifests, tmp_path, more, message):
    result = unitdisc("align", manifests[1], "--output", tmp_path / "out", *FAST, *more)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_tier_without_boundaries_is_refused_before_training(unitdisc, manifests, tmp_path):
    whole = [replace(u, alignment={"line": [Interval(0, u.ticks, "x")]}) for u in read_manifest(manifests[0])]
    write_manifest(tmp_path / "whole.jsonl", whole)
    result = unitdisc("align", tmp_path / "whole.jsonl", "--output", tmp_path / "out", "--check", "line", *FAST)
    assert result.code == 1
    assert "tier 'line' has no boundary inside of any utterance" in result.err
    assert "learning" not in result.err


def test_a_manifest_is_not_overwritten(unitdisc, manifests):
    result = unitdisc("align", manifests[1], "--output", manifests[1].parent, *FAST)
    assert result.code == 1
    assert "would be overwritten by its alignment" in result.err


def test_lines_without_a_text_stay_and_are_named(unitdisc, manifests, tmp_path):
    lines = list(read_manifest(manifests[0]))
    write_manifest(tmp_path / "some.jsonl", [replace(lines[0], text=None), *lines[1:]])
    result = unitdisc("align", tmp_path / "some.jsonl", "--output", tmp_path / "out", *FAST, "--epochs", "1")
    assert result.code == 0, result.err
    assert f"not aligned: {lines[0].id}: has no text to align" in result.err
    found = list(read_manifest(tmp_path / "out" / "some.jsonl"))
    assert len(found) == len(lines)
    assert "character" not in found[0].alignment


def test_an_interrupted_command_goes_on(unitdisc, manifests, tmp_path, monkeypatch):
    from unitdisc.api import align as verb

    told = verb.Told.__call__

    def stop(self, epoch, batch, loss, error):
        told(self, epoch, batch, loss, error)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(verb.Told, "__call__", stop)
    result = unitdisc("align", manifests[1], "--output", tmp_path / "out", *FAST)
    assert result.code == 130
    assert "Stopped after epoch 1; the same command goes on from there." in result.err
    monkeypatch.setattr(verb.Told, "__call__", told)
    assert unitdisc("align", manifests[1], "--output", tmp_path / "out", *FAST).code == 0


def test_recordings_and_lines_are_aligned_apart(manifests):
    from unitdisc.api.align import features_for

    spoken = Utterance("u", "u.wav", "s", 1600, 16_000, text="a")
    assert features_for([spoken], 32).kind == "log-mel"
    with pytest.raises(CorpusError, match="align them apart"):
        features_for([spoken, LINES[0]], 32)
