"""Which line images are scored, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation.handwriting.at_columns import with_gaps

UNITS = "bottleneck"  # the point that has codes


@dataclass(frozen=True)
class LineCorpus:
    """Line images and their encodings at several points."""

    points: Mapping[str, Encodings]
    utterances: Sequence[Utterance]


@dataclass(frozen=True)
class LineOptions:
    """How lines are scored."""

    tier: str = "character"
    context_frames: int = 3  # frames that a reader of columns sees, as DistSup's probes
    training_columns: int = 50_000  # that an MLP learns from, at most
    items_in_a_group: int = 10  # of one character by one scribe, that ABX compares; 0: all
    context: str = "any"  # of characters in ABX: any, or triphone
    gaps: bool = True  # score the columns without a character, too
    labels_at: Sequence[str] = ()  # points besides the bottleneck where characters are read
    seed: int = 0


def with_gaps_in(corpus: LineCorpus | None, tier: str) -> LineCorpus | None:
    """The same lines, their gaps labelled."""
    return corpus and LineCorpus(corpus.points, [with_gaps(utterance, tier) for utterance in corpus.utterances])
