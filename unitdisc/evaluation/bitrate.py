"""Bitrate of discovered units, as the ZeroSpeech challenges of 2019 and 2020 define it."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frames import usable


@dataclass(frozen=True)
class Bitrate:
    bits_per_second: float  # symbols / seconds * entropy
    symbols: int
    types: int  # different symbols
    entropy: float  # bits per symbol, whatever comes before it
    seconds: float


def bitrate(sequences: Iterable[Sequence[Hashable]], seconds: float) -> Bitrate:
    """The bits per second of sequences of symbols that were said in `seconds` altogether."""
    counts = Counter(symbol for sequence in sequences for symbol in sequence)
    symbols = counts.total()
    entropy = entropy_in_bits(list(counts.values()))
    return Bitrate(symbols / seconds * entropy if symbols else 0.0, symbols, len(counts), entropy, seconds)


def unit_bitrate(encodings: Encodings, utterances: Iterable[Utterance], collapse: bool = False) -> Bitrate:
    """The bitrate of the codes of some utterances; collapse: a run of one code is one symbol, not one per frame.

    Raises UnscorableError if there are no codes, or no rate that tells how many seconds the utterances last.
    """
    sequences, seconds = [], 0.0
    for utterance in utterances:
        if utterance.rate is None:
            raise UnscorableError(f"{utterance.id}: has no rate, so its ticks are no seconds and there is no bitrate")
        codes = usable(encodings, utterance.id).codes
        if codes is None:
            raise UnscorableError(f"{encodings.folder}: has no codes; only discrete units have a bitrate")
        sequences.append([code for code, _ in groupby(codes.tolist())] if collapse else codes.tolist())
        seconds += utterance.ticks / utterance.rate
    if not seconds:
        raise UnscorableError(f"{encodings.folder}: no utterance to count the bits of")
    return bitrate(sequences, seconds)


def entropy_in_bits(counts: Sequence[int]) -> float:
    shares = np.asarray(counts, dtype=float)
    shares = shares[shares > 0] / shares.sum()
    return float(abs(-(shares * np.log2(shares)).sum()))  # abs: no -0.0
