"""What is searched: the utterances that can be used, which of their frames count, and what counts as alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import spans_of
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable
from unitdisc.retrieval.codebooks import codes_in
from unitdisc.retrieval.contents import Contents
from unitdisc.retrieval.places import frames_within

PAIRS, DRAWN = 400, 25  # of utterances by which it is found what is alike, and frames of each
SAME, HALF = 1e-6, 0.5
OUTSIDE = -1e6  # gain of a frame that does not count


@dataclass(frozen=True)
class Searched:
    """Utterances in order of id, and what is known of each before any two are compared.

    counting: which frames of each count, [T] of bool; None where all do. threshold: the distance from which frames are
    not alike. lag: frames after which speech has changed; what has not by more than the threshold is still, as silence
    is.
    """

    utterances: Sequence[Utterance]
    contents: Contents
    lengths: Mapping[str, int]  # frames
    counting: Mapping[str, np.ndarray] | None
    threshold: float
    lag: int

    def frames(self, place: int) -> int:
        return self.lengths[self.utterances[place].id]

    def read(self, place: int, first: int = 0, last: int | None = None) -> np.ndarray:
        """The content of frames [first, last). Raises EncodingsError if there are others than there were."""
        content = self.contents.read(self.utterances[place].id, first, last)
        if len(content) != (self.frames(place) if last is None else last) - first:
            name = self.utterances[place].id
            raise EncodingsError(f"{name}: its frames have changed during the search; begin anew in another folder")
        return content

    def counts(self, place: int) -> np.ndarray | None:
        """Which frames of an utterance count: [T] of bool; None where all do."""
        return None if self.counting is None else self.counting[self.utterances[place].id]

    def changes(self, content: np.ndarray) -> np.ndarray:
        """Sums of distances of frames to those `lag` frames later, up to each: [T - lag + 1], or [1] if too short."""
        if len(content) <= self.lag:
            return np.zeros(1)
        return np.concatenate([[0.0], np.cumsum(self.contents.along(content[: -self.lag], content[self.lag :]))])

    def moves(self, changes: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Whether stretches [first, last) are not still: of bool."""
        until = np.minimum(np.maximum(last - self.lag, first + 1), len(changes) - 1)
        count = until - first
        known = count > 0
        mean = (changes[np.maximum(until, 0)] - changes[np.minimum(first, len(changes) - 1)]) / np.maximum(count, 1)
        return ~known | (mean > self.threshold)

    def is_still(self, place: int, first: int, last: int) -> bool:
        """Whether nothing moves in a stretch of an utterance."""
        until = min(max(last, first + self.lag + 1), self.frames(place))
        ends = np.array([0]), np.array([last - first])
        return not self.moves(self.changes(self.read(place, first, until)), *ends)[0]


def usable_ones(
    opened: AnyEncodings,
    utterances: Sequence[Utterance],
    by: str,
    tier: str | None,
    *,
    advance: Callable[[int], None],
) -> tuple[list[Utterance], dict[str, int], dict[str, np.ndarray] | None, list[str]]:
    """What can be used: utterances in order, their frames, which of these count, and what is wrong with the others.

    tier: only what it has between silences counts. Raises CorpusError if nothing can be used.
    """
    kept, lengths, counting, problems, dim = [], {}, {}, [], None
    for utterance in sorted(utterances, key=lambda utterance: utterance.id):
        try:
            encoding = usable(opened, utterance.id)
            if tier is not None and tier not in utterance.alignment:
                have = sorted(utterance.alignment) or "none"
                raise CorpusError(f"{utterance.id}: has no tier {tier!r}, only {have}; choose another `speech_tier`")
            if not len(encoding.centres):
                raise EncodingsError(f"{opened.folder}: {utterance.id} has no frames; encode it again")
            if by != "units":
                dim = encoding.frames.shape[1] if dim is None else dim
                if encoding.frames.shape[1] != dim:
                    raise EncodingsError(
                        f"{opened.folder}: {utterance.id} has {encoding.frames.shape[1]} dimensions, but {kept[0].id} "
                        f"has {dim}; encode the corpus again into an empty folder"
                    )
            if by != "frames":
                codes_in(opened, encoding)
        except (EncodingsError, CorpusError) as error:
            problems.append(str(error))
        else:
            kept.append(utterance)
            lengths[utterance.id] = len(encoding.centres)
            if tier is not None:
                counting[utterance.id] = within(spans_of(utterance, tier), encoding.centres)
        advance(1)
    if not kept:
        raise CorpusError(f"there is nothing to search: {problems[0]}")
    return kept, lengths, None if tier is None else counting, problems


def within(spans: Iterable[tuple[int, int]], centres: np.ndarray) -> np.ndarray:
    """Which frames have their centres within stretches of ticks: [T] of bool."""
    found = np.zeros(len(centres), bool)
    for start, end in spans:
        found[slice(*frames_within(centres, start, end))] = True
    return found


def threshold_of(
    contents: Contents,
    lengths: Mapping[str, int],
    counting: Mapping[str, np.ndarray] | None,
    alike: float,
    seed: int,
) -> float:
    """The distance below which this share of pairs of frames lie, of two utterances drawn by lot each.

    Where more of them are the same, as codes are: half of the smallest distance of others; 0 if there are none.
    """
    names, rng, found = sorted(lengths), np.random.default_rng([seed, 3]), []
    for _ in range(PAIRS):
        two = []
        for place in rng.choice(len(names), 2, replace=len(names) < 2).tolist():
            frames = np.arange(lengths[names[place]])
            if counting is not None:
                frames = np.flatnonzero(counting[names[place]])
            if len(frames):
                two.append(contents.read(names[place])[rng.choice(frames, DRAWN)])
        if len(two) == 2:
            found.append(contents.distances(contents.query(two[0]), two[1]).ravel())
    if not found:
        raise CorpusError("there is nothing to search: no frame counts; look at the tier of `speech_tier`")
    distances = np.concatenate(found)
    threshold = float(np.quantile(distances, alike))
    different = distances[distances > SAME]
    if threshold > SAME or not len(different):
        return threshold if threshold > SAME else 0.0
    return HALF * float(different.min())
