"""Sequences to segment: what every code costs at every frame, for frames that are drawn and for frames of speech."""

import csv
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from unitdisc.data.acoustic_features import AcousticFeatures

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))
SPEECH = ("so762_dev", "vctk_mini")  # of an hour together
FRAME_RATE = 50
DIMENSIONS = 16
CHANGE = 0.2  # the chance that a drawn frame begins another unit
FRAMES_PER_CODE = 50  # that k-means sees
CHUNK = 4096  # frames whose distances are worked out at once


@dataclass(frozen=True)
class Sequence:
    """Costs of codes at frames, and how many segments are wanted."""

    name: str
    costs: np.ndarray  # [T, K] float32: squared Euclidean distances
    segments: int

    @property
    def size(self) -> tuple[int, int, int]:
        """T, K and the number of segments."""
        return (*self.costs.shape, self.segments)


def drawn(frames: int, codes: int, noise: float, units_per_second: float, seed: int = 0) -> Sequence:
    """Frames around a code that now and then changes: codes are N(0, 1) in 16 dimensions, frames N(code, noise^2)."""
    rng = np.random.default_rng([seed, frames, codes, round(100 * noise)])
    codebook = rng.standard_normal((codes, DIMENSIONS))
    begins = rng.random(frames) < CHANGE
    begins[0] = True
    unit = rng.integers(0, codes, frames)[np.maximum.accumulate(np.where(begins, np.arange(frames), 0))]
    points = codebook[unit] + noise * rng.standard_normal((frames, DIMENSIONS))
    return Sequence(f"drawn, noise {noise}", distances(points, codebook), wanted(frames, units_per_second))


def spoken(frames: int, codes: int, units_per_second: float) -> Sequence:
    """MFCC of real recordings one after the other, every second frame of 10 ms, with codes from k-means."""
    from sklearn.cluster import MiniBatchKMeans

    points = mfcc(max(frames, FRAMES_PER_CODE * codes))
    if len(points) < frames:
        raise ValueError(f"{' and '.join(SPEECH)} in {DATA} have {len(points)} frames, not {frames}")
    kmeans = MiniBatchKMeans(codes, n_init=1, random_state=0).fit(points)
    points = points[:frames]
    return Sequence("MFCC of speech", distances(points, kmeans.cluster_centers_), wanted(frames, units_per_second))


@lru_cache
def mfcc(enough: int) -> np.ndarray:
    """So many frames of speech, each dimension of unit variance: [T, 39]; fewer where there are no more recordings."""
    features = AcousticFeatures()
    found = [np.zeros((0, features.dim), np.float32)]
    for folder in map(DATA.joinpath, SPEECH):
        if not (folder / "utts.tsv").is_file():
            continue
        with (folder / "utts.tsv").open(encoding="utf-8", newline="") as table:
            files = [row["file"] for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)]
        for file in files:
            if sum(map(len, found)) >= enough:
                break
            wave, rate = soundfile.read(folder / file, dtype="float32")
            if rate != features.rate:
                raise ValueError(f"{folder / file} has {rate} samples a second, not {features.rate}")
            found.append(features(wave)[::2])
    points = np.concatenate(found)
    return (points - points.mean(0)) / points.std(0) if len(points) else points


def distances(points: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances: [T, D], [K, D] -> [T, K] float32."""
    found = np.empty((len(points), len(codebook)), np.float32)
    squares = (codebook**2).sum(1)
    for start in range(0, len(points), CHUNK):
        chunk = points[start : start + CHUNK]
        found[start : start + CHUNK] = (chunk**2).sum(1)[:, None] + squares - 2 * chunk @ codebook.T
    return found.clip(min=0, out=found)


def wanted(frames: int, units_per_second: float) -> int:
    return round(frames * units_per_second / FRAME_RATE)


def runs(codes: np.ndarray) -> int:
    """Runs of one code: [T] -> segments."""
    return 1 + int((codes[1:] != codes[:-1]).sum())
