"""explore with a table of names: what the page asks, what is on the disk after an answer, and who may give one."""

import asyncio
import re
from contextlib import nullcontext
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import pytest
from explore_client import TestClient
from named_units import VECTORS, corpus, encode
from starlette.requests import Request

from unitdisc.corpus.manifest import write_manifest
from unitdisc.explorer import server
from unitdisc.explorer.building import index_made
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import ServerLinks
from unitdisc.explorer.name_page import name_page
from unitdisc.explorer.names import Names
from unitdisc.explorer.views import Pages
from unitdisc.naming import session as sessions
from unitdisc.naming.material import Material
from unitdisc.naming.session import Session
from unitdisc.naming.table import read_names

TOKEN, PORT = "a-token", 8765
BASE = f"http://127.0.0.1:{PORT}"
OWN = {"origin": BASE}
HOSTILE = "</b><script>alert(1)</script>"


def quiet(*asked, **more):
    return nullcontext(lambda number: None)


class Visit:
    """A browser that has come with the token, to pages of a corpus that is named."""

    def __init__(self, made, names, named=True):
        home, encodings, listed = made
        self.table = names
        index = CorpusIndex.open(home / "index")
        self.session = Session.open(Material.of(encodings, listed), names)
        self.pages = Pages(index, ServerLinks(), "mine", names=Names(self.session, index) if named else None)
        app = server.application(server.Explorer(index, self.pages), TOKEN, PORT)
        self.client = TestClient(app, base_url=BASE, cookies={f"unitdisc-{PORT}": TOKEN})

    def page(self, **given):
        return Seen(self.client.get("/name", params=given))

    def send(self, page, **given):
        """A form of a page, as a browser sends it."""
        return Seen(self.client.post("/name", data={"unit": page.unit, "last": page.last} | given, headers=OWN))

    @property
    def kept(self):
        return [(each.unit, each.kind, each.name) for each in read_names(self.table)]


