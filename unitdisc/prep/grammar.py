"""Grammars of words whose entropy is known exactly.

A finite-state machine goes from state to state by classes of words. In no state do two of its classes share a word, so
that a sentence can have come about in one way only, and its probability is a product.

    # a comment
    start determiner 3 phrase       in the state start, a determiner with weight 3, and on to the state phrase
    phrase noun 1 end               the sentence ends in the state end
    = determiner                    the words of a class, the commonest first
    the some every
    = noun
    house tree

The word of rank r in its class has weight 1 / (r + 2.7), after Zipf and Mandelbrot.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.files.text import fields_of, read_lines

START, END = "start", "end"
RANKS = 2.7  # added to a rank
CURE = "write STATE CLASS WEIGHT NEXT on a line, or = CLASS and its words on the lines after it"
LASTING = 8  # words of a sentence of a drawn grammar, on average


class Arc(NamedTuple):
    """What may come in a state."""

    kind: str  # class of words
    weight: float
    follow: str  # the next state


class Word(NamedTuple):
    """A word of a sentence, and where it stands in the machine."""

    word: str
    kind: str
    state: str  # in which it came


@dataclass(frozen=True)
class WordGrammar:
    """arcs: of every state. words: of every class, the commonest first."""

    arcs: Mapping[str, Sequence[Arc]]
    words: Mapping[str, Sequence[str]]

    def __post_init__(self):
        check(self)

    @classmethod
    def read(cls, path: Path) -> "WordGrammar":
        """Raises CorpusError naming the line of what is none, or the state that cannot be."""
        arcs: dict[str, list[Arc]] = defaultdict(list)
        words: dict[str, list[str]] = {}
        kind = None
        for number, text in read_lines(path, CorpusError, "give a grammar"):
            fields = fields_of(text.partition("#")[0])
            if not fields:
                continue
            if fields[0] == "=":
                if len(fields) != 2 or fields[1] in words:
                    raise CorpusError(f"{path}:{number}: must be = CLASS, each class once; {CURE}")
                kind = fields[1]
                words[kind] = []
            elif kind is not None:
                words[kind] += fields
            else:
                arcs[fields[0]].append(arc_of(f"{path}:{number}", fields))
        try:
            return cls(arcs, words)
        except ValueError as error:
            raise CorpusError(f"{path}: {error}") from error

    @classmethod
    def drawn(cls, words: Sequence[str], classes: int, seed: int) -> "WordGrammar":
        """Words dealt to classes, of which every one says how probable each is after it."""
        rng = np.random.default_rng([seed, classes])
        names = [f"class{number}" for number in range(classes)]
        after = rng.dirichlet(np.full(classes, 0.3), classes + 1)
        arcs = {}
        for state, row in zip([START, *names], after):
            going = row if state == START else row * (1 - 1 / LASTING)
            arcs[state] = [Arc(name, float(weight), name) for name, weight in zip(names, going) if weight > 1e-9]
            if state != START:
                arcs[state].append(Arc("", 1 / LASTING, END))
        reached = within_reach(arcs, START)
        return cls(
            {state: arcs[state] for state in arcs if state in reached},
            {name: words[number::classes] for number, name in enumerate(names) if name in reached},
        )

    @cached_property
    def odds(self) -> dict[str, np.ndarray]:
        """How probable each word is in its class."""
        weights = {kind: 1 / (np.arange(1, len(words) + 1) + RANKS) for kind, words in self.words.items()}
        return {kind: weight / weight.sum() for kind, weight in weights.items()} | {"": np.ones(1)}

    @cached_property
    def chances(self) -> dict[str, np.ndarray]:
        """How probable each arc of a state is."""
        weights = {state: np.array([arc.weight for arc in arcs]) for state, arcs in self.arcs.items()}
        return {state: weight / weight.sum() for state, weight in weights.items()}

    def visits(self) -> dict[str, float]:
        """How often a sentence comes to each state, on average: v = start + v P."""
        states = [*self.arcs]
        places = {state: place for place, state in enumerate(states)}
        moves = np.zeros((len(states), len(states)))
        for state, arcs in self.arcs.items():
            for arc, chance in zip(arcs, self.chances[state]):
                if arc.follow != END:
                    moves[places[state], places[arc.follow]] += chance
        found = np.linalg.solve(np.eye(len(states)) - moves.T, np.eye(len(states))[places[START]])
        return dict(zip(states, found.tolist()))

    def words_per_sentence(self) -> float:
        worded = {
            state: sum(chance for arc, chance in zip(self.arcs[state], self.chances[state]) if arc.kind)
            for state in self.arcs
        }
        return sum(often * worded[state] for state, often in self.visits().items())

    def bits_per_sentence(self) -> float:
        """The entropy of a sentence, exactly: a sentence tells all the states that it came through."""
        of_class = {kind: entropy(odds) for kind, odds in self.odds.items()}
        of_state = {
            state: entropy(chances) + sum(p * of_class[arc.kind] for p, arc in zip(chances, self.arcs[state]))
            for state, chances in self.chances.items()
        }
        return sum(often * of_state[state] for state, often in self.visits().items())

    def sentence(self, rng: np.random.Generator) -> tuple[list[Word], float]:
        """Words, and how many bits they take, with the end."""
        state, found, bits = START, [], 0.0
        while state != END:
            place = int(rng.choice(len(self.arcs[state]), p=self.chances[state]))
            arc = self.arcs[state][place]
            bits -= np.log2(self.chances[state][place])
            if arc.kind:
                rank = int(rng.choice(len(self.odds[arc.kind]), p=self.odds[arc.kind]))
                bits -= np.log2(self.odds[arc.kind][rank])
                found.append(Word(self.words[arc.kind][rank], arc.kind, state))
            state = arc.follow
        return found, float(bits)

    def bits_of(self, words: Sequence[str]) -> float:
        """How many bits a sentence takes; infinite if it is none."""
        state, bits = START, 0.0
        for word in [*words, None]:
            taken = self.step(state, word)
            if taken is None:
                return float("inf")
            state, more = taken
            bits += more
        return bits if state == END else float("inf")

    def step(self, state: str, word: str | None) -> tuple[str, float] | None:
        """The state after a word (None: the end), and its bits; None where it cannot come."""
        for arc, chance in zip(self.arcs.get(state, ()), self.chances.get(state, ())):
            if word is None and not arc.kind:
                return arc.follow, -float(np.log2(chance))
            if arc.kind and word in self.ranks[arc.kind]:
                return arc.follow, -float(np.log2(chance * self.odds[arc.kind][self.ranks[arc.kind][word]]))
        return (END, 0.0) if word is None and state == END else None

    @cached_property
    def ranks(self) -> dict[str, dict[str, int]]:
        return {kind: {word: rank for rank, word in enumerate(words)} for kind, words in self.words.items()}


def arc_of(place: str, fields: Sequence[str]) -> Arc:
    """STATE [CLASS] WEIGHT NEXT; without a class, no word comes."""
    if len(fields) not in (3, 4):
        raise CorpusError(f"{place}: has {len(fields)} fields; {CURE}")
    kind = fields[1] if len(fields) == 4 else ""
    try:
        weight = float(fields[-2])
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise CorpusError(f"{place}: the weight is {fields[-2]!r}, but must be a number above 0; {CURE}")
    if not kind and fields[-1] != END:
        raise CorpusError(f"{place}: goes to {fields[-1]} without a word, which only the end may; {CURE}")
    return Arc(kind, weight, fields[-1])


def check(grammar: WordGrammar) -> None:
    """Raises ValueError for a grammar in which a sentence may have come about in two ways, or has no end."""
    arcs, words = grammar.arcs, grammar.words
    if START not in arcs:
        raise ValueError(f"has no state {START}; {CURE}")
    for kind, listed in words.items():
        if not listed or len({*listed}) < len(listed):
            twice = next((word for word in listed if list(listed).count(word) > 1), None)
            raise ValueError(f"the class {kind} {f'has {twice!r} twice' if twice else 'has no words'}; {CURE}")
    for state, found in arcs.items():
        owner: dict[str, str] = {}
        for arc in found:
            if arc.kind and arc.kind not in words:
                raise ValueError(f"the state {state} has the class {arc.kind}, of which there are no words; {CURE}")
            if arc.follow != END and arc.follow not in arcs:
                raise ValueError(f"the state {state} goes on to {arc.follow}, which goes nowhere; {CURE}")
            for word in words[arc.kind] if arc.kind else [""]:
                if word in owner:
                    what = f"{word!r} may be of the classes {owner[word]} and {arc.kind}" if word else "may end twice"
                    raise ValueError(f"in the state {state}, {what}, so that its entropy is not known; keep one")
                owner[word] = arc.kind
    if lost := sorted(within_reach(arcs, START) - {END} - ending(arcs)):
        raise ValueError(f"from the state {lost[0]} no sentence ends; let it go on to {END}")
    if never := sorted(arcs.keys() - within_reach(arcs, START)):
        raise ValueError(f"no sentence comes to the state {never[0]}; remove it, or go there from another")


def within_reach(arcs: Mapping[str, Sequence[Arc]], start: str) -> set[str]:
    found, left = {start}, [start]
    while left:
        new = {arc.follow for arc in arcs.get(left.pop(), ())} - found
        found |= new
        left += new
    return found


def ending(arcs: Mapping[str, Sequence[Arc]]) -> set[str]:
    """The states from which the end can be reached."""
    return {state for state in arcs if END in within_reach(arcs, state)}


def entropy(chances: np.ndarray) -> float:
    """In bits."""
    return float(-(chances * np.log2(chances)).sum())
