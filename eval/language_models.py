"""Language models against what is known: text of a grammar of exact entropy, and words beside pseudo-words.

    python eval/language_models.py grammar data/lm_built_in --sizes 10000 100000 1000000
    python eval/language_models.py pairs data/mini_speech/train.jsonl data/lm_built_in/words
    python eval/language_models.py table data/lm_built_in exp/lm_built_in
    python eval/language_models.py spot exp/lm_built_in/spot

`grammar` writes train-SIZE.txt (each the beginning of the next), test.txt, and truth.json: bits per symbol, exactly,
and those of test.txt under the grammar itself. `pairs` takes the words of a corpus with tiers phone and word, makes of
each a pseudo-word of as many phones, and writes items.txt and pairs.tsv for `unitdisc lm-score --pairs`. `table`
compares the files test-SIZE-MODEL.json of `unitdisc lm-score` with the truth. `spot` makes a table of how often words
were likelier than pseudo-words, of the files UNITS/MINUTES/MODEL.json of `unitdisc lm-score --pairs`.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markdown_tables import print_table

from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation import SILENCES
from unitdisc.files import write_json, write_text
from unitdisc.prep.pseudo_words import pseudo_words

CLASSES, STATES, SYMBOLS, WAYS = 4, 40, 24, 3
LASTING = 25  # symbols of an utterance, about: it ends with probability 1 / LASTING after each
TEST = 2000  # utterances


# A grammar


@dataclass(frozen=True)
class Grammar:
    """A finite-state machine in which a symbol says where it goes on: what is known of the past is known exactly.

    An utterance begins with the symbol of its class, of which there are four. In every fourth state the class says how
    probable each symbol is, which a model only knows that remembers how the utterance began; elsewhere it does not.
    """

    symbols: np.ndarray  # [S, W] that may come in a state
    follow: np.ndarray  # [S, W] the state after it
    probs: np.ndarray  # [C, S, W] given that the utterance goes on

    @classmethod
    def drawn(cls, seed: int) -> "Grammar":
        rng = np.random.default_rng(seed)
        symbols = np.stack([rng.permutation(SYMBOLS)[:WAYS] for _ in range(STATES)])
        follow = rng.integers(STATES, size=(STATES, WAYS))
        probs = np.repeat(rng.dirichlet(np.ones(WAYS), STATES)[None], CLASSES, axis=0)
        for state in range(0, STATES, 4):
            probs[:, state] = rng.dirichlet(np.full(WAYS, 0.3), CLASSES)
        return cls(symbols, follow, probs)

    def bits_per_symbol(self) -> float:
        """Entropy of an utterance over its expected length, the end counted as a symbol: exact.

        Of every class, how often each state is expected to be visited solves v = start + v P.
        """
        stay = 1 - 1 / LASTING
        ending = -(stay * np.log2(stay) + np.log2(1 / LASTING) / LASTING)
        bits, symbols = np.log2(CLASSES), 1.0
        for probs in self.probs:
            moves = np.zeros((STATES, STATES))
            np.add.at(moves, (np.arange(STATES)[:, None], self.follow), stay * probs)
            start = np.eye(STATES)[0]
            visits = np.linalg.solve(np.eye(STATES) - moves.T, start)
            entropy = ending - stay * (probs * np.log2(np.maximum(probs, 1e-300))).sum(1)
            bits += visits @ entropy / CLASSES
            symbols += visits.sum() / CLASSES  # a symbol or the end
        return float(bits / symbols)

    def utterance(self, rng: np.random.Generator) -> tuple[list[str], float]:
        """Symbols, and their bits with those of the end."""
        kind, state = int(rng.integers(CLASSES)), 0
        made, bits = [f"c{kind}"], np.log2(CLASSES)
        while rng.random() >= 1 / LASTING:
            way = int(rng.choice(WAYS, p=self.probs[kind, state]))
            bits -= np.log2(self.probs[kind, state, way] * (1 - 1 / LASTING))
            made.append(str(self.symbols[state, way]))
            state = int(self.follow[state, way])
        return made, bits - np.log2(1 / LASTING)


def write_grammar(folder: Path, sizes: Sequence[int], seed: int) -> None:
    grammar, rng = Grammar.drawn(seed), np.random.default_rng([seed, 1])
    lines, many = [], 0
    for size in sorted(sizes):
        while many < size:
            made, _ = grammar.utterance(rng)
            lines.append(" ".join(made))
            many += len(made) + 1
        write_text(folder / f"train-{size}.txt", "".join(f"{line}\n" for line in lines))
    held = [grammar.utterance(rng) for _ in range(TEST)]
    write_text(folder / "test.txt", "".join(f"{' '.join(made)}\n" for made, _ in held))
    predicted = sum(len(made) + 1 for made, _ in held)
    truth = {
        "bits_per_symbol": grammar.bits_per_symbol(),
        "test_bits_per_symbol": sum(bits for _, bits in held) / predicted,
        "test_symbols": predicted,
    }
    write_json(folder / "truth.json", truth)
    print(
        f"the grammar has {truth['bits_per_symbol']:.4f} bits per symbol; test.txt {truth['test_bits_per_symbol']:.4f}"
    )


def write_table(data: Path, folder: Path) -> None:
    """Bits per symbol above those of the grammar itself, on test.txt."""
    truth = json.loads((data / "truth.json").read_bytes())["test_bits_per_symbol"]
    found: dict[str, dict[int, dict]] = defaultdict(dict)
    for path in sorted(folder.glob("test-*-*.json")):
        _, size, model = path.stem.split("-", 2)
        found[model][int(size)] = json.loads(path.read_bytes())
    sizes = sorted({size for rows in found.values() for size in rows})
    heads = ["bits per symbol above the grammar's", *(f"{size:,} symbols" for size in sizes)]
    print_table(heads, ([model, *above(rows, sizes, truth)] for model, rows in found.items()))


def above(rows: Mapping[int, dict], sizes: Sequence[int], truth: float) -> Iterator[str]:
    for size in sizes:
        yield f"{rows[size]['as_they_are']['bits_per_symbol'] - truth:.3f}" if size in rows else ""


def write_spotted(folder: Path) -> None:
    """How often the word was likelier, in percent, with 95 % intervals over words, against minutes of speech."""
    found: dict[tuple[str, str], dict[float, dict]] = defaultdict(dict)
    for path in sorted(folder.glob("*/*/*.json"), key=lambda path: [*map(natural, path.with_suffix("").parts[-3:])]):
        units, minutes, model = path.with_suffix("").parts[-3:]
        spotted = json.loads(path.read_bytes()).get("spot_the_word")
        if spotted is None:
            raise ValueError(f"{path}: nothing was spotted; make it by `unitdisc lm-score --pairs`")
        found[units, model][float(minutes)] = spotted
    if not found:
        raise ValueError(f"{folder}: has no UNITS/MINUTES/MODEL.json; make them by `unitdisc lm-score --pairs`")
    lasting = sorted({minutes for row in found.values() for minutes in row})
    rows = ((*both, *(as_percent(row[each]) if each in row else "" for each in lasting)) for both, row in found.items())
    print_table(["units", "model", *(f"{minutes:g} minutes" for minutes in lasting)], rows, words=2)


def natural(name: str) -> list:
    """ngram-2 before ngram-10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def as_percent(spotted: dict) -> str:
    bounds = spotted.get("interval")
    between = f" ({100 * bounds[0]:.0f}–{100 * bounds[1]:.0f})" if bounds else ""
    return f"{100 * spotted['accuracy']:.1f}{between}"


