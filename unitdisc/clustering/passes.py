"""Passes over all frames: Lloyd's algorithm, and mini-batches."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc.clustering.assignment import TOGETHER, PreparedCodes, Tally
from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.states import State
from unitdisc.clustering.statistics import FrameStatistics
from unitdisc.encodings import EncodingsError


def next_state(
    frames: FrameSource,
    state: State,
    seen: FrameStatistics,
    options: KMeansOptions,
    threads: int,
    advance: Callable[..., None],
) -> State:
    """One pass over all frames."""
    if state.phase == "mini-batch":
        return mini_batches(frames, state, seen, options, threads, advance)
    tally = Tally(state.vectors)
    for values, codes in assigned(frames, frames.names, state.vectors, seen, threads):
        tally.add(values, codes)
        advance(1)
    refuse_overflow(tally, frames.folder)
    inertias = (*state.inertias, tally.inertia)
    if options.mini_batch:  # this pass was to measure
        return replace(state, inertias=inertias, best=state.vectors, counts=tally.counts, phase="done")
    better = tally.inertia < min(state.inertias, default=np.inf)
    best, counts = (state.vectors, tally.counts) if better else (state.best, state.counts)
    converged = settled(inertias, options.tolerance) and bool(tally.counts.all())
    if converged or len(inertias) == options.passes:
        return State(state.vectors, best, counts, state.moved_by, inertias, "done", converged)
    place_empty(tally, frames.folder)
    means = tally.sums / tally.counts[:, None]
    return replace(
        state, vectors=rounded(means, options.spherical, state.vectors), best=best, counts=counts, inertias=inertias
    )


def mini_batches(
    frames: FrameSource,
    state: State,
    seen: FrameStatistics,
    options: KMeansOptions,
    threads: int,
    advance: Callable[..., None],
) -> State:
    """A pass in an order of its own, after which it is seen whether to go on; codes move after every mini-batch.

    A code moves to the mean of all frames that it ever got.
    """
    names = np.random.default_rng([options.seed, len(state.inertias)]).permutation(frames.names).tolist()
    vectors, moved_by, total = state.vectors.astype(np.float64), state.moved_by.copy(), 0.0
    for group in batches(names, seen.lengths, options.mini_batch):
        tally = Tally(vectors.astype(np.float32))
        for values, codes in assigned(frames, group, tally.vectors, seen, threads):
            tally.add(values, codes)
            advance(1)
        refuse_overflow(tally, frames.folder)
        total += tally.inertia
        moved_by += tally.counts
        used = tally.counts > 0
        step = (tally.sums[used] - tally.counts[used, None] * vectors[used]) / moved_by[used, None]
        vectors[used] += step
        if options.spherical:
            vectors = rounded(vectors, True, tally.vectors).astype(np.float64)
    inertias = (*state.inertias, total)
    converged = settled(inertias, options.tolerance)
    phase = "full" if converged or len(inertias) == options.passes else "mini-batch"
    single = vectors.astype(np.float32)
    return replace(
        state, vectors=single, best=single, moved_by=moved_by, inertias=inertias, phase=phase, converged=converged
    )


def batches(names: list[str], lengths: dict[str, int], size: int) -> Iterator[list[str]]:
    """Whole utterances, until they have so many frames together."""
    group, total = [], 0
    for name in names:
        group.append(name)
        total += lengths[name]
        if total >= size:
            yield group
            group, total = [], 0
    if group:
        yield group


def assigned(
    frames: FrameSource, names: list[str], vectors: np.ndarray, seen: FrameStatistics, threads: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The frames [T, D] of each utterance and their nearest codes [T], in order."""
    middle = seen.mean.astype(np.float32)
    prepared = PreparedCodes(vectors - middle, middle)

    def nearest(group: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        values = [frames[name] for name in group]
        return list(zip(values, prepared.nearest_of(values), strict=True))

    for found in in_order(nearest, batches(names, seen.lengths, TOGETHER), threads):
        yield from found


def settled(inertias: tuple[float, ...], tolerance: float) -> bool:
    """Whether the last pass was hardly better than the one before."""
    return len(inertias) > 1 and inertias[-2] - inertias[-1] <= tolerance * inertias[-2]


def place_empty(tally: Tally, folder: Path) -> None:
    """Gives codes without frames the frame farthest from its code, of the codes of several that have the farthest."""
    for code in np.flatnonzero(tally.counts == 0):
        to_spare = np.where(tally.counts > 1, tally.farthest, -1)  # a code that gives its only frame is nowhere
        donor = int(np.argmax(to_spare))
        if to_spare[donor] <= 0:
            raise EncodingsError(
                f"{folder}: has fewer different frames than {len(tally.counts)}, the codes wanted; ask for fewer"
            )
        frame = tally.farthest_frames[donor].astype(np.float64)
        tally.sums[code], tally.counts[code] = frame, 1
        tally.sums[donor] -= frame
        tally.counts[donor] -= 1
        tally.farthest[donor] = -1


def rounded(means: np.ndarray, spherical: bool, instead: np.ndarray) -> np.ndarray:
    """Codes in single precision; of unit length if spherical, and where a mean has no direction, those of `instead`."""
    if not spherical:
        return means.astype(np.float32)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return np.where(lengths > 0, means / np.where(lengths > 0, lengths, 1), instead).astype(np.float32)


def refuse_overflow(tally: Tally, folder: Path) -> None:
    if not np.isfinite(tally.inertia):
        raise EncodingsError(f"{folder}: distances between frames are too large to be summed; normalise the frames")
