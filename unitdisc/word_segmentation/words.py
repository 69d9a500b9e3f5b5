"""The words of a corpus: stretches of time, each of a type."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unitdisc.corpus import Interval
from unitdisc.word_segmentation.stretches import Stretch
from unitdisc.word_segmentation.types import String, Types


@dataclass(frozen=True)
class Segments:
    """Words without types, W of them, in order of utterances and time."""

    utterances: list[str]  # [W]
    starts: np.ndarray  # [W], ticks
    ends: np.ndarray  # [W]
    stretches: np.ndarray  # [W], which each is a part of
    strings: list[String] | None  # [W], its units; None on frames

    @classmethod
    def of(cls, stretches: Sequence[Stretch], starts: Sequence[np.ndarray]) -> "Segments":
        """starts: of each stretch, which of its items begin a word, but for the first."""
        utterances, edges, numbers, strings = [], [], [], []
        for number, (stretch, own) in enumerate(zip(stretches, starts, strict=True)):
            for first, last in pairwise([0, *own.tolist(), len(stretch)]):
                utterances.append(stretch.utterance)
                edges.append((stretch.edges[first], stretch.edges[last]))
                numbers.append(number)
                if stretch.codes is not None:
                    strings.append(tuple(stretch.codes[first:last].tolist()))
        times = np.array(edges, np.int64).reshape(-1, 2)
        return cls(utterances, times[:, 0], times[:, 1], np.array(numbers), strings or None)

    def by_utterance(self) -> dict[str, np.ndarray]:
        """Utterance -> which words are its own."""
        found: dict[str, list[int]] = {}
        for place, utterance in enumerate(self.utterances):
            found.setdefault(utterance, []).append(place)
        return {utterance: np.array(places) for utterance, places in found.items()}

    def intervals(self, places: np.ndarray, types: Types) -> list[Interval]:
        """As a tier, labelled by the numbers of types."""
        return [Interval(int(self.starts[place]), int(self.ends[place]), str(types.codes[place])) for place in places]
