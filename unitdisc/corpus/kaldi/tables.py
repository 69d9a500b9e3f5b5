"""Kaldi's tables: text files whose lines begin with the id of what the rest of the line is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus.utterance import CorpusError, Problem
from unitdisc.files.text import SAVE, marked_lines, read_lines

BLANK = " \t\r\n"


class KaldiRow(NamedTuple):
    """A line: its number, its first field and the rest."""

    line: int
    key: str
    value: str


def read_rows(path: Path) -> Iterator[KaldiRow]:
    """The lines of a table; blank lines and comments (;;) are left out.

    Raises CorpusError if the file is missing or not UTF-8.
    """
    for number, line in read_lines(path, CorpusError, "a Kaldi directory needs it"):
        row = parse_row(number, line)
        if row.key and not row.key.startswith(";;"):
            yield row


def mark_problems(path: Path) -> list[Problem]:
    """A warning, if any line of a table begins with a byte order mark, which is not taken for a part of its id."""
    if lines := marked_lines(path):
        what = "saved with a byte order mark; stripped here, but others take it for a part of the text"
        return [Problem("warning", str(path), lines[0], what, f"{SAVE} without one")]
    return []


def parse_row(number: int, line: str) -> KaldiRow:
    fields = line.strip(BLANK).replace("\t", " ").split(" ", 1)  # other white space of Unicode is no border in Kaldi
    return KaldiRow(number, fields[0], fields[1].strip(BLANK) if len(fields) > 1 else "")


def read_table(path: Path) -> dict[str, KaldiRow]:
    """A table by the ids its lines begin with.

    Raises CorpusError as `read_rows` does, and if an id repeats.
    """
    rows = {}
    for row in read_rows(path):
        if row.key in rows:
            raise CorpusError(f"{path}:{row.line}: {row.key} is already on line {rows[row.key].line}; remove one")
        rows[row.key] = row
    return rows


def read_map(path: Path) -> dict[str, str]:
    """A table from id to the rest of the line; empty if there is no such file."""
    return {row.key: row.value for row in read_table(path).values()} if path.exists() else {}
