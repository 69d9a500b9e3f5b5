"""What new words are like: how long they are, and which units spell them.

`uniform` (Goldwater, Griffiths & Johnson, 2009): a word ends after every unit with one probability, and all units are
as probable. `learned`, as dpseg does it: each unit is as probable as new words need it, and a word may end before its
first unit, too. Nothing is spelled so, but short words become dearer: a process that is very ready for new words would
else spell everything by single units. What is learned is drawn given how often words were spelled, which can be
several times.
"""

from typing import NamedTuple

import numpy as np

from unitdisc.word_segmentation.stretches import Strings, Substrings


class Spelling(NamedTuple):
    """How new words are made."""

    boundary_probability: float  # after every unit
    units: np.ndarray  # [K], how probable each is
    learned: bool

    def probabilities(self, strings: Strings, substrings: Substrings) -> np.ndarray:
        """Of each substring as a new word: [M]."""
        logs = np.concatenate([[0.0], np.cumsum(np.log(self.units)[strings.codes])])
        units = logs[substrings.places + substrings.lengths] - logs[substrings.places]
        ending = self.boundary_probability
        going_on = substrings.lengths if self.learned else substrings.lengths - 1
        return ending * (1 - ending) ** going_on.astype(np.float64) * np.exp(units)

    def resampled(
        self,
        strings: Strings,
        substrings: Substrings,
        spelled: np.ndarray,
        rng: np.random.Generator,
        *,
        given: float | None,
    ) -> "Spelling":
        """Drawn under flat priors.

        spelled: how often each substring was [M]. given: a boundary probability that stays.
        """
        words, units = int(spelled.sum()), int((spelled * substrings.lengths).sum())
        going_on = units if self.learned else units - words
        ending = float(rng.beta(1 + words, 1 + going_on)) if given is None else given
        if not self.learned:
            return self._replace(boundary_probability=ending)
        return self._replace(boundary_probability=ending, units=rng.dirichlet(1 + uses(strings, substrings, spelled)))


def uses(strings: Strings, substrings: Substrings, spelled: np.ndarray) -> np.ndarray:
    """How often each unit is written where words are spelled so often [M] -> [K]."""
    words = np.flatnonzero(spelled)
    lengths = substrings.lengths[words]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    written = strings.codes[np.repeat(substrings.places[words], lengths) + within]
    return np.bincount(written, np.repeat(spelled[words], lengths), minlength=strings.kinds)


def times_spelled(counts: np.ndarray, newness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many of so many tokens of each word were new ones, drawn: [M].

    newness: concentration times the probability of each as a new word. The i-th token of a word, from 0, was new with
    the probability newness / (newness + i), as tables in a Chinese restaurant are (Antoniak, 1974).
    """
    words = np.repeat(np.arange(len(counts)), counts)
    before = np.arange(len(words)) - np.repeat(np.cumsum(counts) - counts, counts)
    new = (before == 0) | (rng.random(len(words)) * (newness[words] + before) < newness[words])
    return np.bincount(words[new], minlength=len(counts))
