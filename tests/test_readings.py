"""Readings for other tools: ELAN, Audacity, CSV and CTM; ALTO and PAGE, read again by our own reader; hOCR."""

import csv
import io
from html.parser import HTMLParser
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from unitdisc.api.read_pages import named, pages_of
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.exports.alto import write_alto
from unitdisc.exports.audacity import write_audacities
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.elan import write_elan
from unitdisc.exports.hocr import write_hocr
from unitdisc.exports.page_xml import write_page_xml
from unitdisc.exports.pages import WrittenPage
from unitdisc.exports.readings import write_csv, write_texts
from unitdisc.exports.units import ExportError, Units
from unitdisc.exports.xml import Ids
from unitdisc.naming.reader import Token
from unitdisc.naming.spread import SILENCE
from unitdisc.prep.pages import LinePlace, PageLine, crop, find_image, read_page, read_places, write_places

ODD = ["<&>", '"', "'", "é", "q̃", "ſ", "𐌰", "]]>", "&amp;"]


def units(labels: list[str], rate: int | None = 16_000, start: int = 0, **fields) -> Units:
    intervals = [Interval(1000 * place, 1000 * place + 1000, label) for place, label in enumerate(labels)]
    ticks = 1000 * len(labels)
    height = None if rate else 20
    path = f"rec/a b.{'wav' if rate else 'png'}"
    utterance = Utterance("u1", path, "s & t", ticks, rate, start=start, height=height, **fields)
    return Units(utterance, [], intervals, confidences=[0.25] * len(labels))


# ELAN


