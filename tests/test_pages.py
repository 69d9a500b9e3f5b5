"""Pages in ALTO and PAGE XML are cut into straight lines, each without its neighbours."""

import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from manuscripts import HEIGHT, INK, LINES, PAGE, PAPER, WIDTH, Written, alto, corners, draw_page, page_xml, with_line
from PIL import Image

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.data.image import ImageInfo, read_image, read_line
from unitdisc.data.pages import Line, LineError, Part, crop, find_image, read_page, scaled_to
from unitdisc.manifests import read_manifest

SCRIPT = Path(__file__).parent.parent / "data_prep" / "pages.py"
FORMATS = {"alto": alto, "page": page_xml}


@pytest.fixture(params=FORMATS)
def write(request):
    return FORMATS[request.param]


@pytest.fixture
def page_file(tmp_path):
    """Writes a page file, and gives its path."""

    def save(text: str, name: str = "p.xml") -> Path:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return save


def prepare(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def corpus(folder: Path, split: str = "all") -> dict[str, Utterance]:
    return {utterance.id: utterance for utterance in read_manifest(folder / f"{split}.jsonl")}


# Reading


def test_both_formats_say_the_same(page_file, write):
    page = read_page(page_file(write()))
    assert [line.id for line in page.lines] == ["l1", "l2", "l3"]
    assert [line.text for line in page.lines] == ["first line", "second line", "third line"]
    assert page.lines[0].outline.tolist() == [[40, 40], [360, 40], [360, 80], [40, 80]]
    assert page.lines[0].baseline.tolist() == [[40, 70], [360, 70]]
    assert (page.image, page.size, page.pixels, page.problems) == ("p.png", (WIDTH, HEIGHT), True, [])


@pytest.mark.parametrize("namespace", ["", PAGE.replace("2019-07-15", "2013-07-15"), "http://www.loc.gov/alto/ns-v2#"])
def test_any_namespace_or_none(page_file, write, namespace):
    assert len(read_page(page_file(write(namespace=namespace))).lines) == 3


def test_points_as_old_files_write_them(page_file):
    text = page_xml().replace(
        "<Coords points='40,40 360,40 360,80 40,80'/>",
        "<Coords><Point x='40' y='40'/><Point x='360' y='40'/><Point x='360' y='80'/></Coords>",
    )
    assert read_page(page_file(text)).lines[0].outline.tolist() == [[40, 40], [360, 40], [360, 80]]
    text = alto(with_line(0, points="40 40 360 40 360 80", baseline="70"))
    line = read_page(page_file(text)).lines[0]
    assert line.outline.tolist() == [[40, 40], [360, 40], [360, 80]]
    assert line.baseline.tolist() == [[40, 70], [360, 70]]


def test_boxes_will_do(page_file):
    line = read_page(page_file(alto(with_line(0, points=None, baseline=None)))).lines[0]
    assert line.outline.tolist() == [[40, 40], [360, 40], [360, 80], [40, 80]]
    assert line.baseline is None


def test_texts_of_alto():
    from xml.etree.ElementTree import fromstring

    from unitdisc.data.pages.alto import text_of

    def said(inside: str) -> str:
        return text_of(fromstring(f"<TextLine>{inside}</TextLine>")).strip()

    assert said("<String CONTENT='a'/><SP/><String CONTENT='b'/>") == "a b"
    assert said("<String CONTENT='a'/><String CONTENT='b'/>") == "a b"
    assert said("<String CONTENT='a'/><String CONTENT='b'/><SP/><String CONTENT='c'/>") == "ab c"
    assert said("<String CONTENT='di' SUBS_CONTENT='divide'/><HYP CONTENT='-'/>") == "di-"
    assert said("") == ""


def test_the_likeliest_reading_of_page_xml_is_taken(page_file):
    readings = "".join(
        f"<TextEquiv index='{index}'><Unicode>{text}</Unicode></TextEquiv>" for index, text in ((2, "c"), (0, "a"))
    )
    text = page_xml().replace("<TextEquiv><Unicode>first line</Unicode></TextEquiv>", readings)
    assert read_page(page_file(text)).lines[0].text == "a"


def test_texts_become_nfc_with_single_blanks_or_none(page_file, write):
    page = read_page(
        page_file(write([*with_line(0, text="e\u0301t\u00e9  x\n"), Written("l4", LINES[0].points, text="")]))
    )
    assert page.lines[0].text == "\u00e9t\u00e9 x"
    assert page.lines[3].text is None


# Images


def test_the_image_is_found_by_path_name_or_page(page_file, tmp_path):
    raw = tmp_path / "raw"
    for image, place in [
        ("img/a.png", "img/a.png"),
        ("../scans/a.png", "scans/a.png"),
        ("/home/someone/a.png", "page/a.png"),
        ("C:\\scans\\a.png", "page/a.png"),
        ("file:///scans/a.png", "a.png"),
        ("a.tif", "page/a.jpg"),
        ("https://library/iiif/full/0/default.jpg", "page/p.jp2"),
        ("", "page/p.png"),
    ]:
        path = page_file(alto(image=image), "page/p.xml")
        target = raw / "page" / place if image == "img/a.png" else raw / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"x")
        assert find_image(read_page(path), raw).resolve() == target.resolve(), image
        target.unlink()


