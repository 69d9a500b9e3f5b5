"""Words under a hierarchical Dirichlet process: how probable a word is depends on the word before.

After every word stands a restaurant, whose tables are customers of the lexicon (Goldwater, Griffiths & Johnson, 2009):
what follows is what followed before, or a word of the lexicon, or a new one. Stretches are drawn as a whole, given all
others; who sits at which table is kept. The end of a stretch is a word that can follow any.

Sampling begins with the words of `dirichlet`, in half of all sweeps: from boundaries by lot it remembers pairs of
parts of words, and does not find out again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unitdisc.word_segmentation.bigram_kernels import sample_bigram
from unitdisc.word_segmentation.dirichlet import (
    MOST,
    USUAL,
    Process,
    dirichlet,
    new_concentration,
    resampled,
)
from unitdisc.word_segmentation.spelling import Spelling
from unitdisc.word_segmentation.states import SamplerState
from unitdisc.word_segmentation.stretches import Strings, Substrings

USUAL_OF_BIGRAMS = 100.0  # concentration to begin with, where it is learned


@dataclass(frozen=True)
class BigramChain:
    """Where a sampler is."""

    cuts: np.ndarray  # [N] bool
    seats: np.ndarray  # [N + S]: see `bigram_kernels`
    kept: np.ndarray  # [N] int: in how many sweeps of those that count each was there
    process: np.ndarray  # [3]: concentration, probability of a boundary in a new word, concentration of bigrams
    units: np.ndarray  # [K]: how probable each is in a new word
    sweep: int = 0

    def learned(self, process: Process) -> tuple[float, Spelling]:
        """Concentration, and how new words are spelled."""
        return float(self.process[0]), Spelling(float(self.process[1]), self.units, process.spelling == "learned")


def bigrams(
    strings: Strings,
    substrings: Substrings,
    process: Process,
    bigram_concentration: float | None,
    *,
    state: Path,
    advance: Callable[..., None],
) -> tuple[np.ndarray, dict]:
    """How probable a boundary is before every unit [N], and what was learned. As `dirichlet.dirichlet`."""
    settings = {"process": [*process], "model": "dp-bigram", "bigram_concentration": bigram_concentration}
    stored = SamplerState(state, settings, strings)
    arrays = stored.read()
    before = process.sweeps // 2
    if arrays:
        chain = BigramChain(**arrays)
        advance(before + chain.sweep)
    else:
        simpler = process._replace(sweeps=before)
        probable, _ = dirichlet(strings, substrings, simpler, state=state, advance=advance)
        chain = first_chain((probable > MOST) | ~strings.inner, strings, process, bigram_concentration)
    sweeps = process.sweeps - before
    stretches, units = len(strings.firsts) - 1, len(strings.codes)
    while chain.sweep < sweeps:
        rng = np.random.default_rng([process.seed, 1 + before + chain.sweep])
        cuts, seats = chain.cuts.copy(), chain.seats.copy()
        known = chain.learned(process)
        base = known[1].probabilities(strings, substrings)
        ending = (stretches + 1) / (stretches + int(cuts.sum()) + 2)
        fixed = (base, chain.process[0], chain.process[2], ending)
        uniforms, chances = rng.random(units), rng.random(2 * (units + stretches))
        order = rng.permutation(stretches)
        tables, guests, number = sample_bigram(
            substrings.ids, strings.firsts, cuts, seats, fixed, 1.0, uniforms, chances, order
        )
        concentration, spelling = resampled(process, known, strings, substrings, counts=tables, base=base, rng=rng)
        between = bigram_concentration or new_concentration(chain.process[2], number, guests[guests > 0], rng)
        kept = chain.kept + cuts if 2 * chain.sweep >= sweeps else chain.kept
        new = np.array([concentration, spelling.boundary_probability, between])
        chain = replace(
            chain, cuts=cuts, seats=seats, kept=kept, process=new, units=spelling.units, sweep=chain.sweep + 1
        )
        stored.write(vars(chain))
        advance(1, note=f"{cuts.sum()} words of {(tables > 0).sum()} types")
    names = ("concentration", "boundary_probability", "bigram_concentration")
    return chain.kept / max(chain.kept.max(), 1), dict(zip(names, chain.process.tolist()))


def first_chain(
    cuts: np.ndarray, strings: Strings, process: Process, bigram_concentration: float | None
) -> BigramChain:
    seats = np.full(len(cuts) + len(strings.firsts) - 1, -1, np.int64)
    begun = [process[0] or USUAL[0], process[1] or USUAL[1], bigram_concentration or USUAL_OF_BIGRAMS]
    units = np.full(strings.kinds, 1 / strings.kinds)
    return BigramChain(cuts, seats, np.zeros(len(cuts), np.int64), np.array(begun), units)
