"""Reading: names for the units of utterances, from what a person said of some units, and from the units themselves.

A name emits units with the probabilities that Bayes' rule makes of `spread`, follows others by a bigram and lasts so
long (`lattice` has the model). What nobody said, bigram and durations, is learned from the units alone by expectation
maximisation, from a uniform bigram on; what a unit is called is refined on the way, the less, the more was said of it.
Priors are Dirichlet and normal: the posterior probability of the parameters never falls.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from unitdisc.naming import lattice
from unitdisc.naming.material import Inventory, Material
from unitdisc.naming.spread import SILENCE, Spread
from unitdisc.naming.table import NamesError

RUNS = 3  # runs that a name may take
TIED = 3  # names, alike, that one run may stand for
FLOOR = 1e-4  # of a name that nothing speaks for


def check_least(least: float) -> None:
    """Raises ValueError for what is no confidence."""
    if not 0 <= least <= 1:
        raise ValueError(f"`least` {least}: must be a confidence from 0 to 1, such as 0.4")


@dataclass(frozen=True)
class ReaderOptions:
    """iterations: of expectation maximisation. bigram: names that the uniform prior of what follows a name counts as.

    trust: how often what was said of a unit counts, beside how often it is read; hearsay: what others say of it. least:
    confidence of a name that is written down; 0 is all.
    """

    iterations: int = 8
    bigram: float = 5.0
    trust: float = 10.0
    hearsay: float = 1.0
    likeness: float = 1.0  # of emissions, beside the bigram and durations
    least: float = 0.0

    def __post_init__(self):
        check_least(self.least)
        if self.iterations < 0 or min(self.bigram, self.trust, self.hearsay, self.likeness) <= 0:
            raise ValueError("`iterations` must be 0 or more, and what else there is of a reader above 0")


@dataclass(frozen=True)
class Token:
    """A name that was read: ticks [start, end), and how probable it is that these units have it, 0 to 1."""

    start: int
    end: int
    name: str
    confidence: float


@dataclass(frozen=True)
class Known:
    """What labelled utterances say of names, before anything is learned: see `labels.learned`."""

    follows: Mapping[tuple[str, str], float] = field(default_factory=dict)  # of names; "\\0" is beginning and end
    ticks: Mapping[str, Sequence[float]] = field(default_factory=dict)  # how long each lasted


@dataclass
class Reader:
    """What reads units of an inventory, U, by names, M. All parameters are log-probabilities, as in `lattice`."""

    inventory: Inventory
    names: tuple[str, ...]
    new: np.ndarray  # [U] how probable it is that a unit has another name
    emissions: np.ndarray  # [M, U]
    follows: np.ndarray
    mu: np.ndarray
    sigma: np.ndarray
    shape: np.ndarray
    tie: np.ndarray
    options: ReaderOptions
    history: list[float] = field(default_factory=list)  # log-posterior of the parameters, but for a constant

    def scores(self, units: np.ndarray, ticks: np.ndarray) -> np.ndarray:
        """Of all stretches: units [R] (-1: one that is not known), their ticks [R]."""
        known = self.emissions.T[units.clip(min=0)] * self.options.likeness
        emitted = np.where(units[:, None] < 0, 0.0, known)
        x = np.log(np.maximum(ticks, 1).astype(np.float64))
        return lattice.segments(emitted, x, self.follows, self.mu, self.sigma, self.shape, self.tie, TIED)

    def read(self, units: Sequence[str], intervals: np.ndarray) -> list[Token]:
        """The names of an utterance's units [R], of ticks [R, 2]; silences are left in, as tokens called SILENCE."""
        if not len(units):
            return []
        place = {unit: number for number, unit in enumerate(self.inventory.units)}
        numbers = np.array([place.get(unit, -1) for unit in units])
        ticks = np.diff(intervals, axis=1)[:, 0]
        scores = self.scores(numbers, ticks)
        _, posterior = self.posteriors(numbers, ticks, scores)
        posterior *= np.where(numbers < 0, 1.0, 1 - self.new[numbers.clip(min=0)])[:, None]
        path, _ = lattice.best_path(scores, self.follows, self.tie, RUNS)
        tokens = []
        for first, taken, tied, name in path.tolist():
            sure = np.average(posterior[first : first + taken, name], weights=ticks[first : first + taken])
            edges = (
                np.linspace(intervals[first, 0], intervals[first + taken - 1, 1], tied + 1).round().astype(int).tolist()
            )
            confidence = float(np.clip(sure, 0, 1))
            tokens += [Token(a, b, self.names[name], confidence) for a, b in pairwise(edges) if a < b]
        return tokens

    def posteriors(
        self, units: np.ndarray, ticks: np.ndarray, scores: np.ndarray, found: "Counts | None" = None
    ) -> tuple[float, np.ndarray]:
        """The log-probability of an utterance, and of every run the posterior of its name: [R, M]."""
        found = found or Counts.none(len(self.names), len(self.inventory.units))
        x = np.log(np.maximum(ticks, 1).astype(np.float64))
        return lattice.counts(units.clip(min=0), x, scores, self.follows, self.tie, RUNS, *found.arrays())


