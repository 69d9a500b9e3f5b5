"""Naming, tried out on labels: how wrong are readings after so many questions, asked in one order or another?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from rapidfuzz.distance import Levenshtein

from unitdisc.corpus import Utterance
from unitdisc.naming.halves import Split
from unitdisc.naming.labels import learned, sequence_of
from unitdisc.naming.material import Inventory, Material, mixed
from unitdisc.naming.oracle import EXAMPLES, Oracle
from unitdisc.naming.reader import Known, Reader, ReaderOptions, check_least, fit, sure
from unitdisc.naming.session import Session
from unitdisc.naming.spread import SILENCE, spread
from unitdisc.naming.table import Answer, NamesError

STRATEGIES = ("expected", "frequent", "random", "utterances")
ALL = "all"  # every unit answered by all of its labels: the best that names of units can do


@dataclass(frozen=True)
class SimulationOptions:
    """questions: at most. every: how many questions lie between two figures. seeds: from 0, so many.

    Of the strategy `utterances`, utterances are transcribed in turn, and a question is a word that is typed. least: of
    confidence, for names that are written down, as of ReaderOptions.
    """

    questions: int = 50
    every: int = 10
    seeds: int = 3
    strategies: tuple[str, ...] = STRATEGIES
    examples: int = EXAMPLES
    least: float = 0.0

    def __post_init__(self):
        check_least(self.least)
        if self.questions < 1 or self.every < 1 or self.seeds < 1 or self.examples < 1:
            raise ValueError("`questions`, `every`, `seeds` and `examples` must be 1 or more")
        if unknown := [name for name in self.strategies if name not in STRATEGIES]:
            raise ValueError(f"`strategy` {unknown[0]!r} is not known; choose from {', '.join(STRATEGIES)}")

    def figures_at(self) -> list[int]:
        """The numbers of questions after which there is a figure."""
        return sorted({*range(self.every, self.questions + 1, self.every), self.questions})


@dataclass(frozen=True)
class Figure:
    """One figure: after so many questions, edits of what is read against the labels, and how many labels there are."""

    strategy: str
    seed: int
    questions: int
    edits: int
    labels: int
    units: int  # named, or silent
    names: int  # different ones
    mixed: int

    @property
    def error_rate(self) -> float:
        return self.edits / self.labels


@dataclass
class Simulation:
    """What is simulated. learned on: `material`; read: `test`, of other utterances."""

    material: Material
    test: Material
    tier: str
    options: SimulationOptions = field(default_factory=SimulationOptions)
    reader: ReaderOptions = field(default_factory=ReaderOptions)
    answers: dict[tuple[str, int], tuple[Answer, ...]] = field(default_factory=dict)
    splits: dict[tuple[str, int], dict[str, Split]] = field(default_factory=dict)

    def figures(self, strategy: str, seed: int) -> Iterator[Figure]:
        """Of one strategy and seed, the figures in order of questions."""
        if strategy == "utterances":
            yield from self.transcribed(seed)
            return
        session = Session(self.material.copy(), None)
        oracle = Oracle(session.material, self.tier, seed, self.options.examples)
        rng = np.random.default_rng(seed)
        test, wanted, asked = self.test.copy(), self.options.figures_at(), 0
        while wanted:
            question = session.next(strategy, rng)
            if question is not None:
                reply = oracle.reply(question.unit)
                session.answer(reply.unit, reply.kind, reply.name)
                if reply.kind == "mixed" and reply.unit in test.counts:
                    test.divide(reply.unit, session.material.splits[reply.unit])
                asked += 1
            if question is None or asked == wanted[0]:
                number = wanted.pop(0)
                self.answers[strategy, seed] = session.answers
                self.splits[strategy, seed] = session.material.splits
                yield self.figure(strategy, seed, number, session, test)

    def figure(self, strategy: str, seed: int, asked: int, session: Session, test: Material) -> Figure:
        known = session.known()
        inventory = session.inventory
        edits, labels = self.wrong(session.material, test, inventory, known, {}, Known())
        names = {each.name for each in session.answers if each.kind == "name"}
        told = sum(each.kind in ("name", "silence") for each in session.answers)
        return Figure(strategy, seed, asked, edits, labels, told, len(names), len(mixed(session.answers)))

    def transcribed(self, seed: int) -> Iterator[Figure]:
        """Of utterances that are transcribed in turn, in an order by lot, with every label where it is."""
        order = np.random.default_rng(seed).permutation(len(self.material.utterances))
        chosen: list[Utterance] = []
        typed = 0
        silent = tuple(Answer(unit, "silence") for unit in self.material.silent())
        for number in self.options.figures_at():
            while typed < number and len(chosen) < len(order):
                chosen.append(self.material.utterances[order[len(chosen)]])
                typed += words_in(chosen[-1], self.tier)
            counts, known = learned(self.material, self.tier, chosen)
            edits, labels = self.wrong(self.material, self.test, self.material.inventory(), silent, counts, known)
            names = {name for own in counts.values() for name in own if name}
            yield Figure("utterances", seed, number, edits, labels, len(counts), len(names), 0)

    def ceiling(self) -> Figure:
        """With what all labels say of units, and of what follows what: what names of units can do at best."""
        counts, known = learned(self.material, self.tier)
        edits, labels = self.wrong(self.material, self.test, self.material.inventory(), (), counts, known)
        names = {name for own in counts.values() for name in own if name}
        return Figure(ALL, 0, len(self.material.counts), edits, labels, len(counts), len(names), 0)

    def wrong(
        self,
        material: Material,
        test: Material,
        inventory: Inventory,
        answers: Sequence[Answer],
        counts: dict[str, dict[str, float]],
        known: Known,
    ) -> tuple[int, int]:
        """Edits, and labels, of the test set."""
        try:
            reader = fit(material, inventory, spread(inventory, answers, counts), known, self.reader)
        except NamesError:  # nothing but silence so far: everything is missing
            reader = None
        edits = labels = 0
        for utterance in test.utterances:
            said = sequence_of(utterance, self.tier)
            labels += len(said)
            edits += Levenshtein.distance(said, self.labels_read(reader, test, utterance))
        return edits, labels

    def labels_read(self, reader: Reader | None, test: Material, utterance: Utterance) -> list[str]:
        if reader is None:
            return []
        tokens = sure(reader.read(test.names[utterance.id], test.runs[utterance.id].intervals), self.options.least)
        return [label for token in tokens if token.name != SILENCE for label in token.name.split(" ")]


def words_in(utterance: Utterance, tier: str) -> int:
    """The words that must be typed to transcribe an utterance; where it has no text, its labels."""
    return len((utterance.text or "").split()) or len(sequence_of(utterance, tier))


def simulated(
    simulation: Simulation, tell: Callable[[Figure], None] = lambda figure: None, seeds: Sequence[int] | None = None
) -> list[Figure]:
    """The figures of all strategies and seeds."""
    found = []
    for strategy in simulation.options.strategies:
        for seed in range(simulation.options.seeds) if seeds is None else seeds:
            for figure in simulation.figures(strategy, seed):
                found.append(figure)
                tell(figure)
    return found


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table of errors in per cent: strategies by questions, mean and deviation over seeds."""
    at = sorted({figure.questions for figure in figures if figure.strategy != ALL})
    lines = [f"| strategy | {' | '.join(map(str, at))} |", f"|---|{'---:|' * len(at)}"]
    for strategy in dict.fromkeys(figure.strategy for figure in figures if figure.strategy != ALL):
        cells = []
        for number in at:
            own = [100 * f.error_rate for f in figures if (f.strategy, f.questions) == (strategy, number)]
            spread_out = f" ± {np.std(own, ddof=1):.1f}" if len(own) > 1 else ""
            cells.append(f"{np.mean(own):.1f}{spread_out}" if own else "")
        lines.append(f"| {strategy} | {' | '.join(cells)} |")
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> list[dict]:
    return [{**asdict(figure), "error_rate": figure.error_rate} for figure in figures]
