"""Pieces between blank columns, named by their shape."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.encodings import Encoding, Encodings, EncodingsWriter

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "eval" / "blank_units.py"))
GRID = {"rate": None, "stride": 1, "offset": 0.5}


def drawn(shapes: str, rng: np.random.Generator) -> np.ndarray:
    """A line of bars (|) and dashes (-), of many sizes and at many heights, and gaps ( ) between: [T, 16] of ink."""
    columns = []
    for shape in shapes:
        width = {"|": rng.integers(2, 4), "-": rng.integers(7, 10), " ": 3}[shape]
        piece = np.full((width, 16), 0.05)
        if shape == "|":
            piece[:, rng.integers(0, 3) : rng.integers(12, 16)] = 0.9
        if shape == "-":
            top = rng.integers(0, 12)
            piece[0, top : top + 4], piece[-1, top : top + 4], piece[:, top : top + 2] = 0.9, 0.9, 0.9
        columns.append(piece)
    return np.concatenate(columns)


@pytest.fixture
def pixels(tmp_path):
    rng, truth = np.random.default_rng(1), {}
    for split in ("train", "test"):
        writer = EncodingsWriter(tmp_path / "pixels" / split, GRID)
        for number in range(6):
            shapes = " ".join(rng.choice(["|", "-"], 5)) + " "
            frames = drawn(shapes, rng).astype(np.float32)
            truth[split, f"u{number}"] = shapes.replace(" ", "")
            writer.write(Encoding(f"u{number}", np.arange(len(frames)) + 0.5, frames))
        paper = np.full((9, 16), 0.05, np.float32)
        writer.write(Encoding("white", 2.0 * np.arange(9) + 1, paper), regular=False)  # of a line twice as high
        writer.finish()
    return tmp_path / "pixels", truth


def test_alike_pieces_get_one_name_wherever_and_however_large(pixels, tmp_path):
    folder, truth = pixels
    SCRIPT["main"]([str(folder), str(tmp_path / "out"), "--codes", "2"])
    named = set()
    for split in ("train", "test"):
        units = Encodings.open(tmp_path / "out" / "encodings" / split / "bottleneck")
        assert units.settings["blank"] == 2 and set(units.codes["white"]) == {2}
        assert units["white"].centres.tolist() == [*range(1, 19, 2)]
        for number in range(6):
            codes = np.asarray(units.codes[f"u{number}"])
            runs = codes[np.flatnonzero(np.diff(codes, prepend=-1))]
            assert all(runs[1::2] == 2)  # a blank after each piece
            named |= {*zip(truth[split, f"u{number}"], runs[::2].tolist(), strict=True)}
    assert len(named) == 2  # one code each


def test_the_threshold_leaves_least_variance_within():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0.2, 0.05, 700), rng.normal(0.7, 0.1, 300)]).clip(0, 1)

    def within(threshold):
        return sum(len(part) * part.var() for part in (values[values < threshold], values[values >= threshold]))

    best = min(within(threshold) for threshold in np.linspace(0.01, 0.99, 500))
    assert within(SCRIPT["otsu"](values)) == pytest.approx(best, rel=1e-3)
    assert within(0.3) > 1.01 * best  # not just anything


def test_pieces_by_hand():
    starts, ends = SCRIPT["inked"](np.array([True, True, False, True, False, False, True]))
    assert (starts.tolist(), ends.tolist()) == ([0, 3, 6], [2, 4, 7])
