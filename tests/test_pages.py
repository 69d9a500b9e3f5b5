"""Pages in ALTO and PAGE XML are cut into straight lines, each without its neighbours."""

import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from manuscripts import (
    HEIGHT,
    INK,
    LINES,
    PAGE,
    PAPER,
    WIDTH,
    Written,
    alto,
    corners,
    draw_other_page,
    draw_page,
    page_xml,
    with_line,
)
from PIL import Image

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.image import ImageInfo, read_image, read_line
from unitdisc.prep.pages import LineError, LinePart, PageLine, Pictures, crop, find_image, read_page, scaled_to

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

    from unitdisc.prep.pages.alto import text_of

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


METS = """<mets:mets xmlns:mets="http://www.loc.gov/METS/" xmlns:x="http://www.w3.org/1999/xlink"><mets:fileSec>
<mets:fileGrp USE="IMG"><mets:file ID="i1" MIMETYPE="image/png"><mets:FLocat x:href="IMG/one.png"/></mets:file>
<mets:file ID="i2" MIMETYPE="image/png"><mets:FLocat x:href="https://library/iiif/scan%202.png"/></mets:file></mets:fileGrp>
<mets:fileGrp USE="CUT"><mets:file ID="c1" MIMETYPE="image/png"><mets:FLocat x:href="CUT/one.png"/></mets:file>
</mets:fileGrp><mets:fileGrp USE="GT"><mets:file ID="p1" MIMETYPE="application/vnd.prima.page+xml">
<mets:FLocat x:href="GT/one_page.xml"/></mets:file><mets:file ID="p2" MIMETYPE="application/vnd.prima.page+xml">
<mets:FLocat x:href="GT/two_page.xml"/></mets:file></mets:fileGrp></mets:fileSec><mets:structMap TYPE="PHYSICAL">
<mets:div TYPE="physSequence"><mets:div TYPE="page"><mets:fptr FILEID="c1"/><mets:fptr FILEID="i1"/>
<mets:fptr FILEID="p1"/></mets:div><mets:div TYPE="page"><mets:fptr FILEID="i2"/><mets:fptr FILEID="p2"/></mets:div>
</mets:div></mets:structMap></mets:mets>"""


def test_workspaces_of_ocr_d_count_from_the_mets_file(page_file, tmp_path):
    """With the path from there, as it should be; or with the names of METS alone, where files were moved."""
    raw = tmp_path / "raw"
    for place in ("work", "work/data"):
        for image, of in (
            ("OCR-D-IMG/page1.png", "OCR-D-IMG/page1.png"),
            ("lost.png", "IMG/one.png"),
            ("", "IMG/one.png"),
        ):
            path = page_file(page_xml(image=image), f"{place}/GT/one_page.xml")
            (raw / place / "mets.xml").write_text(METS)
            draw_page(raw / place / of)
            draw_page(raw / place / "CUT/one.png", (200, 150))  # made of it, and of another size
            draw_page(raw / "one.png")
            assert find_image(read_page(path), raw) == raw / place / of
            (raw / place / of).unlink()
        path = page_file(page_xml(image="lost.png"), f"{place}/GT/two_page.xml")
        draw_page(raw / place / "IMG" / "scan 2.png")
        assert find_image(read_page(path), raw) == raw / place / "IMG" / "scan 2.png"
        (raw / place / "IMG" / "scan 2.png").unlink()
        with pytest.raises(CorpusError, match=r"its image 'lost.png' is not below .*raw; copy"):
            find_image(read_page(path), raw)
    (raw / "work/mets.xml").write_text("<mets")
    path = page_file(page_xml(image="lost.png"), "work/GT/two_page.xml")
    with pytest.raises(CorpusError, match=r"work/mets.xml: is no XML, or cut off"):
        find_image(read_page(path), raw)


def test_a_workspace_tells_the_writer_and_its_groups_of_files_do_not(page_file, tmp_path):
    for folder in ("ann", "bob/data"):
        draw_page(tmp_path / "raw" / folder / "IMG/p.png")
        page_file(page_xml(image="IMG/p.png"), f"{folder}/GT/p.xml")
        (tmp_path / "raw" / folder / "METS.xml").write_text(METS)
    prepare(tmp_path / "raw", tmp_path / "out")
    writers = {id: line.speaker for id, line in corpus(tmp_path / "out").items()}
    assert writers == {f"{page}-GT-p-l{n}": page[:3] for page in ("ann", "bob-data") for n in (1, 2, 3)}
    for folder in ("ann", "bob", "bob/data"):
        prepare(tmp_path / "raw" / folder, tmp_path / "out")
        assert {line.speaker for line in corpus(tmp_path / "out").values()} == {None}