@dataclass
class Counts:
    """Expected counts of a corpus, as `lattice.counts` adds to them."""

    transitions: np.ndarray
    shapes: np.ndarray
    ties: np.ndarray
    emitted: np.ndarray
    lasting: np.ndarray

    @classmethod
    def none(cls, names: int, units: int) -> "Counts":
        return cls(
            np.zeros((names + 1, names + 1)),
            np.zeros((names, RUNS)),
            np.zeros((names, 2)),
            np.zeros((units, names)),
            np.zeros((names, 4)),
        )

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.transitions, self.shapes, self.ties, self.emitted, self.lasting


@dataclass(frozen=True)
class Priors:
    """What is believed of the parameters before anything was read, as counts."""

    transitions: np.ndarray  # [M+1, M+1]
    shapes: np.ndarray  # [M, C]
    ties: np.ndarray  # [M, 2]
    emitted: np.ndarray  # [U, M]
    centre: np.ndarray  # [M] of the log of ticks, with ...
    centre_weight: float
    spread_weight: float
    spread: float  # ... and the variance


SHAPES = (20.0, 1.5, 0.2)  # runs that a name takes, as counts
TIES = (0.5, 4.0)
DEVIATION = 0.35  # of the log of ticks: a third longer, or shorter
CENTRE_WEIGHT, SPREAD_WEIGHT = 4.0, 10.0


def priors_of(material: Material, inventory: Inventory, named: Spread, known: Known, options: ReaderOptions) -> Priors:
    """Priors by what was said of units, and by labelled utterances."""
    names = named.names
    share, new = named.probabilities, named.new
    usual = (inventory.counts @ share + FLOOR) / (inventory.counts @ share + FLOOR).sum()
    full = share + new[:, None] * usual  # a unit with another name is taken for any of these
    said = named.known.sum(1)
    strength = options.hearsay * (1 - new) + options.trust * said / (said + 1)
    emitted = np.maximum(full, FLOOR) * inventory.counts[:, None] * np.maximum(strength, 0.05)[:, None]
    size = len(names)
    transitions = np.full((size + 1, size + 1), 0.0)
    transitions[:size, :size] = options.bigram * usual
    transitions[size, :size] = options.bigram * usual
    transitions[:size, size] = options.bigram / 20
    transitions[:size] += FLOOR
    transitions[size, :size] += FLOOR
    column = {name: place for place, name in enumerate(names)} | {"\0": size}
    for (before, after), count in known.follows.items():
        if before in column and after in column:
            transitions[column[before], column[after]] += count
    long = np.concatenate([np.diff(each.intervals, axis=1)[:, 0] for each in material.runs.values()] or [np.ones(1)])
    mean = float(np.log(np.maximum(long, 1)).mean()) if len(long) else 0.0
    centre = [
        np.log(np.maximum(known.ticks[name], 1)).mean() if len(known.ticks.get(name, ())) else mean for name in names
    ]
    silent = np.array([name == SILENCE for name in names])
    ties = np.where(silent[:, None], [0.0, 1.0], TIES)
    shapes = np.tile(SHAPES, (size, 1))
    return Priors(transitions, shapes, ties, emitted, np.array(centre), CENTRE_WEIGHT, SPREAD_WEIGHT, DEVIATION**2)


