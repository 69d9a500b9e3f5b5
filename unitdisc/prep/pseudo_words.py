"""Pseudo-words: what sounds like a word and is none, made of the pieces of words, as Wuggy has it.

After Keuleers & Brysbaert (2010), Wuggy: a multilingual pseudoword generator.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

Phones = tuple[str, ...]
TRIES = 200  # pseudo-words that are made of a word before the best is taken
VOWELS = "AEIOUaeiouyɑɔəɛœø"  # how labels of vowels begin
STRESS = "',%="  # what may stand before a phone: a piece takes the place of one with the same stress


def is_vowel(phone: str) -> bool:
    """By its label: ARPAbet or IPA."""
    return phone[0] in VOWELS


def pieces(phones: Sequence[str], vowel: Callable[[str], bool] = is_vowel) -> list[Phones]:
    """Vowels in a row, and consonants in a row."""
    return [tuple(group) for _, group in groupby(phones, key=vowel)]


def pseudo_words(
    words: Mapping[Phones, str], seed: int, most: int = 1, vowel: Callable[[str], bool] = is_vowel
) -> Iterator[tuple[Phones, list[Phones]]]:
    """Of every word the pseudo-words that are likest, of those drawn, at most so many, the likest first.

    A piece or two at the same place of a word (first, inner, last), of as many phones, are taken from other words; all
    neighbours must be neighbours in some word. Likest: whose transitions are as common in words as those of the word.
    """
    known: dict[tuple, set] = defaultdict(set)
    moves: Counter = Counter()

    def place_of(piece: Phones, place: int, last: int) -> tuple:
        return place == 0, place == last, tuple(phone[0] * (phone[0] in STRESS) for phone in piece), vowel(piece[0])

    for phones in words:
        cut = pieces(phones, vowel)
        for place, piece in enumerate(cut):
            known[place_of(piece, place, len(cut) - 1)].add(piece)
        moves.update(pairwise(("", *phones, "")))

    def common(phones: Phones) -> float:
        return sum(np.log(moves[pair]) if moves[pair] else -np.inf for pair in pairwise(("", *phones, "")))

    for number, phones in enumerate(words):
        rng, cut, found = np.random.default_rng([seed, number]), pieces(phones, vowel), {}
        for _ in range(TRIES):
            made = list(cut)
            for place in rng.permutation(len(cut))[: 1 + (len(cut) > 3)]:
                others = sorted(known[place_of(cut[place], place, len(cut) - 1)])
                made[place] = others[int(rng.integers(len(others)))]
            flat = tuple(phone for piece in made for phone in piece)
            if flat not in words and np.isfinite(common(flat)):
                found.setdefault(flat, abs(common(flat) - common(phones)))
        if found:
            yield phones, sorted(found, key=found.__getitem__)[:most]
