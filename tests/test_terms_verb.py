"""unitdisc terms: planted recurrences and their ends, index and exhaustive search, resuming, files, bad input."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from killed_process import run_until_killed
from planted import DIM, HOP, RATE, SETTINGS, Planted, planted, write_planted

from unitdisc.api.terms import terms
from unitdisc.corpus import CorpusError
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.units.term_files import read_classes
from unitdisc.retrieval.local_alignment import Region
from unitdisc.retrieval.signatures import Hyperplanes, neighbours, table_of
from unitdisc.term_discovery import searching
from unitdisc.term_discovery.grouping import grouped, joined
from unitdisc.term_discovery.options import Lengths, TermOptions

pytest_plugins = ["tiny_fixtures"]

PAIRS = [
    Planted(0, 20, 1, 90, 50, 50),
    Planted(2, 60, 3, 10, 48, 60),  # slower
    Planted(4, 5, 4, 100, 50, 50),  # in one utterance
    Planted(5, 100, 6, 30, 60, 48),  # faster
    Planted(5, 20, 7, 60, 40, 40),
]
EXHAUSTIVE, BY_INDEX = TermOptions(search="exhaustive"), TermOptions()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    return write_planted(tmp_path_factory.mktemp("planted"), planted(1, 8, PAIRS), codes=True)


def search(home: Path, folder: Path, options: TermOptions = BY_INDEX, **more):
    return terms(home / "frames", home / "corpus.jsonl", folder, options, threads=more.pop("threads", 1), **more)


def pairs_in(folder: Path, hop: int = HOP) -> list[list[tuple[str, int, int]]]:
    """Both stretches of every pair in frames, from the best."""
    lines = map(json.loads, (folder / "pairs.jsonl").read_text().splitlines())
    return [
        [(one["utterance"], one["start"] // hop, -(-one["end"] // hop)) for one in line["stretches"]] for line in lines
    ]


def is_found(pair: Planted, found: list) -> bool:
    """Both stretches where they are, each end within three frames."""
    expected = [(pair.one, pair.first, pair.frames), (pair.other, pair.other_first, pair.other_frames)]
    spans = sorted((f"u{number:03}", first, first + frames) for number, first, frames in expected)
    return any(
        all(
            one[0] == span[0] and abs(one[1] - span[1]) <= 3 and abs(one[2] - span[2]) <= 3
            for one, span in zip(sorted(there), spans)
        )
        for there in found
    )


@pytest.mark.parametrize("options", [EXHAUSTIVE, BY_INDEX, TermOptions(distance="euclidean"), TermOptions(seed=3)])
def test_what_recurs_is_found_from_end_to_end_and_nothing_else(spoken, tmp_path, options):
    result = search(spoken, tmp_path / "terms", options)
    found = pairs_in(tmp_path / "terms")
    assert [pair for pair in PAIRS if not is_found(pair, found)] == []
    assert len(found) == result.pairs == len(PAIRS)


def test_codes_are_compared_as_their_means_or_as_the_same(spoken, tmp_path):
    for by in ("codes", "units"):
        search(spoken, tmp_path / by, TermOptions(by=by, min_score=150))
        found = pairs_in(tmp_path / by)
        assert sum(is_found(pair, found) for pair in PAIRS) >= 3, by


def test_lines_of_handwriting_have_columns(tmp_path):
    settings = {"point": "columns", "stride": 3, "offset": 1.5, "rate": None, "height": 16}
    home = write_planted(tmp_path, planted(1, 8, PAIRS), settings)
    search(home, tmp_path / "terms", TermOptions(min_duration=90, window=60, min_score=30))
    found = pairs_in(tmp_path / "terms", hop=3)
    assert all(is_found(pair, found) for pair in PAIRS)
    assert not (tmp_path / "terms" / "classes.txt").exists()
    assert json.loads((tmp_path / "terms" / "summary.json").read_text())["unit"] == "columns"


def test_the_index_keeps_nearly_all_that_an_exhaustive_search_finds(tmp_path):
    """Noisier and shorter, so that not all is easy; what both find has the same ends and the same score."""
    rng = np.random.default_rng(5)
    pairs = [
        Planted(2 * n, int(rng.integers(0, 60)), 2 * n + 1, int(rng.integers(0, 60)), 34, int(rng.integers(28, 42)))
        for n in range(30)
    ]
    home = write_planted(tmp_path, planted(2, 60, pairs, frames=110, noise=0.45))
    search(home, tmp_path / "all", EXHAUSTIVE)
    search(home, tmp_path / "indexed", BY_INDEX)
    whole, kept = ((tmp_path / name / "pairs.jsonl").read_text().splitlines() for name in ("all", "indexed"))
    there = [json.loads(line) for line in whole]
    exact = {(line["score"], *(tuple(one.values())[:3] for one in line["stretches"])) for line in there}
    by_index = [json.loads(line) for line in kept]
    also = {(line["score"], *(tuple(one.values())[:3] for one in line["stretches"])) for line in by_index}
    assert len(exact) >= 20
    assert len(also & exact) >= 0.9 * len(exact)
    assert not also - exact


def test_a_region_grows_as_long_as_a_match_reaches_its_edge():
    gains = np.full((200, 260), -5.0)
    for frame in range(20, 180):
        gains[frame, frame + frame // 5] = 1.0
    for slower in range(24, 180, 5):
        gains[slower, slower + slower // 5 + 1] = 1.0
    by_index = searching.Search(None, BY_INDEX, Lengths(20, 30, 10.0), index=object())
    whole = searching.Search(None, EXHAUSTIVE, Lengths(20, 30, 10.0), index=None)
    found = [
        search.grown(lambda a, b, c, d: gains[a:b, c:d], region, 200, 260, itself=False)
        for search, region in ((by_index, Region(90, 130, 15, 30)), (whole, Region(0, 200, -200, 260)))
    ]
    assert found[0] == found[1] and found[0][0].last - found[0][0].first > 150


def test_stretches_where_nothing_moves_are_left_out(tmp_path, capsys):
    contents = planted(1, 4, PAIRS[:1])
    for content, first in zip((contents[0], *contents[2:]), (90, 20, 90)):  # the first beside what recurs there
        content[first : first + 60] = np.ones(DIM) + 0.05 * np.random.default_rng(0).normal(size=(60, DIM))
    home = write_planted(tmp_path, contents)
    for options in (EXHAUSTIVE, BY_INDEX):
        result = search(home, tmp_path / options.search, replace(options, alike=0.1))  # many still frames are alike
        assert len(pairs_in(tmp_path / options.search)) == 1
        assert options == BY_INDEX or result.still > 0
    assert "in which nothing moves" in capsys.readouterr().err


def test_only_speech_is_searched(spoken, tmp_path):
    for options in (EXHAUSTIVE, BY_INDEX):
        search(spoken, tmp_path / options.search, options, speech_tier="word")
        for pair in pairs_in(tmp_path / options.search):
            assert all(last <= 80 for _, _, last in pair)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_threads_change_no_byte(spoken, tmp_path):
    for threads in (1, 3):
        search(spoken, tmp_path / str(threads), threads=threads)
    assert tree(tmp_path / "1") == tree(tmp_path / "3")


@pytest.mark.parametrize("options", [EXHAUSTIVE, BY_INDEX])
def test_a_killed_search_goes_on_to_the_same_bytes(spoken, tmp_path, monkeypatch, options):
    original, done = searching.Search.part, []
    monkeypatch.setattr(searching.Search, "part", lambda self, *given: done.append(given) or original(self, *given))
    search(spoken, tmp_path / "whole", options)
    parts = len(done)

    def child() -> None:
        calls = []

        def fatal(self, *arguments):
            calls.append(arguments)
            if len(calls) == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self, *arguments)

        searching.Search.part = fatal
        search(spoken, tmp_path / "killed", options)

    run_until_killed(child)
    begun = {path.name: path for path in (tmp_path / "killed" / "state").rglob("*.npy")}
    assert set(begun) - {"windows.npy"} == {"0.npy", "1.npy", "2.npy"}
    assert ("windows.npy" in begun) == (options == BY_INDEX)
    for name in begun.keys() & {"0.npy", "windows.npy"}:
        begun[name].write_bytes(b"half of an array")
    done.clear()
    search(spoken, tmp_path / "killed", options)
    assert len(done) == parts - 2  # those that were not reached, and the damaged one
    whole = {name: content for name, content in tree(tmp_path / "whole").items() if name != "summary.json"}
    assert whole == {name: content for name, content in tree(tmp_path / "killed").items() if name != "summary.json"}


def test_an_index_is_kept_and_used_again(spoken, tmp_path, monkeypatch):
    search(spoken, tmp_path / "one", index=tmp_path / "index")
    before = tree(tmp_path / "index")
    search(spoken, tmp_path / "two", TermOptions(alike=0.02), index=tmp_path / "index")
    assert tree(tmp_path / "index") == before and not (tmp_path / "two" / "index").exists()
    with pytest.raises(EncodingsError, match=r"an index made in another way \(seed differ"):
        search(spoken, tmp_path / "three", TermOptions(seed=1), index=tmp_path / "index")


def test_an_index_of_shorter_signatures_is_refused(spoken, tmp_path):
    search(spoken, tmp_path / "one", index=tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    there = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in there.items() if name != "bits"} | {"tables": 16}))
    with pytest.raises(EncodingsError, match=r"an index made in another way \(bits, tables differ\); remove it"):
        search(spoken, tmp_path / "two", index=tmp_path / "index")


def test_tables_grow_as_the_root_of_the_corpus():
    assert [TermOptions().tables_for(windows) for windows in (0, 10_000, 40_000, 1_000_000)] == [16, 16, 32, 160]
    assert TermOptions(tables=7).tables_for(10**9) == 7


@pytest.mark.slow
def test_recall_is_level_as_the_corpus_grows():
    """Windows of which each has one that is like it, among more and more others; with as many tables, it falls."""
    rng = np.random.default_rng(2)
    planes, options, found = Hyperplanes.drawn(1, np.zeros(20), seed=0), TermOptions(), {}
    for count in (10_000, 40_000):
        windows = rng.normal(size=(count, 1, 20))
        windows[1::2] = windows[::2] + 0.7 * rng.normal(size=(count // 2, 1, 20))
        signatures, numbers, right = planes.signatures(windows), np.arange(count), np.zeros(0, int)
        for table in range(options.tables_for(count)):
            order = table_of(signatures, numbers, 0, table)
            pairs = neighbours(signatures, numbers, order, options.reach, 76, 1, 0)
            right = np.union1d(right, pairs[(pairs[:, 0] % 2 == 0) & (pairs[:, 1] == pairs[:, 0] + 1), 0])
            could = np.bitwise_count(signatures[::2] ^ signatures[1::2]).sum(1) <= 76
            found[count, table + 1] = len(right) / could.sum()
    assert found[40_000, 32] > 0.95 * found[10_000, 16] > 0.7
    assert found[40_000, 16] < 0.9 * found[10_000, 16]


def test_an_index_of_changed_frames_is_refused(tmp_path):
    home = write_planted(tmp_path, planted(1, 3, PAIRS[:1]))
    search(home, tmp_path / "one", index=tmp_path / "index")
    shutil.rmtree(home / "frames")
    write_planted(tmp_path, planted(2, 3, PAIRS[:1]))
    with pytest.raises(EncodingsError, match="u000 have changed since it was made"):
        search(home, tmp_path / "two", index=tmp_path / "index")


@pytest.mark.parametrize("name", ["signatures.npy", "learned.npz", "index.json"])
def test_a_damaged_index_is_refused_by_its_file(spoken, tmp_path, name):
    search(spoken, tmp_path / "one", index=tmp_path / "index")
    (tmp_path / "index" / name).write_bytes(b"\x93NUMPY")
    with pytest.raises(EncodingsError, match=f"{name}: damaged.*; remove the folder"):
        search(spoken, tmp_path / "two", index=tmp_path / "index")


def test_files_say_the_same(spoken, tmp_path):
    result = search(spoken, tmp_path)
    assert {path.name for path in result.files} == {
        "pairs.jsonl",
        "terms.jsonl",
        "terms.ctm",
        "classes.txt",
        "textgrid",
        "pairs.txt",
    }
    pairs = pairs_in(tmp_path)
    classes = read_classes(tmp_path / "pairs.txt")
    assert len(classes) == len(pairs)
    for number, members in enumerate(classes.values()):
        there = sorted((one.file, round(one.start * RATE / HOP), round(one.end * RATE / HOP)) for one in members)
        assert there == sorted(pairs[number])
    groups = read_classes(tmp_path / "classes.txt")
    assert len(groups) == result.groups and sum(map(len, groups.values())) == result.places
    lines = [json.loads(line) for line in (tmp_path / "terms.jsonl").read_text().splitlines()]
    assert sum(len(line["units"]) for line in lines) == result.places
    ctm = [line.split() for line in (tmp_path / "terms.ctm").read_text().splitlines()]
    assert len(ctm) == result.places and all(float(line[3]) > 0.25 for line in ctm)
    covered = np.zeros((8, 160), bool)
    for pair in pairs:
        for name, first, last in pair:
            covered[int(name[1:]), first:last] = True
    assert result.covered == pytest.approx(covered.mean())
    assert 'name = "term"' in (tmp_path / "textgrid" / "u000.TextGrid").read_text()


def test_places_are_one_where_they_share_enough_and_groups_where_pairs_link_enough():
    rows = [
        (9.0, 0, 0, 100, 1, 0, 100),
        (8.0, 0, 5, 103, 2, 0, 100),
        (7.0, 0, 60, 160, 3, 0, 100),
        (6.0, 1, 0, 98, 4, 0, 50),
    ]
    table = np.array(rows)
    found = grouped(table, 0.75, 0.0)
    assert len(found.groups) == 6 and found.count == 2  # 0-1, 0-2 and 1-4 hang together; 3 is linked to another place
    assert sorted(np.bincount(found.groups).tolist()) == [2, 4]
    assert found.utterances.tolist() == [0, 0, 1, 2, 3, 4] and found.firsts.tolist() == [0, 60, 0, 0, 0, 0]
    assert grouped(table, 0.25, 0.0).count == 1
    tight = grouped(table, 0.75, 1.0)
    assert tight.count == 2 and sorted(tight.groups.tolist()).count(-1) == 2
    assert joined(3, [(0, 1), (1, 2)], 0.5) == [0, 0, 0] and joined(3, [(0, 1), (1, 2)], 0.51) == [0, 0, 2]
    assert joined(3, [(0, 1), (1, 2), (0, 2)], 1.0) == [0, 0, 0]


def test_the_command_says_what_was_found(unitdisc, spoken, tmp_path):
    done = unitdisc("terms", spoken / "frames", spoken / "corpus.jsonl", tmp_path / "terms", "--threads", 1)
    assert done.code == 0, done.err
    assert f"{len(PAIRS)} pairs in " in done.out and "pairs.jsonl" in done.out
    again = unitdisc("terms", spoken / "frames", spoken / "corpus.jsonl", tmp_path / "terms", "--alike", 0.02)
    assert again.code == 1 and "made in another way (options differ)" in again.err
    wrong = unitdisc("terms", spoken / "frames", spoken / "corpus.jsonl", tmp_path / "x", "--min-duration", -3)
    assert wrong.code == 1 and "--min-duration must be" in wrong.err


def test_nothing_found_is_said(tmp_path, capsys):
    home = write_planted(tmp_path, planted(3, 3, []))
    assert search(home, tmp_path / "terms").pairs == 0
    assert "nothing recurs at this threshold" in capsys.readouterr().err
    assert pairs_in(tmp_path / "terms") == [] and (tmp_path / "terms" / "classes.txt").read_text() == ""


def test_bad_utterances_are_left_out_by_name(tmp_path, capsys):
    home = write_planted(tmp_path, planted(1, 8, PAIRS))
    spoilt = np.load(home / "frames" / "u007.npy")
    spoilt[3, 2] = np.nan
    np.save(home / "frames" / "u007.npy", spoilt)
    result = search(home, tmp_path / "terms")
    assert result.utterances == 7 and "u007.npy: has values that are not numbers" in capsys.readouterr().err
    with pytest.raises(CorpusError, match=r"1 of 8 utterances cannot be searched, the first: .*u007"):
        search(home, tmp_path / "strict", strict=True)


def with_other_dims(home: Path) -> None:
    for number in range(1, 4):
        np.save(home / "frames" / f"u00{number}.npy", np.ones((160, DIM + 1), np.float32))


def all_the_same(home: Path) -> None:
    for path in (home / "frames").glob("*.npy"):
        np.save(path, np.ones((160, DIM), np.float32))


def something_else(home: Path) -> None:
    (home / "terms").mkdir()
    (home / "terms" / "notes.txt").write_text("mine")


def no_object(home: Path) -> None:
    (home / "terms").mkdir()
    (home / "terms" / "terms.json").write_text("[1]")


def half_a_file(home: Path) -> None:
    (home / "terms").mkdir()
    (home / "terms" / "terms.json").write_text('{"settings": {')


BAD = {
    "a list for an object": ({}, {}, no_object, r"terms.json: damaged \(no JSON object"),
    "half of what was written": ({}, {}, half_a_file, r"terms.json: damaged \(.*\); remove it"),
    "a share beyond a half": ({"alike": 0.7}, {}, None, "`alike` must be a share between 0 and 0.5"),
    "an unknown search": ({"search": "fast"}, {}, None, "`search` must be one of"),
    "what is compared": ({"by": "letters"}, {}, None, "`by` must be one of"),
    "no tables": ({"tables": 0}, {}, None, "`tables` must be 1 or more"),
    "too many bits": ({"bits": 129}, {}, None, "`bits` must be 0 to 128"),
    "no overlap": ({"overlap": 0.0}, {}, None, "`overlap` must be a share above 0"),
    "links": ({"linked": 1.5}, {}, None, "`linked` must be a share"),
    "seed": ({"seed": -1}, {}, None, "`seed` must be 0 or more"),
    "memory": ({}, {"memory": 0.0}, None, "`memory` must be a number of GiB"),
    "threads": ({}, {"threads": 0}, None, "`threads` must be 1 or more"),
    "no codes": ({"by": "units"}, {}, None, "u000 has no codes; look for frames"),
    "an unknown tier": ({}, {"speech_tier": "vowel"}, None, r"has no tier 'vowel', only \['word'\]"),
    "longer than all": ({"min_duration": 3000.0}, {}, None, "lower `min_duration`"),
    "a window longer than a term": ({"window": 400.0}, {}, None, "`window` has 40 frames"),
    "an index for nothing": ({"search": "exhaustive"}, {"index": "index"}, None, "`index` is not used"),
    "frames all the same": ({"normalise": "none"}, {}, all_the_same, "drawn by lot are the same"),
    "other dimensions": ({}, {}, with_other_dims, "3 of 4 utterances cannot be searched, the first: .*11 dimensions"),
    "a folder of something else": ({}, {}, something_else, "holds something else"),
}


@pytest.mark.parametrize("options,more,spoil,message", BAD.values(), ids=BAD)
def test_what_cannot_be_is_said_before_it_is_searched(tmp_path, options, more, spoil, message):
    home = write_planted(tmp_path, planted(1, 4, PAIRS[:2]))
    if spoil is not None:
        spoil(home)
    if "index" in more:
        more = more | {"index": tmp_path / more["index"]}
    with pytest.raises((ValueError, CorpusError, EncodingsError), match=message):
        search(home, tmp_path / "terms", TermOptions(**options), **more)
    assert not (tmp_path / "terms" / "pairs.jsonl").exists()


def test_nothing_is_written_among_the_frames(spoken):
    with pytest.raises(ValueError, match="holds what is searched"):
        search(spoken, spoken / "frames")
    assert SETTINGS["stride"] == HOP
