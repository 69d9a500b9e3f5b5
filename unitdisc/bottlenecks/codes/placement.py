"""Where codes are to be: k-means over frames (Lloyd, 1982), and which code goes where."""

from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from unitdisc.bottlenecks.codes.codebooks import draw, idle


@dataclass(frozen=True)
class Clusters:
    centroids: Tensor  # [K, D]
    sizes: Tensor  # [K], how many frames each has


def kmeans(frames: Tensor, num_codes: int, generator: torch.Generator, start: Tensor | None = None) -> Clusters:
    """k-means of frames [N, D], from centroids [K, D] to start with, or from those of k-means++.

    With fewer frames than codes, frames are repeated with a little noise. The result does not depend on the number
    of threads.
    """
    from sklearn.cluster import KMeans  # takes a second, which most commands can spare

    points = frames.double().cpu()
    if len(points) < num_codes:
        extra = draw(points, num_codes - len(points), generator)
        points = torch.cat([points, extra + 1e-3 * torch.randn(extra.shape, generator=generator, dtype=extra.dtype)])
    seed = int(torch.randint(2**31, (), generator=generator))
    init = "k-means++" if start is None else start.double().cpu().numpy()
    with threadpool_limits(1):
        result = KMeans(num_codes, init=init, n_init=1, max_iter=50, random_state=seed).fit(points.numpy())
    sizes = torch.bincount(torch.from_numpy(result.labels_).long(), minlength=num_codes)
    return Clusters(torch.from_numpy(result.cluster_centers_).to(frames), sizes.to(frames))


def kmeans_again(codes: Tensor, frames: Tensor, generator: torch.Generator) -> Clusters:
    """k-means of frames [N, D] that begins at the codes [K, D], so that most frames keep theirs.

    Codes that hardly any frame is nearest to begin elsewhere: from where they are they would find fewer frames.
    """
    members = nearest(frames, codes)[0].bincount(minlength=len(codes)).double()
    found = kmeans(frames, len(codes), generator, spread(codes, frames, idle(members), generator))
    places = shortest_moves(codes, found.centroids, members)
    return Clusters(found.centroids[places], found.sizes[places])


def spread(codes: Tensor, frames: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Puts the chosen codes [K] on frames far from all codes, as k-means++ does (Arthur & Vassilvitskii, 2007)."""
    codes, frames = codes.double().cpu().clone(), frames.double().cpu()
    squares, lengths = nearest(frames, codes[~chosen])[1], frames.square().sum(1)
    for code in chosen.nonzero().flatten().tolist():
        chances = squares.clamp(min=torch.finfo(squares.dtype).tiny)  # there may be no frame without a code
        codes[code] = frames[chances.multinomial(1, generator=generator)[0]]
        squares = torch.minimum(squares, lengths - 2 * frames @ codes[code] + codes[code].square().sum())
    return codes


def nearest(frames: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Every frame's nearest code, and the squared distance to it: [N, D], [K, D] -> [N], [N]."""
    from sklearn.metrics import pairwise_distances_argmin_min

    points = [rows.double().cpu().numpy() for rows in (frames, codes)]
    with threadpool_limits(1):
        found, squares = pairwise_distances_argmin_min(*points, metric="sqeuclidean")
    return torch.from_numpy(found), torch.from_numpy(squares)


def shortest_moves(codes: Tensor, centroids: Tensor, members: Tensor) -> Tensor:
    """Gives every code a centroid of its own, so that its frames are moved as little as can be: [K, D] x 2, [K] -> [K].

    The Hungarian assignment (Kuhn, 1955) on squared distances times the code's frames: a code without any has no
    meaning to keep, and must not push others from their places.
    """
    from scipy.optimize import linear_sum_assignment

    squares = torch.cdist(codes.double().cpu(), centroids.double().cpu()).square()
    costs = squares * (members.double().cpu()[:, None] + 1e-3)
    return torch.from_numpy(linear_sum_assignment(costs.numpy())[1]).to(codes.device)
