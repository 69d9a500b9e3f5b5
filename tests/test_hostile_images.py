"""Images and pages that are damaged, odd or made to do harm: each is refused or repaired, in a sentence of its own.

What must be said is in corrupt_images.txt, a case and its sentence on each line; there … stands for the words of a
library. Every case spoils the second of three line images, or a page of three lines; the other lines stay usable.
"""

import io
import os
import runpy
import struct
import zlib
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from checks import checked_images
from manuscripts import HEIGHT, LINES, WIDTH, Written, alto, corners, draw_page, page_xml, with_line
from PIL import Image, PngImagePlugin
from sentences import is_said, read_sentences

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.media.image import write_image

pytest_plugins = ["tiny_fixtures"]

SENTENCES = read_sentences("corrupt_images.txt")
SCRIPT = Path(__file__).parent.parent / "data_prep" / "pages.py"
COLUMNS, ROWS = 60, 24

Spoil = Callable[[Path], None]


def ink(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((COLUMNS, ROWS)) > 0.8).astype(float)


def saved(format: str, **options) -> bytes:
    """The line in another format."""
    content = io.BytesIO()
    Image.fromarray(((1 - ink().T) * 255).astype(np.uint8)).save(content, format, **options)
    return content.getvalue()


def content(data: bytes | str) -> Spoil:
    return lambda path: path.write_bytes(data.encode() if isinstance(data, str) else data)