def test_names_that_differ_in_capitals_suffix_or_quoting_are_found(page_file, tmp_path):
    raw = tmp_path / "raw"
    for image, place in [
        ("38R.JPG", "38r.jpg"),
        ("38r.jpg", "38R.TIF"),
        ("scan%201.png", "scan 1.png"),
        ("img\\scan 1.png", "img/scan 1.png"),
        ("f.157r.jpg", "f.157r.PNG"),
        ("", "p.q.Png"),
    ]:
        path = page_file(alto(image=image), "p.q.xml")
        draw_page(raw / Path(place).with_suffix(".png"))
        (raw / Path(place).with_suffix(".png")).rename(raw / place)
        assert find_image(read_page(path), raw) == raw / place, image
        (raw / place).unlink()


def test_no_link_leads_out_of_the_folder(page_file, tmp_path, capsys):
    """Neither one to the image, nor one to its folder, nor links to links; but the folder may be a link itself."""
    disk = tmp_path / "disk"
    draw_page(disk / "secret.png")
    page_file(alto(image="p.png"))
    (tmp_path / "raw/img").symlink_to(disk)
    (tmp_path / "raw/again.png").symlink_to(disk / "secret.png")
    (tmp_path / "raw/p.png").symlink_to("again.png")
    linked = r"is a link that leads out of .*raw, to .*disk/secret.png; copy the image there, or give .* --images"
    for image in ("p.png", "again.png", "img/secret.png", "img/../img/secret.png"):
        path = page_file(alto(image=image))
        with pytest.raises(CorpusError, match=linked):
            find_image(read_page(path), tmp_path / "raw")
        assert find_image(read_page(path), tmp_path / "raw", disk).samefile(disk / "secret.png")
    with pytest.raises(CorpusError, match="nothing in it can be used"):
        prepare(tmp_path / "raw", tmp_path / "out")
    said = capsys.readouterr().err
    assert "leads out of" in said
    assert (
        f"links to folders, not followed; copy these there, or give them by themselves: 1 ({tmp_path}/raw/img)" in said
    )
    prepare(tmp_path / "raw", tmp_path / "out", "--images", disk)
    assert len(corpus(tmp_path / "out")) == 3
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    (tmp_path / "raw/p.png").unlink()
    draw_page(tmp_path / "raw/real/x.png")
    (tmp_path / "raw/p.png").symlink_to("real/x.png")  # within the folder
    page_file(alto(image="p.png"))
    prepare(tmp_path / "link", tmp_path / "out2")
    assert len(corpus(tmp_path / "out2")) == 3
    (disk / "other.xml").write_text(alto(image="p.png"))
    (tmp_path / "raw/other.xml").symlink_to(disk / "other.xml")
    capsys.readouterr()
    prepare(tmp_path / "raw", tmp_path / "out3")
    assert "raw/other.xml: is a link that leads out of" in capsys.readouterr().err


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


def in_unit(factor: float) -> list[Written]:
    """LINES, in a unit of which `factor` are a pixel."""
    boxes = [[round(value * factor, 2) for value in line.box] for line in LINES]
    return [Written(line.id, corners(*box), box, text=line.text) for line, box in zip(LINES, boxes)]


@pytest.mark.parametrize(
    "unit,dots", [("mm10", 300), ("mm10", 150), ("mm10", 600), ("inch1200", 300), ("inch1200", 400)]
)
def test_pages_in_other_units_that_are_as_large_as_their_image_in_pixels(page_file, tmp_path, capsys, unit, dots):
    """The lines are where the ink is: in pixels, or in the unit if the image says how many pixels are an inch."""
    factor = {"mm10": 254, "inch1200": 1200}[unit] / dots
    what = f"says that it measures in {unit}, but is as large as its image in pixels"
    draw_other_page(tmp_path / "raw/p.png", 0, dpi=(dots, dots))
    expected = 1 - read_image(tmp_path / "raw/p.png")[40:80, 40:360].T
    for lines, how in (
        (in_unit(1), "all of it is taken to be in pixels"),
        (in_unit(factor), f"its lines are taken to be in {unit}, of an image of {dots} dots per inch"),
    ):
        page_file(alto(lines, unit=unit))
        prepare(tmp_path / "raw", tmp_path / "out")
        found = read_line(corpus(tmp_path / "out")["p-l1"])
        assert abs(found.shape[0] - 320) <= 1 and abs(found.shape[1] - 40) <= 1
        assert np.abs(found[:300, :38] - expected[:300, :38]).mean() < 0.1
        assert capsys.readouterr().err == f"repaired: {tmp_path}/raw/p.xml: {what}; {how}\n"
    draw_other_page(tmp_path / "raw/p.png", 0)
    with pytest.raises(CorpusError, match="nothing in it can be used"):
        prepare(tmp_path / "raw", tmp_path / "out")
    cure = f"and its lines are not where they would be in pixels; give WIDTH and HEIGHT in {unit}, too"
    assert f"left out: {tmp_path}/raw/p.xml: {what}, {cure}" in capsys.readouterr().err


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
    """A page with the strokes where `course` takes a point (x, y), drawn twice as fine: [size, size]."""
    fine = (np.arange(2 * size) + 0.5) / 2
    x, y = np.meshgrid(fine, fine)
    grey = PAPER - (PAPER - INK) * strokes(*course(x, y))
    return grey.reshape(size, 2, size, 2).mean((1, 3)).astype(np.float32)


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
    found = crop(drawn(course), PageLine("l", around(place), baseline))
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
    found = crop(drawn(lambda x, y: (x - 100, y - 250 - bend(x - 100))), PageLine("l", around(place), baseline))
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
    forth = crop(grey, PageLine("l", outline, np.array([[40, 70], [360, 70]])))
    back = crop(grey, PageLine("l", outline, np.array([[360, 70], [40, 70]])))
    np.testing.assert_allclose(forth.ink, back.ink, atol=1e-6)
    np.testing.assert_allclose(forth.ink, 1 - grey[40:80, 40:360].T, atol=1e-6)  # pixel by pixel


