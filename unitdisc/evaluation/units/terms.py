"""Term discovery: do the classes of fragments that a system found hold words? The scores of the ZeroSpeech challenges.

Counted as zerospeech-tde 2.0.3 (tdev2) counts, the evaluator of 2017 and 2020; the measures are those of Ludusan
et al. (2014). A fragment is spelled with the gold phones it overlaps. The first and the last of them belong to it
if at least 30 ms of them are inside or, for phones below 60 ms, at least half. Fragments without any phone are
dropped. Times are in seconds and compared as floating point numbers, as there.

The conventions:

    zerospeech-tde  type recall divides the spellings that were found by the number of different words in the .wrd
                    file, so words that sound the same are two; grouping takes tokens of two files with the same
                    phones at the same times for one. Both look like faults, but published figures have them.
    corrected       type recall divides by different spellings of words; tokens of different files are different

One choice is ours: of gold words that a fragment covers equally well, the first counts (there it is left to chance).
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.boundaries import precision_recall_f1
from unitdisc.evaluation.units.edit_distance import summed_distances
from unitdisc.evaluation.units.term_files import SILENCE, AlignedFile, Fragment, Gold

Convention = Literal["zerospeech-tde", "corrected"]
CONVENTIONS = ("zerospeech-tde", "corrected")
NOT_COVERED = frozenset({SILENCE, "SPN"})  # phones that coverage does not ask for
SHORT_PHONE, ENOUGH_SECONDS, ENOUGH_SHARE = 0.060, 0.030, 0.5


@dataclass(frozen=True)
class Score:
    precision: float
    recall: float
    f1: float
    found: int  # what precision divides by
    reference: int  # what recall divides by
    hits: int


@dataclass(frozen=True)
class TermScores:
    ned: float | None  # normalised edit distance between the spellings of a pair of one class; None without pairs
    coverage: float  # the share of gold phones, without silence, that are in any fragment
    boundary: Score  # starts and ends of fragments against those of words
    token: Score  # fragments spelled as the word they cover most of
    type: Score  # different spellings
    grouping: Score  # tokens in pairs of one class against tokens in pairs of one spelling
    pairs: int  # of fragments of one class
    fragments: int  # different ones, with phones
    dropped: int  # fragments without phones
    classes: int  # with a fragment
    convention: str


class Spelled(NamedTuple):
    """A fragment and the gold phones [first, last) that it is spelled with."""

    fragment: Fragment
    first: int
    last: int
    spelling: tuple[str, ...]


def term_scores(
    gold: Gold, classes: Mapping[str, Sequence[Fragment]], convention: Convention = "zerospeech-tde"
) -> TermScores:
    """Scores classes of fragments; every file of theirs must be in the gold.

    Raises ValueError for an unknown convention, UnscorableError if no fragment holds a phone or the gold no word.
    """
    spelled = [[spell(fragment, gold.phones[fragment.file]) for fragment in members] for members in classes.values()]
    return spelled_scores(gold, spelled, convention)


def spelled_scores(gold: Gold, spelled: Sequence[Sequence[Spelled]], convention: Convention) -> TermScores:
    """The same, of fragments that are spelled: a sequence for each class."""
    if convention not in CONVENTIONS:
        raise ValueError(f"the convention is {convention!r}; it must be one of {list(CONVENTIONS)}")
    kept = [[member for member in members if member.spelling] for members in spelled]
    kept = [members for members in kept if members]
    different = sorted({member for members in kept for member in members})
    if not different:
        raise UnscorableError("no fragment holds a gold phone; are the times in seconds, and the files the right ones?")
    if not any(words.labels for words in gold.words.values()):
        raise UnscorableError("the gold has no words but silence; give word alignments")
    ned, pairs = normalised_edit_distance(kept)
    token, type_ = token_and_type(gold, different, convention)
    return TermScores(
        ned=ned,
        coverage=coverage(gold, different),
        boundary=boundary(gold, different),
        token=token,
        type=type_,
        grouping=grouping(gold, kept, different, convention),
        pairs=pairs,
        fragments=len(different),
        dropped=sum(not member.spelling for members in spelled for member in members),
        classes=len(kept),
        convention=convention,
    )


def spell(fragment: Fragment, phones: AlignedFile) -> Spelled:
    first, last = overlapped(fragment.start, fragment.end, phones)
    inner_first, inner_last = first, last
    if first < last and not is_covered(fragment, phones, first):
        inner_first += 1
    if last - first > 1 and not is_covered(fragment, phones, last - 1):
        inner_last -= 1
    return Spelled(fragment, inner_first, inner_last, tuple(phones.labels[inner_first:inner_last]))


def overlapped(start: float, end: float, aligned: AlignedFile) -> tuple[int, int]:
    """The intervals [first, last) that share some time with [start, end)."""
    return bisect_right(aligned.ends, start), bisect_left(aligned.starts, end)


def is_covered(fragment: Fragment, phones: AlignedFile, at: int) -> bool:
    """Whether enough of a phone is inside of a fragment. Rounded as zerospeech-tde rounds."""
    if fragment.start <= phones.starts[at] and phones.ends[at] <= fragment.end:
        return True
    length = phones.ends[at] - phones.starts[at]
    inside = min(fragment.end, phones.ends[at]) - max(fragment.start, phones.starts[at])
    if round(length, 3) >= SHORT_PHONE:
        return round(inside, 3) >= ENOUGH_SECONDS
    return inside / length >= ENOUGH_SHARE


def score(hits: int, found: int, reference: int) -> Score:
    return Score(*precision_recall_f1(hits, found, hits, reference), found, reference, hits)


def coverage(gold: Gold, fragments: Iterable[Spelled]) -> float:
    covered = {
        (member.fragment.file, at)
        for member in fragments
        for at, phone in enumerate(member.spelling, start=member.first)
        if phone not in NOT_COVERED
    }
    phones = sum(label not in NOT_COVERED for aligned in gold.phones.values() for label in aligned.labels)
    return len(covered) / phones


def boundary(gold: Gold, fragments: Iterable[Spelled]) -> Score:
    """Times that are a start and an end count once; a start must be that of a word, an end too."""
    words = gold.words.items()
    gold_starts = {(file, time) for file, aligned in words for time in aligned.starts}
    gold_ends = {(file, time) for file, aligned in words for time in aligned.ends}
    starts, ends = set(), set()
    for member in fragments:
        file = member.fragment.file
        starts.add((file, gold.phones[file].starts[member.first]))
        ends.add((file, gold.phones[file].ends[member.last - 1]))
    hits = (starts & gold_starts) | (ends & gold_ends)
    return score(len(hits), len(starts | ends), len(gold_starts | gold_ends))


def token_and_type(gold: Gold, fragments: Sequence[Spelled], convention: Convention) -> tuple[Score, Score]:
    """Compares every fragment with the word it covers the largest share of; a word is hit once."""
    tokens, types = set(), set()
    for member in fragments:
        file = member.fragment.file
        word = most_covered(member.fragment, gold.words[file])
        if word is not None and word_spelling(gold, file, word) == member.spelling:
            tokens.add((file, word))
            types.add(member.spelling)
    words = [(file, at) for file, aligned in gold.words.items() for at in range(len(aligned.labels))]
    if convention == "corrected":
        different = {word_spelling(gold, file, at) for file, at in words}
    else:
        different = {gold.words[file].labels[at] for file, at in words}
    spellings = {member.spelling for member in fragments}
    return score(len(tokens), len(fragments), len(words)), score(len(types), len(spellings), len(different))


def most_covered(fragment: Fragment, words: AlignedFile) -> int | None:
    def share(at: int) -> float:
        inside = min(fragment.end, words.ends[at]) - max(fragment.start, words.starts[at])
        return inside / (words.ends[at] - words.starts[at])

    return max(range(*overlapped(fragment.start, fragment.end, words)), key=share, default=None)


def word_spelling(gold: Gold, file: str, word: int) -> tuple[str, ...]:
    phones, words = gold.phones[file], gold.words[file]
    first, last = overlapped(words.starts[word], words.ends[word], phones)
    return tuple(phones.labels[first:last])


def grouping(gold: Gold, classes: list[list[Spelled]], fragments: list[Spelled], convention: Convention) -> Score:
    """Tokens that are in right pairs, among those in pairs found (precision) and in pairs to be found (recall).

    A pair to be found is two different fragments of one spelling that do not overlap; a right pair is one of those
    in one class. zerospeech-tde lists all pairs and weights types by their tokens, which cancels out, so counting
    tokens that have a partner gives the same figures.
    """

    def token(member: Spelled) -> Hashable:
        phones, within = gold.phones[member.fragment.file], slice(member.first, member.last)
        times = (tuple(phones.starts[within]), tuple(phones.ends[within]), member.spelling)
        return (member.fragment.file, times) if convention == "corrected" else times

    found = {token(member) for members in classes if len(members) > 1 for member in members}
    there = {token(member) for member in with_partner(fragments)}
    right = {token(member) for members in classes for member in with_partner(members)}
    return score(len(right), len(found), len(there))


def with_partner(fragments: Iterable[Spelled]) -> Iterable[Spelled]:
    """The fragments that have another one of the same spelling beside them, not overlapping."""
    alike = defaultdict(list)
    for member in fragments:
        alike[member.spelling].append(member)
    for members in alike.values():
        alone = len({member.fragment.file for member in members}) == 1
        first_end = min(member.fragment.end for member in members)
        last_start = max(member.fragment.start for member in members)
        for member in members:
            if not alone or first_end <= member.fragment.start or member.fragment.end <= last_start:
                yield member


def normalised_edit_distance(classes: Iterable[Sequence[Spelled]]) -> tuple[float | None, int]:
    """Mean over all pairs of one class of Levenshtein distance / length of the longer spelling, and their number.

    Silence is left out of the spellings; two that are nothing else are at distance 1. A fragment that is listed
    twice in a class makes pairs as others do.
    """
    numbers: dict[str, int] = {}
    total, pairs = 0.0, 0
    for members in classes:
        spellings = Counter(tuple(phone for phone in member.spelling if phone != SILENCE) for member in members)
        pairs += len(members) * (len(members) - 1) // 2
        silent = spellings[()]
        total += silent * (silent - 1) / 2
        if len(spellings) > 1:
            coded = [[numbers.setdefault(phone, len(numbers)) for phone in spelling] for spelling in spellings]
            lengths = np.array([len(spelling) for spelling in coded])
            padded = np.zeros((len(coded), max(lengths.max(), 1)), dtype=np.int64)
            for row, spelling in zip(padded, coded, strict=True):
                row[: len(spelling)] = spelling
            total += summed_distances(padded, lengths, np.array(list(spellings.values())))
    return (total / pairs if pairs else None), pairs
