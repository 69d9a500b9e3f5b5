"""Sequences that a language model makes up: symbol after symbol, by how probable each is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from unitdisc.language.errors import LanguageError
from unitdisc.language.ngram import NgramModel
from unitdisc.language.scores import Predicts
from unitdisc.language.sequences import BEGIN, END, UNKNOWN

if TYPE_CHECKING:
    from unitdisc.language.network_model import NetworkModel

TOGETHER = 64  # sequences that a network goes on with at once


@dataclass(frozen=True)
class SampleOptions:
    """How sequences are drawn.

    `<unk>` and `<s>` are never drawn. A temperature of 0 takes the most probable symbol always.
    """

    sequences: int = 10
    temperature: float = 1.0  # by which logarithms of probabilities are divided
    top_p: float = 1.0  # only the most probable symbols that have so much of the probability (Holtzman et al., 2020)
    top_k: int | None = None  # only so many of the most probable symbols; None: all
    longest: int = 1000  # symbols, those of the prompt among them
    seed: int = 0
    cached: bool = True  # networks keep what they computed of the symbols before; or compute it anew for every symbol

    def __post_init__(self):
        if self.sequences < 1 or self.longest < 1:
            raise ValueError("`sequences` and `longest` must be 1 or more")
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"`temperature` must be 0 or more, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"`top_p` must be above 0, and 1 at most, not {self.top_p}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"`top_k` must be 1 or more, not {self.top_k}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more, not {self.seed}")


class Continues(Protocol):
    """Goes on with several sequences at once."""

    def __call__(self, histories: Sequence[Sequence[int]]) -> np.ndarray:
        """How probable each symbol is after each history, `<s>` first: [B, V]. These grow by one from call to call."""


@dataclass(frozen=True)
class Sampled:
    """A sequence of ids without `<s>` and `</s>`."""

    ids: list[int]
    prompt: int  # how many of them were given
    ended: bool  # by the model; or cut


def sample(
    model: Predicts,
    options: SampleOptions,
    prompts: Sequence[Sequence[int]] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> list[Sampled]:
    """Draws sequences, the i-th of which goes on from the i-th of the prompts, over and over, if there are any.

    What the i-th one is depends on the seed, on i and on its prompt, and on how many are drawn but for the rounding of
    networks. Raises LanguageError for prompts that leave no room.
    """
    if full := next((prompt for prompt in prompts if len(prompt) >= options.longest), None):
        raise LanguageError(f"a prompt has {len(full)} symbols already; give fewer, or more than that as `longest`")
    found: list[Sampled] = []
    for first in range(0, options.sequences, TOGETHER):
        places = range(first, min(first + TOGETHER, options.sequences))
        given = [list(prompts[place % len(prompts)]) if prompts else [] for place in places]
        rngs = [np.random.default_rng([options.seed, place]) for place in places]
        found += together(continuing(model, options.cached), given, rngs, options)
        advance(len(places))
    return found


def continuing(model: Predicts, cached: bool) -> Continues:
    if isinstance(model, NgramModel):
        return lambda histories: np.stack([model.next_probs(history) for history in histories])
    from unitdisc.language.continuing import NetworkContinues  # torch

    network: NetworkModel = model
    return NetworkContinues(network, cached)


def together(
    step: Continues, prompts: list[list[int]], rngs: Sequence[np.random.Generator], options: SampleOptions
) -> list[Sampled]:
    """Sequences that are gone on with together; those of shorter prompts wait for none of the longer."""
    histories = [[BEGIN] for _ in prompts]
    ended = [False] * len(prompts)
    for _ in range(options.longest):
        probs = step(histories)
        for history, prompt, row, rng, place in zip(histories, prompts, probs, rngs, range(len(prompts))):
            if ended[place]:
                history.append(END)  # and nothing is kept of it
            elif len(history) <= len(prompt):
                history.append(prompt[len(history) - 1])
            else:
                history.append(draw(row, rng.random(), options))
                ended[place] = history[-1] == END
        if all(ended):
            break
    cut = [history[1 : history.index(END) if end else None] for history, end in zip(histories, ended)]
    return [Sampled(ids, len(prompt), end) for ids, prompt, end in zip(cut, prompts, ended)]


def draw(probs: np.ndarray, chance: float, options: SampleOptions) -> int:
    """A symbol, by probabilities [V] and a number from 0 to 1."""
    probs = probs.astype(np.float64)
    probs[[UNKNOWN, BEGIN]] = 0
    if options.temperature == 0:
        return int(probs.argmax())
    with np.errstate(divide="ignore"):
        logs = np.log(probs) / options.temperature
    probs = np.exp(logs - logs.max())
    order = np.argsort(-probs, kind="stable")
    shares = np.cumsum(probs[order]) / probs.sum()
    kept = min(int(np.searchsorted(shares, options.top_p - 1e-12)) + 1, options.top_k or len(shares))
    return int(order[min(np.searchsorted(shares, chance * shares[min(kept, len(shares)) - 1], side="right"), kept - 1)])
