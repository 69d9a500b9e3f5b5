"""k-means over any number of frames, out of core: frames stream by, utterance after utterance, pass after pass.

A first pass checks all frames and draws a sample of them; k-means of the sample, from a k-means++ start (Arthur &
Vassilvitskii, 2007), gives the codes to begin with; then exact passes of Lloyd's algorithm over all frames, or
mini-batches (Sculley, 2010). Sums are in double precision and in order of utterance id, so that neither the number of
threads nor the memory nor the order of files changes a byte of the result.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from unitdisc.assignment import Tally, nearest_codes
from unitdisc.encodings import EncodingsError
from unitdisc.files import written_aside
from unitdisc.frames import GIB, Frames, KeptFrames, in_order

SAMPLE_PER_CODE, SMALLEST_SAMPLE = 64, 50_000  # frames
SAMPLE_PASSES = 30
COPIES = 4  # of the sample, at most, while k-means works on it

Progress = Callable[..., AbstractContextManager[Callable[..., None]]]  # title, total, done -> advance(count, note)


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
                raise ValueError(f"--{name.replace('_', '-')} must be {least} or more, not {getattr(self, name)}")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"--tolerance must be a part of the inertia, below 1, not {self.tolerance}")

    @property
    def frames_in_sample(self) -> int:
        return max(self.sample or max(SAMPLE_PER_CODE * self.codes, SMALLEST_SAMPLE), self.codes)


@dataclass(frozen=True)
class Survey:
    """What the first pass finds."""

    frames: int
    lengths: dict[str, int]  # frames of each utterance
    mean: np.ndarray  # [D]
    checksum: str  # of all frames
    sample: np.ndarray  # [N, D]


@dataclass(frozen=True)
class State:
    """How far the passes are; written aside after each."""

    vectors: np.ndarray  # [K, D], codes whose inertia the next pass measures
    best: np.ndarray  # [K, D], the codes of the lowest inertia so far
    counts: np.ndarray  # [K], frames of each of the best codes
    moved_by: np.ndarray  # [K], frames that have moved each code, of mini-batches
    inertias: tuple[float, ...] = ()  # of every pass
    phase: str = "full"  # "mini-batch", "full" or "done"
    converged: bool = False


@dataclass(frozen=True)
class KMeansResult:
    vectors: np.ndarray  # [K, D], single precision
    counts: np.ndarray  # [K], frames of each code
    inertia: float  # sum of squared distances of all frames to their codes
    frames: int
    passes: int
    converged: bool
    frames_checksum: str
    inertias: tuple[float, ...]  # of every pass; of mini-batches, before the codes moved


def quiet(title: str, total: int, done: int = 0) -> AbstractContextManager[Callable[..., None]]:
    return nullcontext(lambda count=1, note="": None)


def kmeans(
    frames: Frames,
    options: KMeansOptions,
    memory: float = 2.0,
    threads: int = 1,
    state_file: Path | None = None,
    progress: Progress = quiet,
) -> KMeansResult:
    """Finds codes [K, D] for frames.

    memory: GiB for the sample and for frames that need not be read again; the frames of an utterance for every thread
    come on top. state_file: written after every pass, and begun from if it is of the same frames and options.
    Raises EncodingsError if there are fewer frames than codes, fewer different ones, or a frame that cannot be used;
    ValueError if the sample does not fit into the memory.
    """
    need = COPIES * 4 * frames.dim * options.frames_in_sample / GIB
    if need > memory:
        raise ValueError(
            f"a sample of {options.frames_in_sample} frames needs {need:.2f} GiB, but --memory is {memory:g}; "
            "give more memory, or a smaller --sample"
        )
    kept = KeptFrames(frames, memory - need)
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        with progress("reading frames", len(frames.names)) as advance:
            seen = survey(kept, options, threads, advance)
        if seen.frames < options.codes:
            raise EncodingsError(
                f"{frames.folder}: has {seen.frames} frames, but {options.codes} codes are wanted; ask for fewer"
            )
        settings = {"options": asdict(options), "frames": seen.checksum}
        state = read_state(state_file, settings) or first_state(seen.sample, options, frames.folder)
        done, utterances = len(state.inertias), len(frames.names)
        with progress("k-means", options.passes * utterances, done=done * utterances) as advance:
            while state.phase != "done":
                state = next_state(kept, state, seen, options, threads, advance)
                write_state(state_file, state, settings)
                mean = state.inertias[-1] / seen.frames
                advance(
                    0, note=f"pass {len(state.inertias)}, at most {options.passes}; mean squared distance {mean:.6g}"
                )
    passes = len(state.inertias)
    inertia = state.inertias[-1] if options.mini_batch else min(state.inertias)
    return KMeansResult(
        state.best, state.counts, inertia, seen.frames, passes, state.converged, seen.checksum, state.inertias
    )


def survey(frames: Frames, options: KMeansOptions, threads: int, advance: Callable[..., None]) -> Survey:
    """Reads all frames, and draws a sample of them: each has as good a chance, whatever the order of files."""
    sums, checksum, lengths = np.zeros(frames.dim), hashlib.sha256(), {}
    sample = Sample(options.frames_in_sample)

    def look(name: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, bytes]:
        values = frames[name]
        priorities = np.random.default_rng([options.seed, *hashlib.sha256(name.encode()).digest()]).random(len(values))
        digest = hashlib.sha256(repr((name, values.shape)).encode() + values.tobytes()).digest()
        return name, values.sum(0, dtype=np.float64), values, priorities, digest

    for name, summed, values, priorities, digest in in_order(look, frames.names, threads):
        lengths[name] = len(values)
        sums += summed
        checksum.update(digest)
        sample.add(values, priorities)
        advance(1)
    total = sum(lengths.values())
    return Survey(total, lengths, sums / max(total, 1), checksum.hexdigest(), sample.drawn())


class Sample:
    """The frames of the lowest priorities, of any number of them; holds twice as many at most, and an utterance."""

    def __init__(self, size: int):
        self.size = size
        self.highest = np.inf  # no frame above it can be drawn any more
        self.held = 0
        self.priorities: list[np.ndarray] = []
        self.frames: list[np.ndarray] = []

    def add(self, frames: np.ndarray, priorities: np.ndarray) -> None:
        """frames: [T, D]; priorities: [T], random numbers."""
        chosen = priorities <= self.highest
        self.priorities.append(priorities[chosen])
        self.frames.append(frames[chosen])
        self.held += int(chosen.sum())
        if self.held > 2 * self.size:
            self.trim()

    def trim(self) -> None:
        priorities, frames = np.concatenate(self.priorities), np.concatenate(self.frames)
        order = np.argsort(priorities, kind="stable")[: self.size]
        self.priorities, self.frames, self.held = [priorities[order]], [frames[order]], len(order)
        if len(order) == self.size:
            self.highest = priorities[order[-1]]

    def drawn(self) -> np.ndarray:
        """The frames [N, D], in order of priority."""
        self.trim()
        return self.frames[0]


def first_state(sample: np.ndarray, options: KMeansOptions, folder: Path) -> State:
    """Codes from k-means of the sample."""
    different = len(np.unique(sample, axis=0))
    if different < options.codes:
        raise EncodingsError(
            f"{folder}: {len(sample)} frames drawn have {different} different values, but {options.codes} codes are "
            "wanted; ask for fewer, or for a larger sample"
        )
    found = KMeans(options.codes, n_init=options.starts, max_iter=SAMPLE_PASSES, random_state=options.seed).fit(sample)
    vectors = rounded(found.cluster_centers_, options.spherical, sample[: options.codes])
    sizes = np.bincount(found.labels_, minlength=options.codes)
    return State(vectors, vectors, sizes, sizes, phase="mini-batch" if options.mini_batch else "full")


def next_state(
    frames: Frames, state: State, seen: Survey, options: KMeansOptions, threads: int, advance: Callable[..., None]
) -> State:
    """One pass over all frames."""
    if state.phase == "mini-batch":
        return mini_batches(frames, state, seen, options, threads, advance)
    tally = Tally(state.vectors)
    for values, codes in assigned(frames, frames.names, state.vectors, seen.mean, threads):
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
    frames: Frames, state: State, seen: Survey, options: KMeansOptions, threads: int, advance: Callable[..., None]
) -> State:
    """A pass in an order of its own, after which it is seen whether to go on; codes move after every mini-batch.

    A code moves to the mean of all frames that it ever got.
    """
    names = np.random.default_rng([options.seed, len(state.inertias)]).permutation(frames.names).tolist()
    vectors, moved_by, total = state.vectors.astype(np.float64), state.moved_by.copy(), 0.0
    for group in batches(names, seen.lengths, options.mini_batch):
        tally = Tally(vectors.astype(np.float32))
        for values, codes in assigned(frames, group, tally.vectors, seen.mean, threads):
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
    frames: Frames, names: list[str], vectors: np.ndarray, middle: np.ndarray, threads: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The frames [T, D] of each utterance and their nearest codes [T], in order."""
    middle = middle.astype(np.float32)
    centred = vectors - middle  # far from zero, single precision would lose the differences

    def nearest(name: str) -> tuple[np.ndarray, np.ndarray]:
        values = frames[name]
        return values, nearest_codes(values, centred, middle)

    return in_order(nearest, names, threads)


