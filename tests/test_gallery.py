"""The gallery shows the pages that are there, says which are not, and shows what it is told as text."""

import runpy
from pathlib import Path

import pytest

main = runpy.run_path(str(Path(__file__).parent.parent / "eval" / "gallery.py"))["main"]


def listed(path, **changes):
    page = {"file": "a.html", "title": "T", "command": "unitdisc show", "about": "A."} | changes
    path.write_text("[[page]]\n" + "".join(f"{key} = {value!r}\n" for key, value in page.items()))
    return path


def test_pages_that_are_there_are_shown(tmp_path, capsys):
    (tmp_path / "a.html").write_text("a")
    pages = listed(tmp_path / "pages.toml", title="<script>alert(1)</script>")
    with pages.open("a") as file:
        file.write('[[page]]\nfile = "b.html"\ntitle = "B"\ncommand = "unitdisc terms"\nabout = "B."\n')
    main([str(pages), str(tmp_path)])
    page = (tmp_path / "index.html").read_text()
    assert 'src="a.html"' in page and "b.html" not in page
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "b.html: not there, and left out; `unitdisc terms` makes it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text, said",
    [
        ('[[page]]\nfile = "a.html"', "page 1 has no 'title'"),
        ("[[page]", "cannot be read"),
        ("", "none of the pages"),
        ("page = 3", "a list of \\[\\[page\\]\\]"),
    ],
)
def test_lists_that_are_none(text, said, tmp_path):
    (tmp_path / "pages.toml").write_text(text)
    with pytest.raises(SystemExit, match=said):
        main([str(tmp_path / "pages.toml"), str(tmp_path)])
