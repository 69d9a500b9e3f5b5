"""What stretches of frames cost as units: by their shape, by how long they last and by how frequent units are."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from unitdisc.data.codes import mean_frames
from unitdisc.segmentation.templates.durations import (
    DURATIONS,
    Durations,
    arrays_of_durations,
    durations_of_arrays,
)
from unitdisc.segmentation.templates.lattice import NO_BLANK, Lattice, Segments


@dataclass(frozen=True)
class Templates:
    """K units, each a sequence of L frames of D dimensions.

    A stretch of w frames is resampled to L by linear interpolation; it costs (w / L) |stretch - template|^2 / variance,
    and what its duration and the unit cost; every unit costs `price` beside. Frames are projections of the means of
    `pool` frames; near `blank` they may belong to no unit, at the cost of their distance from it.
    """

    means: np.ndarray  # [K, L, D]
    durations: Durations
    variance: float  # squared distance of a frame from its template's, all dimensions together
    price: float
    centre: np.ndarray  # [C]
    directions: np.ndarray  # [C, D]
    blank: np.ndarray  # [D], or [0] where all frames belong to units
    pool: int
    duration_weight: float
    prior_weight: float

    @property
    def units(self) -> int:
        return len(self.means)

    def projected(self, frames: np.ndarray, pool: int | None = None) -> np.ndarray:
        """[T, C] -> [ceil(T / pool), D], float32."""
        return projected(frames, self.centre, self.directions, pool=pool or self.pool)

    def lattice(self, frames: np.ndarray, finer: int = 1) -> Lattice:
        """What segments of projected frames [T, D] cost; of these `finer` make one that was learned from."""
        flat = self.means.reshape(self.units, -1)
        lengths, points = np.square(flat).sum(1), self.means.shape[1]
        scale = 1 / (points * self.variance * finer)
        widths = self.durations.widths(len(frames), finer)
        lasting = self.durations.costs(self.duration_weight, self.prior_weight, widths / finer)

        def costs(index: int, width: int) -> np.ndarray:
            stretches = resampled_at(frames, np.arange(len(frames) - width + 1), width, points)
            distances = stretches @ (-2 * flat.T)
            distances += np.square(stretches).sum(1)[:, None] + lengths
            return np.maximum(distances, 0) * (width * scale) + lasting[index]

        return Lattice.filled(len(frames), widths, costs, blank=self.blank_costs(frames) / finer)

    def cut(self, frames: np.ndarray, finer: int = 1) -> Segments:
        """The cheapest segments, as of `lattice`."""
        return self.lattice(frames, finer).cut(self.price)

    def blank_costs(self, frames: np.ndarray) -> np.ndarray:
        """What projected frames cost as blanks: [T, D] -> [T]."""
        if not len(self.blank):
            return np.full(len(frames), NO_BLANK)
        return np.square(frames - self.blank).sum(1).astype(np.float64) / self.variance

    def arrays(self) -> dict[str, np.ndarray]:
        own = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self) if field.name != "durations"}
        return own | arrays_of_durations(self.durations)

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Templates":
        """Of what `arrays` gives. Raises KeyError where one is missing, ValueError where they do not fit each other."""
        durations = durations_of_arrays(arrays)
        own = {field.name: arrays[field.name] for field in fields(cls) if field.name != "durations"}
        units, _, dim = own["means"].shape
        fits = own["directions"].shape[1:] == (dim,) and own["blank"].shape in ((0,), (dim,))
        if len(durations.means) != units or not fits or own["centre"].shape != own["directions"].shape[:1]:
            raise ValueError("durations, blank or directions do not fit the templates")
        for name in ("variance", "price", "duration_weight", "prior_weight"):
            own[name] = float(own[name])
        own["pool"] = int(own["pool"])
        if not (own["variance"] > 0 and own["pool"] > 0):
            raise ValueError("variance or pool is not above 0")
        return cls(durations=durations, **own)


def projected(frames: np.ndarray, centre: np.ndarray, directions: np.ndarray, *, pool: int) -> np.ndarray:
    """The means of every `pool` frames in directions [C, D], from a centre [C]: [T, C] -> [ceil(T / pool), D]."""
    return ((mean_frames(frames, pool) - centre) @ directions).astype(np.float32)


@cache
def places(width: int, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between which two of `width` frames each of `points` even places lies, and how near the second: [L] each."""
    place = np.clip((np.arange(points) + 0.5) * width / points - 0.5, 0, width - 1)
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, width - 1), (place - first).astype(np.float32)


def resampled_at(frames: np.ndarray, starts: np.ndarray, width: int, points: int) -> np.ndarray:
    """Stretches of `width` frames, brought to `points` by linear interpolation: [T, D], [S] -> [S, L * D]."""
    first, second, share = places(int(width), points)
    early, late = frames[starts[:, None] + first], frames[starts[:, None] + second]
    return (early + share[:, None] * (late - early)).reshape(len(starts), -1)


def stretches_of(frames: np.ndarray, starts: np.ndarray, ends: np.ndarray, points: int) -> np.ndarray:
    """The same of stretches that differ in width: [T, D], [S], [S] -> [S, L, D]."""
    found = np.empty((len(starts), points, frames.shape[1]), np.float32)
    for width in np.unique(ends - starts):
        these = ends - starts == width
        found[these] = resampled_at(frames, starts[these], width, points).reshape(-1, points, frames.shape[1])
    return found


STORED = (*(field.name for field in fields(Templates) if field.name != "durations"), *DURATIONS)