def settled(inertias: tuple[float, ...], tolerance: float) -> bool:
    """Whether the last pass was hardly better than the one before."""
    return len(inertias) > 1 and inertias[-2] - inertias[-1] <= tolerance * inertias[-2]


def place_empty(tally: Tally, folder: Path) -> None:
    """Gives codes without frames the frame farthest from its code, of the codes that have the farthest ones."""
    for code in np.flatnonzero(tally.counts == 0):
        donor = int(np.argmax(tally.farthest))
        if tally.farthest[donor] <= 0:
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


def write_state(path: Path | None, state: State, settings: dict) -> None:
    if path is None:
        return
    plain: dict[str, Any] = {"inertias": state.inertias, "phase": state.phase, "converged": state.converged}
    arrays = {name: getattr(state, name) for name in ("vectors", "best", "counts", "moved_by")}
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, said=np.array(json.dumps({"settings": settings, "state": plain})), **arrays)


def read_state(path: Path | None, settings: dict) -> State | None:
    """Where an interrupted run was; None if there is none, or if it had other frames or options."""
    if path is None or not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            said = json.loads(str(stored["said"]))
            if said["settings"] != settings:
                return None
            arrays = {name: stored[name] for name in ("vectors", "best", "counts", "moved_by")}
        return State(**arrays, **said["state"] | {"inertias": tuple(said["state"]["inertias"])})
    except Exception:  # torn, or of another version: it only saved time
        return None
