"""How templates are learned: cuts and templates in turn, over all utterances (segmental k-means)."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering import Progress, quiet
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, in_order
from unitdisc.clustering.states import read_pass, write_pass
from unitdisc.data.codes import mean_frames
from unitdisc.encodings import EncodingsError
from unitdisc.segmentation.corpora.options import frames_per_ms
from unitdisc.segmentation.corpora.sample import drawn
from unitdisc.segmentation.corpora.timing import Timing
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.lattice import Segments
from unitdisc.segmentation.templates.model import STORED, Templates, projected, stretches_of
from unitdisc.segmentation.templates.options import FRAMES_PER_UNIT, LONGEST, SHORTEST, TemplateOptions
from unitdisc.segmentation.templates.pieces import Pieces, named
from unitdisc.segmentation.templates.price import Lattices, price_for
from unitdisc.segmentation.templates.start import first_boundaries, first_segments

FEWEST = 3  # stretches of a template; one with fewer begins anew as half of the most frequent
STEP, FARTHEST = 3.0, 2.0  # by which the price follows the logarithm of too many units, and at most
SPLIT = 0.1  # of the deviation of a template: how far its other half is


@dataclass(frozen=True)
class Limits:
    """In pooled frames."""

    pool: int
    shortest: int
    longest: int
    mean: float


@dataclass(frozen=True)
class Counts:
    """What segments of some utterances say about templates."""

    counts: np.ndarray  # [K]
    sums: np.ndarray  # [K, L, D], of their stretches
    widths: np.ndarray  # [K], added up
    squares: np.ndarray  # [K], of widths
    distance: float  # from their templates, every stretch as long as it lasts
    frames: int  # of segments
    cost: float

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class TemplatesResult:
    """costs: of every pass, per pooled frame, without prices. counts: [K], segments of every template."""

    templates: Templates
    costs: tuple[float, ...]
    counts: np.ndarray


def limits_of(options: TemplateOptions, timing: Timing) -> Limits:
    """Raises ValueError if a unit would be shorter than a frame."""
    mean = timing.frames_per_unit_of_time / options.rate
    if mean < 1:
        raise ValueError(
            f"{timing.option} {options.rate:g}: there are but {timing.frames_per_unit_of_time:.4g} frames per "
            f"{timing.unit}, and a unit is one at least; ask for fewer"
        )
    pool = options.pool or math.ceil(mean / FRAMES_PER_UNIT)
    per = frames_per_ms(timing) / pool
    shortest = options.min_duration * per if options.min_duration else SHORTEST * mean / pool
    longest = options.max_duration * per if options.max_duration else LONGEST * mean / pool
    shortest = max(round(shortest), 1)
    return Limits(pool, shortest, max(round(longest), shortest + 1), mean / pool)


def learn(
    frames: FrameSource,
    timing: Timing,
    options: TemplateOptions,
    blank: bool,
    *,
    memory: float = 2.0,
    threads: int = 1,
    state_file: Path | None = None,
    progress: Progress = quiet,
) -> TemplatesResult:
    """Learns templates of frames, out of core.

    blank: whether frames near 0 belong to no unit. memory: GiB for frames that are not read again. state_file: written
    after every pass, and begun from if it is of the same frames and options.
    Raises EncodingsError if there are fewer segments to begin with than units, ValueError for options that cannot be.
    """
    limits = limits_of(options, timing)
    kept = KeptFrames(frames, memory)
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        with progress("principal components", len(frames.names)) as advance:
            axes = components(kept, options.dims, limits.pool, threads=threads, advance=advance)
        work = Work(Projected(kept, *axes, pool=limits.pool), timing, options, limits, blank, memory, threads)
        tried = []
        for start in range(options.starts):
            aside = state_file and state_file.with_name(f"{state_file.name}{start or ''}")
            tried.append(learned_from(work, options.seed + start, aside, progress=progress))
    return min(tried, key=lambda result: result.costs[-1:])


class Projected:
    """Frames of any source, pooled, in the directions of their principal components."""

    def __init__(self, frames: FrameSource, centre: np.ndarray, directions: np.ndarray, *, pool: int):
        self.frames, self.folder, self.names = frames, frames.folder, frames.names
        self.centre, self.directions, self.pool = centre, directions, pool
        self.dim = directions.shape[1]
        self.blank = (-centre @ directions).astype(np.float32)  # where a frame of zeros lies: [D]

    def __getitem__(self, name: str) -> np.ndarray:
        return projected(self.frames[name], self.centre, self.directions, pool=self.pool)

    def ink(self, name: str) -> np.ndarray:
        """How far frames are from zeros: [T]."""
        return np.linalg.norm(self[name] - self.blank, axis=1)


def components(
    frames: FrameSource, dims: int, pool: int, *, threads: int, advance: Callable[..., None]
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of pooled frames [C], and the directions in which they differ most: [C, D]."""
    middle = mean_frames(frames[frames.names[0]], pool).mean(0, dtype=np.float64)

    def look(name: str) -> tuple[int, np.ndarray, np.ndarray]:
        values = mean_frames(frames[name], pool) - middle  # far from zero, products would lose the differences
        return len(values), values.sum(0), values.T @ values

    count, total, products = 0, 0.0, 0.0
    for number, summed, squares in in_order(look, frames.names, threads):
        count, total, products = count + number, total + summed, products + squares
        advance(1)
    mean = total / count
    variances, directions = np.linalg.eigh(products / count - np.outer(mean, mean))
    chosen = directions[:, ::-1][:, : min(dims, len(variances))]
    signs = np.where(chosen[np.abs(chosen).argmax(0), np.arange(chosen.shape[1])] < 0, -1, 1)
    return middle + mean, chosen * signs  # an axis has no sign of its own; this one does not depend on the machine


