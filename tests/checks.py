"""What a check says of a few utterances, as a list of those that are good."""

from collections.abc import Sequence
from typing import NamedTuple

from unitdisc.corpus import Problem, Utterance, at_rate
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.checks import CheckedTable, check_images, check_recordings
from unitdisc.corpus.validation.recordings import Listening


class Checked(NamedTuple):
    good: list[Utterance]
    problems: list[Problem]


def checked_recordings(utterances: Sequence[Utterance], how: Listening) -> Checked:
    """Recordings; the good ones at the rates found."""
    found = check_recordings(UtteranceTable.of(utterances), how)
    rates = found.rates[found.good].tolist()
    return Checked(list(map(at_rate, good_of(utterances, found), rates)), found.problems)


def checked_images(utterances: Sequence[Utterance]) -> Checked:
    """Line images."""
    found = check_images(UtteranceTable.of(utterances))
    return Checked(good_of(utterances, found), found.problems)


def good_of(utterances: Sequence[Utterance], found: CheckedTable) -> list[Utterance]:
    return [utterances[place] for place in found.good.tolist()]
