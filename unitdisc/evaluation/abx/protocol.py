"""What an ABX error means: the choices in which the tools of the field differ, by name."""

from dataclasses import dataclass

from unitdisc.evaluation.abx.averaging import AVERAGES
from unitdisc.evaluation.abx.distances import DISTANCES
from unitdisc.evaluation.abx.item_frames import POOLINGS
from unitdisc.evaluation.abx.sampling import Sampling
from unitdisc.evaluation.abx.slicing import SLICINGS


@dataclass(frozen=True)
class AbxProtocol:
    """What an ABX error means; the defaults are exact, and the figures of fastabx.

    distance: between frames, angular (what the ZeroSpeech tools call cosine), euclidean, kl, kl_symmetric or identity
    (of codes), summed along the warping path; or levenshtein, the edit distance of codes.
    slicing: exact, or librilight, which loses the last frame of every item.
    average: librilight or abxpy, see `averaged`.
    pooling: none, or mean or hamming: an item is one frame, the (weighted) mean of its frames, of length one if the
    distance is angular and not made so again, as libriabx2 has it.
    l2_normalise: make frames of length one whatever the distance, as Libri-Light does.
    sampling: None compares every item.
    """

    distance: str = "angular"
    slicing: str = "exact"
    average: str = "librilight"
    pooling: str = "none"
    l2_normalise: bool = False
    sampling: Sampling | None = None

    def __post_init__(self):
        object.__setattr__(self, "distance", {"cosine": "angular"}.get(self.distance, self.distance))
        for name, known in (
            ("distance", DISTANCES),
            ("slicing", SLICINGS),
            ("average", AVERAGES),
            ("pooling", POOLINGS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.pooling != "none" and self.distance in ("identity", "levenshtein"):
            raise ValueError(
                f"`pooling` {self.pooling} averages frames, and codes ({self.distance}) have no mean; "
                "choose another distance, or pooling none"
            )