def replaced(image: Image.Image, format: str, **options) -> Spoil:
    return lambda path: image.save(path, format, **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(20) + data[middle + 20 :]


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """Reading from it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)


def endless_tiff() -> bytes:
    """A TIFF whose second directory says that it is followed by itself."""
    pages = [Image.new("L", (COLUMNS, ROWS))] * 2
    stream = io.BytesIO()
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    data = bytearray(stream.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    second = struct.unpack_from("<I", data, first + 2 + 12 * struct.unpack_from("<H", data, first)[0])[0]
    struct.pack_into("<I", data, second + 2 + 12 * struct.unpack_from("<H", data, second)[0], second)
    return bytes(data)


def floats(values: np.ndarray) -> Spoil:
    return replaced(Image.fromarray(values.astype(np.float32)), "TIFF")


def with_nan() -> np.ndarray:
    values = ink().T.copy()
    values[3, 4] = np.nan
    return values


def bombed_text() -> Spoil:
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "a" * 5_000_000, zip=True)
    return replaced(Image.new("L", (COLUMNS, ROWS)), "PNG", pnginfo=info)


def grey(*frames: int) -> list[Image.Image]:
    return [Image.new("L", (COLUMNS, ROWS), level) for level in frames]


PICTURES: dict[str, Spoil] = {
    "no image": Path.unlink,
    "a folder instead of an image": folder,
    "a pipe instead of an image": pipe,
    "empty image file": content(b""),
    "truncated PNG": content(saved("PNG")[:-60]),
    "PNG damaged inside": content(damaged(saved("PNG"))),
    "PNG without pixels": content(png(COLUMNS, ROWS)),
    "truncated JPEG": content(saved("JPEG")[:-400]),
    "truncated TIFF": content(saved("TIFF")[:-500]),
    "truncated WebP": content(saved("WEBP")[:-100]),
    "truncated GIF": content(saved("GIF")[:-150]),
    "PNG of three billion pixels": content(png(60_000, 60_000)),
    "PNG of a hundred million pixels": content(png(10_000, 10_000)),
    "a million columns of two rows": content(png(1_000_000, 2)),
    "text that unpacks to megabytes": bombed_text(),
    "one row": replaced(Image.new("L", (COLUMNS, 1)), "PNG"),
    "one column": replaced(Image.new("L", (1, ROWS)), "PNG"),
    "no columns": content(png(0, ROWS)),
    "text called PNG": content("this is a line of handwriting\n"),
    "SVG": content("<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
    "PDF": content("%PDF-1.7\n"),
    "PostScript": content("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 24\n(x) run\n"),
    "PostScript in a wrapper": content(
        b"\xc5\xd0\xd3\xc6\x1e\0\0\0@\0\0\0"
        + bytes(18)
        + b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 24\n%%EndComments\n"
    ),
    "HEIC": content(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    "packed by gzip": content(b"\x1f\x8b\x08" + bytes(30)),
    "pointer of Git LFS": content("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    "error page of a library": content("<!DOCTYPE html><html>503</html>"),
    "TIFF of two pages": replaced(grey(0, 9)[0], "TIFF", save_all=True, append_images=grey(9)),
    "TIFF of pages without end": content(endless_tiff()),
    "animation": replaced(grey(0)[0], "GIF", save_all=True, append_images=grey(255, 9)),
    "NaN": floats(with_nan()),
    "floats of unknown white": floats(1e6 * ink().T),
    "negative floats": floats(ink().T - 1),
    "blank": replaced(Image.new("L", (COLUMNS, ROWS), 240), "PNG"),
    "nothing but transparent": replaced(Image.new("RGBA", (COLUMNS, ROWS), (0, 0, 0, 0)), "PNG"),
    "fewer columns than listed": replaced(Image.fromarray(np.eye(ROWS, 50, dtype=np.uint8) * 255), "PNG"),
    "more rows than listed": replaced(Image.fromarray(np.eye(30, COLUMNS, dtype=np.uint8) * 255), "PNG"),
    "turned by EXIF": turned,
}


def doctype(*declared: str) -> str:
    return f"<!DOCTYPE alto [{''.join(declared)}]>"


LAUGHS = [f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10)]
ENTITY = "<!ENTITY x SYSTEM 'file:///etc/passwd'>"

PAGES: dict[str, str | bytes] = {  # what p.xml beside p.png holds
    "entities that multiply": alto(doctype=doctype("<!ENTITY l0 'ha'>", *LAUGHS)).replace("first line", "&l9;"),
    "entity from a file": alto(doctype=doctype(ENTITY)).replace("first line", "&x;"),
    "entity from the net": page_xml(doctype=doctype("<!ENTITY y SYSTEM 'http://localhost/y'>")),
    "entity within the declarations": alto(doctype=doctype("<!ENTITY % z SYSTEM 'http://localhost/z'> %z;")),
    "empty page file": "",
    "page file cut off": alto()[:-40],
    "page file of no XML": "first line\nsecond line\n",
    "page file in Latin-1 that says UTF-8": alto().replace("first line", "fa\u00e7on").encode("latin-1"),
    "page file of an unknown encoding": alto().replace("UTF-8", "x-klingon"),
    "elements nested without end": "<alto>" * 100_000,
    "web page": "<html><body/></html>",
    "table of contents": "<mets:mets xmlns:mets='http://www.loc.gov/METS/'/>",
    "two pages in one file": alto().replace("</Layout>", "<Page/></Layout>"),
    "no lines": page_xml([]),
    "image up and away": alto(image="../../../etc/passwd"),
    "image from the root": page_xml(image="/etc/passwd"),
    "image from a Windows share": page_xml(image="\\\\server\\share\\secret.png"),
    "image with a name without end": alto(image=f"{'a' * 5000}.png"),
    "image that is missing": alto(image="scan.png"),
    "page of other proportions": page_xml(size=(WIDTH, 2 * HEIGHT)),
    "tenths of a millimetre, and no size": alto(size=("", ""), unit="mm10"),
    "page of twice the size": page_xml([Written("l1", corners(80, 80, 640, 80))], size=(2 * WIDTH, 2 * HEIGHT)),
    "polygon of two points": page_xml(with_line(1, points="40,120 360,160")),
    "polygon of two points, but a box": alto(with_line(1, points="40,120 360,160")),
    "polygon with NaN": page_xml(with_line(1, points="40,120 nan,120 360,160")),
    "polygon in words": page_xml(with_line(1, points="upper left")),
    "polygon of half a point": page_xml(with_line(1, points="40,120 360,120 360")),
    "no polygon": page_xml(with_line(1, points=None)),
    "neither polygon nor box": alto(with_line(1, points=None, box=None)),
    "box of negative width": alto(with_line(1, points=None, box=(40, 120, -320, 40))),
    "polygon beside the page": page_xml(with_line(1, points="500,120 900,120 900,160")),
    "polygon that leaves the page": page_xml(with_line(1, points="40,120 9e99,120 9e99,160 40,160")),
    "polygon that crosses itself": page_xml(with_line(1, points="40,120 360,160 360,120 40,160")),
    "polygon without height": page_xml(with_line(1, points="40,120 360,120 200,120")),
    "polygon of three columns": page_xml(with_line(1, points="57,120 60,120 60,160 57,160")),
    "polygon around nothing": page_xml(with_line(1, points="0,0 400,0 400,20 0,20")),
    "baseline of one point": page_xml(with_line(1, baseline="40,150")),
    "baseline in words": alto(with_line(1, baseline="straight")),
    "baseline far away": page_xml(with_line(1, baseline="40,150 360,9e300")),
    "polygon of ten thousand points": page_xml(
        with_line(1, points=" ".join(f"{n % 400},{n % 39}" for n in range(10_000)))
    ),
    "two lines of one id": alto(with_line(1, id="l1")),
}

KEPT = {  # the cases in which something else is left of the page than the other two lines
    "page of twice the size": ["l1"],
    "two lines of one id": ["l1", "l1-2", "l3"],
}


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> list[Utterance]:
    """Three lines, a to c, in the working directory."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for seed, name in enumerate("abc"):
        path = Path("img") / f"{name}.png"
        write_image(path, ink(seed))
        lines.append(Utterance(name, str(path), "s", COLUMNS, height=ROWS))
    write_manifest(Path("lines.jsonl"), lines)
    return lines


@pytest.mark.parametrize("case", PICTURES)
def test_an_image_that_cannot_be_used_is_refused_in_a_sentence(unitdisc, corpus, case):
    PICTURES[case](Path(corpus[1].path))
    said = unitdisc("validate", "lines.jsonl")
    assert said.code == 1
    [line] = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert is_said(f"error: lines.jsonl:2: {SENTENCES[case]}", line), line
    good, [problem] = checked_images(corpus)
    assert good == [corpus[0], corpus[2]]
    assert is_said(SENTENCES[case], str(problem))


@cache
def script() -> dict:
    """What data_prep/pages.py defines."""
    return runpy.run_path(str(SCRIPT), run_name="pages")


def prepare(*options: str) -> list[str]:
    """What data_prep/pages.py says of the folder raw."""
    said = io.StringIO()
    with redirect_stderr(said):
        try:
            script()["run"](lambda: script()["main"](["raw", "out", *options]))
        except SystemExit as end:
            said.write(f"{end.code}\n")
    return said.getvalue().splitlines()


@pytest.mark.parametrize("case", PAGES)
def test_a_page_that_is_not_right_is_refused_or_repaired_in_a_sentence(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    name = "q" if case.startswith("image ") else "p"
    draw_page(Path("raw/p.png"))
    draw_page(Path("secret.png"))
    text = PAGES[case]
    Path(f"raw/{name}.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    Path("raw/good").mkdir()
    draw_page(Path("raw/good/g.png"))
    Path("raw/good/g.xml").write_text(alto(image="g.png"))
    before = set(tmp_path.rglob("*"))
    [line] = prepare()
    assert is_said(SENTENCES[case], line), line
    kept = [line.id for line in read_manifest(Path("out/all.jsonl"))]
    assert [id for id in kept if id.startswith("good")] == ["good-g-l1", "good-g-l2", "good-g-l3"]
    repaired, of_page = line.startswith("repaired: "), "line 'l2'" in line
    expected = KEPT.get(case) or [each.id for each in LINES if repaired or (of_page and each.id != "l2")]
    assert [id for id in kept if not id.startswith("good")] == [f"p-{id}" for id in expected]
    assert all("out" in path.relative_to(tmp_path).parts for path in set(tmp_path.rglob("*")) - before)
    assert "root:" not in Path("out/all.jsonl").read_text()
    if not repaired:
        assert prepare("--strict") == [line.removeprefix("left out: ")]


def test_every_case_has_its_sentence():
    assert list(SENTENCES) == [*PICTURES, *PAGES]
    assert len(SENTENCES) >= 30


def test_nothing_is_wrong_before_it_is_spoilt(unitdisc, corpus):
    assert unitdisc("validate", "lines.jsonl").code == 0
    draw_page(Path("raw/p.png"))
    for text in (alto(), page_xml()):
        Path("raw/p.xml").write_text(text)
        assert prepare() == []