def test_without_a_baseline_the_outline_says_how_a_line_runs():
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))

    def place(x, y):
        return 250 + (x - 150) * cos - y * sin, 250 + (x - 150) * sin + y * cos

    def course(x, y):
        return (x - 250) * cos + (y - 250) * sin + 150, -(x - 250) * sin + (y - 250) * cos

    found = crop(drawn(course), PageLine("l", around(place)))
    assert np.abs(found.ink.T[:30, :300] - (1 - level())).mean() < 0.05


def test_neighbours_become_paper(tmp_path):
    draw_page(tmp_path / "p.png")
    grey = read_image(tmp_path / "p.png")
    outline = np.array([[40, 40], [360, 40], [360, 80], [200, 160], [40, 80]])  # hangs into the next line
    whole = crop(grey, PageLine("l", outline)).ink
    assert whole.shape == (320, 120)
    assert (whole[:, 60:] > 0.5).any()
    tight = np.array([[40, 40], [360, 40], [360, 80], [200, 90], [40, 80]])
    alone = crop(np.where(np.arange(HEIGHT)[:, None] > 82, 0.1, grey), PageLine("l", tight)).ink
    assert alone.shape == (320, 50)
    assert np.abs(alone[:30, 44:] - (1 - PAPER)).max() < 0.02  # dark on the page, but outside


def test_a_part_of_the_page_is_enough(tmp_path):
    draw_page(tmp_path / "p.png")
    grey = read_image(tmp_path / "p.png")
    found = crop(grey, PageLine("l", np.array([[-50, 40], [1e300, 40], [1e300, 80], [-50, 80]])))
    assert found.ink.shape == (WIDTH, 40)


def test_an_outline_that_crosses_itself_holds_both_parts(tmp_path):
    draw_page(tmp_path / "p.png")
    found = crop(read_image(tmp_path / "p.png"), PageLine("l", np.array([[40, 40], [360, 80], [360, 40], [40, 80]])))
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
        crop(read_image(tmp_path / "p.png"), PageLine("l", np.array(outline, dtype=float)))


def test_parts_are_placed_in_columns_of_the_line():
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))

    def place(x, y):
        return 250 + (x - 150) * cos - y * sin, 250 + (x - 150) * sin + y * cos

    def part(label: str, first: float, last: float) -> LinePart:
        return LinePart(label, np.array([place(x, y) for x, y in [(first, -15), (last, -15), (last, 0), (first, 0)]]))

    parts = [part("b", 100, 180), part("a", 20, 90), part("c", 170, 400), part("d", 180.2, 180.4)]
    line = PageLine("l", around(place), np.array([place(0, 0), place(300, 0)]), parts={"word": parts})
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


