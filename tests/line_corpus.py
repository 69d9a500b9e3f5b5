"""Line images for evaluation, which never looks at images: three scribes, three heights, and encodings of them.

A character is ten columns wide at 32 rows, after every third there is a gap of six; encodings come every so many
columns at 32 rows, on ticks that are therefore irregular from line to line.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings

ROWS = 32  # that models read
HEIGHTS = {"ada": 32, "bob": 48, "eve": 64}
CHARACTERS = "abc_e"  # "_" may be a character of a line
WIDE, GAP, WORD = 10, 6, 3
EACH = 6  # lines of each scribe


def line(name: str, scribe: str, rng: np.random.Generator, characters: int = 12) -> Utterance:
    zoom = HEIGHTS[scribe] / ROWS
    intervals, column = [], 0
    for place, label in enumerate(rng.choice(list(CHARACTERS), characters)):
        column += GAP if place and place % WORD == 0 else 0
        intervals.append(Interval(round(column * zoom), round((column + WIDE) * zoom), str(label)))
        column += WIDE
    text = "".join(
        (" " if place and place % WORD == 0 else "") + interval.label for place, interval in enumerate(intervals)
    )
    ticks = round(column * zoom)
    return Utterance(
        name, f"{name}.png", scribe, ticks, text=text, alignment={"character": intervals}, height=HEIGHTS[scribe]
    )


def lines(prefix: str, seed: int, each: int = EACH, characters: int = 12) -> list[Utterance]:
    rng = np.random.default_rng(seed)
    return [line(f"{prefix}{scribe}{number}", scribe, rng, characters) for scribe in HEIGHTS for number in range(each)]


TRAIN, TEST = lines("train-", 0), lines("test-", 1)


def centres(utterance: Utterance, stride: int) -> np.ndarray:
    zoom = utterance.height / ROWS
    frames = -(-round(utterance.ticks / zoom) // stride)
    return stride * (np.arange(frames) + 0.5) * zoom


def label_under(utterance: Utterance, tick: float) -> str:
    return next((label for start, end, label in utterance.alignment["character"] if start <= tick < end), "")


def encode(
    folder: Path,
    utterances: list[Utterance],
    stride: int,
    code_of: Callable[[Utterance, str], int] | None = None,
    noise: float = 0.05,
) -> Encodings:
    """A folder of encodings of which every frame says the character in its middle, or what else `code_of` says."""
    code_of = code_of or (lambda utterance, label: CHARACTERS.find(label) + 1 if label else 0)
    rng = np.random.default_rng(2)
    directions = np.random.default_rng(3).standard_normal((64, 8))
    (folder / "centres").mkdir(parents=True)
    rows = []
    for utterance in utterances:
        ticks = centres(utterance, stride)
        codes = np.array([code_of(utterance, label_under(utterance, tick)) for tick in ticks])
        frames = directions[codes] + noise * rng.standard_normal((len(codes), 8))
        np.save(folder / f"{utterance.id}.npy", frames.astype(np.float32))
        if utterance.height != ROWS:
            np.save(folder / "centres" / f"{utterance.id}.npy", ticks)
        rows.append(json.dumps({"utterance": utterance.id, "codes": codes.tolist()}) + "\n")
    (folder / "units.jsonl").write_text("".join(rows))
    settings = {"point": folder.name, "stride": stride, "offset": stride / 2, "rate": None, "height": ROWS}
    (folder / "encodings.json").write_text(json.dumps(settings))
    return Encodings.open(folder)
