"""Lines composed of characters: every character is where the tier says, and nothing is elsewhere."""

from itertools import islice, pairwise

import numpy as np
import pytest

from unitdisc.corpus import CorpusError
from unitdisc.prep.composing import Glyph, centred, composed, cut, dealt, some_of_hand, trimmed, write_line
from unitdisc.prep.line_layout import LineLayout


def glyphs(count: int, rows: int = 20) -> list[Glyph]:
    """Full of ink of a darkness of their own, with empty columns around them."""
    rng = np.random.default_rng(count)
    made = []
    for number in range(count):
        ink = np.zeros((int(rng.integers(7, 15)), rows), np.float32)
        ink[2:-3] = (number + 1) / (count + 1)
        made.append(Glyph(ink, f"{number % 10}"))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_intervals_are_exactly_the_columns_of_the_characters(seed):
    given = glyphs(12)
    line = composed(given, LineLayout(), np.random.default_rng(seed))
    assert [interval.label for interval in line.characters] == [glyph.label for glyph in given]
    inked = np.zeros(len(line.ink), bool)
    for (start, end, _), glyph in zip(line.characters, given, strict=True):
        part = line.ink[start:end]
        assert sorted(set(part.ravel().tolist())) == [0, glyph.ink.max()]
        assert part.sum() == pytest.approx(glyph.ink.sum())  # nothing of it is lost
        inked[start:end] = True
    assert not line.ink[~inked].any()
    assert (line.ink.max(axis=1) > 0).tolist() == inked.tolist()


def test_gaps_and_blanks_are_as_wide_as_the_layout_says():
    layout = LineLayout(gap=(1, 3), word=(2, 4), blank=(8, 9), margin=(5, 6), wobble=2)
    gaps, blanks, margins, sizes, tops = set(), set(), set(), set(), set()
    for seed in range(60):
        line = composed(glyphs(13), layout, np.random.default_rng(seed))
        starts = {word.start for word in line.words}
        for before, after in pairwise(line.characters):
            (blanks if after.start in starts else gaps).add(after.start - before.end)
        margins |= {line.characters[0].start, len(line.ink) - line.characters[-1].end}
        sizes |= {len(word.label) for word in line.words[:-1]}
        tops |= {int(np.flatnonzero(line.ink[start])[0]) for start, _, _ in line.characters}
    assert (gaps, blanks, margins, sizes) == ({1, 2, 3}, {8, 9}, {5, 6}, {2, 3, 4})
    assert tops == {4, 5, 6, 7, 8}  # 20 rows of 32, two up or down


def test_words_begin_and_end_with_their_characters():
    line = composed(glyphs(13), LineLayout(), np.random.default_rng(0))
    for start, end, label in line.words:
        inside = [each for each in line.characters if start <= each.start < end]
        assert "".join(each.label for each in inside) == label
        assert (inside[0].start, inside[-1].end) == (start, end)
    assert line.text == " ".join(word.label for word in line.words)
    assert line.text.replace(" ", "") == "".join(character.label for character in line.characters)


def test_without_words_the_text_is_the_characters():
    line = composed(glyphs(3), LineLayout(word=None), np.random.default_rng(0))
    assert (line.words, line.text) == ([], "0 1 2")


def test_characters_stay_on_the_line_however_they_wobble():
    for seed in range(20):
        line = composed(glyphs(5, rows=31), LineLayout(wobble=9), np.random.default_rng(seed))
        assert [part.any(axis=0).sum() for part in (line.ink[i.start : i.end] for i in line.characters)] == [31] * 5


def test_what_cannot_be_composed_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(CorpusError, match="no characters to compose a line of; give"):
        composed([], LineLayout(), rng)
    with pytest.raises(CorpusError, match="character 'x' has 0 columns of ink and 20 rows; it needs ink"):
        composed([Glyph(np.zeros((9, 20)), "x")], LineLayout(), rng)
    with pytest.raises(CorpusError, match=r"character 'x' has 9 columns of ink and 33 rows; .* 32 rows at most"):
        composed([Glyph(np.ones((9, 33)), "x")], LineLayout(), rng)


