"""The run of ZeroSpeech 2019: ABX of files that are items, and the bitrate of the challenge's own tools."""

import json
import runpy
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError
from unitdisc.encodings import Encoding, EncodingsWriter

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT.parent / "shared" / "golden"
HEADER = "#file onset offset #phone prev-phone next-phone speaker\n"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(ROOT / "eval" / "zerospeech2019.py"))


@pytest.fixture
def run(script, capsys):
    """Runs the script; what it returns and what it printed."""

    def invoke(*arguments: str | Path) -> tuple[dict, str, str]:
        found = script["main"]([str(argument) for argument in (*arguments, "--threads", "1")])
        return found, *capsys.readouterr()

    return invoke


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve recordings by three speakers, every one an item."""
    labels = [(f"r{i:02d}", "ab"[i % 2], f"s{i % 3}") for i in range(12)]
    lines = [f"{name} 0 1 {label} x y {speaker}\n" for name, label, speaker in labels]
    (tmp_path / "data" / "english").mkdir(parents=True)
    (tmp_path / "data" / "english.item").write_text(HEADER + "".join(lines))
    durations = "".join(f"{name}.txt 0.{i + 1}\n" for i, (name, *_) in enumerate(labels))
    (tmp_path / "data" / "english" / "bitrate_filelist.txt").write_text(durations)
    return tmp_path / "data"


def symbols(seed: int = 0) -> list[np.ndarray]:
    """Symbols, [T, 3], of three vectors, in twelve recordings."""
    rng = np.random.default_rng(seed)
    book = np.round(rng.standard_normal((3, 3)), 2)
    return [book[rng.integers(3, size=rng.integers(4, 9))] for _ in range(12)]


def submit(folder: Path, recordings: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for i, rows in enumerate(recordings):
        np.savetxt(folder / f"r{i:02d}.txt", rows, fmt="%g")
    return folder


def edits(x: np.ndarray, y: np.ndarray) -> int:
    """Levenshtein's distance between rows, as one would write it down."""
    if not len(x) or not len(y):
        return len(x) + len(y)
    different = int((x[-1] != y[-1]).any())
    table = np.zeros((len(x) + 1, len(y) + 1), int)
    table[:, 0], table[0] = range(len(x) + 1), range(len(y) + 1)
    for i, j in product(range(1, len(x) + 1), range(1, len(y) + 1)):
        different = int((x[i - 1] != y[j - 1]).any())
        table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + different)
    return int(table[-1, -1])


def across(recordings: list[np.ndarray]) -> float:
    """ABX across speakers by edit distance, triplet by triplet, averaged as ABXpy does (there is one context)."""
    label, speaker = [i % 2 for i in range(12)], [i % 3 for i in range(12)]
    by_pair = {}
    for a_label in (0, 1):
        cells = {}
        for a, b, x in product(range(12), repeat=3):
            if label[a] == label[x] == a_label != label[b] and speaker[a] == speaker[b] != speaker[x]:
                near, far = edits(recordings[a], recordings[x]), edits(recordings[b], recordings[x])
                cells.setdefault((speaker[a], speaker[x]), []).append((near > far) + (near == far) / 2)
        by_pair[a_label] = np.mean([np.mean(cell) for cell in cells.values()])
    return float(np.mean(list(by_pair.values())))


def test_edit_distance_is_that_of_brute_force(run, data: Path, tmp_path: Path):
    recordings = symbols()
    submit(tmp_path / "s" / "english" / "test", recordings)
    found, *_ = run(data, tmp_path / "s", "--distance", "levenshtein")
    error = found["scores"]["english"]["test"]["abx"]["levenshtein"]["error"]
    assert error == pytest.approx(across(recordings), abs=1e-12)


def test_bitrate_is_that_of_the_challenge(run, tmp_path: Path):
    source = GOLDEN / "bitrate"
    if not source.is_dir():
        pytest.skip(f"no golden references at {GOLDEN}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bitrate_filelist.txt").symlink_to(source / "bitrate_filelist.txt")
    (tmp_path / "s" / "2019" / "surprise" / "test").mkdir(parents=True)
    for path in source.glob("u*.txt"):
        (tmp_path / "s" / "2019" / "surprise" / "test" / path.name).symlink_to(path)
    found, out, err = run(tmp_path / "data", tmp_path / "s")
    rate = found["scores"]["surprise"]["test"]["bitrate"]["bitrate"]
    assert rate["bits_per_second"] == pytest.approx(
        json.loads((source / "scores.json").read_text())["bitrate"], abs=1e-9
    )
    assert "148.56" in out and "no item file of surprise, so no ABX" in err


