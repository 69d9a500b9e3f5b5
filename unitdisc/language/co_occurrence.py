"""Which symbols follow which: a table, to look at."""

from pathlib import Path

import numpy as np

from unitdisc.files import write_text
from unitdisc.language.vocabulary import Stream, Vocabulary

COLUMNS = ("symbol", "next", "count", "probability", "expected", "pmi")


def followers(stream: Stream, vocabulary: Vocabulary) -> list[tuple]:
    """All pairs that occur, the commonest first: see COLUMNS.

    probability: of the next symbol after this one. expected: how often the pair would come if neighbours knew nothing
    of each other. pmi: bits of pointwise mutual information, log2 count / expected.
    """
    size = len(vocabulary)
    ends = np.flatnonzero(stream.places > 0)
    keys, counts = np.unique(stream.ids[ends - 1] * size + stream.ids[ends], return_counts=True)
    left, right = np.divmod(keys, size)
    total, before, after = counts.sum(), np.bincount(left, counts, size), np.bincount(right, counts, size)
    expected = before[left] * after[right] / max(total, 1)
    rows = zip(left, right, counts.tolist(), counts / before[left], expected, np.log2(counts / expected))
    by_count = sorted(rows, key=lambda row: (-row[2], row[0], row[1]))
    return [(vocabulary.symbols[a], vocabulary.symbols[b], *map(float, rest)) for a, b, *rest in by_count]


def write_followers(path: Path, stream: Stream, vocabulary: Vocabulary) -> None:
    """A table with tabs between its cells."""
    lines = ["\t".join(COLUMNS)]
    for left, right, count, probability, expected, pmi in followers(stream, vocabulary):
        lines.append(f"{left}\t{right}\t{count:.0f}\t{probability:.6f}\t{expected:.3f}\t{pmi:.4f}")
    write_text(path, "\n".join(lines) + "\n")