def test_trimming_keeps_gaps_within_a_character():
    ink = np.array([[0, 0], [0, 1], [0, 0.01], [0.5, 0], [0, 0.04]])
    np.testing.assert_array_equal(trimmed(ink), ink[1:4])
    assert trimmed(np.zeros((4, 2))).shape == (0, 2)


def test_all_are_dealt_before_any_comes_again():
    drawn = list(islice(dealt(7, np.random.default_rng(0)), 21))
    rounds = [drawn[start : start + 7] for start in (0, 7, 14)]
    assert [sorted(each) for each in rounds] == [list(range(7))] * 3
    assert rounds[0] != rounds[1]


def test_a_cut_has_every_character_once():
    given = [Glyph(np.ones((1, 1)), str(number)) for number in range(30)]
    pieces = list(cut(given, (4, 6), np.random.default_rng(0)))
    labels = [glyph.label for piece in pieces for glyph in piece]
    assert sorted(labels, key=int) == [glyph.label for glyph in given] != labels
    assert {len(piece) for piece in pieces[:-1]} <= {4, 5, 6}
    assert 1 <= len(pieces[-1]) <= 6
    assert list(cut([], (4, 6), np.random.default_rng(0))) == []


def test_a_written_line_is_listed_as_it_lies_on_disk(tmp_path):
    line = composed(glyphs(4), LineLayout(), np.random.default_rng(0))
    utterance = write_line(tmp_path / "a" / "ann-1.png", "ann", line)
    assert (utterance.id, utterance.speaker, utterance.rate) == ("ann-1", "ann", None)
    assert (utterance.ticks, utterance.height) == line.ink.shape
    assert utterance.alignment == {"character": line.characters, "word": line.words}


def test_characters_of_scripts_that_run_leftwards_stand_so_and_are_read_so():
    marks = [Glyph(np.full((width, 9), 1.0), label) for width, label in zip((3, 4, 5, 6, 7), "אבגדה")]
    line = composed(marks, LineLayout(word=(2, 2)), np.random.default_rng(0))
    assert [interval.label for interval in line.characters] == ["ה", "ד", "ג", "ב", "א"]
    assert [interval.end - interval.start for interval in line.characters] == [7, 6, 5, 4, 3]
    assert [interval.label for interval in line.words] == ["ה", "גד", "אב"]
    assert line.text == "אב גד ה"
    assert (line.words[2].start, line.words[2].end) == (line.characters[3].start, line.characters[4].end)
    alone = composed(
        [Glyph(mark.ink, label) for mark, label in zip(marks, "א12")], LineLayout(word=None), np.random.default_rng(0)
    )
    assert [interval.label for interval in alone.characters] == ["2", "1", "א"] and alone.text == "א 1 2"


def test_a_single_character_stands_in_the_middle_of_its_square():
    ink = np.zeros((20, 28), np.float32)
    ink[1:8, 3:13] = 0.5
    line = centred(Glyph(ink, "a"), 32)
    columns, rows = np.nonzero(line.ink)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (12, 18, 11, 20)  # 7 columns and 10 rows of 32
    assert line.ink.shape == (32, 32) and line.ink.sum() == ink.sum()
    assert (line.characters, line.text) == ([(0, 32, "a")], "a")
    for side, given, message in (
        (9, ink, "has 7 columns of ink and 10 rows; .* 9 of each"),
        (32, 0 * ink, "needs ink"),
    ):
        with pytest.raises(CorpusError, match=message):
            centred(Glyph(given, "a"), side)


def test_some_of_a_hand_are_drawn_by_chance_and_stay_in_order():
    given = [Glyph(np.ones((1, 1), np.float32), str(number)) for number in range(12)]

    def numbers(most: int | None) -> list[int]:
        return [int(one.label) for one in some_of_hand(given, most, np.random.default_rng(0))]

    chosen = numbers(5)
    assert len(set(chosen)) == 5 and chosen == sorted(chosen) != [0, 1, 2, 3, 4]
    assert numbers(None) == numbers(12) == list(range(12))
