"""Tables in Markdown."""

from collections.abc import Iterable, Iterator, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> Iterator[str]:
    """The lines of a table, of which the first `words` columns are words, and the others figures, to the right."""
    yield f"| {' | '.join(heads)} |"
    yield "|---" * words + "|---:" * (len(heads) - words) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> None:
    """Prints a row as soon as it is there."""
    for line in table(heads, rows, words):
        print(line, flush=True)
