"""Whether an aligner knows anything of the order of characters: without that, an alignment is worth nothing.

Every text is compared with the same characters in another order. An aligner that has learned to write finds the text
more probable; one that has not, as where texts run against the columns of their lines, is at chance. The labels of
an alignment cannot tell: they are there, one after the other, whatever the network says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.alignment.aligner import Aligner
from unitdisc.alignment.alphabet import BLANK, spelled
from unitdisc.alignment.paths import with_unknown
from unitdisc.corpus import Utterance

MOST, LEAST = 64, 8  # utterances that are looked at; fewer say nothing
ORDERS = 4  # other orders of a text
WORTH = 0.75  # of the comparisons: halfway between chance and certainty


@dataclass(frozen=True)
class Worth:
    """How often a text is more probable than its characters in other orders; 0.5 is chance."""

    forwards: float  # than in an order by lot
    backwards: float  # how often the text from its end to its beginning is more probable than the text
    utterances: int

    @property
    def is_worthless(self) -> bool:
        return self.forwards < WORTH


def worth_of(
    aligner: Aligner, utterances: Sequence[Utterance], read: Callable[[Utterance], np.ndarray], seed: int = 0
) -> Worth | None:
    """Judges an aligner by some utterances, best such as it did not learn from; None if they are too few to tell.

    read: gives the features of an utterance, [T, C], and is asked for those of at most MOST. Texts of one character,
    however often, are left out.
    """
    frames_in = aligner.features.frames_in
    telling = [u for u in utterances if len({*spelled(u)[1:-1]}) > 1 and aligner.can_write(spelled(u), frames_in(u))]
    if len(telling) < LEAST:
        return None
    rng = np.random.default_rng(seed)
    chosen = [telling[place] for place in sorted(rng.permutation(len(telling))[:MOST])]
    found = np.array([compared(aligner, utterance, read(utterance), rng) for utterance in chosen])
    return Worth(*found.mean(0).tolist(), len(chosen))


def compared(
    aligner: Aligner, utterance: Utterance, features: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """How often a text is more probable than in other orders; and whether it is less so than from its end."""
    codes = np.array(aligner.alphabet.codes(spelled(utterance)))
    inner = codes[1:-1]
    orders = [inner, inner[::-1], *(rng.permutation(inner) for _ in range(ORDERS))]
    own, turned, *others = log_likelihoods(aligner.scores(features, 0.0), [[codes[0], *o, codes[-1]] for o in orders])
    return float(np.mean([beats(own, other) for other in others])), beats(turned, own)


def beats(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)


def log_likelihoods(scores: Tensor, texts: Sequence[Sequence[int]]) -> list[float]:
    """Of texts, by log-probabilities of symbols in frames: [T, K]; -inf of one that is too long for them."""
    emission = with_unknown(scores).detach()[:, None].expand(-1, len(texts), -1)
    counts = torch.tensor([len(text) for text in texts])
    lengths = torch.full_like(counts, len(scores))
    targets = torch.tensor([code for text in texts for code in text])
    return (-F.ctc_loss(emission, targets, lengths, counts, blank=BLANK, reduction="none")).tolist()
