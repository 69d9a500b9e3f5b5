"""Types of words that were found: how often, how certain, where and beside what, and examples to hear or to see."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.encodings.runs import Runs
from unitdisc.evaluation import labelled
from unitdisc.evaluation.units.vocabulary import words_of
from unitdisc.reports.clips import utterance_clip
from unitdisc.reports.examples import Occurrence, by_different_speakers
from unitdisc.reports.graphs import Link
from unitdisc.reports.lines import line_sheet
from unitdisc.reports.unit_cards import EXAMPLES, UTTERANCE_PIXELS, Example, unit_drawn

LONGEST_WORD = 1.2  # seconds that are heard of a word
NAMED = 4  # words that a type is called, and types before and after it
FOUND = "found word"


@dataclass(frozen=True)
class WordCard:
    """A type, and where it is heard or seen."""

    code: int
    tokens: int
    speakers: int
    length: float  # median of its tokens: seconds, or heights of the line
    certainty: float | None  # None of types that occur too seldom
    units: str  # its spelling, where it has one
    labels: list[tuple[str, float]]  # the words it stands for, with their shares of its tokens that are of any
    after: list[tuple[str, int]]  # what follows it
    before: list[tuple[str, int]]  # what it follows
    examples: list[Example]


@dataclass(frozen=True)
class Lexicon:
    """All tokens of a corpus, and what they are called."""

    utterances: list[Utterance]
    tokens: dict[str, Runs]  # utterance -> its tokens, in order
    tier: str | None  # of true words, where there are any

    @property
    def occurrences(self) -> dict[int, list[Occurrence]]:
        """Type -> its tokens, in order of utterances."""
        found: defaultdict[int, list[Occurrence]] = defaultdict(list)
        for utterance in self.utterances:
            for interval in self.intervals(utterance):
                found[int(interval.label)].append(Occurrence(utterance, interval))
        return dict(found)

    def intervals(self, utterance: Utterance) -> list[Interval]:
        return self.tokens[utterance.id].labelled() if utterance.id in self.tokens else []

    def sequences(self) -> list[list[str]]:
        """The types of every utterance, as text."""
        return [[interval.label for interval in self.intervals(utterance)] for utterance in self.utterances]

    def labels(self) -> dict[int, Counter]:
        """Type -> how many of its tokens are of each word."""
        found: defaultdict[int, Counter] = defaultdict(Counter)
        for utterance in self.utterances:
            if self.tier in utterance.alignment and utterance.id in self.tokens:
                own = self.tokens[utterance.id]
                words = words_of(own.intervals, labelled(utterance, self.tier))
                for code, word in zip(own.codes.tolist(), words):
                    if word is not None:
                        found[code][word] += 1
        return dict(found)

    def lanes(self, utterance: Utterance) -> dict[str, list[Interval]]:
        """What is drawn below a picture: found words, and true ones where there are any."""
        lanes = {FOUND: self.intervals(utterance)}
        return lanes | ({self.tier: utterance.alignment[self.tier]} if self.tier in utterance.alignment else {})


def word_cards(
    lexicon: Lexicon,
    codes: Iterable[int],
    occurrences: Mapping[int, Sequence[Occurrence]],
    *,
    certain: Mapping[int, float],
    spelling: Mapping[int, str],
    problems: list[str],
) -> list[WordCard]:
    """Of these types. certain: how much each is, where that is known. spelling: their units."""
    named, links = lexicon.labels(), neighbours(lexicon.sequences())
    found = []
    for code in codes:
        own, words = occurrences[code], named.get(code, Counter())
        total = sum(words.values())
        found.append(
            WordCard(
                code=code,
                tokens=len(own),
                speakers=len({one.utterance.speaker for one in own} - {None}),
                length=float(np.median([one.length for one in own])),
                certainty=certain.get(code),
                units=spelling.get(code, ""),
                labels=[(word, count / total) for word, count in ranked(words)[:NAMED]],
                after=ranked(links[0].get(str(code), Counter()))[:NAMED],
                before=ranked(links[1].get(str(code), Counter()))[:NAMED],
                examples=[*drawn_examples(lexicon, own, code, problems)],
            )
        )
    return found


def ranked(counts: Counter) -> list[tuple[str, int]]:
    """The commonest first, then in the order of their names."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def neighbours(sequences: Iterable[Sequence[str]]) -> tuple[dict[str, Counter], dict[str, Counter]]:
    """What follows each, and what each follows, and how often."""
    after: defaultdict[str, Counter] = defaultdict(Counter)
    before: defaultdict[str, Counter] = defaultdict(Counter)
    for own in sequences:
        for left, right in pairwise(own):
            after[left][right] += 1
            before[right][left] += 1
    return after, before


def links_in(sequences: Iterable[Sequence[str]]) -> list[Link]:
    """All pairs of neighbours, and how often they would be if neighbours knew nothing of each other."""
    after, before = neighbours(sequences)
    total = sum(sum(own.values()) for own in after.values())
    firsts = {left: sum(own.values()) for left, own in after.items()}
    seconds = {right: sum(own.values()) for right, own in before.items()}
    return [
        Link(left, right, count, firsts[left] * seconds[right] / total)
        for left, own in after.items()
        for right, count in own.items()
    ]


def drawn_examples(lexicon: Lexicon, own: Sequence[Occurrence], code: int, problems: list[str]) -> Iterable[Example]:
    for one in by_different_speakers(own, EXAMPLES, seed=code):
        try:
            lanes = lexicon.lanes(one.utterance)
            yield Example(one, unit_drawn(one.utterance, one.interval, lanes, longest=LONGEST_WORD))
        except CorpusError as error:
            problems.append(str(error))


def timeline(lexicon: Lexicon, utterance: Utterance):
    """A whole utterance cut into found words, above true ones. Raises CorpusError if it cannot be read."""
    lanes = lexicon.lanes(utterance)
    return line_sheet(utterance, lanes) if utterance.is_image else utterance_clip(utterance, lanes, UTTERANCE_PIXELS)
