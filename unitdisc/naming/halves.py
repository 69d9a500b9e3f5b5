"""A unit that is mixed, in halves: 2-means of its occurrences, and a file that keeps how they were told apart.

The description of an occurrence is the mean of its frames. Where these are all alike, as where frames are what codes
stand for, it is how long the occurrence lasts (the logarithm of its ticks).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.files.atomic import write_durably
from unitdisc.files.text import read_json
from unitdisc.naming.table import NamesError

MOST = 50  # passes of 2-means
ALIKE = 1e-6  # of the length of a description: differences below are rounding


@dataclass(frozen=True)
class Split:
    """How the occurrences of a unit are told apart: each goes to the nearer centre."""

    centres: np.ndarray  # [2, D]
    by: str  # "frames" or "duration"

    def sides(self, described: np.ndarray) -> np.ndarray:
        """Which half each occurrence is in: [N, D] -> bool [N], True for the second."""
        if described.shape[1] != self.centres.shape[1]:
            raise NamesError(
                f"halves were made of frames of {self.centres.shape[1]} dimensions, these have {described.shape[1]}; "
                "give the `frames` that names were given with"
            )
        return distances(described, self.centres).argmin(1) == 1


def distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances: [N, D], [K, D] -> [N, K]."""
    squares = (points**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * points @ centres.T
    return np.maximum(squares, 0)


def split_of(means: np.ndarray | None, durations: np.ndarray) -> Split:
    """Halves of occurrences: the means of their frames [N, D], and their ticks [N].

    Begins with what lies on either side of the mean along the first principal component, so that it has no chance in
    it. Raises NamesError where all are alike, or there is but one.
    """
    by = "frames" if means is not None and varies(means) else "duration"
    described = described_by(by, means, durations)
    if not varies(described):
        raise NamesError("its occurrences are all alike, so it has no halves; give it the name that most have")
    centred = described - described.mean(0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    sides = centred @ (axis * np.sign(axis[np.abs(axis).argmax()])) > 0
    for _ in range(MOST):
        centres = np.stack([described[~sides].mean(0), described[sides].mean(0)])
        new = distances(described, centres).argmin(1) == 1
        if new.all() or not new.any() or (new == sides).all():
            break
        sides = new
    return Split(np.stack([described[~sides].mean(0), described[sides].mean(0)]), by)


def varies(described: np.ndarray) -> bool:
    spread = np.abs(described - described.mean(0)).max(initial=0)
    return bool(len(described) > 1 and spread > ALIKE * (1 + np.abs(described).max()))


def described_by(by: str, means: np.ndarray | None, durations: np.ndarray) -> np.ndarray:
    """The descriptions of occurrences: [N, D]."""
    if by == "duration":
        return np.log(np.maximum(durations, 1)).astype(np.float64)[:, None]
    if means is None:
        raise NamesError("halves were made of frames, and these encodings have none; give `frames`")
    return means.astype(np.float64)


def halves_path(names: Path) -> Path:
    """The file beside a table of names that says how halves are told apart."""
    return names.with_suffix(".halves.json")


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Writes how halves are told apart, so that it is on the disk when this returns."""
    found = {unit: {"by": split.by, "centres": split.centres.tolist()} for unit, split in splits.items()}
    write_durably(path, json.dumps(found) + "\n")


def read_splits(path: Path) -> dict[str, Split]:
    """How halves are told apart; {} where there is no such file. Raises NamesError if it is damaged."""
    if not path.exists():
        return {}
    try:
        found = {
            unit: Split(np.array(entry["centres"], dtype=np.float64), str(entry["by"]))
            for unit, entry in read_json(path).items()
        }
        if any(split.centres.ndim != 2 or len(split.centres) != 2 for split in found.values()):
            raise ValueError("no two centres")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        cure = "remove it, take the halves out of the table of names, and answer these units again"
        raise NamesError(f"{path}: damaged ({error}); {cure}") from error
    return found
