"""How a phone loop is learned: passes of variational Bayes over all frames."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering import Progress, memory_of_sample, quiet
from unitdisc.clustering.expectation_maximisation import moments
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, in_order
from unitdisc.clustering.initialisation import first_state
from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.statistics import FrameStatistics, survey
from unitdisc.encodings import EncodingsError
from unitdisc.segmentation.corpora.costs import Costs
from unitdisc.segmentation.corpora.sample import drawn
from unitdisc.segmentation.corpora.solving import Priors, calibrate
from unitdisc.segmentation.phone_loop.model import PhoneLoop
from unitdisc.segmentation.phone_loop.options import PhoneLoopOptions
from unitdisc.segmentation.phone_loop.start import FRAMES_PER_STATE, first_statistics
from unitdisc.segmentation.phone_loop.states import State, read_state, write_state
from unitdisc.segmentation.phone_loop.variational import Posterior, Prior, Statistics, expectation
from unitdisc.segmentation.viterbi import viterbi_path


@dataclass(frozen=True)
class PhoneLoopResult:
    """A phone loop that was learned, and how.

    bounds: the evidence lower bound before every estimate but the last, in nats per frame; it never falls.
    entries: [U], how often every unit is expected to begin.
    """

    loop: PhoneLoop
    bounds: tuple[float, ...]
    converged: bool
    entries: np.ndarray
    frames: int
    frames_checksum: str


def learn(
    frames: FrameSource,
    options: PhoneLoopOptions,
    memory: float = 2.0,
    threads: int = 1,
    state_file: Path | None = None,
    progress: Progress = quiet,
) -> PhoneLoopResult:
    """Learns a phone loop of frames.

    memory: GiB for the sample that k-means begins with and for frames that need not be read again; what the utterances
    that threads look at take comes on top. state_file: written after every pass, and begun from if it is of the same
    frames and options.
    Raises EncodingsError if there are fewer (different) frames than units, or a frame that cannot be used; ValueError
    if the sample does not fit into the memory.
    """
    clusters = KMeansOptions(options.units, seed=options.seed)
    kept = KeptFrames(frames, memory - memory_of_sample(frames.dim, clusters, memory))
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        with progress("reading frames", len(frames.names)) as advance:
            seen = survey(kept, clusters, threads, advance=advance)
        if seen.frames < options.units:
            raise EncodingsError(
                f"{frames.folder}: has {seen.frames} frames, but {options.units} units are wanted; ask for fewer"
            )
        prior = Prior(seen.mean, variance(kept, seen, threads), options.acoustic_scale)
        settings = {"options": asdict(options), "frames": seen.checksum}
        state = read_state(state_file, settings)
        if state is None:
            with progress("first units", len(frames.names)) as advance:
                state = State(first_units(kept, seen, prior, options, threads, advance))
        done, utterances = len(state.bounds), len(frames.names)
        with progress("phone loop", options.passes * utterances, done=done * utterances) as advance:
            while not state.converged and len(state.bounds) < options.passes:
                state = next_state(kept, state, prior, options, threads, advance)
                write_state(state_file, state, settings)
                bound = f"evidence at least {state.bounds[-1]:.6g} nats per frame"
                advance(0, note=f"pass {len(state.bounds)}, at most {options.passes}; {bound}")
    loop = Posterior.after(state.seen, prior).loop()
    return PhoneLoopResult(loop, state.bounds, state.converged, state.seen.entries, seen.frames, seen.checksum)


def variance(frames: FrameSource, seen: FrameStatistics, threads: int) -> np.ndarray:
    """Of all frames, in every dimension; 1 where it is 0: [D]."""

    def squares(name: str) -> np.ndarray:
        values = frames[name]
        return moments(values, np.ones((len(values), 1), values.dtype), seen.mean, full=False).squares[0]

    found = reduce(np.add, in_order(squares, frames.names, threads)) / seen.frames
    return np.where(found > 0, found, 1.0)


def first_units(
    frames: FrameSource,
    seen: FrameStatistics,
    prior: Prior,
    options: PhoneLoopOptions,
    threads: int,
    advance: Callable[..., None],
) -> Statistics:
    """What all frames say if units are runs of codes of k-means that last FRAMES_PER_STATE frames for every state."""
    clusters = KMeansOptions(options.units, seed=options.seed)
    vectors = first_state(seen.sample, clusters, frames.folder, threads=threads).vectors
    costs = Costs(frames, vectors, "squared")
    some = Costs(frames, vectors, "squared")
    some.names = drawn(seen.lengths, options.seed)
    runs = sum(seen.lengths[name] for name in some.names) / (FRAMES_PER_STATE * options.states)
    switch_cost = calibrate(some, Priors(), max(round(runs), len(some.names)), threads).switch_cost
    directions = np.random.default_rng(options.seed).normal(size=(options.components, frames.dim))
    directions = (directions / np.sqrt(prior.variance)).astype(np.float32)

    def look(name: str) -> Statistics:
        codes = viterbi_path(costs[name], switch_cost).codes
        return first_statistics(frames[name], codes, vectors, options.states, directions, prior.mean)

    return added_up(frames, look, threads, advance)


def next_state(
    frames: FrameSource,
    state: State,
    prior: Prior,
    options: PhoneLoopOptions,
    threads: int,
    advance: Callable[..., None],
) -> State:
    """One pass over all frames."""
    posterior = Posterior.after(state.seen, prior)
    loop = posterior.loop()
    seen = added_up(frames, lambda name: expectation(loop, frames[name], prior.mean), threads, advance)
    bounds = (*state.bounds, float(seen.log_likelihood - posterior.divergence()) / float(seen.frames))
    converged = len(bounds) > 1 and bounds[-1] - bounds[-2] < options.tolerance
    return State(seen, bounds, converged)


def added_up(
    frames: FrameSource, look: Callable[[str], Statistics], threads: int, advance: Callable[..., None]
) -> Statistics:
    """What all utterances say, added up in order."""

    def counted(before: Statistics | None, found: Statistics) -> Statistics:
        advance(1)
        return found if before is None else before + found

    return reduce(counted, in_order(look, frames.names, threads), None)
