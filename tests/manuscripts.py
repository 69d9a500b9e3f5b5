"""Pages with a few lines of strokes, and what ALTO and PAGE XML say of them."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

PAPER, INK = 0.85, 0.15
ALTO = "http://www.loc.gov/standards/alto/ns-v4#"
PAGE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


@dataclass(frozen=True)
class Written:
    """A line of a page file, in the words of the file."""

    id: str
    points: str | None = None  # of its polygon
    box: tuple | None = None  # left, top, width, height: ALTO alone
    baseline: str | None = None
    text: str | None = "a line"
    words: tuple[tuple[str, tuple], ...] = ()  # text and box of each


WIDTH, HEIGHT = 400, 300
LINES = (
    Written("l1", "40,40 360,40 360,80 40,80", (40, 40, 320, 40), "40,70 360,70", "first line"),
    Written("l2", "40,120 360,120 360,160 40,160", (40, 120, 320, 40), "40,150 360,150", "second line"),
    Written("l3", "40,200 360,200 360,240 40,240", (40, 200, 320, 40), "40,230 360,230", "third line"),
)


def draw_page(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Three lines of upright strokes, 10 pixels apart, from 15 above the baselines of LINES to them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(size, path.suffix))


@cache
def picture(size: tuple[int, int], suffix: str) -> bytes:
    grey = np.full((HEIGHT, WIDTH), PAPER)
    for base in (70, 150, 230):
        for left in range(60, 340, 10):
            grey[base - 15 : base, left : left + 3] = INK
    image, file = Image.fromarray((grey * 255).round().astype(np.uint8)), io.BytesIO()
    (image if size == (WIDTH, HEIGHT) else image.resize(size)).save(file, Image.registered_extensions()[suffix])
    return file.getvalue()


def draw_other_page(path: Path, seed: int, size: tuple[int, int] = (WIDTH, HEIGHT), **how) -> None:
    """Strokes of other heights and places, as the seed has them; `how` it is written is for Pillow."""
    rng = np.random.default_rng(seed)
    grey = np.full((HEIGHT, WIDTH), PAPER)
    for base in (70, 150, 230):
        for left in rng.choice(np.arange(44, 356, 4), 50, replace=False):
            grey[base - rng.integers(6, 24) : base, left : left + 3] = INK
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((grey * 255).round().astype(np.uint8)).resize(size).save(path, **how)


def alto(lines: Iterable[Written] = LINES, image: str = "p.png", size=(WIDTH, HEIGHT), **options: str) -> str:
    namespace, unit = options.get("namespace", ALTO), options.get("unit", "pixel")
    declared = f' xmlns="{namespace}"' if namespace else ""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>{options.get('doctype', '')}<alto{declared}><Description>"
        f"<MeasurementUnit>{unit}</MeasurementUnit><sourceImageInformation><fileName>{image}</fileName>"
        f"</sourceImageInformation></Description><Layout><Page WIDTH='{size[0]}' HEIGHT='{size[1]}'><PrintSpace>"
        f"<TextBlock>{''.join(map(alto_line, lines))}</TextBlock></PrintSpace></Page></Layout></alto>"
    )


def alto_line(line: Written) -> str:
    shape = f"<Shape><Polygon POINTS='{line.points}'/></Shape>" if line.points is not None else ""
    base = f" BASELINE='{line.baseline}'" if line.baseline is not None else ""
    strings = "<SP/>".join(f"<String CONTENT={quoteattr(text)}{alto_box(place)}/>" for text, place in line.words)
    if not line.words and line.text is not None:
        strings = f"<String CONTENT={quoteattr(line.text)}/>"
    return f"<TextLine ID={quoteattr(line.id)}{alto_box(line.box)}{base}>{shape}{strings}</TextLine>"


def alto_box(box: tuple | None) -> str:
    names = ("HPOS", "VPOS", "WIDTH", "HEIGHT")
    return "".join(f" {name}='{value}'" for name, value in zip(names, box)) if box else ""


def page_xml(lines: Iterable[Written] = LINES, image: str = "p.png", size=(WIDTH, HEIGHT), **options: str) -> str:
    namespace = options.get("namespace", PAGE)
    declared = f' xmlns="{namespace}"' if namespace else ""
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>{options.get('doctype', '')}<PcGts{declared}>"
        f"<Page imageFilename={quoteattr(image)} imageWidth='{size[0]}' imageHeight='{size[1]}'><TextRegion id='r'>"
        f"<Coords points='0,0 1,0 1,1'/>{''.join(map(page_line, lines))}<TextEquiv><Unicode>all</Unicode></TextEquiv>"
        f"</TextRegion></Page></PcGts>"
    )


def page_line(line: Written) -> str:
    base = f"<Baseline points='{line.baseline}'/>" if line.baseline is not None else ""
    coords = f"<Coords points='{line.points}'/>" if line.points is not None else ""
    words = "".join(
        f"<Word><Coords points='{corners(*box)}'/><TextEquiv><Unicode>{text}</Unicode></TextEquiv></Word>"
        for text, box in line.words
    )
    text = f"<TextEquiv><Unicode>{line.text}</Unicode></TextEquiv>" if line.text is not None else ""
    return f"<TextLine id={quoteattr(line.id)}>{coords}{base}{words}{text}</TextLine>"


def corners(left: float, top: float, width: float, height: float) -> str:
    return f"{left},{top} {left + width},{top} {left + width},{top + height} {left},{top + height}"


def with_line(index: int, **changes) -> list[Written]:
    """LINES with one of them changed."""
    lines = list(LINES)
    lines[index] = replace(lines[index], **changes)
    return lines