def test_bitrate_of_units_of_ours_is_that_of_their_text_files(run, data: Path, tmp_path: Path):
    recordings = symbols()
    submit(tmp_path / "s" / "english" / "test", recordings)
    grid = {"point": "bottleneck", "stride": 320, "offset": 160.0, "rate": 16_000}
    writer = EncodingsWriter(tmp_path / "e" / "english" / "bottleneck", grid)
    for i, rows in enumerate(recordings):
        codes = np.zeros(len(rows), int)  # of another point: here a symbol is a row, whatever the codes say
        writer.write(Encoding(f"r{i:02d}", np.arange(len(rows)), rows, codes))
    writer.finish()
    theirs, *_ = run(data, tmp_path / "s", "--distance", "angular", "levenshtein")
    ours, *_ = run(data, tmp_path / "e", "--layout", "{language}/bottleneck", "--distance", "angular", "levenshtein")
    theirs, ours = theirs["scores"]["english"]["test"], ours["scores"]["english"]["test"]
    assert theirs["bitrate"]["bitrate"] == ours["bitrate"]["bitrate"]
    assert theirs["abx"]["levenshtein"] == ours["abx"]["levenshtein"]
    assert theirs["abx"]["angular"]["error"] == pytest.approx(ours["abx"]["angular"]["error"], abs=1e-12)


def test_items_in_seconds_are_those_at_a_frame_rate(run, data: Path, tmp_path: Path):
    recordings = [np.repeat(rows, 10, axis=0) for rows in symbols()]
    submit(tmp_path / "s" / "english" / "test", recordings)
    whole, *_ = run(data, tmp_path / "s")
    ends = [f"{len(rows) / 100:.2f}" for rows in recordings]
    lines = [f"r{i:02d} 0 {end} {'ab'[i % 2]} x y s{i % 3}\n" for i, end in enumerate(ends)]
    (data / "english.item").write_text(HEADER + "".join(lines))
    timed, *_ = run(data, tmp_path / "s", "--frame-rate", "100")
    assert timed["scores"]["english"]["test"]["abx"] == whole["scores"]["english"]["test"]["abx"]
    (data / "english.item").write_text(HEADER + "r00 0 2.5 a x y s0\n" + "".join(lines))
    with pytest.raises(CorpusError, match=r"an item of r00 ends at 2\.5, but times must be fractions"):
        run(data, tmp_path / "s")


def test_every_folder_of_a_submission_is_scored(run, data: Path, tmp_path: Path):
    for seed, folder in enumerate(("test", "auxiliary_embedding1")):
        submit(tmp_path / "s" / "2019" / "english" / folder, symbols(seed))
    found, out, err = run(data, tmp_path / "s", "--distance", "angular", "levenshtein", "--json", tmp_path / "x.json")
    assert list(found["scores"]["english"]) == ["test", "auxiliary_embedding1"]
    assert "english auxiliary_embedding1" in out and "no surprise/test, left out" in err
    kept = json.loads((tmp_path / "x.json").read_text())
    assert kept["settings"]["levenshtein"]["average"] == "abxpy" and kept["scores"]["english"]["test"]["sha256"]
    assert "within" not in json.dumps(kept["scores"]["english"]["test"]["abx"])


def test_the_distance_is_the_one_declared(run, script, tmp_path: Path):
    assert script["declared"](tmp_path) == "angular"
    (tmp_path / "metadata.yaml").write_text("abx distance: levenshtein\nsystem description: none\n")
    assert script["declared"](tmp_path) == "levenshtein"
    (tmp_path / "metadata.yaml").write_text("abx distance: manhattan\n")
    with pytest.raises(
        CorpusError, match=r"metadata\.yaml: abx distance is 'manhattan', but must be one of dtw_cosine"
    ):
        script["declared"](tmp_path)


def test_missing_files_are_said(run, data: Path, tmp_path: Path, capsys):
    folder = submit(tmp_path / "s" / "english" / "test", symbols())
    (folder / "r04.txt").unlink()
    with pytest.raises(CorpusError, match=r"lacks 1 of the files that .*english\.item lists \(r04\)"):
        run(data, tmp_path / "s")
    (data / "english.item").unlink()
    found, out, _ = run(data, tmp_path / "s")
    assert found["scores"]["english"]["test"]["bitrate"]["missing"] == ["r04.txt"]
    assert "1 files of the list are not there and do not count" in out


def test_a_ragged_file_is_named_with_its_line(run, data: Path, tmp_path: Path):
    folder = submit(tmp_path / "s" / "english" / "test", symbols())
    (folder / "r05.txt").write_text("1 2 3\n1 2\n")
    with pytest.raises(CorpusError, match=r"r05\.txt:2: has 2 numbers, but line 1 has 3"):
        run(data, tmp_path / "s")


def test_nothing_to_score_is_an_error(run, tmp_path: Path):
    with pytest.raises(CorpusError, match=r"no 2019/.* for english, surprise"):
        run(tmp_path, tmp_path)
