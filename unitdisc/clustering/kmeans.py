"""k-means over any number of frames, out of core: frames stream by, utterance after utterance, pass after pass.

A first pass checks all frames and draws a sample of them; k-means of the sample, from a k-means++ start (Arthur &
Vassilvitskii, 2007), gives the codes to begin with; then exact passes of Lloyd's algorithm over all frames, or
mini-batches (Sculley, 2010). Sums are in double precision and in order of utterance id, so that neither the number of
threads nor the memory nor the order of files changes a byte of the result.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import GIB, FrameSource, KeptFrames
from unitdisc.clustering.initialisation import first_state
from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.passes import next_state
from unitdisc.clustering.states import read_state, write_state
from unitdisc.clustering.statistics import survey
from unitdisc.encodings import EncodingsError

COPIES = 4  # of the sample, at most, while k-means works on it

Progress = Callable[..., AbstractContextManager[Callable[..., None]]]  # title, total, done -> advance(count, note)


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


def memory_of_sample(dim: int, options: KMeansOptions, memory: float) -> float:
    """The GiB that k-means of the sample takes. Raises ValueError if that is more than `memory`."""
    need = COPIES * 4 * dim * options.frames_in_sample / GIB
    if need > memory:
        raise ValueError(
            f"a sample of {options.frames_in_sample} frames needs {need:.2g} GiB, but `memory` is {memory:g}; "
            "give more memory, or a smaller `sample`"
        )
    return need


def kmeans(
    frames: FrameSource,
    options: KMeansOptions,
    memory: float = 2.0,
    threads: int = 1,
    state_file: Path | None = None,
    progress: Progress = quiet,
) -> KMeansResult:
    """Finds codes [K, D] for frames.

    memory: GiB for the sample and for frames that need not be read again; for every thread some utterances come on top,
    with 4096 frames or more, and 2^21 distances. state_file: written after every pass, and begun from if it is of the
    same frames and options.
    Raises EncodingsError if there are fewer frames than codes, fewer different ones, or a frame that cannot be used;
    ValueError if the sample does not fit into the memory.
    """
    kept = KeptFrames(frames, memory - memory_of_sample(frames.dim, options, memory))
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        with progress("reading frames", len(frames.names)) as advance:
            seen = survey(kept, options, threads, advance)
        if seen.frames < options.codes:
            raise EncodingsError(
                f"{frames.folder}: has {seen.frames} frames, but {options.codes} codes are wanted; ask for fewer"
            )
        settings = {"options": asdict(options), "frames": seen.checksum}
        state = read_state(state_file, settings) or first_state(seen.sample, options, frames.folder, threads=threads)
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