@dataclass(frozen=True)
class Work:
    """What learning looks at, and what is asked for."""

    frames: Projected
    timing: Timing
    options: TemplateOptions
    limits: Limits
    blank: bool
    memory: float
    threads: int

    @property
    def units(self) -> float:
        """How many segments there should be in all utterances."""
        return self.timing.segments(self.options.rate)

    def settings(self, seed: int) -> dict:
        """That a state has to share to be gone on from: the axes tell frames apart, for all of them decide."""
        frames = hashlib.sha256(self.frames.centre.tobytes() + self.frames.directions.tobytes()).hexdigest()
        return {"options": asdict(self.options), "seed": seed, "blank": self.blank, "frames": frames}


def learned_from(work: Work, seed: int, state_file: Path | None, *, progress: Progress) -> TemplatesResult:
    """The templates that a seed leads to."""
    state = read_state(state_file, work.settings(seed))
    if state is None:
        with progress("first segments", len(work.frames.names)) as advance:
            state = first(work, seed, advance)
    total = work.options.passes * len(work.frames.names)
    with progress("templates", total, done=len(state.costs) * len(work.frames.names)) as advance:
        while len(state.costs) < work.options.passes:
            state = next_state(work, state, seed, advance)
            write_state(state_file, state, work.settings(seed))
            advance(0, note=f"{state.counts.sum():.0f} units, {work.units} wanted, cost {state.costs[-1]:.5g} a frame")
    return replace(state, templates=priced(work, state.templates))


def priced(work: Work, templates: Templates) -> Templates:
    """At the price at which utterances that are drawn have as many units as were asked for."""
    some = drawn(work.timing.lengths, work.options.seed)
    share = sum(work.timing.lengths[name] for name in some) / work.timing.frames
    lattices = Lattices(work.frames.folder, some, lambda name: templates.lattice(work.frames[name]))
    solved = price_for(lattices, round(share * work.units), memory=work.memory, threads=work.threads)
    return replace(templates, price=solved.switch_cost)


def first(work: Work, seed: int, advance: Callable[..., None]) -> TemplatesResult:
    """k-means of first segments."""
    options, limits = work.options, work.limits
    inked = options.start == "ink" or (options.start == "auto" and work.blank)

    def bounds(name: str) -> tuple[np.ndarray, np.ndarray]:
        frames, ink = work.frames[name], work.frames.ink(name) if inked or work.blank else None
        boundaries = first_boundaries(frames, ink if inked else None, limits.shortest, limits.mean)
        found = first_segments(boundaries, ink if work.blank else None, limits.shortest, limits.longest)
        return found[:, 0], found[:, 1]

    pieces = Pieces(work.frames, bounds, options.points)
    count = sum(len(bounds(name)[0]) for name in work.frames.names)
    if count < options.units:
        raise EncodingsError(
            f"{work.frames.folder}: falls into {count} segments, but {options.units} units are wanted; ask for fewer "
            "units, or more segments"
        )
    found = named(pieces, options.units, seed=seed, memory=work.memory, threads=work.threads)
    advance(len(work.frames.names))
    flat = Durations(
        np.full(options.units, limits.mean),
        np.full(options.units, limits.mean / 2),
        np.log(found.counts + 1.0) - np.log(count + options.units),
        limits.shortest,
        limits.longest,
    )
    templates = Templates(
        found.means.reshape(options.units, options.points, -1),
        flat,
        max(found.distance / options.points, np.finfo(np.float32).tiny),
        0.0,
        work.frames.centre,
        work.frames.directions,
        work.frames.blank if work.blank else np.zeros(0, np.float32),
        limits.pool,
        options.duration_weight,
        options.prior_weight,
    )
    return TemplatesResult(templates, (), found.counts.astype(float))


