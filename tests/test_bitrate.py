"""Bitrate: the golden score of the challenge, runs and frames."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.bitrate import bitrate, read_symbols, submission_bitrate, unit_bitrates
from unitdisc.evaluation.units.codes import coded

ROOT = Path(__file__).parent.parent
GOLDEN = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data")).parent / "golden" / "bitrate"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden scores in {GOLDEN}")
def test_bitrate_is_that_of_the_challenge():
    expected = json.loads((GOLDEN / "scores.json").read_text())
    found = submission_bitrate(GOLDEN, GOLDEN / "bitrate_filelist.txt")
    assert found.bitrate.bits_per_second == pytest.approx(expected["bitrate"], abs=1e-9)
    assert (found.bitrate.symbols, found.bitrate.types) == (expected["n_lines"], expected["n_symbols"])
    assert found.bitrate.entropy == pytest.approx(expected["entropy_bits"], abs=1e-12)
    assert found.bitrate.seconds == pytest.approx(expected["duration"], abs=1e-9)
    assert found.missing == ["missing.txt"]


def test_rows_are_one_symbol_if_their_numbers_are_equal(tmp_path):
    (tmp_path / "a.txt").write_text("1 2\n1.0 2e0\n\n3 2\n")
    assert read_symbols(tmp_path / "a.txt") == [(1, 2), (1, 2), (3, 2)]


def write(folder: Path, units: str = "1\n2\n", durations: str = "a.txt 2.0\n") -> tuple[Path, Path]:
    (folder / "a.txt").write_text(units)
    (folder / "list.txt").write_text(durations)
    return folder, folder / "list.txt"


@pytest.mark.parametrize(
    "wrong,message",
    [
        ({"units": "1 2\n1 x\n"}, r"a\.txt:2: must be numbers, not '1 x'"),
        ({"units": "1 2\n\n1\n"}, r"a\.txt:3: 1 numbers, but 2 in the first row"),
        ({"units": "1\nnan\n"}, r"a\.txt:2: has a value that is not a number"),
        ({"durations": "a.txt\n"}, r"list\.txt:1: must be a file name and its seconds, not 'a\.txt'"),
        ({"durations": "a.txt 1 2\n"}, r"list\.txt:1: must be a file name and its seconds, above 0"),
        ({"durations": "a.txt -1\n"}, r"list\.txt:1: must be a file name and its seconds, above 0"),
        ({"durations": "a.txt 1\na.txt 2\n"}, r"list\.txt:2: a\.txt is listed twice"),
        ({"durations": "\n"}, r"list\.txt: lists no files"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, wrong, message):
    with pytest.raises(EncodingsError, match=message):
        submission_bitrate(*write(tmp_path, **wrong))


def test_files_that_cannot_be_read_are_named(tmp_path):
    folder, durations = write(tmp_path, durations="b.txt 1\n")
    with pytest.raises(UnscorableError, match=r"has none of the 1 files of .*list\.txt"):
        submission_bitrate(folder, durations)
    with pytest.raises(EncodingsError, match=r"no\.txt: cannot be read"):
        submission_bitrate(folder, folder / "no.txt")
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EncodingsError, match=r"list\.txt: is UTF-16, not UTF-8; save"):
        submission_bitrate(folder, durations)


def test_nothing_said_costs_nothing(tmp_path):
    assert submission_bitrate(*write(tmp_path, units="\n")).bitrate.bits_per_second == 0


def encode(folder: Path, codes: dict[str, list[int] | None]) -> Encodings:
    for utterance in codes:
        np.save(folder / f"{utterance}.npy", np.zeros((6, 2), np.float32))
    (folder / "units.jsonl").write_text(
        "".join(json.dumps({"utterance": u, "codes": c}) + "\n" for u, c in codes.items())
    )
    (folder / "encodings.json").write_text(json.dumps({"stride": 100, "offset": 50}))
    return Encodings.open(folder)


TWO = [Utterance(name, "x.wav", "s", 600, 100) for name in "uv"]


def test_frames_runs_and_runs_with_lengths_are_symbols(tmp_path):
    found = unit_bitrates(coded(encode(tmp_path, {"u": [1, 1, 2, 2, 1, 1], "v": [1, 1, 1, 2, 2, 2]}), TWO))
    assert (found.bitrate.symbols, found.bitrate.seconds, found.bitrate.types) == (12, 12, 2)
    assert found.bitrate_collapsed.symbols == 5  # the last run of u and the first of v are two
    entropy = -(0.6 * np.log2(0.6) + 0.4 * np.log2(0.4))
    assert found.bitrate_collapsed.bits_per_second == pytest.approx(5 / 12 * entropy)
    # (1, 2) twice, (2, 2), (1, 3), (2, 3)
    assert (found.bitrate_run_length.symbols, found.bitrate_run_length.types) == (5, 4)
    assert found.bitrate_run_length.entropy == pytest.approx(0.4 * np.log2(2.5) + 0.6 * np.log2(5))
    assert found.bitrate_uniform.bits_per_second == 12 / 12 * 1


def test_codes_count_as_any_symbols_do(tmp_path):
    codes = {"u": [4, 4, 2, 7, 7, 7], "v": [2, 2, 7, 4, 7, 4]}
    assert unit_bitrates(coded(encode(tmp_path, codes), TWO)).bitrate == bitrate(codes.values(), 12.0)


def test_one_symbol_costs_nothing():
    assert bitrate([[3, 3, 3]], 1.0).bits_per_second == 0
    assert bitrate([[]], 1.0).bits_per_second == 0


def test_what_has_no_rate_has_no_bitrate(tmp_path):
    encodings = encode(tmp_path, {"u": [1] * 6})
    with pytest.raises(UnscorableError, match="u: has no rate"):
        unit_bitrates(coded(encodings, [Utterance("u", "u.png", "hand", 600)]))
    with pytest.raises(UnscorableError, match="no utterance"):
        unit_bitrates([])
