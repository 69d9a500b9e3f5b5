"""Words under a Dirichlet process: a lexicon that grows where new words pay, sampled stretch by stretch.

A word is one that was said before, as often as it was, or a new one: spelled unit by unit, and ended after each with
`boundary_probability` (Goldwater, Griffiths & Johnson, 2009). A whole stretch is drawn at a time, given all others, by
forward filtering and backward sampling, at temperatures that fall to 1. From then on every sweep says which boundaries
there are; those that most sweeps have are the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.word_segmentation.kernels import count_words, sample_unigram
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


@dataclass(frozen=True)
class Chain:
    """Where a sampler is."""

    cuts: np.ndarray  # [N] bool
    kept: np.ndarray  # [N] int: in how many sweeps of those that count each was there
    process: np.ndarray  # [2]: concentration, and the probability of a boundary after every unit of a new word
    sweep: int = 0


def base_of(strings: Strings, substrings: Substrings, boundary_probability: float) -> np.ndarray:
    """The probability of each substring as a new word, all units being as probable: [M]."""
    lengths = substrings.lengths
    return boundary_probability * (1 - boundary_probability) ** (lengths - 1.0) / float(strings.kinds) ** lengths


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
        base = base_of(strings, substrings, chain.process[1])
        power = 1 / temperature(chain.sweep, process.sweeps)
        uniforms, order = rng.random(len(cuts)), rng.permutation(len(strings.firsts) - 1)
        sample_unigram(substrings.ids, strings.firsts, cuts, counts, base, chain.process[0], power, uniforms, order)
        learned = resampled(process, chain.process, counts, substrings.lengths, rng)
        chain = following(chain, cuts, learned, power)
        stored.write(vars(chain))
        advance(1, note=f"{counts.sum()} words of {(counts > 0).sum()} types")
    learned = {"concentration": float(chain.process[0]), "boundary_probability": float(chain.process[1])}
    return chain.kept / max(chain.kept.max(), 1), learned


def first_chain(strings: Strings, substrings: Substrings, process: Process) -> Chain:
    cuts = first_cuts(strings, substrings.ids.shape[1], process.seed)
    return Chain(cuts, np.zeros(len(cuts), np.int64), np.array([process[0] or USUAL[0], process[1] or USUAL[1]]))


def resampled(process: Process, before: np.ndarray, counts: np.ndarray, lengths: np.ndarray, rng) -> np.ndarray:
    """Concentration and probability of a boundary, drawn given the words; what was asked for stays.

    Every type counts as drawn from the base distribution once, which is nearly so where new words are improbable.
    """
    types = int((counts > 0).sum())
    concentration = new_concentration(before[0], types, counts.sum(keepdims=True), rng)
    going_on = int((lengths[counts > 0] - 1).sum())
    probability = rng.beta(1 + types, 1 + going_on)
    return np.array([process[0] or concentration, process[1] or probability])


def new_concentration(before: float, tables: int, guests: np.ndarray, rng: np.random.Generator) -> float:
    """Drawn given that guests of some restaurants sit at so many tables, by Escobar and West (1995), Teh et al. (2006).

    The prior is a Gamma of shape 1 and rate RATE.
    """
    waiting = np.log(rng.beta(before + 1, guests)).sum()
    alone = int((rng.random(len(guests)) < guests / (guests + before)).sum())
    return rng.gamma(1 + tables - alone, 1 / (RATE - waiting))


def following(chain: Chain, cuts: np.ndarray, learned: np.ndarray, power: float) -> Chain:
    """The next place of a chain; sweeps count once the temperature is 1. A stretch always begins a word."""
    kept = chain.kept + cuts if power >= 1 else chain.kept
    return replace(chain, cuts=cuts, kept=kept, process=learned, sweep=chain.sweep + 1)