def next_state(work: Work, state: TemplatesResult, seed: int, advance: Callable[..., None]) -> TemplatesResult:
    """One pass over all utterances."""
    before = state.templates

    def look(name: str) -> Counts:
        frames = work.frames[name]
        return counted(before, frames, before.cut(frames))

    def added(seen: Counts | None, found: Counts) -> Counts:
        advance(1)
        return found if seen is None else seen + found

    seen = reduce(added, in_order(look, work.frames.names, work.threads), None)
    found = float(seen.counts.sum())
    if not found:
        raise EncodingsError(f"{work.frames.folder}: no frame is of any unit: all are blank; set `blank` to none")
    templates = estimated(before, seen, np.random.default_rng([seed, len(state.costs)]))
    change = float(np.clip(STEP * np.log(found / work.units), -FARTHEST, FARTHEST))
    total = sum(-(-length // before.pool) for length in work.timing.lengths.values())
    return TemplatesResult(
        replace(templates, price=before.price + change), (*state.costs, seen.cost / total), seen.counts
    )


def counted(templates: Templates, frames: np.ndarray, segments: Segments) -> Counts:
    """What the segments of an utterance [T, D] say."""
    units, widths = segments.units, segments.widths.astype(np.float64)
    stretches = stretches_of(frames, segments.starts, segments.ends, templates.means.shape[1])
    sums = np.zeros(templates.means.shape)
    np.add.at(sums, units, stretches)
    apart = np.square(stretches - templates.means[units]).sum((1, 2), dtype=np.float64) / templates.means.shape[1]
    count = templates.units
    return Counts(
        np.bincount(units, minlength=count).astype(float),
        sums,
        np.bincount(units, widths, count),
        np.bincount(units, widths**2, count),
        float(apart @ widths),
        int(widths.sum()),
        segments.cost,
    )


def estimated(before: Templates, seen: Counts, rng: np.random.Generator) -> Templates:
    """The templates that segments were seen of; those with too few begin anew beside the most frequent."""
    lasting = before.durations
    durations = Durations.counted(seen.counts, seen.widths, seen.squares, lasting.shortest, lasting.longest)
    often = np.maximum(seen.counts, 1)[:, None, None]
    means = np.where(seen.counts[:, None, None] > 0, seen.sums / often, before.means)
    rare = np.flatnonzero(seen.counts < FEWEST)
    frequent = np.argsort(-seen.counts, kind="stable")[: len(rare)]
    arrays = {name: getattr(durations, name).copy() for name in ("means", "deviations", "log_priors")}
    for empty, full in zip(rare, frequent):
        means[empty] = means[full] + SPLIT * means[full].std() * rng.normal(size=means[full].shape)
        for array in arrays.values():
            array[empty] = array[full]
    variance = (before.variance + seen.distance / seen.frames) / 2
    return replace(before, means=means.astype(np.float32), durations=replace(durations, **arrays), variance=variance)


def write_state(path: Path | None, state: TemplatesResult, settings: dict) -> None:
    arrays = {**state.templates.arrays(), "counts": state.counts}
    write_pass(path, {"costs": state.costs}, arrays, settings=settings)


def read_state(path: Path | None, settings: dict) -> TemplatesResult | None:
    """As `read_pass`."""
    return read_pass(path, (*STORED, "counts"), settings, made=stored_state)


def stored_state(plain: dict, arrays: dict[str, np.ndarray]) -> TemplatesResult:
    counts = arrays.pop("counts")
    return TemplatesResult(Templates.of_arrays(arrays), tuple(plain["costs"]), counts)