@pytest.mark.parametrize("image", ["../../secret.png", "/etc/passwd", "..\\..\\secret.png", "../raw/../../secret.png"])
def test_nothing_outside_of_the_folder_is_read(page_file, tmp_path, write, image):
    draw_page(tmp_path / "secret.png")
    draw_page(tmp_path / "other" / "secret.png")
    path = page_file(write(image=image), "page/q.xml")
    with pytest.raises(CorpusError, match=r"its image .* is not below .*raw; copy the image beside it"):
        find_image(read_page(path), tmp_path / "raw")


@pytest.mark.parametrize("unit,size", [("pixel", (800, 600)), ("pixel", (200, 150)), ("mm10", (1234, 925.5))])
def test_pages_of_other_sizes_are_scaled(page_file, unit, size):
    factor = size[0] / WIDTH
    lines = [
        Written(
            "l1",
            corners(*(factor * np.array([40, 40, 320, 40]))),
            baseline=f"{40 * factor},{70 * factor} {360 * factor},{70 * factor}",
        )
    ]
    page = scaled_to(read_page(page_file(alto(lines, size=size, unit=unit))), ImageInfo(WIDTH, HEIGHT))
    np.testing.assert_allclose(page.lines[0].outline, [[40, 40], [360, 40], [360, 80], [40, 80]])
    np.testing.assert_allclose(page.lines[0].baseline, [[40, 70], [360, 70]])
    assert len(page.problems) == (unit == "pixel")


def test_pages_that_are_cut_or_turned_are_refused(page_file, write):
    for size in ((HEIGHT, WIDTH), (WIDTH, HEIGHT + 30)):
        with pytest.raises(CorpusError, match="but it has 400 x 300 pixels; copy the image that belongs to it"):
            scaled_to(read_page(page_file(write(size=size))), ImageInfo(WIDTH, HEIGHT))


# Cropping