def fit(
    material: Material,
    inventory: Inventory,
    named: Spread,
    known: Known = Known(),
    options: ReaderOptions = ReaderOptions(),
) -> Reader:
    """A reader that was taught by answers, labels, and the utterances themselves.

    Raises NamesError if not one unit has a name.
    """
    if not any(name != SILENCE for name in named.names):
        raise NamesError("no unit has a name yet; give some with `unitdisc name`, or labelled utterances")
    priors = priors_of(material, inventory, named, known, options)
    size = len(named.names)
    none = Counts.none(size, len(inventory.units))
    reader = Reader(
        inventory,
        named.names,
        named.new,
        *maximised(none, priors),
        options,
    )
    place = {unit: number for number, unit in enumerate(inventory.units)}
    texts = [
        (
            np.array([place.get(unit, -1) for unit in material.names[each.id]]),
            np.diff(material.runs[each.id].intervals, axis=1)[:, 0],
        )
        for each in material.utterances
        if len(material.names[each.id])
    ]
    for _ in range(options.iterations):
        found, likelihood = Counts.none(size, len(inventory.units)), 0.0
        for units, ticks in texts:
            likelihood += reader.posteriors(units, ticks, reader.scores(units, ticks), found)[0]
        reader.history.append(likelihood + prior_of(reader, priors))
        reader.emissions, reader.follows, reader.mu, reader.sigma, reader.shape, reader.tie = maximised(found, priors)
    return reader


def maximised(found: Counts, priors: Priors) -> tuple[np.ndarray, ...]:
    """The most probable parameters, given expected counts: emissions, follows, mu, sigma, shape and tie."""
    emitted = found.emitted + priors.emitted
    lasting = found.lasting
    weight, weighted, first, second = lasting.T
    mu = (first + priors.centre_weight * priors.centre) / (weighted + priors.centre_weight)
    squares = second - 2 * mu * first + mu**2 * weighted + priors.centre_weight * (mu - priors.centre) ** 2
    sigma = np.sqrt((squares + priors.spread_weight * priors.spread) / (weight + priors.spread_weight + 1))
    return (
        np.log(emitted / emitted.sum(0)).T.copy(),
        logs(found.transitions + priors.transitions),
        mu,
        sigma,
        logs(found.shapes + priors.shapes),
        logs(found.ties + priors.ties),
    )


def logs(counts: np.ndarray) -> np.ndarray:
    """Log-probabilities of rows of counts."""
    totals = counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        found = np.log(counts / np.where(totals > 0, totals, 1))
    return np.maximum(found, lattice.NONE)


def prior_of(reader: Reader, priors: Priors) -> float:
    """The log-density of the parameters, but for a constant."""
    total = 0.0
    for counts, logarithms in (
        (priors.emitted.T, reader.emissions),
        (priors.transitions, reader.follows),
        (priors.shapes, reader.shape),
        (priors.ties, reader.tie),
    ):
        there = counts > 0
        total += float((counts[there] * logarithms[there]).sum())
    variance = reader.sigma**2
    total -= float((priors.centre_weight * (reader.mu - priors.centre) ** 2 / (2 * variance)).sum())
    total -= float(
        (
            (priors.spread_weight + 1) * np.log(reader.sigma) + priors.spread_weight * priors.spread / (2 * variance)
        ).sum()
    )
    return total


def sure(tokens: Sequence[Token], least: float) -> list[Token]:
    """Those of at least so much confidence, and silences, which part words."""
    return [token for token in tokens if token.name == SILENCE or token.confidence >= least]


def read_all(reader: Reader, material: Material) -> Iterable[tuple[str, list[Token]]]:
    """Utterance id -> what is read of it, in order."""
    for utterance in material.utterances:
        runs = material.runs[utterance.id]
        yield utterance.id, reader.read(material.names[utterance.id], runs.intervals)
