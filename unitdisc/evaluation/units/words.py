"""Units as if they were discovered words: term discovery scores of encodings."""

from collections import defaultdict
from collections.abc import Iterable

from unitdisc.corpus import Interval, Utterance
from unitdisc.evaluation import UnscorableError, silences_of
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.term_files import SILENCE, AlignedFile, Fragment, Gold
from unitdisc.evaluation.units.terms import Convention, TermScores, spell, spelled_scores


def unit_terms(
    coded: Iterable[CodedUtterance], words: str, phones: str = "phone", convention: Convention = "zerospeech-tde"
) -> TermScores:
    """Scores units as if they were discovered words: runs (or listed tokens) are fragments, codes classes.

    words, phones: tiers. Units of silence alone are left out, as a system that finds words would not list them.
    Raises UnscorableError if no utterance has both tiers and a rate.
    """
    coded = [entry for entry in coded if {words, phones} <= entry.utterance.alignment.keys() and entry.utterance.rate]
    if not coded:
        raise UnscorableError(f"no utterance has a rate and both of the tiers {words!r} and {phones!r}")
    gold = Gold(aligned_tiers(coded, phones, silent=True), aligned_tiers(coded, words, silent=False))
    classes = defaultdict(list)
    for entry in coded:
        utterance, units = entry.utterance, entry.tokens
        for (start, end), code in zip(units.intervals.tolist(), units.codes.tolist(), strict=True):
            fragment = Fragment(utterance.id, start / utterance.rate, end / utterance.rate)
            member = spell(fragment, gold.phones[utterance.id])
            if member.spelling.count(SILENCE) < len(member.spelling):
                classes[code].append(member)
    return spelled_scores(gold, [classes[code] for code in sorted(classes)], convention)


def aligned_tiers(coded: Iterable[CodedUtterance], tier: str, silent: bool) -> dict[str, AlignedFile]:
    return {entry.utterance.id: aligned(entry.utterance, tier, silent) for entry in coded}


def aligned(utterance: Utterance, tier: str, silent: bool) -> AlignedFile:
    """A tier in seconds, all its silences called alike, or left out."""
    silences = silences_of(utterance)
    renamed = [Interval(s, e, SILENCE if label in silences else label) for s, e, label in utterance.alignment[tier]]
    kept = [interval for interval in renamed if silent or interval.label != SILENCE]
    times = ([interval[side] / utterance.rate for interval in kept] for side in (0, 1))
    return AlignedFile(*times, [interval.label for interval in kept])