def strokes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ink of upright strokes on a baseline y = 0, as a function of where: every 20 along, of different heights."""
    number = np.floor(x / 20)
    top = 8 + 4 * (number % 3)
    return ((x % 20 < 4) & (y < 0) & (y > -top) & (x > 0) & (x < 300)).astype(float)


def level(rows: int = 30) -> np.ndarray:
    """What a line of strokes is when straight: [rows, 300], the baseline ten rows above the bottom."""
    x, y = np.meshgrid(np.arange(300) + 0.5, np.arange(rows) + 0.5 - (rows - 10))
    return PAPER - (PAPER - INK) * strokes(x, y)


def drawn(course, size: int = 500) -> np.ndarray:
    """A page with the strokes where `course` takes a point (x, y), drawn four times as fine: [size, size]."""
    fine = (np.arange(4 * size) + 0.5) / 4
    x, y = np.meshgrid(fine, fine)
    grey = PAPER - (PAPER - INK) * strokes(*course(x, y))
    return grey.reshape(size, 4, size, 4).mean((1, 3)).astype(np.float32)


def around(place, rows: int = 30) -> np.ndarray:
    """The outline of `level` on the page: [N, 2]."""
    x = np.linspace(0, 300, 31)
    low, high = np.full(31, 10.0), np.full(31, 10.0 - rows)
    return np.stack(place(np.concatenate([x, x[::-1]]), np.concatenate([low, high])), 1)


@pytest.mark.parametrize("degrees", [0, 4, -25, 60, 90, -90])
def test_a_leaning_line_is_levelled(degrees):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def place(x, y):
        return 250 + (x - 150) * cos - y * sin, 250 + (x - 150) * sin + y * cos

    def course(x, y):
        return (x - 250) * cos + (y - 250) * sin + 150, -(x - 250) * sin + (y - 250) * cos

    baseline = np.array([place(0, 0), place(300, 0)])
    found = crop(drawn(course), Line("l", around(place), baseline))
    assert abs(found.ink.shape[0] - 300) <= 1
    assert abs(found.ink.shape[1] - 30) <= 1
    assert np.abs(found.ink.T[:30, :300] - (1 - level())).mean() < 0.03


def test_a_bent_line_is_straightened():
    """The baseline is a wave as high as the letters."""

    def bend(x):
        return 12 * np.sin(x / 50)

    def place(x, y):
        return x + 100, y + 250 + bend(x)

    x = np.linspace(0, 300, 61)
    baseline = np.stack(place(x, 0 * x), 1)
    baseline[:, 1] += np.linspace(0, bend(300) * 0, 61)
    found = crop(drawn(lambda x, y: (x - 100, y - 250 - bend(x - 100))), Line("l", around(place), baseline))
    tilt = np.degrees(np.arctan2(*(baseline[-1] - baseline[0])[::-1]))
    assert abs(tilt) < 2  # the strokes stay upright to this
    rows, columns = found.ink.T.shape
    assert (abs(rows - 30), abs(columns - 300)) <= (2, 2)
    best = min(
        np.abs(np.roll(found.ink.T[:29, :299], shift, 0) - (1 - level()[:29, :299])).mean() for shift in (-1, 0, 1)
    )
    assert best < 0.06


def test_a_baseline_from_right_to_left_does_not_turn_the_line(tmp_path):
    draw_page(tmp_path / "p.png")
    grey = read_image(tmp_path / "p.png")
    outline = np.array([[40, 40], [360, 40], [360, 80], [40, 80]])
    forth = crop(grey, Line("l", outline, np.array([[40, 70], [360, 70]])))
    back = crop(grey, Line("l", outline, np.array([[360, 70], [40, 70]])))
    np.testing.assert_allclose(forth.ink, back.ink, atol=1e-6)
    np.testing.assert_allclose(forth.ink, 1 - grey[40:80, 40:360].T, atol=1e-6)  # pixel by pixel


def test_without_a_baseline_the_outline_says_how_a_line_runs():
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))

    def place(x, y):
        return 250 + (x - 150) * cos - y * sin, 250 + (x - 150) * sin + y * cos

    def course(x, y):
        return (x - 250) * cos + (y - 250) * sin + 150, -(x - 250) * sin + (y - 250) * cos

    found = crop(drawn(course), Line("l", around(place)))
    assert np.abs(found.ink.T[:30, :300] - (1 - level())).mean() < 0.05


def test_neighbours_become_paper(tmp_path):
    draw_page(tmp_path / "p.png")
    grey = read_image(tmp_path / "p.png")
    outline = np.array([[40, 40], [360, 40], [360, 80], [200, 160], [40, 80]])  # hangs into the next line
    whole = crop(grey, Line("l", outline)).ink
    assert whole.shape == (320, 120)
    assert (whole[:, 60:] > 0.5).any()
    tight = np.array([[40, 40], [360, 40], [360, 80], [200, 90], [40, 80]])
    alone = crop(np.where(np.arange(HEIGHT)[:, None] > 82, 0.1, grey), Line("l", tight)).ink
    assert alone.shape == (320, 50)
    assert np.abs(alone[:30, 44:] - (1 - PAPER)).max() < 0.02  # dark on the page, but outside


def test_a_part_of_the_page_is_enough(tmp_path):
    draw_page(tmp_path / "p.png")
    grey = read_image(tmp_path / "p.png")
    found = crop(grey, Line("l", np.array([[-50, 40], [1e300, 40], [1e300, 80], [-50, 80]])))
    assert found.ink.shape == (WIDTH, 40)


def test_an_outline_that_crosses_itself_holds_both_parts(tmp_path):
    draw_page(tmp_path / "p.png")
    found = crop(read_image(tmp_path / "p.png"), Line("l", np.array([[40, 40], [360, 80], [360, 40], [40, 80]])))
    assert (found.ink[:60] > 0.5).any()
    assert (found.ink[-60:] > 0.5).any()


@pytest.mark.parametrize(
    "outline,message",
    [
        ([[500, 40], [900, 40], [900, 80]], "covers nothing of the page of 400 x 300 pixels"),
        ([[40, 40], [360, 40], [200, 40]], "covers nothing of the page"),
        ([[40, 40], [42, 40], [42, 80]], "has an outline of 2 x 40 pixels"),
        ([[0, 0], [300, 0], [300, 30], [0, 30]], r"is blank \(all of one colour\)"),
    ],
)
def test_lines_that_are_none(tmp_path, outline, message):
    draw_page(tmp_path / "p.png")
    with pytest.raises(LineError, match=message):
        crop(read_image(tmp_path / "p.png"), Line("l", np.array(outline, dtype=float)))


def test_parts_are_placed_in_columns_of_the_line():
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))

    def place(x, y):
        return 250 + (x - 150) * cos - y * sin, 250 + (x - 150) * sin + y * cos

    def part(label: str, first: float, last: float) -> Part:
        return Part(label, np.array([place(x, y) for x, y in [(first, -15), (last, -15), (last, 0), (first, 0)]]))

    parts = [part("b", 100, 180), part("a", 20, 90), part("c", 170, 400), part("d", 180.2, 180.4)]
    line = Line("l", around(place), np.array([place(0, 0), place(300, 0)]), parts={"word": parts})
    grey = np.random.default_rng(0).random((500, 500)).astype(np.float32)
    [first, second, *rest] = crop(grey, line).alignment["word"]
    assert (first, second) == (Interval(20, 90, "a"), Interval(100, 175, "b"))
    assert rest[-1].end == 300
    assert all(left.end <= right.start for left, right in zip([second, *rest], rest))


def test_tiers_are_read_where_all_words_have_a_place(page_file, write):
    words = (("first", (60, 40, 100, 40)), ("line", (180, 40, 100, 40)))
    line = read_page(page_file(write(with_line(0, words=words)))).lines[0]
    assert line.text == "first line"
    assert [(part.label, part.outline[:, 0].min()) for part in line.parts["word"]] == [("first", 60), ("line", 180)]
    line = read_page(page_file(alto(with_line(0, words=(words[0], ("line", None)))))).lines[0]
    assert line.parts == {}


def test_glyphs_are_characters(page_file):
    glyphs = "".join(
        f"<Glyph CONTENT='{label}' HPOS='{40 + 10 * i}' VPOS='40' WIDTH='10' HEIGHT='40'/>"
        for i, label in enumerate("ab")
    )
    text = alto(with_line(0, text="ab")).replace('<String CONTENT="ab"/>', f"<String CONTENT='ab'>{glyphs}</String>")
    line = read_page(page_file(text)).lines[0]
    assert [part.label for part in line.parts["character"]] == ["a", "b"]


# The script


def test_pages_become_a_corpus(page_file, tmp_path, write, capsys):
    raw, out = tmp_path / "raw", tmp_path / "out"
    words = (("first", (60, 40, 100, 40)), ("line", (180, 40, 100, 40)))
    for writer in ("ann", "bob"):
        page_file(write(with_line(0, words=words)), f"{writer}/page/p 1.xml")
        draw_page(raw / writer / "p.png")
    (raw / "mets.xml").write_text("<mets/>")
    prepare(raw, out)
    assert capsys.readouterr().err == ""
    found = corpus(out)
    assert list(found) == [f"{writer}-page-p_1-l{n}" for writer in ("ann", "bob") for n in (1, 2, 3)]
    line = found["ann-page-p_1-l1"]
    assert (line.speaker, line.text, line.ticks, line.height) == ("ann", "first line", 320, 40)
    assert line.alignment == {"word": [Interval(20, 120, "first"), Interval(140, 240, "line")]}
    expected = 1 - np.asarray(Image.open(raw / "ann/p.png"))[40:80, 40:360].T / 255
    np.testing.assert_allclose(read_line(line), expected, atol=1e-6)
    prepare(raw, out, "--no-text", "--test-writers", "b", "--writer-from", "name:^(.)")
    assert {line.text for line in corpus(out, "test").values()} == {None}
    assert {line.speaker for line in corpus(out, "train").values()} == {"a"}


def test_ids_that_cannot_name_files_are_changed(page_file, tmp_path):
    draw_page(tmp_path / "raw/p.png")
    lines = [Written(id, LINES[0].points) for id in ("../../x", "..//..//x", "a b", "a" * 300)]
    page_file(page_xml(lines))
    prepare(tmp_path / "raw", tmp_path / "out")
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    folder = "out/images/p"
    assert names == [*(f"{folder}/{name}.png" for name in ("_x-line2", "_x", "a_b", "a" * 80)), "raw/p.png"]
    assert len(corpus(tmp_path / "out")) == 4


def test_lines_that_share_an_id_get_one_of_their_own(page_file, write):
    lines = [Written(id, LINES[0].points) for id in ("a-3", "a", "a")]
    page = read_page(page_file(write(lines)))
    assert [line.id for line in page.lines] == ["a-3", "a", "a-3-3"]
    assert page.problems[-1].what == "line 'a' is not the first of this id" and "a-3-3" in page.problems[-1].cure


def test_a_semicolon_among_points_is_quoted(page_file):
    page = read_page(page_file(alto(with_line(1, points="1,2; 3,x; 5,6"))))
    [problem] = page.problems
    assert problem.what == "line 'l2' has a polygon with the points '1,2; 3,x; 5,6'"
    assert problem.cure == "its box is taken"


def test_bad_lines_and_pages_are_left_out(page_file, tmp_path, capsys):
    draw_page(tmp_path / "raw/p.png")
    page_file(alto(with_line(1, points="1,2 3,4", box=None)))
    page_file("<alto>", "q.xml")
    prepare(tmp_path / "raw", tmp_path / "out")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"left out: {tmp_path}/raw/p.xml: line 'l2' has a polygon with 2 points; give it 3 or more, up to 2000",
        f"left out: {tmp_path}/raw/q.xml: is no XML, or cut off (no element found: line 1, column 6); "
        "export or copy it again",
    ]
    assert len(corpus(tmp_path / "out")) == 2
    with pytest.raises(CorpusError, match="line 'l2' has a polygon with 2 points"):
        prepare(tmp_path / "raw", tmp_path / "out", "--strict")


def test_pages_whose_names_are_not_utf8_are_left_out(page_file, tmp_path, capsys):
    draw_page(tmp_path / "raw/p.png")
    path = page_file(page_xml(LINES))
    shutil.copy(path, path.with_name(os.fsdecode(b"caf\xe9.xml")))
    page_file(page_xml(LINES), "\u8a9e" * 80 + ".xml")
    prepare(tmp_path / "raw", tmp_path / "out")
    found = corpus(tmp_path / "out")
    assert len(found) == 2 * len(LINES) and all(len(name.encode()) <= 200 for name in found)
    assert r"caf\xe9.xml: its name is not UTF-8 (byte 0xe9)" in capsys.readouterr().err
