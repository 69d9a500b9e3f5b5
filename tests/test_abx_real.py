"""ABX of real speech: MFCC scored by an independent computation, from the recordings to the error."""

import csv
import runpy
from collections import defaultdict
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from abx_items import DATA, encode

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.evaluation.abx import AbxProtocol, abx, read_items

SPEECH = DATA / "so762_dev"
oracle = runpy.run_path(str(Path(__file__).parent / "reference" / "abx.py"))
HOP = 160
BUSIEST = 6  # contexts: those with most items

pytestmark = pytest.mark.skipif(not SPEECH.is_dir(), reason=f"no so762_dev in {DATA}")


def busiest() -> list[list[str]]:
    """The lines of the item file in a few contexts, of the first speakers in each."""
    by_context = defaultdict(list)
    with (SPEECH / "triphones.item").open(encoding="utf-8") as file:
        for line in list(file)[1:]:
            columns = line.split()
            by_context[tuple(columns[4:6])].append(columns)
    chosen = sorted(by_context.values(), key=len)[-BUSIEST:]
    return [columns for lines in chosen for columns in lines[:45]]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Item lines, and the MFCC of their recordings."""
    lines, frames = busiest(), {}
    files = {path.stem: path for path in SPEECH.rglob("*") if path.suffix in (".flac", ".wav", ".ogg", ".opus", ".mp3")}
    for utterance in sorted({columns[0] for columns in lines}):
        wave, rate = soundfile.read(files[utterance], dtype="float32")
        assert rate == 16_000
        frames[utterance] = np.asarray(AcousticFeatures(normalise="none")(wave))
    folder = tmp_path_factory.mktemp("mfcc")
    encodings = encode(folder / "frames", frames, stride=HOP, rate=16_000)
    with (folder / "some.item").open("w", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=" ", lineterminator="\n")
        writer.writerows([["#file", "onset", "offset", "#phone", "prev-phone", "next-phone", "speaker"], *lines])
    return lines, frames, folder / "some.item", encodings


@pytest.mark.parametrize("speaker", ["within", pytest.param("across", marks=pytest.mark.slow)])
@pytest.mark.parametrize("abxpy", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_error_of_mfcc_is_that_of_an_independent_computation(spoken, speaker, abxpy):
    lines, frames, path, encodings = spoken
    tokens = []
    for utterance, onset, offset, phone, before, after, voice in lines:
        first, last = (Fraction(seconds) * 100 - Fraction(1, 2) for seconds in (onset, offset))
        tokens.append(((before, after), voice, phone, frames[utterance][ceil(first) : floor(last) + 1]))
    angles = {}

    def unit_angles(xs, ys, _):
        """The oracle's warping of angles that numpy finds in double precision."""
        key = id(xs), id(ys)
        if key not in angles:
            x, y = (part.astype(float) / np.linalg.norm(part.astype(float), axis=1)[:, None] for part in (xs, ys))
            steps = np.rint(np.arccos(np.clip(x @ y.T, -1, 1)) / np.pi * 2**24).astype(int)
            angles[key] = oracle["dtw"](range(len(x)), range(len(y)), lambda i, j: int(steps[i, j]))
        return angles[key]

    expected = oracle["abx_error"](tokens, speaker == "across", abxpy, compare=unit_angles)
    protocol = AbxProtocol(average="abxpy" if abxpy else "librilight")
    result = abx(read_items(path, 16_000), encodings, speaker, protocol)
    assert result.error == pytest.approx(expected, abs=1e-9)
    assert result.triplets > 100