# Words and what is none


def lexicon(corpus: Path) -> dict[tuple[str, ...], str]:
    """How words are said, each way as often as it comes first: phones -> word."""
    ways: dict[str, Counter] = defaultdict(Counter)
    for utterance in read_corpus(corpus):
        phones = utterance.alignment["phone"]
        for start, end, word in utterance.alignment["word"]:
            if word not in SILENCES:
                ways[word][tuple(label for first, last, label in phones if start <= first and last <= end)] += 1
    best = {word: counts.most_common(1)[0][0] for word, counts in sorted(ways.items())}
    return {phones: word for word, phones in best.items() if phones and not {*phones} & SILENCES}


def write_pairs(corpus: Path, folder: Path, seed: int) -> None:
    words = lexicon(corpus)
    items, rows = [], ["word\tnonword\tkind\tspelt"]
    for phones, (nonword, *_) in pseudo_words(words, seed):
        items += [" ".join(("SIL", *string, "SIL")) for string in (phones, nonword)]
        rows.append(f"{len(items) - 1}\t{len(items)}\t{'short' if len(phones) < 5 else 'long'}\t{words[phones]}")
    write_text(folder / "items.txt", "".join(f"{item}\n" for item in items))
    write_text(folder / "pairs.tsv", "".join(f"{row}\n" for row in rows))
    print(f"{len(rows) - 1} pairs of {len(words)} words")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("grammar")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="symbols, ends too")
    verb.add_argument("--seed", type=int, default=0)
    verb = verbs.add_parser("pairs")
    verb.add_argument("corpus", type=Path)
    verb.add_argument("folder", type=Path)
    verb.add_argument("--seed", type=int, default=0)
    verb = verbs.add_parser("table")
    verb.add_argument("data", type=Path)
    verb.add_argument("folder", type=Path)
    verb = verbs.add_parser("spot")
    verb.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    if args.verb == "spot":
        write_spotted(args.folder)
    elif args.verb == "grammar":
        write_grammar(args.folder, args.sizes, args.seed)
    elif args.verb == "pairs":
        write_pairs(args.corpus, args.folder, args.seed)
    else:
        write_table(args.data, args.folder)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