class Seen(SimpleNamespace):
    """A page that asks."""

    def __init__(self, answer):
        fields = {
            name: unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', answer.text)
        }
        problem = re.search(r'role="alert">(.*?)</p>', answer.text)
        super().__init__(
            text=answer.text, status=answer.status_code, problem=problem and unescape(problem[1]), **fields
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with an index, units, and the utterances that they are of."""
    home, coded = tmp_path_factory.mktemp("made"), corpus()
    listed = [each for each, _ in coded]
    encodings = encode(home / "units", coded, VECTORS, noise=0.05)
    write_manifest(home / "all.jsonl", [replace(each, path=str(home / each.path)) for each in listed])
    index_made(home / "index", [home / "units"], home / "all.jsonl", progress=quiet)
    return home, encodings, listed


@pytest.fixture
def visit(made, tmp_path):
    return Visit(made, tmp_path / "names.tsv")


def test_every_answer_is_on_the_disk_before_the_next_question_is_shown(visit, monkeypatch):
    page = visit.page()
    kept, asked = [], []
    monkeypatch.setattr(
        server, "name_page", lambda *given, **more: asked.append(visit.kept) or name_page(*given, **more)
    )
    for name in ("a", "b", "c d"):
        assert f"What is unit {page.unit}?" in page.text and page.text.count('class="play"') == 8
        kept.append((page.unit, "name", name))
        page = visit.send(page, typed=f" {name} ")
        assert visit.kept == kept == asked[-1]
    first = page.unit
    page = visit.send(page, said="skip", typed="x")
    assert visit.kept == [*kept, (first, "skip", "")]
    page = visit.send(page, typed="= undo")
    assert visit.kept[-1][1:] == ("name", "undo") and "Every unit has an answer." in page.text
    page = visit.send(page, typed="undo")
    assert visit.kept == [*kept, (first, "skip", "")] and page.unit not in [unit for unit, *_ in visit.kept]
    assert page.unit and "name" in visit.page().text


def test_names_show_on_all_pages(visit):
    visit.session.answer("3", name="b")
    visit.session.answer("1", "mixed")
    visit.session.answer("1b", name="ä")
    visit.session.answer("0", "silence")
    symbol = visit.pages.index.units.symbol_of
    assert "Called <b>b</b>." in visit.client.get(f"/unit/0/{symbol['3']}").text
    assert "Mixed; parts of it are called <b>ä</b>." in visit.client.get(f"/unit/0/{symbol['1']}").text
    assert 'href="/name?unit=4">name it' in visit.client.get(f"/unit/0/{symbol['4']}").text
    assert "name it" not in visit.client.get("/unit/1/0").text  # a label
    assert re.search(r"(?s)>3</a>(?:(?!</a>).)*<td>b</td>", visit.client.get("/units/0").text)
    assert 'class="called"' in visit.client.get("/map/0?how=PCA").text
    said, index = {"3": "b", "1b": "ä", "0": "silence"}, visit.pages.index
    for place in range(len(index)):
        row, id = visit.pages.names.line(place), index.utterance(place).id
        runs = zip(visit.session.material.names[id], visit.session.material.runs[id].intervals.tolist())
        wanted = [(said[unit], *span) for unit, span in runs if unit in said]
        assert [(row["names"][s], *span) for s, *span in zip(row["symbols"], row["starts"], row["ends"])] == wanted
    assert '"title": "names"' in visit.client.get("/utterance/0").text


def test_a_mixed_unit_is_asked_in_halves(visit):
    page = visit.page(unit="2")
    half = visit.send(page, said="mixed")
    assert {half.unit} < {"2a", "2b"} and f"What is unit {half.unit}?" in half.text
    assert f"The other half, {'2b' if half.unit == '2a' else '2a'}, to compare" in half.text
    other = visit.send(half, typed="a")
    assert {half.unit, other.unit} == {"2a", "2b"}
    visit.send(other, typed="n")
    again = visit.send(visit.page(), typed="undo")
    assert again.unit == other.unit and visit.kept == [("2", "mixed", ""), (half.unit, "name", "a")]
    again = visit.send(visit.send(again, typed="undo"), typed="undo")
    assert again.unit == "2" and visit.kept == []


def test_two_tabs_lose_no_answer(visit):
    one, two = visit.page(), visit.page()
    assert one.unit == two.unit
    visit.send(one, typed="m")
    late = visit.send(two, typed="n")
    assert (
        late.status == 409 and f"unit {one.unit} is 'm' already" in late.problem and "'n' was not taken" in late.problem
    )
    assert 'value="n"' not in late.text and late.unit != one.unit  # or a second Enter would name another unit so
    assert visit.send(two, typed="m").status == 200  # the same key, pressed twice
    stale = visit.send(two, typed="undo")
    assert stale.status == 409 and "another page has changed the answers" in stale.problem
    assert visit.kept == [(one.unit, "name", "m")]
    visit.send(late, typed="o")
    assert visit.kept == [(one.unit, "name", "m"), (late.unit, "name", "o")]


NO_ANSWERS = {
    "nothing was typed": {"typed": "  "},
    "a page is closed to end": {"typed": "quit"},
    "there is no answer to take back": {"typed": "undo"},
    "is no character": {"typed": "a\x07b"},
    "give it 100 at most": {"typed": "m" * 101},
    "unit 99 does not occur here": {"typed": "m", "unit": "99"},
    "unit ../names does not occur here": {"typed": "m", "unit": "../names"},
    "unit  does not occur here": {"typed": "m", "unit": ""},
}


def test_what_cannot_be_an_answer_is_said(visit):
    for said, given in NO_ANSWERS.items():
        page = visit.send(visit.page(), **given)
        assert page.status == 409 and said in page.problem and not visit.table.exists(), said


def test_an_answer_that_cannot_be_written_is_said_and_may_be_given_again(visit, monkeypatch):
    def full(path, answers):
        raise OSError(28, "No space left on device")

    page = visit.page()
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "write_names", full)
        page = visit.send(page, typed="m")
        assert page.status == 409 and "No space left" in page.problem and 'value="m"' in page.text
    visit.send(page, typed="m")
    assert visit.kept == [(page.unit, "name", "m")]


def test_a_table_that_was_changed_by_hand_is_not_overwritten(visit):
    page = visit.send(visit.page(), typed="m")
    visit.table.write_text("unit\tname\n0\tby hand\n")
    answer = visit.send(page, typed="n")
    assert answer.status == 409 and "changed by another program" in answer.problem
    assert visit.kept == [("0", "name", "by hand")]


def test_names_that_would_do_harm_are_text(visit):
    page = visit.send(visit.page(), typed=HOSTILE)
    assert page.status == 200 and visit.kept[0][2] == HOSTILE
    symbol = visit.pages.index.units.symbol_of[visit.kept[0][0]]
    for path in ("/name", f"/name?unit={HOSTILE}", f"/unit/0/{symbol}", "/units/0", "/map/0?how=PCA", "/utterance/0"):
        assert "<script>alert" not in visit.client.get(path).text, path
    assert "<script>alert" not in visit.send(page, typed=HOSTILE, unit=HOSTILE).text


def test_halves_of_halves_wait_for_their_turn(visit):
    half = visit.send(visit.page(unit="2"), said="mixed")
    other = visit.send(half, said="mixed")
    assert {half.unit, other.unit} == {"2a", "2b"}
    later = visit.send(other, said="mixed")
    assert visit.kept == [("2", "mixed", ""), (half.unit, "mixed", ""), (other.unit, "mixed", "")]
    assert later.unit == visit.page().unit


# Who may give an answer


COOKIE = {"cookie": f"unitdisc-{PORT}={TOKEN}"}
SENT = COOKIE | OWN | {"content-type": server.FORM}


OTHERS = {  # what is sent otherwise, "" where it is left out -> status
    403: [
        {"cookie": ""},
        {"cookie": f"unitdisc-{PORT}=a-tokem"},
        {"origin": ""},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"http://localhost:{PORT}"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
    ],
    421: [{"host": "evil.example", "origin": "http://evil.example"}],
    415: [{"content-type": ""}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}],
}


def sent(visit, changed, query=""):
    visit.client.cookies.clear()
    headers = {name: value for name, value in (SENT | changed).items() if value}
    return visit.client.post(f"/name{query}", content=b"unit=3&typed=b", headers=headers, follow_redirects=False)


@pytest.mark.parametrize("status", OTHERS)
def test_only_our_own_page_gives_answers(status, visit):
    for changed in OTHERS[status]:
        for query in ("", f"?token={TOKEN}") if status == 403 else ("",):  # the token in the address is not enough
            assert sent(visit, changed, query).status_code == status, changed
    assert not visit.table.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"},
    ],
)
def test_our_own_page_gives_answers(changed, visit):
    assert sent(visit, changed).status_code == 303 and visit.kept == [("3", "name", "b")]


def test_forms_that_are_none_are_refused(visit):
    large = b"unit=3&typed=" + b"b" * 10_000
    for content, status in ((large, 413), (b"unit=3&typed=%ff", 400), (b"\xff", 400), (b"a=1&" * 21, 400)):
        assert visit.client.post("/name", content=content, headers=SENT).status_code == status, content[:20]
    assert not visit.table.exists()


def test_a_page_that_is_closed_while_it_sends_is_no_error(visit):
    came = iter([{"type": "http.request", "body": b"unit=3", "more_body": True}, {"type": "http.disconnect"}])
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", server.FORM.encode())]}

    async def receive():
        return next(came)

    with pytest.raises(server.HTTPException, match="400"):
        asyncio.run(server.form_of(Request(scope, receive)))


def test_nothing_else_takes_answers(visit, made, tmp_path):
    for path in ("/", "/name/", "/units/0", "/assets/name.js"):
        assert visit.client.post(path, data={"unit": "3", "typed": "b"}, headers=OWN).status_code == 405
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        assert visit.client.request(method, "/name", headers=OWN).status_code == 405
    without = Visit(made, tmp_path / "other.tsv", named=False)
    assert without.client.post("/name", data={"unit": "3", "typed": "b"}, headers=OWN).status_code == 405
    assert without.client.get("/name").status_code == 404 and ">name</a>" not in without.client.get("/").text
