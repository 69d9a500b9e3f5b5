"""explore: what is served and to whom; pages of corpora with names that would do harm; what is heard and seen."""

import asyncio
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from threading import Event
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import soundfile
from explore_client import TestClient
from PIL import Image
from tiny import RATE, listed, make_corpus, make_lines

from unitdisc.corpus import Interval
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, EncodingsWriter
from unitdisc.explorer import server
from unitdisc.explorer.building import index_made
from unitdisc.explorer.guard import POLICY, Guard
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import ServerLinks
from unitdisc.explorer.pictures import HEIGHT
from unitdisc.explorer.views import Pages

TOKEN, PORT = "a-token", 8765
BASE = f"http://127.0.0.1:{PORT}"
HOSTILE = "</script><script>alert(1)</script>"
HOP = 160


def quiet(*asked, **more):
    return nullcontext(lambda number: None)


def coded(folder, corpus, tier, hop):
    """The labels of a tier as units, 4 between them; frames are the units as directions, with noise."""
    settings = {"rate": None, "stride": hop, "offset": hop / 2, "num_codes": 5, "point": "bottleneck"}
    writer, rng = EncodingsWriter(folder, settings), np.random.default_rng(0)
    for utterance in listed(corpus):
        centres = np.arange(hop / 2, utterance.ticks, hop)
        codes = np.full(len(centres), 4)
        for start, end, label in utterance.alignment[tier]:
            codes[(centres >= start) & (centres < end)] = "abcd".index(label)
        frames = np.eye(5)[codes] + 0.05 * rng.normal(size=(len(codes), 5))
        writer.write(Encoding(utterance.id, centres, frames.astype(np.float32), codes=codes))
    writer.finish()
    return folder


def client_of(home, units, corpus, **more):
    index_made(home, [units], corpus, progress=quiet)
    index = CorpusIndex.open(home)
    app = server.application(server.Explorer(index, Pages(index, ServerLinks(), "mine")), TOKEN, PORT)
    return TestClient(app, base_url=BASE, **more)


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Corpus, units, and the folder of the index."""
    home = tmp_path_factory.mktemp("speech")
    corpus = make_corpus(home / "corpus", 6)
    return corpus, coded(home / "units", corpus, "phone", HOP), home / "index"


@pytest.fixture(scope="module")
def writing(tmp_path_factory):
    home = tmp_path_factory.mktemp("writing")
    corpus = make_lines(home, 6)
    return corpus, coded(home / "units", corpus, "character", 2), home / "index"


@pytest.fixture
def visitor(speech):
    """A browser that has come with the token."""
    corpus, units, home = speech
    client = client_of(home, units, corpus)
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    return client


@pytest.fixture
def reader(writing):
    corpus, units, home = writing
    client = client_of(home, units, corpus)
    client.get("/", params={"token": TOKEN})
    return client


ALL = ["/", "/utterance/0", "/units/0", "/unit/0/1", "/unit/1/0", "/map/0?how=PCA", "/search?row=0&pattern=1"]
ALL += ["/picture/0?width=100", "/sound/0", "/assets/timeline.js", "/assets/explore.css", "/nothing", "/utterance/99"]


# Who is answered


def test_without_the_token_nothing_is_shown(speech):
    corpus, units, home = speech
    stranger = client_of(home, units, corpus, follow_redirects=False)
    for path in (*ALL, "/example?place=0&start=800&end=1600", "/map/0"):
        for there in (path, f"{path}{'&' if '?' in path else '?'}token=a-tokem"):
            answer = stranger.get(there)
            assert answer.status_code == 403 and "its token" in answer.text and "u00" not in answer.text, there
    assert stranger.get("/", cookies={f"unitdisc-{PORT}": "wrong"}).status_code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(speech):
    corpus, units, home = speech
    client = client_of(home, units, corpus, follow_redirects=False)
    answer = client.get(f"/search?row=0&token={TOKEN}&pattern=1 2")
    assert answer.status_code == 303
    there = urlparse(answer.headers["location"])
    assert there.path == "/search" and parse_qs(there.query) == {"row": ["0"], "pattern": ["1 2"]}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and cookie.startswith(f"unitdisc-{PORT}={TOKEN};")
    assert client.get("/").status_code == 200


def test_nobody_is_sent_elsewhere():
    """A path that begins with two slashes would be the name of a server."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "//evil.example/a b\r\n", "headers": [(b"host", b"here")]}
    guard = Guard(None, TOKEN, frozenset(["here"]))
    asyncio.run(guard(scope | {"query_string": f"token={TOKEN}".encode()}, None, send))
    assert dict(sent[0]["headers"])[b"location"] == b"/evil.example/a%20b%0D%0A"


