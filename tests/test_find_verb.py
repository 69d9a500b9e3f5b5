"""unitdisc find: what it prints, keeps and shows, of recordings and of line images, and what it refuses."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from chromium import BINARY, Chromium

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, EncodingsWriter
from unitdisc.evaluation import UnscorableError
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
HOP, RATE, HEIGHT = 160, 16_000, 16
HOSTILE = "<script>document.title='taken'</script>"
SETTINGS = {"point": "projection", "model": "abc", "stride": HOP, "offset": HOP / 2, "rate": RATE}
LETTERS = ["q", "u", "e", HOSTILE]
pages = pytest.mark.skipif(BINARY is None, reason="no Chromium")


def shapes() -> dict[str, np.ndarray]:
    """A dozen frames for every letter: what it looks like, or sounds like."""
    rng = np.random.default_rng(7)
    return {letter: np.cumsum(rng.normal(size=(12, 6)), axis=0) for letter in LETTERS}


def strings(seed: int, number: int) -> list[tuple[str, list[str], np.ndarray]]:
    """Names, letters and frames of `number` strings of four letters, a little different every time."""
    rng = np.random.default_rng(seed)
    found = []
    for place in range(number):
        letters = [LETTERS[i] for i in rng.permutation(4)]
        frames = np.concatenate([shapes()[letter] + 0.2 * rng.normal(size=(12, 6)) for letter in letters])
        found.append((f"x{seed}-{place:02d}", letters, frames))
    return found


def write(folder: Path, made: list, settings: dict) -> None:
    writer = EncodingsWriter(folder / "frames", settings)
    for name, _, frames in made:
        codes = np.abs(frames).astype(int).sum(1) % 9
        centres = settings["offset"] + settings["stride"] * np.arange(len(frames))
        writer.write(Encoding(name, centres, frames, codes))
    writer.finish()


def recordings(folder: Path, seed: int = 1, number: int = 6, settings: dict | None = None) -> Path:
    """Noise, with frames that know better; 0.12 seconds to a word."""
    made, size = strings(seed, number), 12 * HOP
    listed = []
    for place, (name, letters, _) in enumerate(made):
        wave = 0.1 * np.random.default_rng(place).standard_normal(4 * size)
        write_audio(folder / f"{name}.wav", wave, RATE)
        tier = [Interval(i * size, (i + 1) * size, letter) for i, letter in enumerate(letters)]
        path, speaker = str(folder / f"{name}.wav"), f"{HOSTILE}{place % 2}"
        listed.append(Utterance(name, path, speaker, len(wave), RATE, alignment={"word": tier}))
    write_manifest(folder / "corpus.jsonl", listed)
    write(folder, made, settings or SETTINGS)
    return folder


def lines(folder: Path, seed: int = 1) -> Path:
    """Pictures of the frames, three columns to a frame, 36 to a letter."""
    made = strings(seed, 6)
    listed = []
    for place, (name, letters, frames) in enumerate(made):
        ink = np.repeat(np.pad(np.clip(frames / 8 + 0.5, 0, 1), ((0, 0), (5, 5))), 3, axis=0)
        write_image(folder / f"{name}.png", ink)
        tier = [Interval(i * 36, (i + 1) * 36, letter) for i, letter in enumerate(letters)]
        path = str(folder / f"{name}.png")
        listed.append(Utterance(name, path, f"s{place % 2}", len(ink), height=HEIGHT, alignment={"character": tier}))
    write_manifest(folder / "corpus.jsonl", listed)
    write(folder, made, {"point": "columns", "stride": 3, "offset": 1.5, "rate": None, "height": HEIGHT})
    return folder


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    return recordings(tmp_path_factory.mktemp("spoken"))


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return lines(tmp_path_factory.mktemp("written"))


@pytest.fixture
def find(unitdisc, spoken):
    """Runs `unitdisc find` on the recordings, or on what is in another folder."""

    def run(*arguments: str | Path, home: Path = spoken):
        return unitdisc("find", home / "frames", home / "corpus.jsonl", *arguments)

    return run


def start_of(home: Path, name: str, letter: str) -> int:
    """The tick where a letter begins."""
    entries = map(json.loads, (home / "corpus.jsonl").read_text().splitlines())
    tiers = next(entry["alignment"] for entry in entries if entry["id"] == name)
    return next(start for start, _, label in next(iter(tiers.values())) if label == letter)


def test_every_other_occurrence_is_found_before_anything_else(find, spoken, tmp_path):
    start = start_of(spoken, "x1-02", "u") / RATE
    done = find("--query", "x1-02", "--from", start, "--to", start + 0.12, "--top", 12, "-o", tmp_path / "hits.json")
    assert done.code == 0, done.err
    kept = json.loads((tmp_path / "hits.json").read_text())
    assert (kept["query"]["utterance"], kept["query"]["label"]) == ("x1-02", "u")
    assert (kept["query"]["from"], kept["query"]["start"]) == (pytest.approx(start), start * RATE)
    hits = kept["hits"]
    assert [hit["rank"] for hit in hits] == [*range(1, 13)]
    assert [hit["cost"] for hit in hits] == sorted(hit["cost"] for hit in hits)
    assert {hit["label"] for hit in hits[:5]} == {"u"}
    assert sorted(hit["utterance"] for hit in hits[:5]) == [f"x1-{i:02d}" for i in (0, 1, 3, 4, 5)]
    assert {hit["label"] for hit in hits[5:]} & {"u"} == set()
    for hit in hits[:5]:
        assert abs(hit["start"] - start_of(spoken, hit["utterance"], "u")) <= 3 * HOP
        assert hit["to"] == pytest.approx(hit["end"] / RATE)
    settings = kept["settings"]
    assert (settings["by"], settings["distance"], settings["normalise"]) == ("frames", "angular", "speaker")
    assert {"corpus", "utterances", "seconds", "tier"} <= settings.keys()
    assert kept["versions"]
    table = done.out.splitlines()
    assert table[0] == f"query: x1-02, {start:.2f} to {start + 0.12:.2f} s, word u"
    assert table[1].split() == ["rank", "cost", "utterance", "speaker", "from", "to", "word"]
    assert table[2].split()[0] == "1"
    assert table[2].endswith("  u")
    assert len(table) == 14
    assert "times real time" in done.err


def test_lines_are_counted_in_columns_and_have_scribes(find, written, tmp_path):
    start = start_of(written, "x1-03", "e")
    place = ("--query", "x1-03", "--from", start, "--to", start + 36)
    done = find(*place, "--top", 5, "-o", tmp_path / "hits.json", home=written)
    assert done.code == 0, done.err
    hits = json.loads((tmp_path / "hits.json").read_text())["hits"]
    assert {hit["label"] for hit in hits} == {"e"}
    assert all(hit["from"] == hit["start"] for hit in hits)
    assert done.out.splitlines()[0] == f"query: x1-03, {start} to {start + 36} columns, character e"
    assert done.out.splitlines()[1].split()[3] == "scribe"
    assert "lines in" in done.err


def test_a_label_is_as_good_as_its_place(find, spoken, tmp_path):
    start = start_of(spoken, "x1-04", "q") / RATE
    by_place = find("--query", "x1-04", "--from", start, "--to", start + 0.12)
    assert by_place.out.splitlines()[1:] == find("--query", "x1-04", "--label", "q").out.splitlines()[1:]
    assert by_place.out == find("--label", "q", "--number", 5, "--tier", "word").out


def test_whole_utterances_are_looked_for_where_no_place_is_given(find):
    done = find("--query", "x1-04")
    assert done.out.startswith("query: x1-04, 0.00 to 0.48 s, word ")
    assert "x1-04" not in done.out.splitlines()[2]


@pytest.mark.parametrize("by", ["frames", "codes"])
def test_threads_change_nothing_that_is_kept(find, tmp_path, by):
    kept = []
    for threads in (1, 3):
        assert find("--label", "q", "--by", by, "--threads", threads, "-o", tmp_path / "hits.json").code == 0
        kept.append((tmp_path / "hits.json").read_bytes())
    assert kept[0] == kept[1]


def test_a_query_may_lie_in_another_corpus(find, tmp_path):
    (tmp_path / "other").mkdir()
    other = recordings(tmp_path / "other", seed=2, number=2)
    place = ("--query-encodings", other / "frames", "--query-corpus", other / "corpus.jsonl")
    for more in (("--by", "frames"), ("--by", "codes"), ("--normalise", "corpus")):
        done = find("--query", "x2-01", "--label", "e", *place, *more, "--top", 2)
        assert done.code == 0, done.err
        assert all(line.endswith("  e") for line in done.out.splitlines()[2:]), done.out


def test_what_lies_in_the_same_folder_is_not_found_itself(find, spoken):
    place = ("--query-encodings", spoken / "frames", "--query-corpus", spoken / "corpus.jsonl")
    assert find("--label", "q", *place).out == find("--label", "q").out


def test_without_labels_stretches_are_found_all_the_same(find, spoken, tmp_path):
    entries = [json.loads(line) for line in (spoken / "corpus.jsonl").read_text().splitlines()]
    bare = tmp_path / "corpus.jsonl"
    write_manifest(bare, [Utterance(**entry | {"alignment": {}}) for entry in entries])
    (tmp_path / "frames").symlink_to(spoken / "frames")
    done = find("--query", "x1-02", "--to", 0.12, home=tmp_path)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "query: x1-02, 0.00 to 0.12 s"
    assert done.out.splitlines()[1].split()[-1] == "to"
    refused = find("--label", "q", home=tmp_path)
    assert "has no labels, so 'q' cannot be looked up; give --from and --to" in refused.err


def test_what_no_utterance_can_hold_has_no_hits(find, tmp_path, spoken):
    (tmp_path / "long").mkdir()
    home = recordings(tmp_path / "long", seed=3, number=1)
    done = find("--query", "x3-00", "--page", tmp_path / "hits.html", "-o", tmp_path / "hits.json", home=home)
    assert done.code == 0, done.err
    assert "no hits: no utterance is long enough" in done.out
    assert json.loads((tmp_path / "hits.json").read_text())["hits"] == []
    assert "No utterance is long enough" in (tmp_path / "hits.html").read_text()


# What is refused


BAD = [
    ([], "nothing is looked for; say --query UTTERANCE"),
    (["--query", "x1-2"], "no encoded utterance is called 'x1-2'; is it x1-02 or"),
    (["--query", "zzz"], "'zzz'; the first of its utterances is x1-00"),
    (["--query", "x1-02", "--from", "0.3", "--to", "0.3"], "x1-02: nothing lies between --from 0.3 and --to 0.3 s"),
    (["--query", "x1-02", "--from", "0.3", "--to", "0.1"], "nothing lies between"),
    (["--query", "x1-02", "--from", "-1", "--to", "0.1"], "--from must be 0 or more"),
    (["--query", "x1-02", "--from", "nan", "--to", "0.1"], "nothing lies between"),
    (["--query", "x1-02", "--from", "0.4", "--to", "0.6"], "x1-02: ends at 0.48 s, before --to 0.6; give 0.48 or less"),
    (["--query", "x1-02", "--to", "inf"], "before --to inf"),
    (["--query", "x1-02", "--from", "9"], "nothing lies between --from 9 and --to 0.48 s"),
    (["--query", "x1-02", "--to", "0.004"], "no frame of x1-02 lies from 0 to 0.004 s; give a longer stretch"),
    (["--label", "Q"], "'Q' stands nowhere in tier 'word'; choose another --label"),
    (["--label", "q", "--number", "7"], "'q' stands only 6 times in tier 'word'"),
    (["--label", "q", "--query", "x1-02", "--number", "2"], "only 1 times in tier 'word' of x1-02"),
    (["--label", "q", "--from", "0"], "--label says where the query is, and so do --from and --to"),
    (["--label", " "], "--label is empty"),
    (["--label", "q", "--number", "0"], "--number counts from 1"),
    (["--label", "q", "--tier", "phone"], "has no tier 'phone'; choose one of ['word'] with --tier"),
    (["--label", "q", "--top", "0"], "--top must be 1 or more, not 0"),
    (["--label", "q", "--threads", "0"], "--threads must be 1 or more"),
    (["--label", "q", "--by", "units"], "--by must be one of"),
    (["--label", "q", "--query-corpus", "x"], "--query-encodings and --query-corpus belong together"),
    (["--label", "q", "--page", "/"], "--page /: is a folder"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_what_cannot_be_looked_for_is_said_in_one_line(find, arguments, message):
    done = find(*arguments)
    assert done.code == 1
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert not done.out


def test_results_among_frames_are_refused(find, unitdisc, spoken, tmp_path):
    done = find("--label", "q", "--page", spoken / "frames" / "hits.npy")
    assert "would lie among the frames" in done.err
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for path in (spoken / "frames").glob("*.npy"):
        (foreign / path.name).write_bytes(path.read_bytes())
    place = ("find", foreign, spoken / "corpus.jsonl", "--frame-rate", 100, "--label", "q")
    assert unitdisc(*place).out == find("--label", "q").out
    assert "would lie among the frames" in unitdisc(*place, "--page", foreign / "hits.html").err


def test_encodings_of_another_corpus_are_refused(find, unitdisc, spoken, written):
    done = unitdisc("find", spoken / "frames", written / "corpus.jsonl", "--label", "q")
    assert "but x1-00 has 144 ticks; is the frame rate right, and the corpus the one that was encoded?" in done.err
    (written / "few.jsonl").write_text((written / "corpus.jsonl").read_text().replace("x1-", "y1-"))
    done = unitdisc("find", spoken / "frames", written / "few.jsonl", "--label", "q")
    assert "holds none of the 6 utterances" in done.err


def test_frames_of_another_model_are_no_query(find, tmp_path):
    (tmp_path / "other").mkdir()
    other = recordings(tmp_path / "other", seed=2, number=2, settings=SETTINGS | {"model": "xyz"})
    place = ("--query-encodings", other / "frames", "--query-corpus", other / "corpus.jsonl")
    assert "are no match for those of" in find("--label", "e", *place).err
    assert "(model differ)" in find("--label", "e", *place).err


def test_frames_that_are_no_numbers_are_named(find, tmp_path):
    (tmp_path / "bad").mkdir()
    home = recordings(tmp_path / "bad", seed=4, number=3)
    frames = np.load(home / "frames" / "x4-01.npy")
    frames[3, 1] = np.nan
    np.save(home / "frames" / "x4-01.npy", frames)
    done = find("--label", "e", home=home)
    assert done.code == 1
    assert "x4-01.npy: has values that are not numbers" in done.err


# The page


@pages
@pytest.mark.parametrize("kind", ["spoken", "written"])
def test_the_page_shows_every_hit_and_runs_nothing_of_the_labels(find, request, kind, tmp_path):
    home = request.getfixturevalue(kind)
    done = find("--label", HOSTILE, "--number", 2, "--top", 7, "--page", tmp_path / "hits.html", home=home)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == str(tmp_path / "hits.html")
    assert HOSTILE not in (tmp_path / "hits.html").read_text()
    with Chromium(tmp_path / "profile") as browser:
        browser.open(tmp_path / "hits.html")
        assert browser.errors == []
        assert browser.requests == [(tmp_path / "hits.html").as_uri()]
        assert browser.evaluate("document.title").startswith(HOSTILE)
        assert browser.evaluate("document.querySelectorAll('#hits figure svg image').length") == 7
        assert browser.evaluate("document.querySelectorAll('#query figure svg image').length") == 1
        captions = browser.evaluate("[...document.querySelectorAll('#hits figcaption')].map((each) => each.innerText)")
        assert captions[0].startswith("1. cost 0.")
        assert HOSTILE in captions[0]
        assert ("columns" if kind == "written" else " s") in captions[0]
        assert browser.evaluate("document.querySelectorAll('a').length") == 0
        if kind == "spoken":
            browser.click("#hits .clip button")
            assert browser.wait_for(
                "[...document.querySelectorAll('#hits audio')].some((each) => each.currentTime > 0)"
            )


def test_a_recording_that_is_gone_is_said_in_its_place(find, tmp_path):
    (tmp_path / "gone").mkdir()
    home = recordings(tmp_path / "gone", seed=5, number=3)
    for path in home.glob("*.wav"):
        path.unlink()
    done = find("--label", "e", "--page", tmp_path / "hits.html", home=home)
    assert done.code == 0, done.err
    assert (tmp_path / "hits.html").read_text().count("Cannot be shown: ") > 2


# How well words are found


def test_the_script_measures_how_well_words_are_found(spoken, tmp_path, capsys):
    main = runpy.run_path(str(ROOT / "eval" / "find.py"))["main"]
    corpus, frames = str(spoken / "corpus.jsonl"), str(spoken / "frames")
    main([corpus, frames, "--queries", "8", "-o", str(tmp_path / "scores.json")])
    kept = json.loads((tmp_path / "scores.json").read_text())
    (scores,) = kept["retrieval"].values()
    assert scores["across"]["mean_average_precision"] == pytest.approx(1)
    assert f"{'projection, across speakers':34}    100.0 %" in capsys.readouterr().out
    assert kept["settings"]["tier"] == "word"
    with pytest.raises(UnscorableError, match="no utterance has a tier 'phone'"):
        main([corpus, frames, "--tier", "phone"])
    with pytest.raises(ValueError, match="--queries must be 1 or more"):
        main([corpus, frames, "--queries", "0"])
