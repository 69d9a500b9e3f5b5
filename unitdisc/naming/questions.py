"""Which unit to ask about next: the one whose name leaves the fewest errors to expect (Roy and McCallum, 2001).

What is expected to be read wrongly is, of every unit, how often it occurs times the probability that its likeliest name
is not its name. Of every unit that could be asked about, all answers are tried, each with its probability: the unit is
then known, and those like it are better known. A new name is one of the answers, and so is `mixed`, which leaves what
there was: how often that comes is estimated from the answers, of units and of halves apart. What others say of a unit
is believed less here than where texts are read: believed too much, it is never asked about. Nothing here is random,
and nothing is changed: what is asked follows from the answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.naming.material import Inventory
from unitdisc.naming.spread import ANSWER, HEARSAY, Spread, Width, hearsay_of, spread, squared_distances, weights
from unitdisc.naming.table import Answer, added, parent

MIXED = (1, 5)  # units that are, of so many, before anything is known
DOUBT = 3.0  # the least weight of a name that nobody has given yet
MOST = 100  # units of which all answers are tried: those with the most errors of their own


@dataclass(frozen=True)
class Question:
    """What to ask."""

    unit: str
    count: int  # occurrences
    likely: list[tuple[str, float]]  # names of what is similar, the likeliest first; "" is silence
    gain: float  # errors less to expect, once there is an answer
    errors: float  # to expect now, of all occurrences of all units


def answer(
    answers: Sequence[Answer], unit: str, *, name: str = "", kind: str = "name", when: str = ""
) -> tuple[Answer, ...]:
    """The answers with a new one at their end. Raises NamesError if it cannot be there."""
    return added(answers, Answer(unit, kind, name, when))


def open_units(inventory: Inventory, answers: Sequence[Answer]) -> np.ndarray:
    """The places of the units that can be asked about: [N]."""
    said = {each.unit for each in answers}
    return np.array([place for place, unit in enumerate(inventory.units) if unit not in said], dtype=int)


def next_question(
    inventory: Inventory,
    answers: Sequence[Answer],
    labels: Mapping[str, Mapping[str, float]] | None = None,
    strategy: str = "expected",
    rng: np.random.Generator | None = None,
    among: Sequence[str] | None = None,
) -> Question | None:
    """What to ask about next; None if there is an answer to every unit.

    labels: see `spread`. strategy: expected, which is meant here, or, to compare with, frequent (the most frequent unit
    first) or random (with `rng`). among: units of which one is asked about (default: all).
    """
    candidates = open_units(inventory, answers)
    if among is not None:
        candidates = candidates[[inventory.units[place] in among for place in candidates]]
    if not len(candidates):
        return None
    believed = spread(inventory, answers, labels)
    doubted = Width(believed.width.bandwidth, max(DOUBT, believed.width.other))
    named = spread(inventory, answers, labels, doubted)
    errors = errors_expected(inventory.counts, named.probabilities)
    if strategy == "expected":
        own = inventory.counts[candidates] * (1 - best(named.probabilities[candidates]))
        candidates = candidates[np.sort(np.argsort(-own, kind="stable")[:MOST])]
        gains = gains_of(inventory, named, candidates) * clear(inventory, answers, candidates)
        chosen = int(np.argmax(gains))
    else:
        order = inventory.counts[candidates] if strategy == "frequent" else rng.permutation(len(candidates))
        chosen = int(np.argmax(order))
        candidates, chosen = candidates[[chosen]], 0
        gains = gains_of(inventory, named, candidates) * clear(inventory, answers, candidates)
    place = int(candidates[chosen])
    count = int(inventory.counts[place])
    return Question(inventory.units[place], count, believed.likely(place), float(gains[chosen]), errors)


def best(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.max(1, initial=0)


def errors_expected(counts: np.ndarray, probabilities: np.ndarray) -> float:
    """Occurrences whose likeliest name is not theirs: [U], [U, M] -> a number."""
    return float(counts @ (1 - best(probabilities)))


def clear(inventory: Inventory, answers: Sequence[Answer], candidates: np.ndarray) -> np.ndarray:
    """How probable it is that units, by their places, are not mixed, by what was said of others: [N]."""
    found = np.zeros(2)
    for depth in (0, 1):
        own = [answer.kind == "mixed" for answer in answers if (parent(answer.unit) is not None) == depth]
        found[depth] = 1 - (sum(own) + MIXED[0]) / (len(own) + MIXED[1])
    return found[[int(parent(inventory.units[place]) is not None) for place in candidates]]


def gains_of(inventory: Inventory, named: Spread, candidates: np.ndarray) -> np.ndarray:
    """Errors less to expect once each of some units, by their places, has an answer: [N]."""
    heard = weights(squared_distances(inventory), named.width)
    now = errors_expected(inventory.counts, named.probabilities)
    return np.array([now - errors_after(inventory.counts, named, heard, place) for place in candidates])


def errors_after(counts: np.ndarray, named: Spread, heard: np.ndarray, place: int) -> float:
    """Errors to expect once the unit at a place has an answer, over its answers and their probabilities.

    As if `spread` were asked anew for every answer, with the same width; but only what changes is computed.
    """
    known = np.concatenate([named.known, np.zeros((len(counts), 1))], 1)  # the last is a new name
    chances = np.append(named.probabilities[place], named.new[place])
    said = known.sum(1)
    spoken = known / (said + 1)[:, None]
    before = spoken.copy()
    before[place] = 0
    base = heard @ before  # [U, M] what the others say
    totals = base.sum(1) + named.width.other
    own = known[place] + ANSWER * np.eye(known.shape[1])  # [M, M] by answer
    louder = own / (own.sum(1) + 1)[:, None]
    reach = heard[:, place]
    error = np.zeros(len(chances))
    for reply in range(len(chances)):
        hearsay = (base + reach[:, None] * louder[reply]) / (totals + reach * louder[reply].sum())[:, None]
        found = (known + HEARSAY * hearsay) / (said + HEARSAY)[:, None]
        others = hearsay_of(known, heard[[place]], named.width.other)
        found[place] = (own[reply] + HEARSAY * others) / (own[reply].sum() + HEARSAY)
        error[reply] = errors_expected(counts, found)
    return float(chances @ error / chances.sum())
