"""The whole walk in a real browser, on both built-in corpora: look, listen, search, name, undo, read.

UNITDISC_WALK=FOLDER keeps a picture of every step.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from chromium import BINARY

from unitdisc.api.naming_inputs import NamingInputs
from unitdisc.naming.oracle import Oracle
from unitdisc.naming.session import Session
from unitdisc.naming.table import Answer, read_names

pytestmark = pytest.mark.slow
browsers = pytest.importorskip("playwright.sync_api", reason="the walk in a browser needs the package playwright")
pytest.importorskip("uvicorn", reason="the extra `explore` is not installed: uvicorn")
if BINARY is None:
    pytest.skip("the walk in a browser needs Chromium", allow_module_level=True)

ROOT = Path(__file__).parent.parent
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=\S+")
QUESTIONS = 10
PATIENCE = 20_000  # milliseconds


class Kind(NamedTuple):
    """A built-in corpus, and how units of it are found in seconds."""

    script: str
    size: tuple[str, ...]
    tier: str
    frames: tuple[str, ...]
    units: tuple[str, ...]


KINDS = {
    "speech": Kind(
        "mini_speech",
        ("--train-minutes", "3", "--test-minutes", "1"),
        "phone",
        ("--normalise", "speaker"),
        ("--units-per-second", "10", "--codes", "40"),
    ),
    "writing": Kind(
        "mini_handwriting",
        ("--layout", "apart", "--train-lines", "60", "--test-lines", "10"),
        "character",
        ("--kind", "columns"),
        ("--units-per-100-columns", "8", "--codes", "30"),
    ),
}


def command(*words, folder):
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    return [sys.executable, *map(str, words)], {"cwd": folder, "env": environment}


def run(*words, folder):
    line, more = command(*words, folder=folder)
    done = subprocess.run(line, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=KINDS)
def place(request, tmp_path_factory):
    """A folder with a corpus in data/ and its units in exp/units; and which kind it is."""
    if request.param == "speech":
        pytest.importorskip("espeakng_loader", reason="the extra `demo`, which speaks, is not installed")
    folder, kind = tmp_path_factory.mktemp(request.param), KINDS[request.param]
    run(ROOT / "data_prep" / f"{kind.script}.py", "data", *kind.size, folder=folder)
    run("-m", "unitdisc", "features", "data/train.jsonl", "exp/frames", *kind.frames, folder=folder)
    run("-m", "unitdisc", "segment", "exp/frames", "data/train.jsonl", "exp/units", *kind.units, folder=folder)
    return folder, kind


class Served(NamedTuple):
    process: subprocess.Popen
    address: str  # with its token
    home: str


@contextmanager
def served(folder, names):
    """The pages, with a table of names."""
    words = ("-m", "unitdisc", "explore", "exp/units", "data/train.jsonl", "--names", names)
    line, more = command(*words, folder=folder)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **more)
    said = []
    try:
        for each in process.stderr:
            said.append(each)
            if found := ADDRESS.search(each):
                yield Served(process, found[0], found[1])
                return
        pytest.fail("".join(said))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def chromium():
    with browsers.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=BINARY, args=flags)
        yield browser
        browser.close()


class Walk:
    """A page, what went wrong in it, and what it asked for elsewhere."""

    def __init__(self, browser, kind, home):
        self.page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.kind, self.steps = kind, 0
        self.errors, self.elsewhere = [], []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.on("request", lambda sent: sent.url.startswith((home, "data:")) or self.elsewhere.append(sent.url))

    def picture(self, name):
        self.steps += 1
        if folder := os.environ.get("UNITDISC_WALK"):
            self.page.wait_for_timeout(400)  # pictures on their way
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{self.kind.script}-{self.steps:02d}-{name}.png")

    def enter(self, typed=""):
        """Types, presses Enter, and waits for the next page."""
        self.page.keyboard.type(typed)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def follow(self, selector):
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def key(self, key):
        self.page.keyboard.press(key)
        self.page.wait_for_timeout(100)

    @property
    def asked(self):
        return self.page.locator("input[name=unit]").input_value()

    def wait_for(self, script):
        """Until an expression is true; asked again and again, as the policy of the pages lets no text become script."""
        for _ in range(PATIENCE // 20):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(20)
        pytest.fail(f"never became true: {script}")

    def says(self, selector):
        return self.page.locator(selector).inner_text()

    def sounds(self):
        return self.page.evaluate("unitdisc.sounds()")


@pytest.fixture
def person(place):
    """Who knows what units are, by the labels, and calls halves what most of their examples are."""
    folder, kind = place
    inputs = NamingInputs(folder / "exp/units", folder / "data/train.jsonl")
    session = Session(inputs.material({}), None)
    oracle = Oracle(session.material, kind.tier)

    def reply(unit) -> Answer:
        found = oracle.reply(unit)
        if found.kind == "mixed" and not unit.isdecimal():
            (name, _), *_ = Counter(sorted(filter(None, oracle.seen(unit)))).most_common(1)
            found = Answer(unit, "name", name)
        session.answer(unit, found.kind, found.name)
        return found

    return reply


def kept(names):
    return [(each.unit, each.kind, each.name) for each in read_names(names)]


def test_the_whole_walk(place, person, chromium, tmp_path):
    folder, kind = place
    names = tmp_path / "names.tsv"
    images = kind.tier == "character"
    with served(folder, names) as pages:
        walk = Walk(chromium, kind, pages.home)
        page = walk.page
        page.goto(pages.address)
        assert "token" not in page.url
        walk.picture("list")
        look(walk, images)
        search(walk, images)
        walk.follow("nav a:text-is('name')")
        walk.picture("first-question")
        answers = name_units(walk, person, names, images)
        walk.picture("ten-answers")
        walk.enter("undo")
        assert kept(names) == answers[:-1] and walk.asked == answers[-1][0]
        walk.picture("undone")
        show_names(walk, answers[:-1])
        refuse_strangers(walk, chromium, pages, names)
        assert not walk.errors and not walk.elsewhere
        page.context.close()
        pages.process.send_signal(signal.SIGINT)
        assert pages.process.wait(20) in (0, 130)
    run("-m", "unitdisc", "read", "exp/units", "data/train.jsonl", names, tmp_path / "read", folder=folder)
    said = (tmp_path / "read" / "text").read_text(encoding="utf-8")
    assert len(said.splitlines()) == len((folder / "data/train.jsonl").read_text().splitlines())
    assert any(name and name in said for _, _, name in answers[:-1])


def look(walk, images):
    """An utterance: played, zoomed, unit by unit."""
    page = walk.page
    walk.follow("#list tbody tr:nth-child(4) a")
    page.focus("#line")
    walk.wait_for("document.fonts.status === 'loaded'")
    walk.picture("time-line")
    if not images:
        page.keyboard.press("Space")
        walk.wait_for("unitdisc.sounds()")
        page.wait_for_timeout(150)
        walk.picture("plays")
        walk.wait_for("!unitdisc.sounds()")
    for _ in range(3):
        walk.key("+")
    walk.wait_for("document.getElementById('where').textContent.includes(' to ')")
    before = walk.says("#where")
    walk.key("ArrowRight")
    assert walk.says("#where") != before
    walk.picture("zoomed")
    walk.key("0")
    for _ in range(4):
        walk.key(".")
    assert re.match(r"units \d+", walk.says("#selection b"))
    walk.picture("a-unit")


def search(walk, images):
    """By pattern, and by example; and what is known of a unit."""
    page = walk.page
    unit = walk.says("#selection b").split()[1]
    line = page.url
    with page.expect_navigation():
        page.keyboard.press("f")
    assert page.locator(".hits li").count() > 5
    walk.picture("like-it")
    page.goto(line)
    page.keyboard.press("/")
    walk.enter(f"{unit} ?")
    assert re.match(r"[\d,]+ times? in [\d,]+ (utterance|line)s? by", walk.says("#found"))
    assert page.locator(".hits li").count()
    walk.picture("found")
    if not images:
        page.locator(".hits .play").first.click()
        walk.wait_for("unitdisc.sounds()")
    walk.follow("nav a:text-is('map')")
    walk.picture("map")
    page.goto(re.sub(r"/utterance/.*", f"/unit/0/{unit}", line))
    walk.picture("unit")
    assert "It has no name yet" in walk.says("main")


def name_units(walk, person, names, images):
    """By keyboard alone; every answer is in the table before the next question is there."""
    page, answers = walk.page, []
    for number in range(QUESTIONS):
        assert page.evaluate("document.activeElement.id") == "typed"
        if number == 1 and not images:
            page.keyboard.press("ArrowDown")
            walk.wait_for("unitdisc.sounds()")
            page.keyboard.press("Space")
            page.wait_for_timeout(100)
            assert walk.sounds() and page.locator("#typed").input_value() == ""
            walk.picture("an-example-sounds")
        unit = walk.asked
        found = person(unit)
        answers.append((unit, found.kind, found.name))
        walk.enter(f"={found.name}" if found.kind == "name" else found.kind)
        assert kept(names) == answers
        if found.kind == "mixed" and unit.isdecimal():
            assert walk.asked in (f"{unit}a", f"{unit}b") and "The other half" in walk.says("main")
            walk.picture("in-halves")
    return answers


def show_names(walk, answers):
    page, home = walk.page, walk.page.url.split("/name")[0]
    unit = next(unit for unit, kind, _ in answers if kind in ("name", "silence")).rstrip("ab")
    page.goto(f"{home}/search?row=0&pattern={unit}")
    walk.follow(".hits a")
    assert page.evaluate("JSON.parse(document.getElementById('data').textContent).rows[1].title") == "names"
    walk.picture("names-on-the-time-line")
    page.locator("#line").focus()
    walk.key("ArrowDown")  # to the row of names
    assert re.match(r"names \S+", walk.says("#selection b"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "called" in walk.says("main").lower()
    walk.picture("unit-with-a-name")
    page.goto(f"{home}/map/0")
    assert page.locator("text.called").count()
    walk.picture("map-with-names")
    page.goto(f"{home}/name")
    page.emulate_media(color_scheme="dark")
    walk.picture("dark")


def refuse_strangers(walk, chromium, pages, names):
    """Another browser, without the token, sees and changes nothing; nor does a page of another server in this one."""
    before = names.read_bytes()
    other = chromium.new_context()
    page = other.new_page()
    for path in ("/", "/name", "/utterance/0", "/?token=guessed"):
        assert page.goto(pages.home + path).status == 403
        assert "with its token" in page.locator("body").inner_text() and not page.locator("a").count()
    for origin in (pages.home, "http://evil.example"):
        sent = other.request.post(f"{pages.home}/name", form={"unit": "1", "typed": "x"}, headers={"origin": origin})
        assert sent.status == 403
    other.close()
    page = walk.page.context.new_page()  # of nobody's, in the browser that has the token
    page.set_content(f'<form method="post" action="{pages.home}/name"><input name="typed" value="x"><button>b</form>')
    with page.expect_navigation():
        page.click("button")
    assert "another server" in page.locator("body").inner_text()
    page.close()
    assert names.read_bytes() == before


def test_names_survive_kill_9_after_every_answer(place, person, chromium, tmp_path):
    folder, kind = place
    names, answers = tmp_path / "names.tsv", []
    for _ in range(QUESTIONS):
        with served(folder, names) as pages:
            walk = Walk(chromium, kind, pages.home)
            walk.page.goto(pages.address)
            walk.page.goto(f"{pages.home}/name")
            unit = walk.asked
            found = person(unit)
            answers.append((unit, found.kind, found.name))
            walk.enter(f"={found.name}" if found.kind == "name" else found.kind)
            pages.process.kill()
            pages.process.wait()
            walk.page.context.close()
        assert kept(names) == answers
        assert {path.name for path in tmp_path.iterdir()} <= {"names.tsv", "names.halves.json", ".names.tsv.lock"}


def test_two_tabs_lose_no_answer(place, chromium, tmp_path):
    folder, kind = place
    names = tmp_path / "names.tsv"
    with served(folder, names) as pages:
        one = Walk(chromium, kind, pages.home)
        one.page.goto(pages.address)
        context = one.page.context
        one.page.goto(f"{pages.home}/name")
        other = context.new_page()
        other.goto(f"{pages.home}/name")
        unit = one.asked
        one.enter("first")
        second = one.asked
        one.enter("second")
        other.keyboard.type("late")
        with other.expect_navigation():
            other.keyboard.press("Enter")
        assert f"unit {unit} is 'first' already" in other.locator("[role=alert]").inner_text()
        assert other.locator("#typed").input_value() == ""  # for it is another unit that is asked about
        if pictures := os.environ.get("UNITDISC_WALK"):
            other.screenshot(path=Path(pictures) / f"{kind.script}-two-tabs.png")
        with other.expect_navigation():
            other.keyboard.type("third")
            other.keyboard.press("Enter")
        assert [name for _, _, name in kept(names)] == ["first", "second", "third"] and kept(names)[1][0] == second
