"""How many names pieces have: as many as two halves of a corpus agree about, nearly as well as about any number.

Either half names all pieces, by k-means of its own. Where there are as many names as kinds, both halves name alike
(Lange et al., 2004, "Stability-based validation of clustering solutions").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.assignment import nearest_codes
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, SomeFrames
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.units.clustering import confusion, unit_scores
from unitdisc.segmentation.templates.pieces import PASSES, SAMPLE

FEWEST, MOST = 8, 400  # of four or six names, k-means of anything agree
IN_AN_OCTAVE = 2  # numbers that are tried
HALVINGS = 4  # of the corpus, by lot
MEMORY = 2.0  # GiB, of those
NEARLY = 0.05  # of agreement, by which a number may fall short of the best: where it is flat, more names tell more
CLEARLY, PATIENCE = 0.1, 3  # the search ends after so many numbers in a row that fall short by so much


@dataclass(frozen=True)
class AgreedNames:
    """names: how many. agreement: AMI of the names that two halves give, the mean of some halvings; error: of it."""

    names: int
    agreement: float
    error: float


def agreed_names(
    pieces: FrameSource, *, seed: int, threads: int, advance: Callable[[str], None] = lambda note: None
) -> list[AgreedNames]:
    """How well halves of the corpus agree about numbers of names; nothing if there are too few pieces.

    pieces: of every utterance, as frames; of a large corpus, some utterances are drawn. advance: called with a note
    after every number.
    """
    halvings, tried = Halvings.drawn(pieces, seed), []
    for number in numbers():
        found = None if falls_short(tried) else halvings.agreed(number, threads)
        if found is None:
            break
        tried.append(found)
        advance(f"{number} names: halves agree by {found.agreement:.3f}")
    return tried


@dataclass(frozen=True)
class Halvings:
    """A corpus, halved by lot some times."""

    names: list[str]  # utterances that are looked at
    pieces: np.ndarray  # [N, D], all of these
    halves: list[tuple[SomeFrames, SomeFrames]]
    seed: int

    @classmethod
    def drawn(cls, pieces: FrameSource, seed: int) -> "Halvings":
        """pieces: of every utterance, as frames; of a large corpus, some utterances are drawn."""
        rng = np.random.default_rng(seed)
        kept = drawn_pieces(pieces, rng)
        whole = np.concatenate([np.zeros((0, pieces.dim), np.float32), *(kept[name] for name in kept.names)])
        return cls(kept.names, whole, [halved(kept, rng) for _ in range(HALVINGS)], seed)

    def agreed(self, number: int, threads: int) -> AgreedNames | None:
        """How well halves agree about a number of names; None if there are too few pieces, or too alike."""
        fewest = min(sum(len(half[name]) for name in half.names) for both in self.halves for half in both)
        called = None if 2 * number > fewest else self.called(number, threads)
        if called is None:
            return None
        agreements = [unit_scores(confusion(*both)).ami for both in called]
        return AgreedNames(number, float(np.mean(agreements)), float(np.std(agreements, ddof=1)) / np.sqrt(HALVINGS))

    def called(self, number: int, threads: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """What all pieces are called by each half of each halving [N]; None if fewer of them differ than names."""
        options = [KMeansOptions(number, seed=self.seed + place, passes=PASSES) for place in range(HALVINGS)]
        try:
            with threadpool_limits(1):
                return [
                    tuple(names_by(half, self.pieces, each, threads) for half in both)
                    for both, each in zip(self.halves, options)
                ]
        except EncodingsError:
            return None


def agreed_number(tried: Sequence[AgreedNames]) -> int:
    """The most names about which halves agree nearly as well as about any number."""
    best = max(each.agreement for each in tried)
    return max(each.names for each in tried if each.agreement >= best - NEARLY)


def numbers() -> list[int]:
    """Those that are tried, evenly spaced in logarithm."""
    steps = int(IN_AN_OCTAVE * np.log2(MOST / FEWEST)) + 1
    return [round(FEWEST * 2 ** (step / IN_AN_OCTAVE)) for step in range(steps)]


def drawn_pieces(pieces: FrameSource, rng: np.random.Generator) -> SomeFrames:
    """Those of utterances by lot, until there are SAMPLE together; in memory."""
    kept, count, names = KeptFrames(pieces, MEMORY), 0, []
    for place in rng.permutation(len(pieces.names)):
        if count >= SAMPLE:
            break
        names.append(pieces.names[place])
        count += len(kept[names[-1]])
    return SomeFrames(kept, sorted(name for name in names if len(kept[name])))


def halved(frames: SomeFrames, rng: np.random.Generator) -> tuple[SomeFrames, SomeFrames]:
    """By lot."""
    order = rng.permutation(len(frames.names))
    first, second = (sorted(frames.names[place] for place in order[half::2]) for half in (0, 1))
    return SomeFrames(frames, first), SomeFrames(frames, second)


def names_by(half: SomeFrames, whole: np.ndarray, options: KMeansOptions, threads: int) -> np.ndarray:
    """What all pieces [N, D] are called by k-means of one half: [N]."""
    vectors = kmeans(half, options, threads=threads).vectors
    middle = vectors.mean(0)
    return nearest_codes(whole, vectors - middle, middle)


def falls_short(tried: Sequence[AgreedNames]) -> bool:
    """Whether halves agree less and less."""
    best = max((each.agreement for each in tried), default=0.0)
    return len(tried) > PATIENCE and all(each.agreement < best - CLEARLY for each in tried[-PATIENCE:])
