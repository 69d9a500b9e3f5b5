"""Units that can be named, made up: encodings of line images, and of recordings, whose codes follow their labels."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings
from unitdisc.naming.material import Material

STRIDE = 10


def spelled(
    name: str, codes: Sequence[int], labels: str, wide: int = 3, rate: int | None = None, speaker: str = "s1"
) -> tuple[Utterance, list[int]]:
    """An utterance whose label at a place is said by the code at that place, each `wide` frames long; " " is a gap."""
    step = wide * STRIDE
    intervals = [
        Interval(place * step, (place + 1) * step, label) for place, label in enumerate(labels) if label != " "
    ]
    utterance = Utterance(
        name,
        f"{name}.{'wav' if rate else 'png'}",
        speaker,
        len(codes) * step,
        rate=rate,
        text=labels,
        alignment={"phone" if rate else "character": intervals},
        height=None if rate else 30,
    )
    return utterance, [int(code) for code in np.repeat(codes, wide)]


def encode(
    folder: Path, coded: Sequence[tuple[Utterance, list[int]]], vectors: np.ndarray, noise: float = 0.0, **settings
) -> Encodings:
    """A folder of encodings: frames are the vectors [K, D] of codes, with some noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows = []
    for utterance, codes in coded:
        frames = vectors[codes] + noise * rng.standard_normal((len(codes), vectors.shape[1]))
        np.save(folder / f"{utterance.id}.npy", frames.astype(np.float32))
        rows.append(json.dumps({"utterance": utterance.id, "codes": codes}) + "\n")
    (folder / "units.jsonl").write_text("".join(rows))
    settings = {"point": "units", "stride": STRIDE, "offset": STRIDE / 2, "rate": None, "height": None} | settings
    (folder / "encodings.json").write_text(json.dumps(settings))
    return Encodings.open(folder)


def corpus(rate: int | None = None, count: int = 12) -> list[tuple[Utterance, list[int]]]:
    """Words of a, b and c, of which a has two units, 1 and 2, b 3, c 4; gaps are 0."""
    rng = np.random.default_rng(1)
    coded = []
    for number in range(count):
        labels = " ".join("".join(rng.choice(list("abc"), rng.integers(2, 5))) for _ in range(3))
        labels = "".join(label for place, label in enumerate(labels) if place == 0 or label != labels[place - 1])
        codes = [{"a": 1 + int(rng.random() < 0.5), "b": 3, "c": 4, " ": 0}[label] for label in labels]
        coded.append(spelled(f"u{number:02d}", codes, labels, rate=rate, speaker=f"s{number % 3}"))
    return coded


VECTORS = np.array([[9.0, 9], [0, 0], [0, 1], [5, 0], [0, 5]])


def material(folder: Path, noise: float = 0.05, **settings) -> Material:
    coded = corpus()
    return Material.of(encode(folder, coded, VECTORS, noise, **settings), [utterance for utterance, _ in coded])
