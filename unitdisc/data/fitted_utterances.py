"""Which utterances tell statistics: all of a corpus, or of a large one some."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from unitdisc.corpus.table import UtteranceTable

ALL_ARE_FITTED = 1 << 17  # utterances; of more, some tell the statistics as well
FITTED, FITTED_OF_A_SPEAKER = 1 << 14, 64  # utterances, then


def fitted_of(utterances: UtteranceTable, kind: str) -> UtteranceTable:
    """The utterances whose frames tell the statistics of a normalisation: all, or some of each speaker, or some."""
    places = fitted_places(utterances, kind)
    return utterances if len(places) == len(utterances) else utterances.take(places)


def fitted_places(utterances: UtteranceTable, kind: str) -> np.ndarray:
    """The places of the same, in order."""
    if len(utterances) <= ALL_ARE_FITTED or kind not in ("speaker", "global"):
        return np.arange(len(utterances))
    order = np.random.default_rng(0).permutation(len(utterances))
    return np.sort(order[:FITTED] if kind == "global" else some_of_each(order, [u.speaker for u in utterances]))


def some_of_each(order: np.ndarray, speakers: Sequence[str | None]) -> np.ndarray:
    """The first places, in this order, of every speaker who is known."""
    left: defaultdict[str | None, int] = defaultdict(lambda: FITTED_OF_A_SPEAKER)
    chosen = []
    for place in order.tolist():
        speaker = speakers[place]
        if speaker is not None and left[speaker]:
            left[speaker] -= 1
            chosen.append(place)
    return np.array(chosen, dtype=np.int64)
