"""How the codes of a codebook learn: by moving averages or by gradient; how they start, and what idle ones do."""

import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

IDLE_SHARE = 0.1  # a code is idle when it is used this much less than if all were used alike


class MovingAverageCodebook(nn.Module):
    """Codes that follow the mean of the frames assigned to them (van den Oord et al., 2017, appendix)."""

    def __init__(self, num_codes: int, dim: int, decay: float = 0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("vectors", torch.randn(num_codes, dim))  # [K, D]
        self.register_buffer("counts", torch.ones(num_codes))
        self.register_buffer("sums", self.vectors.clone())

    def loss(self, frames: Tensor, quantised: Tensor) -> Tensor | None:
        """The codes move by themselves."""
        return None

    def follow(self, frames: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Moves every code towards the mean of its frames, and idle codes to frames drawn at random."""
        counts, sums = usage(frames, codes, len(self.vectors))
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        self.place(idle(self.counts), frames, generator)
        self.vectors.copy_(self.sums / self.counts[:, None])

    def place(self, chosen: Tensor, frames: Tensor, generator: torch.Generator) -> None:
        """Restarts the chosen codes on random frames, their statistics as if they were of average use."""
        if chosen.any() and len(frames):
            average = self.counts.mean()
            drawn = draw(frames, int(chosen.sum()), generator)
            self.counts[chosen] = average
            self.sums[chosen] = average * drawn

    def start(self, centroids: Tensor, sizes: Tensor) -> None:
        """Begins from k-means centroids [K, D] and the number of frames [K] of each."""
        self.vectors.copy_(centroids)
        self.counts.copy_(sizes.clamp(min=1e-3))
        self.sums.copy_(centroids * self.counts[:, None])


class GradientCodebook(nn.Module):
    """Codes learned by gradient from their distance to the frames assigned to them (van den Oord et al., 2017)."""

    def __init__(self, num_codes: int, dim: int, decay: float = 0.99):
        super().__init__()
        self.decay = decay
        self.vectors = nn.Parameter(torch.randn(num_codes, dim))  # [K, D]
        self.register_buffer("counts", torch.ones(num_codes))  # how often each code was used of late

    def loss(self, frames: Tensor, quantised: Tensor) -> Tensor:
        """Pulls the codes to the frames: [N, D], [N, D] -> squared distance per frame and dimension [N, D]."""
        return F.mse_loss(quantised, frames.detach(), reduction="none")

    @torch.no_grad()
    def follow(self, frames: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Counts how often codes are used; idle ones restart on random frames."""
        self.counts.lerp_(usage(frames, codes, len(self.vectors))[0], 1 - self.decay)
        chosen = idle(self.counts)
        if chosen.any() and len(frames):
            self.vectors[chosen] = draw(frames, int(chosen.sum()), generator)
            self.counts[chosen] = self.counts.mean()

    @torch.no_grad()
    def start(self, centroids: Tensor, sizes: Tensor) -> None:
        """Begins from k-means centroids [K, D] and the number of frames [K] of each."""
        self.vectors.copy_(centroids)
        self.counts.copy_(sizes)


CODEBOOKS = {"moving-average": MovingAverageCodebook, "gradient": GradientCodebook}


def usage(frames: Tensor, codes: Tensor, num_codes: int) -> tuple[Tensor, Tensor]:
    """How many frames every code has, and their sum: [N, D], [N] -> [K], [K, D]."""
    counts = torch.bincount(codes, minlength=num_codes).to(frames)
    sums = torch.zeros(num_codes, frames.shape[1], dtype=frames.dtype, device=frames.device)
    return counts, sums.index_add_(0, codes, frames)


def idle(counts: Tensor) -> Tensor:
    """Which codes are hardly used any more: [K] -> [K] bool."""
    return counts < IDLE_SHARE * counts.mean()


def draw(frames: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Frames drawn at random with replacement: [N, D] -> [number, D]."""
    return frames[torch.randint(len(frames), (number,), generator=generator).to(frames.device)]


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
