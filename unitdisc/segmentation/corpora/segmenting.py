"""The units of a corpus: which codes its frames have, and how that was found."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unitdisc.clustering.frame_source import GIB
from unitdisc.segmentation.corpora.costs import Costs
from unitdisc.segmentation.corpora.learning import Workplace, learn
from unitdisc.segmentation.corpora.options import GIVEN, SegmentOptions, frames_around, limits
from unitdisc.segmentation.corpora.peaks import METHODS, Peaks, means, peaks_of, strength_for
from unitdisc.segmentation.corpora.solving import WHOLE, Priors, solve, solve_whole, units_in
from unitdisc.segmentation.corpora.timing import Timing

BYTES = {"greedy": 16, "exact": 12}  # of memory for every cost, where all are looked at at once


@dataclass(frozen=True)
class CorpusSegmentation:
    """Units of a corpus, computed utterance by utterance."""

    vectors: np.ndarray  # [K, D], what the codes stand for
    codes_of: Callable[[str], np.ndarray]  # utterance -> codes [T]
    units: int | None  # in all utterances; None where no number was asked
    facts: dict[str, Any]  # how it was found
    frames_of: Callable[[str], np.ndarray] | None = None  # utterance -> frames to write, if not what codes stand for


def segment(place: Workplace, timing: Timing, vectors: np.ndarray, options: SegmentOptions) -> CorpusSegmentation:
    """Finds units that are runs of one code, as many as `options` ask for.

    Raises ValueError if the costs do not fit into the memory of a solver that needs all, or if units cannot be as
    short or as long as asked.
    """
    if options.method != "units":
        return named_segments(place, timing, vectors, options)
    if options.solver in WHOLE:
        refuse_memory(options.solver, timing, len(vectors), place.memory)
        wanted = timing.segments(options.rate)
        codes = solve_whole(options.solver, Costs(place.frames, vectors, options.distance), wanted)
        return CorpusSegmentation(vectors, codes.__getitem__, units_in(codes.values()), {})
    if options.solver == "nearest" or options.switch_cost is not None:
        costs, price = Costs(place.frames, vectors, options.distance), options.switch_cost or 0.0
        return CorpusSegmentation(vectors, lambda name: solve(costs[name], Priors(), price).codes, None, {})
    allowed = limits(options, timing)
    model = learn(place, vectors, options, allowed, timing.segments(options.rate))
    costs = Costs(place.frames, model.vectors, options.distance)
    facts = {"switch_cost": model.switch_cost, "frames": asdict(allowed)}
    if model.priors.durations is not None and model.priors.durations.any():
        facts["duration_costs"] = model.priors.durations.tolist()
    return CorpusSegmentation(
        model.vectors,
        lambda name: solve(costs[name], model.priors, model.switch_cost).codes,
        model.segments,
        facts,
    )


def refuse_memory(solver: str, timing: Timing, codes: int, memory: float) -> None:
    need = BYTES[solver] * timing.frames * codes / GIB
    if need > memory:
        raise ValueError(
            f"`solver` {solver} looks at all {timing.frames} frames and {codes} codes at once, which takes {need:.2g} "
            f"GiB, but `memory` is {memory:g}; give more, or choose viterbi"
        )


def named_segments(
    place: Workplace, timing: Timing, vectors: np.ndarray, options: SegmentOptions
) -> CorpusSegmentation:
    """Segments between peaks, or those of other units, each named by the code nearest to its mean."""
    found = corpus_peaks(place, timing, options)
    costs = Costs(place.frames, vectors, options.distance)
    kind = None if options.method == GIVEN else METHODS[options.method].strength

    def codes_at(strength: float, name: str) -> np.ndarray:
        frames = place.frames[name]
        starts = found[name].above(strength)
        codes = costs.of(means(frames, starts)).argmin(1)
        return np.repeat(codes, np.diff(starts, prepend=0, append=len(frames)))

    strength, there = usual_strength(options), None
    if options.rate:
        wanted = timing.segments(options.rate)

        def units(strength: float) -> int:
            total = units_in(codes_at(strength, name) for name in place.frames.names)
            place.advance(note=f"{total} units, {wanted} wanted, at {kind} {strength:.6g}")
            return total

        strength, there = strength_of(units, found, wanted)
    facts = {kind: strength} if kind else {}
    facts["boundaries"] = sum(len(peaks.above(strength)) for peaks in found.values())
    return CorpusSegmentation(vectors, lambda name: codes_at(strength, name), there, facts)


def corpus_peaks(place: Workplace, timing: Timing, options: SegmentOptions) -> dict[str, Peaks]:
    """All possible boundaries of every utterance."""
    if options.method == GIVEN:
        return {name: Peaks(place.boundaries[name], np.ones(len(place.boundaries[name]))) for name in timing.names}
    shortest, around = limits(options, timing).shortest, frames_around(timing)
    return {name: peaks_of(place.frames[name], options.method, shortest, around) for name in place.frames.names}


def usual_strength(options: SegmentOptions) -> float:
    """Of boundaries, where no rate is asked for: that of the options, or of the papers; given ones all count."""
    if options.prominence is not None:
        return options.prominence
    return 0.0 if options.method == GIVEN else METHODS[options.method].usual or 0.0


def strength_of(units: Callable[[float], int], found: dict[str, Peaks], wanted: int) -> tuple[float, int]:
    """The strength at which there are as nearly as possible so many units, and how many: by bisection.

    Fewer boundaries mostly make fewer units, but for neighbours that get the same code and so are one unit.
    """
    levels = np.unique(np.concatenate([[0.0], *(peaks.strengths for peaks in found.values())]))
    levels = np.append(levels, np.nextafter(levels[-1], np.inf))  # the last: no boundary
    low, high, best = 0, len(levels) - 1, (np.inf, 0.0, 0)
    while low <= high:
        middle = (low + high) // 2
        total = units(float(levels[middle]))
        best = min(best, (abs(total - wanted), float(levels[middle]), total))
        if total == wanted:
            break
        low, high = (middle + 1, high) if total > wanted else (low, middle - 1)
    return best[1:]


class PooledFrames:
    """The means of segments, as frames: what a codebook for such segments is made from."""

    def __init__(self, place: Workplace, timing: Timing, options: SegmentOptions):
        self.frames = place.frames
        self.folder, self.names, self.dim = place.frames.folder, place.frames.names, place.frames.dim
        self.spherical = options.distance == "cosine"
        self.found = corpus_peaks(place, timing, options)
        self.strength = usual_strength(options)
        if options.rate:
            strengths = np.concatenate([peaks.strengths for peaks in self.found.values()])
            self.strength = strength_for(strengths, timing.segments(options.rate) - len(timing.names))

    def __getitem__(self, name: str) -> np.ndarray:
        pooled = means(self.frames[name], self.found[name].above(self.strength))
        return unit(pooled) if self.spherical else pooled


def unit(frames: np.ndarray) -> np.ndarray:
    """Frames [S, D] of length 1; one without direction stays as it is."""
    lengths = np.linalg.norm(frames, axis=1, keepdims=True)
    return frames / np.where(lengths > 0, lengths, 1)
