"""Words on frames from beginning to end, and the types of all words."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.assignment import nearest_codes
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, StoredFrames
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.segmentation.templates.learning import Projected, components
from unitdisc.word_segmentation.cutting import Found
from unitdisc.word_segmentation.frames import FrameStretches, es_kmeans, peaks_in, prominent
from unitdisc.word_segmentation.options import BY_PROMINENCE, WordOptions
from unitdisc.word_segmentation.types import SegmentMeans, Types, by_graph, by_string, frames_within, in_order
from unitdisc.word_segmentation.warping import by_warping
from unitdisc.word_segmentation.words import Segments


def projected(frames: FrameSource, dims: int, threads: int) -> FrameSource:
    """Frames in the directions in which they differ most; as they are for 0 or no fewer dims."""
    if not 0 < dims < frames.dim:
        return frames
    return Projected(frames, *components(frames, dims, 1, threads=threads, advance=lambda count: None), pool=1)


def on_frames(
    there: FrameStretches,
    options: WordOptions,
    words: int | None,
    *,
    per_ms: float,
    memory: float,
    threads: int,
    progress: Callable,
) -> tuple[Found, np.ndarray | None]:
    """Where words begin, and the means of types that es-kmeans ends with. per_ms: frames (or columns) in one."""
    window, shortest = round(options.window * per_ms), max(round(options.min_duration * per_ms), 1)
    with progress("looking for peaks", len(there), "stretches") as advance:
        peaks = []
        for number in range(len(there)):
            peaks.append(peaks_in(there.of(number), window, shortest, options.method))
            advance(1)
    boundaries = None if words is None else words - len(there)
    starts = prominent(peaks, boundaries, options.prominence)
    if options.method in BY_PROMINENCE:
        return Found(starts), None
    some = prominent(peaks, round(options.candidates * boundaries), None)
    frames = KeptFrames(projected(there.frames, options.dims, threads), memory)
    cut = FrameStretches(there.stretches, there.offsets, frames)
    begun = SegmentMeans(frames, ranges(cut, starts))
    means = kmeans(begun, KMeansOptions(options.types, seed=options.seed), memory, threads=threads).vectors
    with progress("choosing boundaries", options.rounds, "rounds") as advance:
        starts, means = es_kmeans(cut, some, means, words=words, rounds=options.rounds, advance=advance)
    return Found(starts), means


def ranges(there: FrameStretches, starts: list[np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Utterance -> first frames and ends of its words."""
    found: dict[str, list[tuple[int, int]]] = {}
    for stretch, offset, own in zip(there.stretches, there.offsets, starts):
        edges = offset + np.concatenate([[0], own, [len(stretch)]]).astype(np.int64)
        found.setdefault(stretch.utterance, []).extend(pairwise(edges.tolist()))
    return {name: tuple(np.array(own, np.int64).T) for name, own in found.items()}


def typed(
    segments: Segments,
    options: WordOptions,
    opened: AnyEncodings,
    *,
    means: np.ndarray | None,
    memory: float,
    threads: int,
    progress: Callable,
) -> Types:
    """The type of every word. Raises EncodingsError where there are fewer words than types asked for.

    opened: the frames that name words. means: of types that were found with the words, by k-means.
    """
    if options.named_by == "string":
        return by_string(segments.strings)
    if options.named_by == "graph":
        return by_graph(segments.strings, options.edit_distance)
    own = segments.by_utterance()
    frames = projected(StoredFrames(opened, own), options.dims, threads)
    within = {
        name: frames_within(np.asarray(opened[name].centres), segments.starts[places], segments.ends[places])
        for name, places in own.items()
    }
    if len(segments.utterances) < options.types:
        raise EncodingsError(
            f"{opened.folder}: {len(segments.utterances)} words are fewer than the {options.types} types wanted; "
            "ask for fewer `types`"
        )
    codes = np.empty(len(segments.utterances), np.int64)
    if options.named_by == "warping":
        codes[np.concatenate([*own.values()])] = by_warping(
            frames, within, options.types, memory=memory, threads=threads, progress=progress
        )
        return in_order(codes.tolist(), segments.strings)
    pieces = SegmentMeans(frames, within)
    if means is None:
        means = kmeans(pieces, KMeansOptions(options.types, seed=options.seed), memory, threads=threads).vectors
    middle = means.mean(0)
    for name, places in own.items():
        codes[places] = nearest_codes(pieces[name], means - middle, middle)
    return in_order(codes.tolist(), segments.strings)