def test_an_eaf_says_what_the_units_say(tmp_path):
    entry = units([*ODD, ""], alignment={"reading": [Interval(0, 2000, "x")], "w": [Interval(1000, 3000, "y\x0b")]})
    write_elan(tmp_path / "u1.eaf", entry, "reading")
    root = ElementTree.parse(tmp_path / "u1.eaf").getroot()
    slots = {each.get("TIME_SLOT_ID"): int(each.get("TIME_VALUE")) for each in root.iter("TIME_SLOT")}
    assert len(slots) == 2 * len([*root.iter("ALIGNABLE_ANNOTATION")])
    tiers = {
        tier.get("TIER_ID"): [
            (slots[each.get("TIME_SLOT_REF1")], slots[each.get("TIME_SLOT_REF2")], each.find("ANNOTATION_VALUE").text)
            for each in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for tier in root.iter("TIER")
    }
    assert [label for _, _, label in tiers["reading"]] == ODD
    assert [start for start, _, _ in tiers["reading"]] == [round(62.5 * place) for place in range(len(ODD))]
    assert tiers["reading (alignment)"] == [(0, 125, "x")] and tiers["w"] == [(62, 188, "y\ufffd")]
    assert {tier.get("PARTICIPANT") for tier in root.iter("TIER")} == {"s & t"}
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media.get("RELATIVE_MEDIA_URL").endswith("rec/a%20b.wav") and media.get("MIME_TYPE") == "audio/x-wav"
    assert len({each.get("ANNOTATION_ID") for each in root.iter("ALIGNABLE_ANNOTATION")}) == len(ODD) + 2


def test_times_of_elan_and_audacity_are_those_of_the_recording(tmp_path):
    entry = units(["a", "b"], start=32_000)
    write_elan(tmp_path / "u1.eaf", entry)
    times = [int(each.get("TIME_VALUE")) for each in ElementTree.parse(tmp_path / "u1.eaf").iter("TIME_SLOT")]
    assert times == [2000, 2062, 2062, 2125]
    write_audacities(tmp_path / "audacity", [entry])
    assert (tmp_path / "audacity/u1.txt").read_text() == "2.000000\t2.062500\ta\n2.062500\t2.125000\tb\n"


def test_intervals_shorter_than_a_millisecond_keep_one(tmp_path):
    utterance = Utterance("u1", "a.wav", None, 30, 16_000)
    short = [Interval(place, place + 1, "x") for place in range(30)]
    write_elan(tmp_path / "u1.eaf", Units(utterance, [], short))
    times = [int(each.get("TIME_VALUE")) for each in ElementTree.parse(tmp_path / "u1.eaf").iter("TIME_SLOT")]
    assert times[1::2] == list(range(1, 31)) and times[::2] == list(range(30))


@pytest.mark.parametrize("write", [write_elan, lambda path, entry: write_audacities(path, [entry])])
def test_lines_are_no_recordings(write, tmp_path):
    with pytest.raises(ExportError, match="u1: has no rate"):
        write(tmp_path / "x", units(["a"], rate=None))


# Tables and text


def test_tables_go_round(tmp_path):
    labels = ['a"b', "c,d", "e\u00a0f", "=1+1", "-"]
    write_csv(tmp_path / "x.csv", [units(labels), units(["g"], rate=None)])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert [row["label"] for row in rows] == ['a"b', "c,d", "e\u00a0f", "'=1+1", "-", "g"]
    assert (rows[1]["start"], rows[1]["end"], rows[1]["unit"]) == ("0.062500", "0.125000", "second")
    assert (rows[-1]["start"], rows[-1]["unit"], rows[-1]["confidence"]) == ("0", "column", "0.2500")


def test_a_ctm_of_readings_has_confidences(tmp_path):
    write_ctm(tmp_path / "x.ctm", [units(["a"])])
    assert (tmp_path / "x.ctm").read_text() == "u1 1 0.000000 0.062500 a 0.2500\n"


def test_a_text_has_a_line_for_every_utterance(tmp_path):
    write_texts(tmp_path / "text", [("u1", "a b"), ("u2", "")])
    assert (tmp_path / "text").read_text() == "u1 a b\nu2\n"


# Pages


def tokens(names: list[str], wide: int = 20) -> list[Token]:
    return [Token(wide * n, wide * (n + 1), name, 1 - 0.01 * n) for n, name in enumerate(names)]


def line_image(name: str, names: list[str]) -> tuple[Utterance, list[Token]]:
    return Utterance(name, f"images/{name}.png", None, 20 * len(names), height=30), tokens(names)


WRITERS = pytest.mark.parametrize("write", [write_alto, write_page_xml])


@WRITERS
def test_a_line_image_goes_round(write, tmp_path):
    names = ["<&>", SILENCE, '"', "'", "é", SILENCE, "t h", "ſ"]
    (page,) = pages_of([line_image("l<1", names)], {})
    write(tmp_path / "x.xml", page)
    found = read_page(tmp_path / "x.xml")
    (line,) = found.lines
    assert not found.problems and found.size == (160, 30) and found.pixels
    assert line.text == "<&> \"'é thſ"
    np.testing.assert_array_equal(line.outline, [[0, 0], [160, 0], [160, 30], [0, 30]])
    assert [part.label for part in line.parts["word"]] == ["<&>", "\"'é", "thſ"]
    assert [part.label for part in line.parts["character"]] == ["<", "&", ">", '"', "'", "é", "t", "h", "ſ"]
    spans = [(part.outline[:, 0].min(), part.outline[:, 0].max()) for part in line.parts["character"]]
    assert spans[3:7] == [(40, 60), (60, 80), (80, 100), (120, 130)]
    assert Path(found.image).name == "l<1.png"


@WRITERS
def test_a_line_without_a_known_baseline_gets_one(write, tmp_path):
    (page,) = pages_of([line_image("l1", ["a", "b"])], {})
    write(tmp_path / "x.xml", page)
    (line,) = read_page(tmp_path / "x.xml").lines
    np.testing.assert_array_equal(line.baseline, [[0, 22], [40, 22]])


@WRITERS
def test_krakens_own_reader_reads_it(write, tmp_path):
    """Not among what is installed for tests: pip install kraken."""
    kraken = pytest.importorskip("kraken.lib.xml")
    (page,) = pages_of([line_image("l1", ["<&>", SILENCE, "é", "t h"])], {})
    write(tmp_path / "x.xml", page)
    (line,) = kraken.XMLPage(tmp_path / "x.xml").lines.values()
    assert (line.text, line.baseline[-1]) == ("<&> éth", (80, 22))


def test_page_xml_is_valid_by_its_schema(tmp_path):
    """The published schema, of those who install OCR-D's tools: pip install ocrd lxml."""
    etree, ocrd = pytest.importorskip("lxml.etree"), find_spec("ocrd_validators")
    if ocrd is None:
        pytest.skip("no ocrd")
    (page,) = pages_of([line_image("l1", ["<&>", SILENCE, "q̃", "t h"])], {})
    write_page_xml(tmp_path / "x.xml", page)
    schema = etree.XMLSchema(etree.parse(Path(ocrd.origin).parent / "page.xsd"))
    assert schema.validate(etree.parse(tmp_path / "x.xml")), schema.error_log


def test_alto_has_no_characters_of_several_code_points(tmp_path):
    """Its schema has one for each; PAGE XML has any."""
    (page,) = pages_of([line_image("l1", ["a", "q̃", "t h"])], {})
    for write, parts in ((write_alto, {}), (write_page_xml, {"character": ["a", "q̃", "t", "h"]})):
        write(tmp_path / "x.xml", page)
        (line,) = read_page(tmp_path / "x.xml").lines
        assert line.text == "aq̃th"
        found = {tier: [part.label for part in own] for tier, own in line.parts.items()}
        assert parts.items() <= found.items() and ("character" in found) == (write is write_page_xml)


@WRITERS
def test_a_line_of_which_nothing_was_read_goes_round(write, tmp_path):
    (page,) = pages_of([line_image("l1", [SILENCE])], {})
    write(tmp_path / "x.xml", page)
    assert [line.text for line in read_page(tmp_path / "x.xml").lines] == [None]


@WRITERS
def test_lines_go_back_to_the_page_they_were_cut_out_of(write, tmp_path):
    """A line that leans and bends: what is cut out at the places that were written is what was cut out before."""
    rng = np.random.default_rng(0)
    grey = (1 - 0.8 * (rng.random((300, 400)) < 0.2)).astype(np.float32)
    outline = np.array([[20, 80], [200, 100], [380, 140], [380, 190], [200, 150], [20, 130]], float)
    baseline = np.array([[20, 120], [200, 140], [380, 180]], float)
    line = PageLine("l_7", outline, baseline)
    cut = crop(grey, line)
    image = tmp_path / "scans" / "p & 1.png"
    image.parent.mkdir()
    Image.fromarray((255 * grey).astype(np.uint8)).save(image)
    write_places(tmp_path / "places.jsonl", [LinePlace.of("u1", line, image, grey)])
    places = read_places(tmp_path / "places.jsonl")
    columns, rows = cut.ink.shape
    utterance = Utterance("u1", str(tmp_path / "u1.png"), None, columns, height=rows)
    edges = np.linspace(0, columns, 6).astype(int).tolist()
    read = [Token(a, b, name, 0.5) for a, b, name in zip(edges[:-1], edges[1:], ["a", "b", SILENCE, "c", "d"])]
    (page,) = pages_of([(utterance, read)], places)
    assert (page.width, page.height, page.id) == (400, 300, "p & 1")
    write(tmp_path / "scans" / "p & 1.xml", page)
    found = read_page(tmp_path / "scans" / "p & 1.xml")
    assert find_image(found, tmp_path / "scans") == image
    (back,) = found.lines
    assert (back.id, back.text) == ("l_7", "ab cd")
    np.testing.assert_array_equal(back.outline, outline)
    np.testing.assert_array_equal(back.baseline, baseline)
    again = crop(grey, back)
    np.testing.assert_allclose(again.ink, cut.ink, atol=1e-6)
    spans = [(start, end) for start, end, _ in again.alignment["character"]]
    wanted = [span for span, token in zip(pairwise(edges), read) if token.name != SILENCE]
    assert np.abs(np.array(spans) - np.array(wanted)).max() <= 1  # whole pixels of a line that leans


def test_lines_of_one_page_are_written_together_in_their_order(tmp_path):
    def place(name: str, top: int) -> LinePlace:
        box = np.array([[10, top], [90, top], [90, top + 20], [10, top + 20]], float)
        return LinePlace(name, f"l{top}", tmp_path / "p.png", (100, 100), box, None)

    readings = [
        (Utterance(name, f"{name}.png", None, 80, height=20), tokens(["a", "b"])) for name in ("u1", "u2", "u3")
    ]
    pages = pages_of(readings, {"u1": place("u1", 60), "u2": place("u2", 10)})
    assert [[line.id for line in page.lines] for page in pages] == [["u3"], ["l10", "l60"]]
    assert [page.id for page in pages] == ["u3", "p"]


def test_pages_of_images_that_are_called_alike_have_files_of_their_own():
    pages = [WrittenPage("", f"/{folder}/1.png", 1, 1, []) for folder in ("a", "b", "b")]
    assert [page.id for page in named([WrittenPage("1", "x", 1, 1, []), *pages])] == ["1", "a-1", "b-1", "-b-1"]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"utterance": "u"}',
        '{"utterance": "u", "line": "l", "image": "i", "size": [1], "outline": [[0, 0], [5, 5], [0, 5]]}',
        '{"utterance": "u", "line": "l", "image": "i", "size": [9, 9], "outline": [[90, 90], [95, 95], [90, 95]]}',
    ],
)
def test_damaged_places_are_refused(line, tmp_path):
    (tmp_path / "places.jsonl").write_text("\n" + line + "\n")
    with pytest.raises(CorpusError, match=r"places\.jsonl:2: says of no line where it is .*; prepare the pages again"):
        read_places(tmp_path / "places.jsonl")


