"""The gallery shows the pages that are there, and says which are not."""

import runpy
from pathlib import Path

import pytest

EVAL = Path(__file__).parent.parent / "eval"


@pytest.fixture
def script(monkeypatch) -> dict:
    monkeypatch.syspath_prepend(EVAL)
    return runpy.run_path(str(EVAL / "gallery.py"))


def test_pages_that_are_there_are_shown(script, tmp_path, capsys):
    first, second = script["PAGES"][:2]
    (tmp_path / first.file).parent.mkdir()
    (tmp_path / first.file).write_text("a page")
    script["main"]([str(tmp_path)])
    page = (tmp_path / "index.html").read_text()
    assert f'src="{first.file}"' in page and second.file not in page
    assert f"{second.file}: not there, and left out; `{second.command}` makes it" in capsys.readouterr().err


def test_what_is_said_of_pages_is_text(script):
    page = script["Page"]("a.html", "<script>alert(1)</script>", "b", "c")
    assert "<script" not in script["gallery"]([page]) and "&lt;script&gt;" in script["gallery"]([page])


def test_a_folder_without_pages_is_refused(script, tmp_path):
    with pytest.raises(SystemExit, match="none of the pages is in it"):
        script["main"]([str(tmp_path)])
