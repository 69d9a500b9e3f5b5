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
from unitdisc.segmentation.templates.kernels import BLANK, cheapest_segments

NO_BLANK = 1e12  # what a frame costs that belongs to no unit, where every frame has to: more than any unit


@dataclass(frozen=True)
class Segments:
    """An utterance, cut."""

    starts: np.ndarray  # [S]
    ends: np.ndarray  # [S]
    units: np.ndarray  # [S]; no blanks
    cost: float  # of all, without prices

    @property
    def widths(self) -> np.ndarray:
        return self.ends - self.starts

    def codes(self, frames: int, blank: int | None) -> np.ndarray:
        """The unit of every frame, `blank` between them; None: the unit before, or the first: [T]."""
        found = np.full(frames, BLANK, np.int64)
        for start, end, unit in zip(self.starts, self.ends, self.units):
            found[start:end] = unit
        if blank is not None:
            return np.where(found == BLANK, blank, found)
        last = np.maximum.accumulate(np.where(found == BLANK, -1, np.arange(frames)))
        return found[np.maximum(last, int(np.argmax(found != BLANK)))]


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

    def cut(self, frames: np.ndarray, finer: int = 1) -> Segments:
        """The cheapest segments of projected frames [T, D]; of which `finer` make one that was learned from."""
        shortest, longest = self.durations.shortest * finer, self.durations.longest * finer
        shortest = min(shortest, len(frames))
        widths = np.arange(shortest, min(longest, len(frames)) + 1)
        lasting = self.durations.costs(self.duration_weight, self.prior_weight, widths / finer)
        flat = self.means.reshape(self.units, -1)
        lengths = np.square(flat).sum(1)
        points = self.means.shape[1]
        best = np.full((len(frames), len(widths)), np.inf)
        units = np.zeros((len(frames), len(widths)), np.int64)
        scale = 1 / (points * self.variance * finer)
        for index, width in enumerate(widths):
            stretches = resampled_at(frames, np.arange(len(frames) - width + 1), width, points)
            distances = stretches @ (-2 * flat.T)
            distances += np.square(stretches).sum(1)[:, None] + lengths
            costs = np.maximum(distances, 0) * (width * scale) + lasting[index]
            cheapest = costs.argmin(1)
            units[: len(costs), index] = cheapest
            best[: len(costs), index] = costs[np.arange(len(costs)), cheapest]
        return cut(best, units, shortest, price=self.price, blank=self.blank_costs(frames) / finer)

    def blank_costs(self, frames: np.ndarray) -> np.ndarray:
        """What projected frames cost as blanks: [T, D] -> [T]."""
        if not len(self.blank):
            return np.full(len(frames), NO_BLANK)
        return np.square(frames - self.blank).sum(1).astype(np.float64) / self.variance

    def named(self, stretches: np.ndarray) -> np.ndarray:
        """The nearest template of stretches [S, L, D], however long they last: [S]."""
        flat, templates = stretches.reshape(len(stretches), -1), self.means.reshape(self.units, -1)
        return (np.square(templates).sum(1) - 2 * flat @ templates.T).argmin(1)

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


def cut(best: np.ndarray, units: np.ndarray, shortest: int, *, price: float, blank: np.ndarray) -> Segments:
    """The cheapest segments, as `Segments`: see `cheapest_segments`."""
    found, cost = cheapest_segments(best, units, shortest, price, blank.astype(np.float64))
    found = found[found[:, 2] != BLANK]
    return Segments(found[:, 0], found[:, 1], found[:, 2], cost - price * len(found))


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
