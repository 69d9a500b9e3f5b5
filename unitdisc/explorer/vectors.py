"""Units as vectors, the means of their frames: which are near each other, and a map of all in two dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.encodings import EncodingsError
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.rows import Row
from unitdisc.files.arrays import read_array, write_array
from unitdisc.retrieval.places import frames_within

SAMPLED = 300  # utterances that means are taken of, all over the corpus
MORE = 3  # that are read for a unit which none of them has
FEWEST = 5  # units that t-SNE can arrange
VECTORS = "vectors.npy"
MAPS = ("t-SNE", "PCA")


@dataclass(frozen=True)
class UnitVectors:
    """The mean frame of every unit; NaN where no frame could be read."""

    vectors: np.ndarray  # [K, D]

    @property
    def known(self) -> np.ndarray:
        """The units that have one."""
        return np.flatnonzero(np.isfinite(self.vectors).all(1))

    def nearest(self, symbol: int, most: int = 8) -> list[tuple[int, float]]:
        """Other units and their distances (Euclidean, of dimensions in their own deviations), the nearest first."""
        known = self.known
        if symbol not in known:
            return []
        scaled = standardised(self.vectors[known])
        distances = np.linalg.norm(scaled - scaled[np.searchsorted(known, symbol)], axis=1)
        order = [place for place in np.argsort(distances, kind="stable").tolist() if known[place] != symbol]
        return [(int(known[place]), float(distances[place])) for place in order[:most]]

    def mapped(self, how: str) -> np.ndarray:
        """The known units in a square from 0 to 1: [n, 2]. how: one of MAPS."""
        known = standardised(self.vectors[self.known])
        if len(known) < 3:
            return np.stack([np.linspace(0, 1, len(known)), np.full(len(known), 0.5)], 1)
        if how == "t-SNE" and len(known) >= FEWEST:
            from sklearn.manifold import TSNE

            perplexity = min(30.0, (len(known) - 1) / 3)
            found = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(known.astype(np.float32))
        else:
            found = principal(known)
        span = np.ptp(found, axis=0)
        return (found - found.min(0)) / np.where(span > 0, span, 1)


def standardised(vectors: np.ndarray) -> np.ndarray:
    deviation = vectors.std(0)
    return (vectors - vectors.mean(0)) / np.where(deviation > 1e-9, deviation, 1)


def principal(vectors: np.ndarray) -> np.ndarray:
    """The first two principal components: [n, D] -> [n, 2], signs fixed by their largest entries."""
    centred = vectors - vectors.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.concatenate([axes, np.zeros((2, vectors.shape[1]))])[:2]
    signs = np.sign(axes[[0, 1], np.abs(axes).argmax(1)])
    return centred @ (axes * np.where(signs == 0, 1, signs)[:, None]).T


def unit_vectors(index: CorpusIndex, row: Row) -> UnitVectors | None:
    """Kept in the index; None if there are no frames to be read."""
    path = index.folder / f"row{row.number}" / VECTORS
    if path.exists():
        return UnitVectors(read_array(path))
    means = means_of(index, row)
    if means is None:
        return None
    write_array(path, means)
    return UnitVectors(means)


def means_of(index: CorpusIndex, row: Row) -> np.ndarray | None:
    """The mean of the frames of every unit, of utterances all over the corpus: [K, D]; None if there are none."""
    places = np.unique(np.linspace(0, len(index) - 1, min(SAMPLED, len(index))).astype(int)).tolist()
    sums: np.ndarray | None = None
    counts = np.zeros(len(row.names), np.int64)

    def add(some: Sequence[int]) -> None:
        nonlocal sums
        encodings = index.encodings_of(some)
        for place in some:
            utterance = index.utterance(place)
            if utterance.id not in encodings:
                continue
            found = encodings[utterance.id]
            own = row.within(place)
            sums = np.zeros((len(row.names), found.frames.shape[1])) if sums is None else sums
            for start, end, symbol in zip(row.starts[own].tolist(), row.ends[own].tolist(), row.symbols[own].tolist()):
                first, last = frames_within(found.centres, start, end)
                sums[symbol] += found.frames[first:last].sum(0, dtype=np.float64)
                counts[symbol] += last - first

    add(places)
    seen = {*places}
    for symbol in np.flatnonzero((counts == 0) & (row.counts > 0)).tolist():
        if sums is None and seen:
            break  # nothing of hundreds could be read
        others = [place for place in np.unique(row.places(row.positions(symbol)[:MORE])).tolist() if place not in seen]
        seen.update(others)
        add(others)
    if sums is None:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums / counts[:, None]).astype(np.float32)


def why_none(index: CorpusIndex) -> str:
    """Why there is no map."""
    folder = Path(index.facts["encodings"])
    if not folder.is_dir():
        return f"{folder.name}: the folder of the encodings is not there any more"
    return f"{folder.name}: there are no frames to compare units by"


def readable(index: CorpusIndex, row: Row) -> tuple[UnitVectors | None, str]:
    """The vectors, or why there are none."""
    try:
        found = unit_vectors(index, row)
    except EncodingsError as error:
        return None, str(error)
    return found, "" if found else why_none(index)
