"""The report of line images: what it says, what it shows, and how it is drawn."""

import base64
import copy
import io
import json
import re
import runpy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from chromium import BINARY, Chromium
from PIL import Image
from test_report import ABX, HOSTILE, Contents, made_experiment, read

from unitdisc.corpus import Interval, Utterance, labels_at
from unitdisc.encodings import Encodings
from unitdisc.evaluation import intervals
from unitdisc.evaluation.probes import models as readers
from unitdisc.exports.units import read_units
from unitdisc.media.image import ImageError, read_line, resized, write_image
from unitdisc.reports.examples import labels_in_units, most_used
from unitdisc.reports.image_crops import HEIGHT, LEVELS, SHARPNESS, line_crop
from unitdisc.reports.lines import LEAST, PIECE, Given, Version, cuts, line_sheet, original, version_of, version_sheet
from unitdisc.reports.page import write_report
from unitdisc.reports.resyntheses import Made, made_in

pytest_plugins = ["tiny_fixtures"]

ROWS = 16  # that the model reads
STRIDE = 4
SHAPES = {"a": 0.9, "b": 0.6, HOSTILE: 0.3}  # character -> how dark its bar is
POINTS = ("columns", "encoder", "projection", "bottleneck", "condition")


def written(folder: Path, name: str, scribe: str, rows: int, characters: str | list[str]) -> Utterance:
    """A line of bars, each as wide as the line is high, with gaps between them a quarter as wide."""
    ink, tier, place = [], [], 0
    for character in characters:
        ink += [np.zeros((rows // 4, rows)), np.full((rows, rows), SHAPES[character])]
        tier.append(Interval(place + rows // 4, place + rows // 4 + rows, character))
        place = tier[-1].end
    columns = np.concatenate(ink)
    columns[:, : rows // 4] = 0
    path = folder / f"{len(list(folder.iterdir()))}.png"
    write_image(path, columns)
    return Utterance(name, str(path), scribe, len(columns), height=rows, text=HOSTILE, alignment={"character": tier})


def encoded(folder: Path, lines: list[Utterance], discrete: bool = True) -> Encodings:
    """One unit per character and one of gaps; code 9 somewhere in each line."""
    (folder / "centres").mkdir(parents=True)
    grid = {"point": "bottleneck", "stride": STRIDE, "offset": STRIDE / 2, "rate": None, "height": ROWS}
    (folder / "encodings.json").write_text(json.dumps(grid))
    entries = []
    for line in lines:
        frames = round(line.ticks * ROWS / line.height)
        centres = (np.arange(-(-frames // STRIDE)) * STRIDE + STRIDE / 2) * line.ticks / frames
        labels = labels_at(line.alignment.get("character", []), centres)
        codes = [list(SHAPES).index(label) if label else 7 for label in labels]
        codes[len(codes) // 2] = 9
        np.save(folder / f"{line.id}.npy", np.zeros((len(codes), 2), np.float32))
        np.save(folder / "centres" / f"{line.id}.npy", centres)
        entries.append(json.dumps({"utterance": line.id, "codes": codes if discrete else None}) + "\n")
    (folder / "units.jsonl").write_text("".join(entries))
    return Encodings.open(folder)


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("lines")
    texts = ["aba" * 6, "abbab" * 4, ["a", "b", HOSTILE] * 5]
    return [
        written(folder, f'l{number}"><b>{order}', scribe, 24 * (1 + number % 2), text)
        for number, scribe in enumerate([HOSTILE, "w2", "w3", "w4"])
        for order, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def encodings(lines, tmp_path_factory) -> Encodings:
    return encoded(tmp_path_factory.mktemp("encodings") / "bottleneck", lines)


def made_scores() -> dict:
    probes = {
        "labels": {"accuracy": 0.6, "majority": 0.3, "classes": 3, "items": 300, "speakers": 4, "folds": 3},
        "speaker": {"accuracy": 0.4, "majority": 0.25, "classes": 4, "items": 12, "speakers": 4, "folds": 3},
        "columns": {"r2": 0.5, "items": 500, "speakers": 4, "folds": 3},
    }
    bits = {"bits_per_100_columns": 40.0, "bits_per_label": 5.0}
    return {
        "abx": {point: {"within": w, "across": a} for point, (w, a) in zip(POINTS, ABX.values(), strict=True)},
        "probes": {point: copy.deepcopy(probes) for point in POINTS},
        "units": {
            "usage": {"used": 5, "perplexity": 4.2, "frames": 700},
            "bitrate": bits,
            "ari": 0.25,
            "boundaries": {"strict": {"f1": 0.5}},
        },
        "settings": {"tier": "character", "seed": 0, "abx": {"context": "any"}},
        "versions": {"unitdisc": "0.1.0"},
    }


def made_report(home: Path, lines: list[Utterance], encodings: Encodings) -> Path:
    """A page with everything that can be on one."""
    ink = read_line(lines[1])
    again = resized(ink.T, ROWS, round(len(ink) * ROWS / ink.shape[1])).T
    write_image(home / "again.png", again)
    (home / "damaged.png").write_bytes((home / "again.png").read_bytes()[:100])
    made = [Made(f"in the hand of {HOSTILE}", home / "again.png"), Made("completed", home / "again.png", Given(0, 0.4))]
    made.append(Made("damaged", home / "damaged.png"))
    experiment = made_experiment(home)
    (experiment / "experiment.json").write_text(json.dumps({"corpus": {"columns": 1234}}))
    others = {f"other {HOSTILE}": made_scores()}
    return write_report(experiment, lines, {"bottleneck": encodings}, made_scores(), others, {lines[1].id: made})


@pytest.fixture(scope="module")
def report(lines, encodings, tmp_path_factory) -> Path:
    return made_report(tmp_path_factory.mktemp("report"), lines, encodings)


def text_of(page: Path) -> str:
    style = re.compile(r"<style>.*?</style>", re.DOTALL)
    return " ".join(Contents(style.sub("", page.read_text(encoding="utf-8"))).text.split())


# What it says.


def test_the_page_speaks_of_lines_and_scribes_and_of_nothing_that_is_heard(report):
    text = text_of(report)
    foreign = r"\b(speak\w*|utterances?|phones?|mfcc|hear|heard|listen|voices?|speech|sounds?|silence|seconds?|ms)\b"
    assert re.findall(foreign, text.lower()) == []
    assert "Units discovered in handwriting that nobody transcribed" in text
    assert "the scribe in 40%, then 40% of the lines, and the character in 60%, then 60% of the frames." in text
    assert "one to one, at most 1 column apart" in text


def test_abx_stands_beside_the_pixel_columns(report):
    rows = {row[0]: row[1:] for row in reversed(read(report).rows) if len(row) == 5}
    assert rows["pixel columns"] == ["10.0%", "", "24.0%", ""]
    assert rows["condition"] == ["8.0%", "-20%", "12.0%", "-50%"]
    asked = "Asked which of two characters another scribe wrote"
    assert f"{asked}, what is read at the condition errs in 12.0% of the cases" in text_of(report)
    assert "of the cases, the plain columns of pixels in 24.0%: 50% fewer errors." in text_of(report)


def test_probes_are_called_after_what_they_tell(report):
    rows = [row for row in read(report).rows if row and row[0] == "representation"]
    assert rows[-1] == ["representation", "character, per frame", "scribe, per line", "pixels, R²"]


def test_the_corpus_is_counted_in_columns(report, lines):
    written = json.loads((report.parent / "scores.json").read_text())["corpus"]
    assert written["lines"] == "12" and written["scribes"] == "4"
    assert written["writing"] == f"{sum(line.ticks for line in lines):,} columns of 24 to 48 pixels"


def test_units_are_measured_by_columns(report):
    rows = {row[0]: row[1] for row in read(report).rows if len(row) == 3}
    assert rows["bits per 100 columns"] == "40.0" and rows["ARI"] == "0.250"
    assert not any("second" in title for title in rows)


def test_the_matrix_is_called_after_the_tier(report):
    assert re.search(r">\s*character\s*</text>", report.read_text())


def test_widths_are_those_of_lines_at_the_height_that_the_model_reads(lines, encodings):
    found = labels_in_units(lines, encodings, "character")
    usages = {u.code: u for u in most_used(found, lines, encodings, "character", 12, 4)}
    assert usages[0].length * ROWS == pytest.approx(
        ROWS, abs=STRIDE
    )  # bars are as wide as high, in lines of any height
    assert 7 not in usages  # gaps
    assert usages[1].labels == [("b", 1.0)]
    assert len({example.utterance.speaker for example in usages[0].examples}) == 4


def test_a_corpus_without_labels_and_scribes_is_seen_all_the_same(lines, encodings, tmp_path):
    bare = [replace(line, alignment={}, text=None, speaker=None) for line in lines]
    page = write_report(made_experiment(tmp_path), bare, {"bottleneck": encodings}, {})
    assert "the corpus has no labels to compare with" in text_of(page)
    assert "scribe unknown" in text_of(page)
    assert read(page).elements.count("image") > 20


def test_a_continuous_bottleneck_has_no_units_but_lines_written_again(lines, tmp_path):
    continuous = encoded(tmp_path / "continuous", lines, discrete=False)
    made = {lines[0].id: [Made("again", Path(lines[1].path))]}
    page = write_report(made_experiment(tmp_path), lines, {"bottleneck": continuous}, made_scores(), None, made)
    assert "so there are no units to list or to see." in text_of(page)
    assert read(page).elements.count("image") >= 2


def test_an_image_that_cannot_be_read_is_named_once_and_the_rest_is_seen(lines, encodings, tmp_path):
    (tmp_path / "cut.png").write_bytes(Path(lines[1].path).read_bytes()[:60])
    worse = [replace(line, path="gone.png") for line in lines[:3]]  # all of one scribe
    worse += [replace(lines[3], path=str(tmp_path / "cut.png")), *lines[4:]]
    page = write_report(made_experiment(tmp_path), worse, {"bottleneck": encodings}, made_scores())
    assert text_of(page).count("gone.png: no such file") == 1
    assert read(page).elements.count("image") > 20


def test_a_version_that_cannot_be_read_is_named(report):
    assert "damaged.png: cannot be read" in text_of(report)


def test_the_same_input_gives_the_same_page(report, lines, encodings, tmp_path):
    again = made_report(tmp_path, lines, encodings).read_text()
    assert again.replace(str(tmp_path), str(report.parents[2])) == report.read_text()  # a file that is damaged is named


# That it harms nobody.


def test_everything_is_inside_a_light_page(report):
    page = read(report)
    assert len(page.addresses) > 50
    assert [address for address in page.addresses if not address.startswith(("data:image/png;", "data:,", "#"))] == []
    assert "audio" not in page.elements
    assert report.stat().st_size < 1e6


def test_what_the_data_say_is_shown_and_not_obeyed(report):
    page = read(report)
    assert "script" not in page.elements
    assert page.text.count(HOSTILE) > 20
    assert 'l0"><b>' not in report.read_text()


# How it is drawn.


def opened(uri: str) -> np.ndarray:
    """Ink in [0, 1], [columns, rows], of a picture."""
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return 1 - np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=float).T / 255


@pytest.mark.parametrize("start,end", [(40, 60), (0, 5), (-9, None), (0, None)])
def test_a_crop_shows_the_stretch_between_margins(lines, start, end):
    line = lines[3]  # 48 rows
    start, end = start % line.ticks, end or line.ticks
    crop = line_crop(line, start, end, margin=10, longest=99)
    assert (crop.first, crop.last) == (max(0, start - 10), min(line.ticks, end + 10))
    scale = HEIGHT / 48
    assert crop.width == round((crop.last - crop.first) * scale) and crop.height == HEIGHT
    assert crop.focus == pytest.approx(((start - crop.first) * scale, (end - start) * scale))
    picture = opened(crop.picture)
    assert picture.shape == (crop.last - crop.first, 48)  # no more pixels than there are
    np.testing.assert_allclose(picture, read_line(line)[crop.first : crop.last], atol=0.51 / (LEVELS - 1))


def test_large_lines_make_small_pictures(tmp_path):
    big = written(tmp_path, "big", "w", 400, "ab")
    crop = line_crop(big, 100, 500, longest=99)
    assert opened(crop.picture).shape[1] == SHARPNESS * HEIGHT
    assert len(crop.picture) < 5000


def test_of_a_long_stretch_the_beginning_is_shown(lines):
    crop = line_crop(lines[0], 0, lines[0].ticks, margin=0, longest=2)
    assert (crop.first, crop.last) == (0, 2 * lines[0].height)


@pytest.mark.parametrize("start,end", [(5, 5), (9, 3), (-1, 4), (0, 10_000)])
def test_a_stretch_that_is_none_is_refused(lines, start, end):
    with pytest.raises(ValueError, match=r"is no stretch of \d+ columns"):
        line_crop(lines[0], start, end)


def test_a_crop_of_an_image_that_is_gone_names_it(lines):
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        line_crop(replace(lines[0], path="gone.png"), 0, 10)


@pytest.mark.parametrize("seed", range(20))
def test_pieces_tile_a_line_and_end_with_units_where_they_can(seed):
    rng = np.random.default_rng(seed)
    last, widest = int(rng.integers(1, 900)), float(rng.uniform(0.5, 200))
    borders = sorted({*rng.integers(1, last + 1, rng.integers(0, 40)).tolist(), last})
    places = cuts(borders, last, widest)
    assert places[0] == 0 and places[-1] == last
    for start, end in pairwise(places):
        assert 0 < end - start <= max(1, widest)
        possible = [b for b in borders if start + max(1, LEAST * widest) <= b <= start + max(1, int(widest))]
        if end != last and possible:
            assert end == possible[-1]


def test_a_sheet_shows_the_whole_line_and_its_units(lines, encodings):
    line = lines[4]
    units = read_units(encodings, line).intervals
    sheet = line_sheet(line, {"unit": units, "character": line.alignment["character"]})
    assert sheet.whole and len(sheet.pieces) > 2
    assert all(piece.width <= PIECE for piece in sheet.pieces)
    shown = np.concatenate([opened(piece.strips[0].picture) for piece in sheet.pieces])
    np.testing.assert_allclose(shown, read_line(line), atol=0.51 / (LEVELS - 1))
    scale = HEIGHT / line.height
    drawn = [
        (piece.columns[0] + box.x / scale, piece.columns[0] + (box.x + box.width) / scale, box.label)
        for piece in sheet.pieces
        for box in piece.lanes["unit"]
    ]
    assert [label for *_, label in drawn] == [unit.label for unit in units]  # no piece ends within a unit
    assert [start for start, *_ in drawn] == pytest.approx([unit.start for unit in units], abs=0.1)
    assert [end for _, end, _ in drawn] == pytest.approx([unit.end for unit in units], abs=0.1)


def test_a_very_long_line_is_cut(tmp_path):
    line = written(tmp_path, "long", "w", 24, "ab" * 40)
    sheet = line_sheet(line, {})
    assert not sheet.whole and sheet.shown == 45 * 24 == sheet.pieces[-1].columns[1]


def test_versions_stand_below_the_columns_they_are_of(lines, tmp_path):
    line = lines[3]  # 48 rows
    ink = read_line(line)
    small = resized(ink.T, ROWS, round(len(ink) * ROWS / 48)).T
    write_image(tmp_path / "small.png", small)
    write_image(tmp_path / "short.png", small[: len(small) // 2])
    versions = [
        original(line),
        *(version_of(name, tmp_path / f"{name}.png", Given(0, 0.5)) for name in ("small", "short")),
    ]
    sheet = version_sheet(line, versions, {})
    assert sheet.captions == ["original", "small", "short"]
    parts = [[opened(piece.strips[place].picture) for piece in sheet.pieces] for place in (0, 1)]
    for own, again in zip(*parts, strict=True):
        grown = resized(again.T, 48, len(own)).T
        assert np.abs(grown - own).mean() < 0.08
    assert sheet.pieces[-1].strips[2].picture == ""  # it has ended
    total = sum(piece.strips[2].width for piece in sheet.pieces)
    assert total == pytest.approx(line.ticks * HEIGHT / 48 / 2, abs=HEIGHT / ROWS)


@pytest.mark.parametrize("given", [(0, 0.1), (0, 0.5), (0, 0.93), (0.5, 1), (0.07, 1)])
def test_the_bar_stands_where_what_was_given_ends(lines, given):
    line = lines[0]
    sheet = version_sheet(line, [original(line), Version("completed", read_line(line), Given(*given))], {})
    starts = np.cumsum([0, *(piece.width for piece in sheet.pieces)])
    tinted = [(start + part.start, start + part.end) for start, part in zip(starts, givens(sheet, 1)) if part]
    assert [one[1] for one in tinted[:-1]] == pytest.approx([other[0] for other in tinted[1:]], abs=0.02)
    assert (tinted[0][0], tinted[-1][1]) == pytest.approx(np.array(given) * starts[-1], abs=0.1)
    assert givens(sheet, 0) == [None] * len(sheet.pieces)


def givens(sheet, version):
    return [piece.strips[version].given for piece in sheet.pieces]


def test_files_say_what_they_were_made_of(tmp_path):
    names = ["u--w1.wav", "u--w2.png", "u--w2--given-50.png", "x--y--w.png", "u--given-50.png", "u.png", "u--w.jpg"]
    for name in [*names, "u--w2--given-last-25.png"]:
        (tmp_path / name).touch()
    found = {
        utterance: [(made.caption, made.path.name, made.given) for made in versions]
        for utterance, versions in made_in(tmp_path).items()
    }
    assert found == {
        "u": [
            ("resynthesis, voice of w1", "u--w1.wav", None),
            ("in the hand of given-50", "u--given-50.png", None),
            ("in the hand of w2", "u--w2.png", None),
            ("completed in the hand of w2", "u--w2--given-50.png", (0, 0.5)),
            ("completed in the hand of w2", "u--w2--given-last-25.png", (0.75, 1)),
        ],
        "x--y": [("in the hand of w", "x--y--w.png", None)],
    }
    assert made_in(tmp_path / "none") == {}


# In a browser.

PICTURES = """Promise.all([...document.querySelectorAll("image")].map(async (element) => {
    const picture = new Image();
    picture.src = element.href.baseVal;
    await picture.decode();
    return [picture.naturalWidth, element.getBoundingClientRect().width];
}))"""


@pytest.fixture
def browser(report, tmp_path):
    if BINARY is None:
        pytest.skip("no Chromium on this computer")
    with Chromium(tmp_path / "profile") as chromium:
        chromium.open(report)
        yield chromium


def test_the_page_opens_in_chromium_and_is_seen_on_any_screen(browser, report):
    pictures = browser.evaluate(PICTURES)
    assert len(pictures) == read(report).elements.count("image") > 30
    assert all(width > 0 and drawn > 0 for width, drawn in pictures)
    for width in (1200, 360):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        cut_off = """[...document.querySelectorAll(".sheet, .crops")].filter((part) => {
            const right = part.getBoundingClientRect().right + 1;
            return [...part.querySelectorAll("svg")].some((drawn) => drawn.getBoundingClientRect().right > right);
        }).length"""
        assert browser.evaluate(cut_off) == 0
    assert browser.requests == [report.resolve().as_uri()]
    assert browser.errors == []


def test_paper_stays_paper_in_the_dark(browser):
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert "invert" not in browser.evaluate('getComputedStyle(document.querySelector(".paper")).filter')
    shown = browser.evaluate('getComputedStyle(document.querySelector(".faded")).fill')
    assert min(map(int, re.findall(r"\d+", shown)[:3])) > 150  # what surrounds a unit fades into paper, not into night


# The commands.


def test_a_report_of_line_images_is_one_command(unitdisc, tiny_lines, tiny_line_experiment, monkeypatch):
    monkeypatch.setattr(readers, "ITERATIONS", 3)  # a model of a few steps tells little
    monkeypatch.setattr(intervals, "RESAMPLES", 20)
    made = unitdisc(
        "resynthesise", tiny_line_experiment, tiny_lines, tiny_line_experiment / "resyntheses", "--limit", 1
    )
    assert made.code == 0, made.err
    finished = unitdisc("report", tiny_line_experiment, tiny_lines, "--device", "cpu")
    assert finished.code == 0, finished.err
    page = tiny_line_experiment / "report" / "index.html"
    scores = json.loads((page.parent / "scores.json").read_text())
    assert list(scores["abx"]) == list(scores["probes"]) == list(POINTS)
    assert scores["probes"]["encoder"].keys() == {"labels", "speaker", "columns"}
    assert scores["probes"]["columns"]["columns"]["r2"] > 0.999  # columns of pixels tell the columns of pixels
    assert scores["settings"]["tier"] == "character" and scores["settings"]["abx"]["context"] == "any"
    contents = Contents(page.read_text())
    assert "Originals beside resyntheses" in contents.text
    assert contents.elements.count("image") > 5


def test_experiments_on_lines_are_compared_by_what_was_measured(report, monkeypatch, capsys):
    script = Path(__file__).parent.parent / "eval" / "compare.py"
    monkeypatch.syspath_prepend(script.parent)
    runpy.run_path(str(script))["main"]([str(report.parent.parent)])
    printed = capsys.readouterr().out
    assert "| experiment | columns | encoder |" in printed
    assert "**Character probe, accuracy per frame (%)**" in printed and "**Pixel reconstruction, R² (%)**" in printed
    assert "bits/100 columns" in printed and "| 1,234 | 3 |" in printed
    for absent in ("mfcc", "Gender", "Mel", "hours", "bits/s"):
        assert absent not in printed
