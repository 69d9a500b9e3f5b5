"""The gallery shows the pages that are there, and says which are not."""

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "eval" / "gallery.py"))


def test_pages_that_are_there_are_shown(tmp_path, capsys):
    first, second = SCRIPT["PAGES"][:2]
    (tmp_path / first.file).parent.mkdir()
    (tmp_path / first.file).write_text("a page")
    SCRIPT["main"]([str(tmp_path)])
    page = (tmp_path / "index.html").read_text()
    assert f'src="{first.file}"' in page and second.file not in page
    assert f"{second.file}: not there, and left out; `{second.command}` makes it" in capsys.readouterr().err


def test_what_is_said_of_pages_is_text():
    page = SCRIPT["Page"]("a.html", "<script>alert(1)</script>", "b", "c")
    assert "<script" not in SCRIPT["gallery"]([page]) and "&lt;script&gt;" in SCRIPT["gallery"]([page])


def test_a_folder_without_pages_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="none of the pages is in it"):
        SCRIPT["main"]([str(tmp_path)])
