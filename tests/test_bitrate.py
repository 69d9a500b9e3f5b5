"""Bitrate: the golden score of the challenge, runs and frames."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.bitrate import bitrate, unit_bitrate

ROOT = Path(__file__).parent.parent
GOLDEN = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data")).parent / "golden" / "bitrate"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden scores in {GOLDEN}")
def test_bitrate_is_that_of_the_challenge():
    expected = json.loads((GOLDEN / "scores.json").read_text())
    sequences, seconds = [], 0.0
    for line in (GOLDEN / "bitrate_filelist.txt").read_text().splitlines():
        name, duration = line.split()
        if (GOLDEN / name).exists():  # files that are missing do not count, nor does their time
            rows = (GOLDEN / name).read_text().splitlines()
            sequences.append([tuple(map(float, row.split())) for row in rows if row.strip()])
            seconds += float(duration)
    found = bitrate(sequences, seconds)
    assert found.bits_per_second == pytest.approx(expected["bitrate"], abs=1e-9)
    assert (found.symbols, found.types) == (expected["n_lines"], expected["n_symbols"])
    assert found.entropy == pytest.approx(expected["entropy_bits"], abs=1e-12)


def encode(folder: Path, codes: dict[str, list[int] | None]) -> Encodings:
    for utterance in codes:
        np.save(folder / f"{utterance}.npy", np.zeros((6, 2), np.float32))
    (folder / "units.jsonl").write_text(
        "".join(json.dumps({"utterance": u, "codes": c}) + "\n" for u, c in codes.items())
    )
    (folder / "encodings.json").write_text(json.dumps({"stride": 100, "offset": 50}))
    return Encodings.open(folder)


TWO = [Utterance(name, "x.wav", "s", 600, 100) for name in "uv"]


def test_every_frame_is_a_symbol_unless_repeats_are_collapsed(tmp_path):
    encodings = encode(tmp_path, {"u": [1, 1, 2, 2, 1, 1], "v": [1, 1, 1, 2, 2, 2]})
    each = unit_bitrate(encodings, TWO)
    assert (each.symbols, each.seconds, each.types) == (12, 12, 2)
    runs = unit_bitrate(encodings, TWO, collapse=True)
    assert runs.symbols == 5  # the last run of u and the first of v are two
    entropy = -(0.6 * np.log2(0.6) + 0.4 * np.log2(0.4))
    assert runs.bits_per_second == pytest.approx(5 / 12 * entropy)


def test_one_symbol_costs_nothing():
    assert bitrate([[3, 3, 3]], 1.0).bits_per_second == 0
    assert bitrate([[]], 1.0).bits_per_second == 0


def test_what_has_no_bitrate_says_so(tmp_path):
    encodings = encode(tmp_path, {"u": None, "v": None})
    with pytest.raises(UnscorableError, match="has no codes"):
        unit_bitrate(encodings, TWO)
    with pytest.raises(UnscorableError, match="u: has no rate"):
        unit_bitrate(encodings, [Utterance("u", "u.png", "hand", 600)])
    with pytest.raises(UnscorableError, match="no utterance"):
        unit_bitrate(encodings, [])