class Spans(HTMLParser):
    """The classes, titles and texts of a page of hOCR."""

    def __init__(self):
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("class", "").startswith("ocr"):
            self.seen.append((given["class"], given["title"]))

    def handle_data(self, data):
        self.text += data


def test_hocr_has_the_text_and_the_places(tmp_path):
    (page,) = pages_of([line_image("l<1", ["<&>", SILENCE, '"', "é"])], {})
    write_hocr(tmp_path / "x.html", page)
    content = (tmp_path / "x.html").read_text()
    spans = Spans()
    spans.feed(content.split("<body>")[1])
    assert spans.text.strip() == '<&> "é'
    assert [kind for kind, _ in spans.seen] == [
        "ocr_page",
        "ocr_line",
        *(["ocrx_word", *["ocrx_cinfo"] * 3]),
        "ocrx_word",
    ] + ["ocrx_cinfo"] * 2
    assert spans.seen[0][1].endswith("bbox 0 0 80 30") and spans.seen[-1][1] == "bbox 60 0 80 30; x_conf 97"
    ElementTree.fromstring(content[content.index("<html") :])


def test_ids_are_such_as_xml_allows():
    ids = Ids()
    assert [ids.of(name) for name in ("a", "a", "1", "a b:c", "é", "-x")] == ["a", "a_2", "_1", "a_b_c", "é", "_-x"]
