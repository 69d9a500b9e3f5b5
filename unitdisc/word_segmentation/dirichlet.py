"""Words under a Dirichlet process: a lexicon that grows where new words pay, sampled stretch by stretch.

A word is one that was said before, as often as it was, or a new one: spelled unit by unit (`spelling`; Goldwater,
Griffiths & Johnson, 2009). A whole stretch is drawn at a time, given all others, by forward filtering and backward
sampling, at temperatures that fall to 1. From then on every sweep says which boundaries there are; those that most
sweeps have are the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.word_segmentation.kernels import count_words, sample_unigram
from unitdisc.word_segmentation.spelling import Spelling, times_spelled
from unitdisc.word_segmentation.states import SamplerState
from unitdisc.word_segmentation.stretches import Strings, Substrings

HOTTEST, COOLING = 10.0, 0.5  # the first temperature; the part of all sweeps in which it falls to 1
USUAL = (20.0, 0.5)  # concentration and probability of a boundary, to begin with where they are learned
RATE = 0.001  # of the prior of concentrations: flat up to a thousand
MOST = 0.5  # of sweeps that have a boundary, above which it counts
FIRST = 1 / 3  # how probable boundaries are to begin with


class Process(NamedTuple):
    """What new words are like, and how ready the process is for them; None: learned, under flat priors."""

    concentration: float | None
    boundary_probability: float | None
    seed: int
    sweeps: int
    spelling: str = "learned"  # or "uniform": all units as probable


@dataclass(frozen=True)
class Chain:
    """Where a sampler is."""

    cuts: np.ndarray  # [N] bool
    kept: np.ndarray  # [N] int: in how many sweeps of those that count each was there
    process: np.ndarray  # [2]: concentration, and the probability of a boundary after every unit of a new word
    units: np.ndarray  # [K]: how probable each is in a new word
    sweep: int = 0

    def learned(self, process: Process) -> tuple[float, Spelling]:
        """Concentration, and how new words are spelled."""
        return float(self.process[0]), Spelling(float(self.process[1]), self.units, process.spelling == "learned")


def temperature(sweep: int, sweeps: int) -> float:
    """From the hottest to 1, evenly in its inverse."""
    cooling = max(COOLING * sweeps, 1)
    return 1 / min(1.0, 1 / HOTTEST + (1 - 1 / HOTTEST) * sweep / cooling)


def first_cuts(strings: Strings, longest: int, seed: int) -> np.ndarray:
    """Boundaries by lot; more where words would be longer than any may be."""
    cuts = ~strings.inner | (np.random.default_rng(seed).random(len(strings.codes)) < FIRST)
    begun = 0
    for unit in range(len(cuts)):
        begun = unit if cuts[unit] or unit - begun >= longest else begun
        cuts[unit] |= begun == unit
    return cuts


def counted(strings: Strings, substrings: Substrings, cuts: np.ndarray) -> np.ndarray:
    """Tokens of every substring: [M]."""
    counts = np.zeros(len(substrings.lengths), np.int64)
    for stretch in range(len(strings.firsts) - 1):
        count_words(substrings.ids, strings.firsts, cuts, counts, 1, stretch)
    return counts


def dirichlet(
    strings: Strings, substrings: Substrings, process: Process, *, state: Path, advance: Callable[..., None]
) -> tuple[np.ndarray, dict]:
    """How probable a boundary is before every unit [N], and what was learned.

    state: file from which an interrupted run goes on.
    """
    stored = SamplerState(state, {"process": [*process], "model": "dp-unigram"}, strings)
    arrays = stored.read()
    chain = Chain(**arrays) if arrays else first_chain(strings, substrings, process)
    advance(chain.sweep)
    while chain.sweep < process.sweeps:
        rng = np.random.default_rng([process.seed, 1 + chain.sweep])
        cuts, counts = chain.cuts.copy(), counted(strings, substrings, chain.cuts)
        before = chain.learned(process)
        base = before[1].probabilities(strings, substrings)
        power = 1 / temperature(chain.sweep, process.sweeps)
        uniforms, order = rng.random(len(cuts)), rng.permutation(len(strings.firsts) - 1)
        sample_unigram(substrings.ids, strings.firsts, cuts, counts, base, chain.process[0], power, uniforms, order)
        concentration, spelling = resampled(process, before, strings, substrings, counts=counts, base=base, rng=rng)
        chain = following(chain, cuts, power)
        chain = replace(chain, process=np.array([concentration, spelling.boundary_probability]), units=spelling.units)
        stored.write(vars(chain))
        advance(1, note=f"{counts.sum()} words of {(counts > 0).sum()} types")
    learned = {"concentration": float(chain.process[0]), "boundary_probability": float(chain.process[1])}
    return chain.kept / max(chain.kept.max(), 1), learned


def first_chain(strings: Strings, substrings: Substrings, process: Process) -> Chain:
    cuts = first_cuts(strings, substrings.ids.shape[1], process.seed)
    begun = np.array([process[0] or USUAL[0], process[1] or USUAL[1]])
    units = np.full(strings.kinds, 1 / strings.kinds)
    return Chain(cuts, np.zeros(len(cuts), np.int64), begun, units)


def resampled(
    process: Process,
    before: tuple[float, Spelling],
    strings: Strings,
    substrings: Substrings,
    *,
    counts: np.ndarray,
    base: np.ndarray,
    rng: np.random.Generator,
) -> tuple[float, Spelling]:
    """Concentration and spelling, drawn given the words and what they were before; what was asked for stays.

    counts: tokens of each word, where words are paired its tables [M]; base: its probability as a new word.
    """
    concentration, spelling = before
    spelled = times_spelled(counts, concentration * base, rng)
    if process.concentration is None:
        concentration = new_concentration(concentration, int(spelled.sum()), counts.sum(keepdims=True), rng)
    return concentration, spelling.resampled(strings, substrings, spelled, rng, given=process.boundary_probability)


def new_concentration(before: float, tables: int, guests: np.ndarray, rng: np.random.Generator) -> float:
    """Drawn given that guests of some restaurants sit at so many tables, by Escobar and West (1995), Teh et al. (2006).

    The prior is a Gamma of shape 1 and rate RATE.
    """
    waiting = np.log(rng.beta(before + 1, guests)).sum()
    alone = int((rng.random(len(guests)) < guests / (guests + before)).sum())
    return rng.gamma(1 + tables - alone, 1 / (RATE - waiting))


def following(chain: Chain, cuts: np.ndarray, power: float) -> Chain:
    """The next place of a chain; sweeps count once the temperature is 1. A stretch always begins a word."""
    kept = chain.kept + cuts if power >= 1 else chain.kept
    return replace(chain, cuts=cuts, kept=kept, sweep=chain.sweep + 1)
