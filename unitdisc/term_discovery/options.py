"""How recurring stretches are looked for."""

import math
from dataclasses import dataclass

from unitdisc.retrieval.materials import Comparison
from unitdisc.retrieval.search import NORMALISE
from unitdisc.retrieval.subsequence_dtw import DISTANCES

TABLES, WINDOWS = 16, 10_000  # sorted lists for so many windows, six minutes of speech; more for more
BY = ("frames", "codes", "units")
SEARCHES = ("index", "exhaustive")


@dataclass(frozen=True)
class TermOptions:
    """How recurring stretches are looked for. Durations are in ms of recordings, in columns of images.

    by: "frames", "codes": every frame as the mean of all that have its code, or "units": codes that are the same or
    not. distance, normalise: of frames, as in `FindOptions`. alike: the share of pairs of frames drawn by lot that
    count as alike (of "units": those that are the same). min_duration: of a stretch. min_score: of a pair, how long two
    stretches would be that score as much and are the same.
    search: "index", or "exhaustive": all pairs of utterances. window: what is indexed. tables, reach: sorted lists, and
    how many neighbours are looked at on either side in each. tables: by default 16, and more in large corpora, so that
    recall stays level (see `tables_for`). bits: of two windows that are alike, at most so many in 128 differ. support:
    windows in a row that must be, on average.
    overlap: the share of what either covers by which stretches of two pairs are one place. linked: the share of all
    pairs between the places of two groups that makes one of them; with 0 any pair does.
    seed: of hyperplanes and draws.
    """

    by: str = "frames"
    distance: str = "angular"
    normalise: str = "speaker"
    alike: float = 0.03
    min_duration: float | None = None
    min_score: float | None = None
    search: str = "index"
    window: float | None = None
    tables: int | None = None
    reach: int = 8
    bits: int = 38
    support: int = 3
    overlap: float = 0.75
    linked: float = 0.5
    seed: int = 0

    def __post_init__(self):
        for name, known in (("by", BY), ("distance", DISTANCES), ("normalise", NORMALISE), ("search", SEARCHES)):
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {list(known)}, not {getattr(self, name)!r}")
        if not 0 < self.alike < 0.5:
            raise ValueError(f"`alike` must be a share between 0 and 0.5, not {self.alike:g}")
        if not 0 < self.overlap <= 1:
            raise ValueError(f"`overlap` must be a share above 0, 1 at most, not {self.overlap:g}")
        if not 0 <= self.linked <= 1:
            raise ValueError(f"`linked` must be a share from 0 to 1, not {self.linked:g}")
        for name in ("min_duration", "min_score", "window"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}` must be a number of ms, or of columns of images, not {value:g}")
        for name in ("tables", "reach", "support"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more, not {getattr(self, name)}")
        if not 0 <= self.bits <= 128:
            raise ValueError(f"`bits` must be 0 to 128, not {self.bits}")

    @property
    def how(self) -> Comparison:
        return Comparison(self.by, self.distance, self.normalise)

    def tables_for(self, windows: int) -> int:
        """How many tables find as large a share of what is alike among so many windows as among few.

        Two windows are neighbours in a table if they agree in its first log2(windows / reach) bits, or so. If they
        differ in the share d of bits that has the probability (reach / windows) ** r, r = -log2(1 - d), and tables have
        to grow as windows ** r (Indyk and Motwani, 1998): for 38 bits in 128, r = 0.51.
        """
        if self.tables is not None:
            return self.tables
        return math.ceil(TABLES * max(windows / WINDOWS, 1) ** 0.5)


@dataclass(frozen=True)
class Lengths:
    """Durations in frames."""

    window: int
    shortest: int
    least: float  # score

    @property
    def hop(self) -> int:
        return max(self.window // 5, 1)

    @property
    def apart(self) -> int:
        """Windows by which two of one utterance differ at least, to be a term and its recurrence."""
        return -(-self.shortest // self.hop)

    def row(self, support: int) -> int:
        """So many windows in a row, as far as the shortest term has them."""
        return min(support, max(self.shortest - self.window, 0) // self.hop + 1)

    @property
    def drop(self) -> float:
        """By which a path may fall below its best."""
        return max(self.shortest / 3, 1.0)


DEFAULTS = {  # ms of recordings, columns of images
    False: {"window": 200.0, "min_duration": 300.0, "min_score": 100.0},
    True: {"window": 30.0, "min_duration": 45.0, "min_score": 15.0},
}


def lengths_of(options: TermOptions, frames_per_ms: float, images: bool) -> Lengths:
    """frames_per_ms: or per column."""
    usual = DEFAULTS[images]
    window, shortest, least = (
        (usual[name] if getattr(options, name) is None else getattr(options, name)) * frames_per_ms
        for name in ("window", "min_duration", "min_score")
    )
    return Lengths(max(round(window), 1), max(round(shortest), 1), least)