def test_an_image_is_one_page_however_many_files_are_about_it(page_file, tmp_path, capsys):
    raw = tmp_path / "raw"
    draw_other_page(raw / "ms/38r.png", 0)
    draw_other_page(raw / "ms/39r.png", 1)
    draw_other_page(raw / "ms/38R.jpg", 0)
    (raw / "ms/link.png").symlink_to("38r.png")
    bare = [Written(line.id, line.points, text=None) for line in LINES]
    page_file(alto(image="38r.png"), "ms/38r.xml")
    page_file(alto(image="38R.jpg"), "ms/38r.chocomufin.xml")
    page_file(page_xml(image="ms/link.png"), "a.xml")
    page_file(page_xml(bare, image="39r.png"), "ms/39r.xml")
    page_file(alto(image="39r.png"), "ms/alto/39r.xml")
    page_file(page_xml(image="39r.png"), "ms/page/39r.xml")
    prepare(raw, tmp_path / "out")
    assert sorted(corpus(tmp_path / "out")) == [f"ms-38r-l{n}" for n in (1, 2, 3)] + [
        f"ms-page-39r-l{n}" for n in (1, 2, 3)
    ]
    cure = "choose with --pages which files are meant"
    assert sorted(capsys.readouterr().err.splitlines()) == [
        f"left out: {raw}/a.xml: is about the image {raw}/ms/link.png, as {raw}/ms/38r.xml is; {cure}",
        f"left out: {raw}/ms/38r.chocomufin.xml: is about the image {raw}/ms/38R.jpg, as {raw}/ms/38r.xml is; {cure}",
        f"left out: {raw}/ms/39r.xml: is about the image {raw}/ms/39r.png, as {raw}/ms/page/39r.xml is; {cure}",
        f"left out: {raw}/ms/alto/39r.xml: is about the image {raw}/ms/39r.png, as {raw}/ms/page/39r.xml is; {cure}",
    ]
    prepare(raw, tmp_path / "chosen", "--pages", "*.chocomufin.xml")
    assert list(corpus(tmp_path / "chosen")) == [f"ms-38r_chocomufin-l{n}".replace("_", ".") for n in (1, 2, 3)]
    with pytest.raises(CorpusError, match=r"--pages \*.txt fits none of 6 page files, such as .*a.xml; correct it"):
        prepare(raw, tmp_path / "none", "--pages", "*.txt")
    with pytest.raises(CorpusError, match=r"a.xml: is about the image .*link.png, as .*38r.xml is; choose"):
        prepare(raw, tmp_path / "strict", "--strict")


def test_lines_of_a_page_are_on_one_side(page_file, tmp_path, capsys):
    """Whatever the seed, and under whatever name, format and size its picture comes."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    for seed in range(4):
        draw_other_page(raw / f"{seed}.png", seed)
        page_file(page_xml(image=f"{seed}.png"), f"{seed}.xml")
    draw_other_page(raw / "x/a.jpg", 0, quality=40)
    draw_other_page(raw / "x/b.tif", 1)
    draw_other_page(raw / "x/c.png", 2, (200, 150))
    for name in ("a.jpg", "b.tif", "c.png"):
        page_file(page_xml(image=name), f"x/{name[0]}.xml")
    drawn = set()
    for seed in range(6):
        prepare(raw, out, "--test-share", "0.3", "--seed", seed)
        sides = {split: {id.rpartition("-")[0] for id in corpus(out, split)} for split in ("train", "test")}
        assert not sides["train"] & sides["test"]
        assert len(sides["train"] | sides["test"]) == 7
        for same in ({"0", "x-a"}, {"1", "x-b"}, {"2", "x-c"}):
            assert same <= sides["train"] or same <= sides["test"]
        assert 1 <= len(sides["test"]) <= 3
        drawn.add(frozenset(sides["test"]))
    assert len(drawn) > 1
    said = capsys.readouterr().err
    assert f"pictures that come in several formats, so that their lines are listed twice: 2 ({raw}/x/a.jpg, " in said
    with pytest.raises(CorpusError, match=r"of 3 lines of 1 page, which are not parted: both sides need at least one"):
        prepare(raw, out, "--pages", "0.xml", "--test-share", "0.3")


def test_pictures_that_show_the_same_are_known(tmp_path):
    pictures = Pictures()
    for seed in range(20):
        path = tmp_path / f"{seed}.png"
        draw_other_page(path, seed)
        assert pictures.earlier(path, read_image(path)) is None
    shade = np.linspace(0.5, 1, WIDTH)
    assert pictures.earlier(tmp_path / "x", read_image(tmp_path / "17.png") * shade) == tmp_path / "17.png"
    assert pictures.earlier(tmp_path / "y", np.full((HEIGHT, WIDTH), 0.5)) is None


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
    draw_page(tmp_path / "raw/q.png")
    path = page_file(page_xml(LINES))
    shutil.copy(path, path.with_name(os.fsdecode(b"caf\xe9.xml")))
    page_file(page_xml(LINES, "q.png"), "\u8a9e" * 80 + ".xml")
    prepare(tmp_path / "raw", tmp_path / "out")
    found = corpus(tmp_path / "out")
    assert len(found) == 2 * len(LINES) and all(len(name.encode()) <= 200 for name in found)
    assert r"caf\xe9.xml: its name is not UTF-8 (byte 0xe9)" in capsys.readouterr().err
