"""How good made items are beside real ones: precision and recall, a Frechet distance, and whether anything is copied.

Items are vectors, in whatever space is to be judged in: the mean frames of an encoder, say, or pixels.
"""

from dataclasses import dataclass

import numpy as np

from unitdisc.evaluation import UnscorableError

NEIGHBOUR = 3  # whose distance is the radius around an item, as in the paper
AT_ONCE = 512  # rows of a table of distances


@dataclass(frozen=True)
class MadeScores:
    """precision, recall: shares from 0 to 1. frechet: a squared distance, 0 for the same distribution."""

    precision: float
    recall: float
    frechet: float


def made_scores(real: np.ndarray, made: np.ndarray, neighbour: int = NEIGHBOUR) -> MadeScores:
    """Real items [N, D] and made ones [M, D] -> how alike their distributions are.

    Raises UnscorableError for too few items.
    """
    precision, recall = precision_and_recall(real, made, neighbour)
    return MadeScores(precision, recall, frechet_distance(real, made))


def precision_and_recall(real: np.ndarray, made: np.ndarray, neighbour: int = NEIGHBOUR) -> tuple[float, float]:
    """As Kynkäänniemi et al. (2019): the share of made items that lie among real ones, and of real ones among made.

    An item lies among others if it is at least as near to one of them as that one's `neighbour`-th nearest fellow is.
    """
    for items in (real, made):
        refuse_few(items, neighbour + 1)
    return share_among(made, real, neighbour), share_among(real, made, neighbour)


def share_among(items: np.ndarray, others: np.ndarray, neighbour: int) -> float:
    """The share of items [N, D] that lie among others [M, D]."""
    radii = np.concatenate([np.sort(rows, axis=1)[:, neighbour] for rows in distances(others, others)])  # 0: itself
    return float(np.concatenate([(rows <= radii).any(1) for rows in distances(items, others)]).mean())


def nearest(items: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of others [M, D] to every item [N, D]: its place [N], and how far it is [N]."""
    tables = list(distances(items, others))
    places = np.concatenate([rows.argmin(1) for rows in tables])
    return places, np.sqrt(np.concatenate([rows.min(1) for rows in tables]))


def distances(items: np.ndarray, others: np.ndarray):
    """Squared Euclidean distances, some rows at a time: [n, M] each."""
    items, others = (np.asarray(each, np.float64) for each in (items, others))
    squares = np.square(others).sum(1)
    for first in range(0, len(items), AT_ONCE):
        some = items[first : first + AT_ONCE]
        yield np.maximum(np.square(some).sum(1)[:, None] + squares - 2 * some @ others.T, 0)


def frechet_distance(real: np.ndarray, made: np.ndarray) -> float:
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)) of the means and covariances of items [N, D] and [M, D].

    The squared Wasserstein distance between normal distributions (Heusel et al., 2017, who measure it in features of
    Inception). It is the larger, the fewer items there are: compare at equal numbers.
    """
    moments = []
    for items in (real, made):
        refuse_few(items, 2)
        items = np.asarray(items, np.float64)
        moments.append((items.mean(0), np.atleast_2d(np.cov(items, rowvar=False))))
    (mean, covariance), (other_mean, other) = moments
    root = square_root(covariance)
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0)).sum()  # tr((S S')^(1/2))
    return float(np.square(mean - other_mean).sum() + np.trace(covariance) + np.trace(other) - 2 * shared)


def square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance [D, D]."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def refuse_few(items: np.ndarray, needed: int) -> None:
    if len(items) < needed:
        raise UnscorableError(f"{len(items)} items are too few: give {needed} or more of the real, and of the made")
