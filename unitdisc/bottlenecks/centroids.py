"""Where codes are to be: k-means over frames (Lloyd, 1982), and which code goes where."""

import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from unitdisc.bottlenecks.codebooks import draw


def kmeans(frames: Tensor, num_codes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """k-means centroids and how many frames each has: [N, D] -> [K, D], [K].

    With fewer frames than codes, frames are repeated with a little noise. The result does not depend on the number
    of threads.
    """
    points = frames.double().cpu()
    if len(points) < num_codes:
        extra = draw(points, num_codes - len(points), generator)
        points = torch.cat([points, extra + 1e-3 * torch.randn(extra.shape, generator=generator, dtype=extra.dtype)])
    seed = int(torch.randint(2**31, (), generator=generator))
    with threadpool_limits(1):
        result = KMeans(num_codes, n_init=1, max_iter=50, random_state=seed).fit(points.numpy())
    sizes = torch.bincount(torch.from_numpy(result.labels_).long(), minlength=num_codes)
    return torch.from_numpy(result.cluster_centers_).to(frames), sizes.to(frames)


def nearest_places(codes: Tensor, centroids: Tensor) -> Tensor:
    """Gives every code a centroid of its own, all moves together as short as can be: [K, D], [K, D] -> [K].

    The Hungarian assignment on squared distances (Kuhn, 1955).
    """
    squares = torch.cdist(codes.double().cpu(), centroids.double().cpu()).square()
    return torch.from_numpy(linear_sum_assignment(squares.numpy())[1]).to(codes.device)
