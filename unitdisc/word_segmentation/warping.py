"""Which words sound alike: the warping distances of their frames, and the pairs of groups that are nearest joined.

With true boundaries, clusters over warping distances are purer than k-means of mean frames (arXiv 2510.09225). The
distance is that of ABX; groups are joined by average linkage (Sokal & Michener, 1958): two are as far apart as their
words are on average.
"""

from collections.abc import Callable

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from unitdisc.clustering.frame_source import GIB, FrameSource
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.abx.all_pairs import warping_distances
from unitdisc.evaluation.abx.dtw import LONGEST

COPIES = 2  # of the distances, in `linkage`


def by_warping(
    frames: FrameSource,
    ranges: dict[str, tuple[np.ndarray, np.ndarray]],
    types: int,
    *,
    memory: float,
    threads: int,
    progress: Callable,
) -> np.ndarray:
    """The type of every word, 0 to types - 1, in the order of utterances and `ranges`: [W].

    ranges: utterance -> first frames and ends of its words. memory: GiB.
    Raises EncodingsError where words are too many for the memory, or one is too long.
    """
    lengths = np.concatenate([ends - starts for starts, ends in ranges.values()])
    refuse_many(frames, lengths, memory)
    if lengths.max() > LONGEST:
        raise EncodingsError(
            f"{frames.folder}: a word of {lengths.max()} frames is too long to be compared frame by frame, which may "
            f"have {LONGEST}; cut silences out by `speech_tier`, or make types by kmeans"
        )
    pieces = [piece for name, own in ranges.items() for piece in cut(frames[name], *own)]
    first = np.cumsum(lengths) - lengths
    with progress("comparing words", len(lengths), "words") as advance:
        distances = warping_distances(np.concatenate(pieces), first, lengths, threads=threads, advance=advance)
    return joined(distances, len(lengths), types)


def cut(frames: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    return [frames[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def refuse_many(frames: FrameSource, lengths: np.ndarray, memory: float) -> None:
    """Raises EncodingsError where distances and frames of words do not fit into the memory."""
    words = len(lengths)
    of_distances, of_frames = COPIES * 4 * words * (words - 1), 2 * 4 * int(lengths.sum()) * frames.dim
    if of_distances + of_frames > memory * GIB:
        raise EncodingsError(
            f"{frames.folder}: to compare all pairs of {words} words takes {(of_distances + of_frames) / GIB:.1f} GiB, "
            f"and {memory:g} are allowed; give more `memory`, take a part of the corpus, or make types by kmeans"
        )


def joined(distances: np.ndarray, words: int, types: int) -> np.ndarray:
    """Words in so many groups by average linkage of condensed distances: [words]."""
    if types >= words:
        return np.arange(words)
    merges = linkage(distances, "average")[: words - types, :2].astype(np.int64)
    groups = words + np.repeat(np.arange(len(merges)), 2)  # of the two that a merge joins
    links = coo_matrix((np.ones(groups.size, bool), (merges.ravel(), groups)), shape=(words + len(merges),) * 2)
    return connected_components(links, directed=False)[1][:words]