@pytest.mark.parametrize(
    "headers,status",
    [
        ({"host": "evil.example"}, 421),
        ({"host": f"evil.example:{PORT}"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": f"127.0.0.1:{PORT + 1}"}, 421),
        ({"host": f"localhost:{PORT}"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"origin": BASE}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_others_are_refused(headers, status, visitor):
    cookie = {"cookie": f"unitdisc-{PORT}={TOKEN}"}
    assert visitor.get("/", headers=cookie | headers).status_code == status
    if "host" in headers and status != 200:  # not even with the token
        assert visitor.get("/", params={"token": TOKEN}, headers=headers).status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_only_get_is_answered(method, visitor):
    assert visitor.request(method, "/").status_code == 405


def test_every_answer_forbids_what_is_not_from_here(visitor):
    for path in ALL:
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == POLICY and "unsafe" not in POLICY
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path,status",
    [
        ("/utterance/6", 404),
        pytest.param("/utterance/" + 5000 * "9", 404, id="huge"),
        ("/utterance/-1", 404),
        ("/utterance/..%2f..%2fetc%2fpasswd", 404),
        ("/assets/..%2fviews.py", 404),
        ("/assets/%2e%2e/views.py", 404),
        ("/assets/base.html.jinja", 404),
        ("/assets//etc/passwd", 404),
        ("/sound/0?start=0&end=99999999", 400),
        ("/sound/0?start=-1&end=5", 400),
        ("/sound/0?start=5&end=5", 400),
        ("/sound/0?start=1e3&end=5000", 400),
        ("/sound/0?start=٣&end=5000", 400),
        ("/picture/0?start=0&end=100", 400),
        ("/picture/0?width=100000", 400),
        ("/picture/0?width=" + "9" * 5000, 400),
        ("/unit/0/5", 404),
        ("/unit/9/0", 404),
        ("/units/3", 404),
        ("/map/1", 404),
        ("/map/0?how=../x", 404),
        ("/search?row=7&pattern=a", 400),
        ("/search?row=0&pattern=" + "1" * 2000, 400),
        ("/example?place=0&start=900&end=100", 400),
        ("/?page=0", 400),
    ],
)
def test_what_is_not_there_is_refused(path, status, visitor):
    answer = visitor.get(path)
    assert answer.status_code == status and "root:" not in answer.text and "import" not in answer.text


# What is on the pages


def test_pages_show_what_the_corpus_has(visitor, speech):
    corpus, _, _ = speech
    page = visitor.get("/").text
    assert all(f">{utterance.id}</a>" in page for utterance in listed(corpus))
    assert "6 utterances, 2.9 seconds, 4 speakers" in page
    assert ">u02<" in visitor.get("/?speaker=s2").text and ">u01<" not in visitor.get("/?speaker=s2").text
    assert re.findall(r">(u\d\d)</a>", visitor.get("/?text=U03").text) == ["u03"]
    assert "0 found" in visitor.get("/?speaker=nobody").text


def test_a_time_line_has_units_and_labels(visitor, speech):
    corpus, _, _ = speech
    data = json.loads(re.search(r'id="data">(.*?)</script>', visitor.get("/utterance/2").text)[1])
    utterance = listed(corpus)[2]
    assert (data["ticks"], data["rate"], data["image"]) == (utterance.ticks, RATE, False)
    units, phones = data["rows"]
    assert [row["title"] for row in data["rows"]] == ["units", "phone"]
    told = zip(phones["starts"], phones["ends"], phones["symbols"])
    assert [Interval(start, end, phones["names"][str(s)]) for start, end, s in told] == utterance.alignment["phone"]
    assert units["starts"] == [0, *units["ends"][:-1]] and units["ends"][-1] == utterance.ticks


def test_a_stretch_sounds_as_it_is_in_the_recording(visitor, speech):
    corpus, _, _ = speech
    utterance = listed(corpus)[3]
    samples, _ = soundfile.read(utterance.path, dtype="int16")
    for start, end in ((0, utterance.ticks), (801, 1733), (utterance.ticks - 1, utterance.ticks)):
        answer = visitor.get(f"/sound/3?start={start}&end={end}")
        assert answer.headers["content-type"] == "audio/wav"
        heard, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
        assert rate == RATE and np.array_equal(np.atleast_1d(heard), samples[start:end])


def test_pictures_are_as_wide_as_asked(visitor, reader):
    for client in (visitor, reader):
        found = Image.open(io.BytesIO(client.get("/picture/1?start=10&end=90&width=333").content))
        assert found.size == (333, HEIGHT) and found.getextrema()[0] < found.getextrema()[1]


def test_a_unit_is_explained(visitor, reader):
    page = visitor.get("/unit/0/1").text
    assert "unit 1</h1>" in page and "Under its middle, phone: <b>b</b> 100 %" in page
    assert "mean spectrogram of" in page and "nearest in mean frames" in page and page.count('class="play"') >= 3
    assert "mean image" in reader.get("/unit/0/1").text and "by scribe" in reader.get("/unit/0/1").text
    assert "phone a</h1>" in visitor.get("/unit/1/0").text


def test_readers_who_wait_for_their_turn_keep_nobody_else_waiting(speech, monkeypatch):
    """Pages of units are made one at a time; the threads that answer are forty."""
    corpus, units, home = speech
    begun, free, original = Event(), Event(), Pages.unit

    def held(pages, row, symbol):
        begun.set()
        assert free.wait(60)
        return original(pages, row, symbol)

    monkeypatch.setattr(Pages, "unit", held)
    with client_of(home, units, corpus) as client, ThreadPoolExecutor(50) as pool:
        try:
            client.get("/", params={"token": TOKEN})
            waiting = [pool.submit(client.get, "/unit/0/1") for _ in range(44)]
            assert begun.wait(60)
            time.sleep(0.3)  # until the others have come, too
            assert pool.submit(client.get, "/utterance/0").result(30).status_code == 200
        finally:
            free.set()
        assert {each.result(60).status_code for each in waiting} == {200}


def test_maps_show_every_unit(visitor):
    for how in ("t-SNE", "PCA"):
        page = visitor.get("/map/0", params={"how": how}).text
        assert page.count("<circle") == 5 and 'href="/unit/0/4"' in page


def test_patterns_are_searched(visitor, speech):
    corpus, _, _ = speech
    page = visitor.get("/search", params={"row": 1, "pattern": "a b"}).text
    wanted = sum("".join(i.label for i in u.alignment["phone"]).count("ab") for u in listed(corpus))
    assert f"{wanted} times in 6 utterances by 4 speakers" in page
    assert "has no &#39;9&#39;" in visitor.get("/search", params={"pattern": "9"}).text
    many = visitor.get("/search", params={"row": 0, "symbol": 1}).text
    assert 'value="1"' in many and "times in" in many


def test_what_is_like_a_stretch_is_found(visitor, speech):
    corpus, _, _ = speech
    place, phone = 1, listed(corpus)[1].alignment["phone"][1]
    page = visitor.get("/example", params={"place": place, "start": phone.start, "end": phone.end}).text
    said = re.findall(r"cost [\d.]+</span>\s*<span class=\"said\"><i>phone</i> (\w+)", page)
    assert len(said) > 5 and {*said[:5]} == {phone.label}


def test_line_images_have_no_sound(reader):
    assert reader.get("/sound/0").status_code == 404
    assert 'id="play"' not in reader.get("/utterance/0").text


def test_names_that_would_do_harm_are_text(tmp_path, speech):
    corpus, units, _ = speech
    odd = ["<b>&'\"", "a%2e%2e;?#é"]
    changed = []
    writer = EncodingsWriter(tmp_path / "units", json.loads((units / "encodings.json").read_text()))
    for name, utterance in zip(odd, listed(corpus)):
        tiers = {HOSTILE: [Interval(0, 500, HOSTILE)]}
        changed.append(replace(utterance, id=name, speaker=HOSTILE, text=HOSTILE, alignment=tiers))
        frames = np.zeros((utterance.ticks // HOP, 1), np.float32)
        writer.write(Encoding(name, HOP / 2 + HOP * np.arange(len(frames)), frames, codes=np.zeros(len(frames), int)))
    writer.finish()
    write_manifest(tmp_path / "corpus.jsonl", changed)
    client = client_of(tmp_path / "index", tmp_path / "units", tmp_path / "corpus.jsonl")
    client.get("/", params={"token": TOKEN})
    asked = ["/", f"/?text={HOSTILE}&speaker={HOSTILE}", "/utterance/0", "/utterance/1", "/units/1", "/unit/1/0"]
    asked += [f"/search?row=1&pattern=%22{HOSTILE}%22", f"/search?row=1&pattern={HOSTILE}", f"/map/0?how={HOSTILE}"]
    for path in asked:
        page = client.get(path).text
        assert "<script>alert" not in page and "<b>&" not in page, path
        scripts = re.findall(r"<script[^>]*>", page)
        assert all("src=" in script or "application/json" in script for script in scripts)
    assert "2 times in 2 utterances" in client.get(asked[6]).text
    assert client.get("/sound/1").status_code == 200


def test_a_recording_that_is_gone_is_said(tmp_path):
    corpus = make_corpus(tmp_path / "corpus", 3)
    client = client_of(tmp_path / "index", coded(tmp_path / "units", corpus, "phone", HOP), corpus)
    client.get("/", params={"token": TOKEN})
    (corpus.parent / "u01.wav").unlink()
    assert client.get("/utterance/1").status_code == 200
    answer = client.get("/sound/1")
    assert answer.status_code == 404 and "u01.wav: no such file" in answer.text
    page = client.get("/unit/0/0").text
    assert "u01.wav: no such file" in page and "mean spectrogram of" in page
