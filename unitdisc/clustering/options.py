"""What decides about the codes that k-means finds."""

from dataclasses import dataclass

SAMPLE_PER_CODE, SMALLEST_SAMPLE = 64, 50_000  # frames


@dataclass(frozen=True)
class KMeansOptions:
    """What decides about the result."""

    codes: int  # K
    spherical: bool = False  # codes of unit length; the frames must be, too
    seed: int = 0
    passes: int = 100  # over all frames, at most
    tolerance: float = 1e-5  # stop when a pass lowers the inertia by less than this part of it
    sample: int = 0  # frames drawn to begin with; 0: 64 for each code, 50,000 at least
    starts: int = 3  # k-means of the sample is begun so often; the best counts
    mini_batch: int = 0  # frames after which codes move; 0: after each pass over all

    def __post_init__(self):
        for name, least in (("codes", 1), ("seed", 0), ("passes", 1), ("sample", 0), ("starts", 1), ("mini_batch", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"`{name}` must be {least} or more, not {getattr(self, name)}")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"`tolerance` must be a part of the inertia, below 1, not {self.tolerance}")

    @property
    def frames_in_sample(self) -> int:
        return max(self.sample or max(SAMPLE_PER_CODE * self.codes, SMALLEST_SAMPLE), self.codes)
