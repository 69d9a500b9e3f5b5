"""Where characters of right-to-left scripts stand on a line."""

import pytest

from unitdisc.corpus import Utterance
from unitdisc.corpus.bidi import logical, reading_order, visual, visual_order
from unitdisc.evaluation.texts import characters, met, met_as_read

LINES = {  # as it is read -> from left to right, as a browser draws it
    "abc": "abc",
    "אבג": "גבא",
    "אב גד": "דג בא",
    "אבג 123 דה": "הד 123 גבא",  # numbers run rightwards
    "אב 1,234.50 ג": "ג 1,234.50 בא",
    "אבג abc דה": "הד abc גבא",  # and Latin words
    "see אבג there": "see גבא there",
    "see אבג": "see גבא",
    "אב (גד) ה": "ה (דג) בא",  # brackets are drawn the other way round
    "«אב»": "«בא»",
    "אב [x] ג": "ג [x] בא",
    "a (אב) c": "a (בא) c",
    "السعر ١٢٣ ريال": "لاير ١٢٣ رعسلا",
    "אָבּ": "בּאָ",  # marks stay on their letters
    "אב-1": "1-בא",
    "א\u200fב": "בא",  # what has no width stands nowhere
    "1 + 2": "1 + 2",
    "": "",
}


@pytest.mark.parametrize("read", LINES)
def test_characters_stand_where_they_are_drawn(read):
    symbols = characters(read)
    assert "".join(visual(symbols)) == "".join(characters(LINES[read]))
    order = visual_order(symbols)
    assert len(set(order)) == len(order) == len(visual(symbols))
    if "\u200f" not in read and read != "see אבג there":  # most letters are Latin there, too
        assert "".join(logical(visual(symbols))) == "".join(symbols)


def test_labels_are_read_from_the_right():
    assert reading_order(["ג", "ב", "א"]) == [2, 1, 0]
    assert reading_order(["עולם", "שלום"]) == [1, 0]
    assert reading_order(["12", "שלום"]) == [1, 0]
    assert reading_order(["q", "u", ""]) == [0, 1, 2]
    assert reading_order([]) == []


def test_columns_meet_texts_from_the_left_and_time_as_they_are_spoken():
    line = Utterance("l", "l.png", None, 99, None, height=32, text="אב (ג) 12")
    spoken = Utterance("s", "s.wav", None, 99, 16_000, text="אב (ג) 12")
    assert met(spoken) == met_as_read(spoken) == characters(line.text)
    assert "".join(met(line)) == "12 (ג) בא"
    assert "".join(met_as_read(line)) == "12 )ג( בא"  # the characters of the text, not how they look
