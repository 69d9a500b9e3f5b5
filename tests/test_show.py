"""show: units on a page; mean images of writing."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from tiny import make_lines

import unitdisc as library
from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.encodings import Encoding, EncodingsError, EncodingsWriter
from unitdisc.media.image import write_image
from unitdisc.reports import mean_images
from unitdisc.reports.examples import Occurrence
from unitdisc.reports.mean_images import mean_image, moved_together, shifted

pytest_plugins = ["tiny_fixtures"]


def coded(folder, corpus, blank=None):
    """The characters of lines as units, a to d being 0 to 3, and what is between them the blank."""
    settings = {"rate": None, "stride": 2, "offset": 1.0, "num_codes": 5}
    writer = EncodingsWriter(folder, settings | ({} if blank is None else {"blank": blank}))
    for line in read_manifest(corpus):
        centres = np.arange(1, line.ticks, 2, dtype=float)
        codes = np.full(len(centres), 4)
        for start, end, label in line.alignment["character"]:
            codes[(centres >= start) & (centres < end)] = "abcd".index(label)
        writer.write(Encoding(line.id, centres, codes[:, None].astype(np.float32), codes=codes))
    writer.finish()
    return folder


@pytest.fixture
def lines(tmp_path):
    return make_lines(tmp_path / "lines")


def test_every_unit_has_a_mean_image_and_examples(lines, tmp_path):
    units = coded(tmp_path / "units", lines)
    page = library.show(units, lines, tmp_path / "page.html").read_text()
    assert f"<title>{tmp_path.parent.name}/{tmp_path.name}: units</title>" in page and "5 units in handwriting" in page
    for unit in range(4):  # the fifth is between characters, where labels know none
        assert (
            f"Unit {unit}</h3>" in page
            and f'alt="mean of unit {unit}"' in page
            and f'alt="spread of unit {unit}"' in page
        )
    assert "<b>a</b>" in page  # labels beside
    few = library.show(units, lines, tmp_path / "few.html", most=2).read_text()
    assert len(re.findall(r"Unit \d</h3>", few)) == 2
    assert "The 2 most used are shown." in few


def test_blanks_are_no_unit(lines, tmp_path):
    page = library.show(coded(tmp_path / "units", lines, blank=4), lines, tmp_path / "page.html").read_text()
    assert "4 units in handwriting" in page and "Unit 4</h3>" not in page and "unit 4<" not in page


def test_what_discover_knows_is_shown(lines, tmp_path):
    units = coded(tmp_path / "found" / "units", lines)
    tried = [{"names": names, "agreement": 0.5, "error": 0.01} for names in (4, 6, 8)]
    found = [{"units": 70, "kinds": 9}, {"units": 77, "kinds": 5, "agreement": 0.42, "accuracy": 0.625, "halves": 0.81}]
    stability = [(0, 0.31, 2), (1, 0.9, None), (2, 0.49, None), (3, 0.5, None)]
    stable = [{"unit": unit, "stability": share, "mixed_with": other} for unit, share, other in stability]
    known = {"found": found, "rounds": 1, "numbers": tried, "stability": stable}
    (tmp_path / "found" / "discover.json").write_text(json.dumps(known))
    page = library.show(units, lines, tmp_path / "page.html").read_text()
    assert f"<title>{tmp_path.name}/found: units</title>" in page
    assert "templates</th>" in page
    row = re.search(r"round 1, kept</th>(.*?)</tr>", page)[1]
    assert re.findall(r">([^<]+)</td>", row) == ["77", "5", "0.42", "0.810", "62%"]
    assert "Agreement of halves of the corpus" in page
    assert "2 of 4 units are found again" in " ".join(page.split())
    uncertain = re.findall(r"</span>(\d)</th><td class=\"number\">([^<]+)</td><td class=\"number\">([^<]+)</td>", page)
    assert uncertain == [("0", "0.31", "2"), ("2", "0.49", "–")]
    assert "found again by halves to 0.31 (mixed with 2)" in page and "found again by halves to 0.90;" in page


def test_recordings_are_heard(tiny_corpus, tiny_encodings, tmp_path):
    page = library.show(tiny_encodings / "bottleneck", tiny_corpus, tmp_path / "page.html", most=2).read_text()
    assert "in recordings" in page and "<audio" in page and "mean of" not in page


def test_names_are_escaped(lines, tmp_path):
    scribe = "<script>alert(1)</script>"
    corpus = tmp_path / "corpus.jsonl"
    write_manifest(corpus, [replace(line, speaker=scribe) for line in read_manifest(lines)])
    page = library.show(coded(tmp_path / "units", lines), corpus, tmp_path / "page.html").read_text()
    assert scribe not in page and "&lt;script&gt;alert" in page


def test_a_line_that_cannot_be_read_is_said_and_the_others_are_shown(lines, tmp_path):
    units = coded(tmp_path / "units", lines)
    (lines.parent / "line00.png").write_bytes(b"nothing")
    page = library.show(units, lines, tmp_path / "page.html").read_text()
    assert "What could not be shown" in page and "line00.png" in page and "Unit 0</h3>" in page


@pytest.mark.parametrize(
    "most,page,message",
    [(0, "page.html", "`most` must be 1 or more, not 0"), (9, "page.txt", "page.txt: must end in .html")],
)
def test_what_cannot_be_is_refused(most, page, message, lines, tmp_path):
    units = coded(tmp_path / "units", lines)
    with pytest.raises(ValueError, match=re.escape(message)):
        library.show(units, lines, tmp_path / page, most=most)


def test_frames_without_codes_are_refused(tiny_corpus, tiny_encodings, tmp_path):
    with pytest.raises(EncodingsError, match="has no codes"):
        library.show(tiny_encodings / "mfcc", tiny_corpus, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_pieces_are_moved_onto_each_other():
    rng, shape = np.random.default_rng(0), np.zeros((30, 48), np.float32)
    shape[10:14, 10:38] = shape[14:22, 20:24] = 1
    pieces = np.stack([shifted(shape, *rng.integers(-4, 5, 2)) for _ in range(20)])
    moved = moved_together(pieces, 5)
    assert pieces.std(0).max() > 0.3
    np.testing.assert_allclose(moved.std(0), 0, atol=1e-6)


@pytest.mark.parametrize("right,down", [(0, 0), (2, 0), (-3, 1), (0, -2)])
def test_what_comes_from_beyond_is_paper(right, down):
    piece = 1 + np.arange(35, dtype=float).reshape(5, 7)
    moved = shifted(piece, right, down)
    for column in range(5):
        for row in range(7):
            before = column - right, row - down
            inside = 0 <= before[0] < 5 and 0 <= before[1] < 7
            assert moved[column, row] == (piece[before] if inside else 0)


def test_a_mean_image_is_of_all_and_of_no_more_than_there_are(tmp_path, monkeypatch):
    ink = np.zeros((60, 24))
    ink[10:20, 4:20] = 1
    write_image(tmp_path / "line.png", ink)
    line = Utterance("line", str(tmp_path / "line.png"), "ann", 60, height=24)
    places = [Occurrence(line, Interval(start, start + 10, "3")) for start in (10, 10, 10, 0, 50)]
    assert mean_image(places, []).occurrences == 5
    monkeypatch.setattr(mean_images, "MOST", 2)
    found = mean_image(places, [])
    assert (found.occurrences, found.height) == (2, mean_images.HEIGHT)
    assert found.width == round(30 * mean_images.HEIGHT / mean_images.ROWS)
    assert mean_image([], []) is None
