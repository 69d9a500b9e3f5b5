"""Durations, transitions and codes, estimated from units and used to find them, in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from unitdisc.clustering.assignment import Tally
from unitdisc.clustering.frame_source import FrameSource, KeptFrames
from unitdisc.segmentation.corpora.costs import Costs, nat
from unitdisc.segmentation.corpora.options import FrameLimits, SegmentOptions
from unitdisc.segmentation.corpora.solving import Priors, Solved, calibrate, solutions
from unitdisc.segmentation.durations import durations_of
from unitdisc.segmentation.transitions import costs_of, counts_of


@dataclass(frozen=True)
class Model:
    """All that decides about units."""

    vectors: np.ndarray  # [K, D]
    priors: Priors
    switch_cost: float
    segments: int


@dataclass(frozen=True)
class Workplace:
    """What work on a corpus needs beside options."""

    frames: FrameSource
    memory: float  # GiB for costs that are not computed again
    threads: int
    advance: Callable[..., None]  # after every pass, with a note
    boundaries: Mapping[str, np.ndarray] = field(default_factory=dict)  # where given: see `given.GivenBoundaries`

    def costs(self, vectors: np.ndarray, distance: str) -> KeptFrames:
        return KeptFrames(Costs(self.frames, vectors, distance), self.memory)


def learn(place: Workplace, vectors: np.ndarray, options: SegmentOptions, limits: FrameLimits, segments: int) -> Model:
    """The model at which there are so many segments; estimated as often as options ask, and then once more calibrated.

    Durations and transitions that are learned begin from units that are found without them.
    """
    costs = place.costs(vectors, options.distance)
    priors = first_priors(place, costs, options, limits)
    found = calibrate(costs, priors, segments, place.threads, place.advance)
    for iteration in range(max(options.iterations, int(options.learns_priors))):
        seen = gather(place, costs, vectors, priors, found)
        if iteration < options.iterations:
            vectors = seen.vectors(vectors, options.distance == "cosine")
            costs = place.costs(vectors, options.distance)
        priors = learned_priors(place, costs, options, limits, priors, seen)
        found = calibrate(costs, priors, segments, place.threads, place.advance)
    return Model(vectors, priors, found.switch_cost, found.segments)


def first_priors(place: Workplace, costs: FrameSource, options: SegmentOptions, limits: FrameLimits) -> Priors:
    """Priors that need not be learned; scaled so that a nat of theirs weighs as much as one of the frames'."""
    if limits.longest is None:  # no bound but the shortest
        return Priors(np.zeros(limits.shortest), limits.shortest, tail=0.0) if limits.shortest > 1 else Priors()
    prior = options.duration_prior
    if prior.costs is None or prior.learned:
        return Priors(np.zeros(limits.longest), limits.shortest)
    table = prior.costs(limits.mean, limits.longest, None)
    return Priors(table * scale_of(place, costs, options), limits.shortest)


def learned_priors(
    place: Workplace,
    costs: FrameSource,
    options: SegmentOptions,
    limits: FrameLimits,
    priors: Priors,
    seen: "UnitStatistics",
) -> Priors:
    """The priors of what was seen."""
    scale = scale_of(place, costs, options) if options.has_priors else 0.0
    if options.duration_prior.costs is not None:
        table = options.duration_prior.costs(limits.mean, limits.longest, np.array(seen.durations))
        priors = replace(priors, durations=scale * table)
    if options.transitions == "bigram":
        priors = replace(priors, transitions=scale * costs_of(seen.changes))
    return priors


def scale_of(place: Workplace, costs: FrameSource, options: SegmentOptions) -> float:
    """What a nat of the priors costs."""
    total = frames = 0.0
    for name in costs.names:
        table = costs[name]
        total += float(table.min(1).sum(dtype=np.float64))
        frames += len(table)
    return options.prior_weight * nat(total / frames, place.frames.dim, options.distance)


@dataclass
class UnitStatistics:
    """What the units of a corpus are like."""

    tally: Tally
    durations: list[int]
    changes: np.ndarray  # [K, K]

    def vectors(self, old: np.ndarray, spherical: bool) -> np.ndarray:
        """The mean frame of every code; codes without frames stay. [K, D]"""
        counts = self.tally.counts[:, None]
        means = np.where(counts > 0, self.tally.sums / np.maximum(counts, 1), old)
        if spherical:
            lengths = np.linalg.norm(means, axis=1, keepdims=True)
            means = np.where(lengths > 0, means / np.where(lengths > 0, lengths, 1), old)
        return means.astype(np.float32)


def gather(place: Workplace, costs: FrameSource, vectors: np.ndarray, priors: Priors, found: Solved) -> UnitStatistics:
    """Looks at the units of all utterances.

    Changes are counted along the cheapest path: those expected over all paths (forward-backward) made prices that
    correlate with these by 0.99, and units of the same scores, on MFCC of real speech (recipes/piecewise_units).
    """
    seen = UnitStatistics(Tally(vectors), [], np.zeros((len(vectors), len(vectors))))
    for name, solution in solutions(costs, priors, found.switch_cost, place.threads):
        seen.tally.add(place.frames[name], solution.codes)
        seen.durations += durations_of(solution.codes).tolist()
        seen.changes += counts_of(solution.codes, len(vectors))
    return seen
