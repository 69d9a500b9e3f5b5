"""Small sets of ABX items that tests share."""

import json
import os
from pathlib import Path

import numpy as np

from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AbxItem

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))
GOLDEN = DATA.parent / "golden" / "abx"
KINDS = ("noise", "codes", "nulls", "one-hot", "posteriors")


def encode(folder: Path, frames: dict[str, np.ndarray], stride: float = 160, codes=None, **settings) -> Encodings:
    """A folder of encodings as any tool writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for utterance, values in frames.items():
        np.save(folder / f"{utterance}.npy", values)
    if codes is not None:
        lines = [json.dumps({"utterance": name, "codes": list(map(int, values))}) for name, values in codes.items()]
        (folder / "units.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "encodings.json").write_text(json.dumps({"stride": stride, "offset": stride / 2, **settings}))
    return Encodings.open(folder)


def random_tokens(rng: np.random.Generator, kind: str, count: int = 14, longest: int = 4) -> list[tuple]:
    """Items (context, speaker, label, frames), few enough for the oracle, with what makes ties in them."""
    codebook = rng.standard_normal((3, 3))  # in a plane, angles would add up, and tie but for rounding
    tokens = []
    for _ in range(count):
        length = rng.integers(1, longest + 1)
        frames = {
            "noise": lambda n: rng.standard_normal((n, 3)),
            "codes": lambda n: codebook[rng.integers(3, size=n)],
            "nulls": lambda n: rng.standard_normal((n, 3)) * rng.integers(2, size=(n, 1)),
            "one-hot": lambda n: np.eye(3)[rng.integers(3, size=n)],
            "posteriors": lambda n: rng.dirichlet(np.ones(4) / 2, size=n),
        }[kind](length)
        context, speaker, label = rng.integers(2), rng.integers(3), rng.integers(3)
        tokens.append(((f"c{context}", "d"), f"s{speaker}", f"p{label}", frames))
    return tokens


def as_items(tokens: list[tuple], folder: Path, together: int = 1) -> tuple[list[AbxItem], Encodings]:
    """Utterances of one token, or of so many; every item begins after a frame of noise and ends before another."""
    frames, items = {}, []
    for number, (context, speaker, label, token) in enumerate(tokens):
        name, noise = f"u{number // together:02}", np.full((1, token.shape[1]), 7.0)
        parts = frames.setdefault(name, [noise])
        start = 160 * sum(map(len, parts))
        items.append(AbxItem(name, start, start + 160 * len(token) - 1, label, context, speaker))
        parts += [token, noise]
    return items, encode(folder, {name: np.concatenate(parts) for name, parts in frames.items()})
