"""How the codes of a codebook learn: by moving averages or by gradient; how they start, and what idle ones do."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IDLE_SHARE = 0.1  # a code is idle when it is used this much less than if all were used alike
FADED = 1e-6  # a count below which a code has been left for so long that its statistics mean nothing


@dataclass(frozen=True)
class CodebookOptions:
    """How many codes there are, and how they learn (van den Oord et al., 2017; Lancucki et al., 2020).

    codebook: "moving-average", codes follow the mean of their frames; or "gradient", codes have a loss of their own.
    decay: of the averages, and of how often each code was used.
    warmup_steps: training steps in which frames pass as they are, before k-means places the codes; with none, codes
    start at random.
    restart: codes hardly used any more restart on frames drawn at random.
    reestimations: how many times k-means places the codes again, after one and a half times the steps of the time
    before. It begins at the codes as they are, so that they keep their meaning; idle ones begin elsewhere.
    reservoir: frames kept for k-means, per code.
    codebook_rate: learning rate of codes that learn by gradient, as a multiple of everything else's.
    Raises ValueError where the options contradict each other.
    """

    num_codes: int = 512
    codebook: str = "moving-average"
    decay: float = 0.99
    warmup_steps: int = 100
    restart: bool = True
    reestimations: int = 0
    reservoir: int = 32
    codebook_rate: float = 1.0

    def __post_init__(self):
        if self.codebook not in CODEBOOKS:
            raise ValueError(f"unknown codebook {self.codebook!r}: choose one of {sorted(CODEBOOKS)}")
        if not self.decay < 1:
            raise ValueError(f"decay {self.decay} keeps codes where they are; 0.99 is usual, and it must be below 1")
        if self.reservoir < 1:
            raise ValueError(f"reservoir must be at least 1 frame per code, not {self.reservoir}")
        if self.codebook_rate != 1 and self.codebook != "gradient":
            raise ValueError(
                f'codebook_rate {self.codebook_rate} is for codes that learn by gradient: set codebook = "gradient", '
                "or leave it out"
            )


class MovingAverageCodebook(nn.Module):
    """Codes that follow the mean of the frames assigned to them (van den Oord et al., 2017, appendix)."""

    training_only = ("counts", "sums")

    def __init__(self, dim: int, options: CodebookOptions):
        super().__init__()
        self.decay = options.decay
        self.restart = options.restart
        self.register_buffer("vectors", torch.randn(options.num_codes, dim))  # [K, D]
        self.register_buffer("counts", torch.ones(options.num_codes))
        self.register_buffer("sums", self.vectors.clone())

    def loss(self, frames: Tensor, quantised: Tensor) -> Tensor | None:
        """The codes move by themselves."""
        return None

    def follow(self, frames: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Moves every code towards the mean of its frames, and idle codes to frames drawn at random."""
        self.counts.lerp_(counts_of(codes, self.counts), 1 - self.decay)
        self.sums.lerp_(sums_of(frames, codes, self.sums), 1 - self.decay)
        if self.restart:
            self.place(idle(self.counts), frames, generator)
        known = self.counts > FADED
        means = self.sums / self.counts.clamp(min=FADED)[:, None]
        self.vectors.copy_(torch.where(known[:, None], means, self.vectors))

    def place(self, chosen: Tensor, frames: Tensor, generator: torch.Generator) -> None:
        """Restarts the chosen codes on random frames, their statistics as if they were of average use."""
        if len(frames):
            average = self.counts.mean()
            drawn = drawn_for(chosen, frames, generator)
            self.counts.copy_(torch.where(chosen, average, self.counts))
            self.sums.copy_(torch.where(chosen[:, None], average * drawn, self.sums))

    def start(self, centroids: Tensor, sizes: Tensor) -> None:
        """Begins from centroids [K, D] and the number of frames [K] of each."""
        self.vectors.copy_(centroids)
        self.counts.copy_(sizes.clamp(min=1e-3))
        self.sums.copy_(centroids * self.counts[:, None])


class GradientCodebook(nn.Module):
    """Codes learned by gradient from their distance to the frames assigned to them (van den Oord et al., 2017).

    Whatever steps the optimiser can read off the codes how fast they learn (`rate_factor`), and which of them were put
    elsewhere since it last looked (`replaced`, [K], perhaps none; or None).
    """

    training_only = ("counts",)

    def __init__(self, dim: int, options: CodebookOptions):
        super().__init__()
        self.decay = options.decay
        self.restart = options.restart
        self.vectors = nn.Parameter(torch.randn(options.num_codes, dim))  # [K, D]
        self.vectors.rate_factor = options.codebook_rate
        self.vectors.replaced = None
        self.register_buffer("counts", torch.ones(options.num_codes))  # how often each code was used of late

    def loss(self, frames: Tensor, quantised: Tensor) -> Tensor:
        """Pulls the codes to the frames: [N, D], [N, D] -> squared distance per frame and dimension [N, D]."""
        return F.mse_loss(quantised, frames.detach(), reduction="none")

    @torch.no_grad()
    def follow(self, frames: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Counts how often codes are used; idle ones restart on random frames."""
        self.counts.lerp_(counts_of(codes, self.counts), 1 - self.decay)
        chosen = idle(self.counts)
        if self.restart and len(frames):
            self.vectors.copy_(torch.where(chosen[:, None], drawn_for(chosen, frames, generator), self.vectors))
            self.counts.copy_(torch.where(chosen, self.counts.mean(), self.counts))
            self.vectors.replaced = chosen

    @torch.no_grad()
    def start(self, centroids: Tensor, sizes: Tensor) -> None:
        """Begins from centroids [K, D] and the number of frames [K] of each."""
        self.vectors.copy_(centroids)
        self.counts.copy_(sizes)
        self.vectors.replaced = torch.ones_like(sizes, dtype=torch.bool)


CODEBOOKS = {"moving-average": MovingAverageCodebook, "gradient": GradientCodebook}


def counts_of(codes: Tensor, like: Tensor) -> Tensor:
    """How many frames every code has, in a tensor like another: [N], [K] -> [K]."""
    counts = torch.zeros(len(like), dtype=codes.dtype, device=codes.device)  # not bincount: a GPU would be waited for
    return counts.scatter_add_(0, codes, torch.ones_like(codes)).to(like)


def sums_of(frames: Tensor, codes: Tensor, like: Tensor) -> Tensor:
    """The sum of every code's frames, in a tensor like another: [N, D], [N], [K, D] -> [K, D]."""
    sums = torch.zeros_like(like)
    if frames.is_cuda:  # where index_add_ adds in another order each time
        return sums.index_put_((codes,), frames, accumulate=True)
    return sums.index_add_(0, codes, frames)


def idle(counts: Tensor) -> Tensor:
    """Which codes are hardly used any more: [K] -> [K] bool."""
    return counts < IDLE_SHARE * counts.mean()


def drawn_for(chosen: Tensor, frames: Tensor, generator: torch.Generator) -> Tensor:
    """A frame drawn for every chosen code, in their order, and any for the others: [K], [N, D] -> [K, D].

    How many are chosen need not be known: the first so many draws are the same, however many follow.
    """
    return draw(frames, len(chosen), generator)[(chosen.cumsum(0) - 1).clamp(min=0)]


def draw(frames: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Frames drawn at random with replacement: [N, D] -> [number, D]."""
    return frames[torch.randint(len(frames), (number,), generator=generator).to(frames.device)]
