"""Where words begin in the stretches of a corpus, by any method."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.word_segmentation import transitional
from unitdisc.word_segmentation.autoencoding import dpdp
from unitdisc.word_segmentation.baselines import evenly, nearest_items, randomly
from unitdisc.word_segmentation.bigrams import bigrams
from unitdisc.word_segmentation.dirichlet import MOST, Process, dirichlet
from unitdisc.word_segmentation.lexicon import Wanted, byte_pairs, unigram
from unitdisc.word_segmentation.options import SAMPLED, WordOptions
from unitdisc.word_segmentation.stretches import Stretch, Strings, Substrings

Progress = Callable[..., AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class Found:
    """Which items of every stretch begin a word, but for the first; and what was learned on the way."""

    starts: list[np.ndarray]
    facts: dict = field(default_factory=dict)

    @property
    def words(self) -> int:
        return len(self.starts) + sum(map(len, self.starts))


def on_units(
    stretches: Sequence[Stretch], kinds: int, options: WordOptions, words: int | None, state: Path, progress: Progress
) -> Found:
    """words: how many are asked for, in all stretches; state: file from which an interrupted sampler goes on."""
    strings = Strings.of(stretches, kinds)
    if options.method in ("tp", "entropy"):
        if options.method == "tp":
            strengths = transitional.tp_strengths(strings, options.dependency)
        else:
            strengths = transitional.entropy_strengths(strings, options.context)
        if words is None:
            return Found(strings.starts(transitional.chosen(strings, strengths, options.threshold)))
        return Found(strings.starts(strongest(strings, strengths[0], words, options.seed)))
    wanted = Wanted(options.lexicon, words)
    if options.method == "bpe":
        with progress("merging pairs", len(strings.codes), "pieces") as advance:
            cuts, facts = byte_pairs(strings, options.longest, wanted, advance)
        return Found(strings.starts(cuts), facts)
    if options.method == "dpdp":
        with progress("learning to say words again", options.rounds, "rounds") as advance:
            cuts, facts = dpdp(
                strings, options.longest, words, rounds=options.rounds, seed=options.seed, state=state, advance=advance
            )
        return Found(strings.starts(cuts), facts)
    substrings = Substrings.of(strings, options.longest)
    if options.method == "unigram":
        with progress("learning a lexicon", 1, "sizes") as advance:
            cuts, facts = unigram(strings, substrings, wanted, options.rounds, advance)
        return Found(strings.starts(cuts), facts)
    assert options.method in SAMPLED
    process = Process(
        options.concentration, options.boundary_probability, options.seed, options.rounds, options.spelling
    )
    with progress("sampling words", options.rounds, "sweeps") as advance:
        if options.method == "dp-unigram":
            probable, facts = dirichlet(strings, substrings, process, state=state, advance=advance)
        else:
            probable, facts = bigrams(
                strings, substrings, process, options.bigram_concentration, state=state, advance=advance
            )
    cuts = probable > MOST if words is None else strongest(strings, probable, words, options.seed)
    return Found(strings.starts(cuts), facts)


def strongest(strings: Strings, strengths: np.ndarray, words: int, seed: int) -> np.ndarray:
    """The strongest boundaries [N] bool, so many that there are as many words; of equally strong ones by lot."""
    places = np.flatnonzero(strings.inner)
    boundaries = min(max(words - (len(strings.firsts) - 1), 0), len(places))
    by_lot = np.random.default_rng(seed).permutation(len(places))
    ranked = by_lot[np.argsort(-strengths[places][by_lot], kind="stable")]
    cuts = np.zeros(len(strengths), bool)
    cuts[places[ranked[:boundaries]]] = True
    return cuts


def on_either(
    stretches: Sequence[Stretch], options: WordOptions, words: int | None, utterances: dict[str, Utterance], tier: str
) -> Found:
    """What other methods are compared with; tier: whose boundaries are given."""
    if options.method == "even":
        return Found(evenly(stretches, words))
    if options.method == "random":
        return Found(randomly(stretches, words, options.seed))
    return Found([nearest_items(stretch, given(utterances[stretch.utterance], stretch, tier)) for stretch in stretches])


def given(utterance: Utterance, stretch: Stretch, tier: str) -> np.ndarray:
    """The boundaries of a tier inside of a stretch, those of its silences too."""
    edges = {start for start, end, _ in utterance.alignment[tier]} | {end for _, end, _ in utterance.alignment[tier]}
    return np.array(sorted(edge for edge in edges if stretch.edges[0] < edge < stretch.edges[-1]), np.int64)


def asked_words(stretches: Sequence[Stretch], seconds: float, rate: float | None) -> int | None:
    """How many words there are at a rate; every stretch is one at least."""
    return None if rate is None else max(round(rate * seconds), len(stretches))


def span_of(stretches: Sequence[Stretch], utterances: dict[str, Utterance], columns: float) -> float:
    """How long all stretches are: in seconds, or in hundreds of columns."""
    return sum(float(one.edges[-1] - one.edges[0]) / (utterances[one.utterance].rate or columns) for one in stretches)
