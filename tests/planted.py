"""A corpus of noise, in which some stretches recur."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, EncodingsWriter

HOP, RATE, DIM = 160, 16_000, 10
SETTINGS = {"point": "projection", "model": "abc", "stride": HOP, "offset": HOP / 2, "rate": RATE}


class Planted(NamedTuple):
    """One stretch in two places: frames from `first` on of one utterance, `other_first` of another."""

    one: int
    first: int
    other: int
    other_first: int
    frames: int
    other_frames: int


def drifting(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Frames that change as those of speech do, half of each in the next one: [T, DIM]."""
    steps = rng.normal(size=(frames, DIM))
    for frame in range(1, frames):
        steps[frame] = 0.6 * steps[frame - 1] + 0.8 * steps[frame]
    return steps


def planted(seed: int, utterances: int, pairs: Sequence[Planted], frames: int = 160, noise: float = 0.25) -> list:
    """Frames of utterances, with what recurs put in, as fast as it is long."""
    rng = np.random.default_rng(seed)
    found = [drifting(rng, frames) for _ in range(utterances)]
    for pair in pairs:
        content = found[pair.one][pair.first : pair.first + pair.frames]
        places = np.linspace(0, pair.frames - 1, pair.other_frames).round().astype(int)
        copied = content[places] + noise * rng.normal(size=(pair.other_frames, DIM))
        found[pair.other][pair.other_first : pair.other_first + pair.other_frames] = copied
    return found


def write_planted(folder: Path, contents: Sequence[np.ndarray], settings: dict = SETTINGS, codes: bool = False) -> Path:
    """Frames in `frames`, and corpus.jsonl: of lines of images where settings have no rate."""
    writer, listed = EncodingsWriter(folder / "frames", settings), []
    rate, stride = settings["rate"], settings["stride"]
    for number, frames in enumerate(contents):
        name, ticks = f"u{number:03}", len(frames) * stride
        centres = settings["offset"] + stride * np.arange(len(frames))
        own = (frames[:, :4] > 0) @ [8, 4, 2, 1] if codes else None
        writer.write(Encoding(name, centres, frames.astype(np.float32), own))
        tier = [Interval(0, ticks // 2, "a"), Interval(ticks // 2, ticks, "SIL")]
        of_image = {} if rate else {"height": 16}
        path = f"{name}.wav" if rate else f"{name}.png"
        listed.append(Utterance(name, path, f"s{number % 2}", ticks, rate, alignment={"word": tier}, **of_image))
    writer.finish()
    write_manifest(folder / "corpus.jsonl", listed)
    return folder
