"""Sentences of a plain text, as they can be read aloud."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.files.text import read_lines
from unitdisc.prep.notes import Notes

LONGEST = 15  # words that are read at once
STRETCH, OF = 20, 10  # of ten stretches of twenty sentences, the last one is for the test
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
ENDS = re.compile(r"(?<=[.?!])[\"'”’»)\]]*\s+")
GIVE = "give a plain text"


def read_sentences(path: Path, notes: Notes) -> list[list[str]]:
    """Sentences of the words of a text, in small letters, with a comma where a mark stands inside.

    Lines are joined up to a blank line; what stands at the beginning of a line and has digits ("Ge1:1", "12.") is left
    out. A sentence of more than `LONGEST` words is cut behind a mark where there is one. A sentence with digits
    elsewhere, or other signs, is left out. All this is noted.
    Raises CorpusError if nothing is left, or too little for a test.
    """
    found = []
    for text in sentences_in(paragraphs(path, notes)):
        words = words_of(text)
        if words is None:
            notes.add("left out: a sentence with digits, or other signs that are no words", repr(text[:40]))
        elif words:
            if len(words) > LONGEST:
                notes.add(f"cut: a sentence of more than {LONGEST} words", repr(text[:40]))
            found += cut(words)
    if not found:
        notes.say()
        raise CorpusError(f"{path}: has no sentence that can be read aloud; {GIVE}, of words and marks")
    if len(found) <= STRETCH * (OF - 1):
        raise CorpusError(
            f"{path}: has {len(found)} sentences, and none of them is for the test, which every tenth stretch of "
            f"{STRETCH} is; give a longer text"
        )
    return found


def paragraphs(path: Path, notes: Notes) -> Iterator[str]:
    """Lines that belong together as one; a line that begins with a reference or a number is one of its own."""
    held: list[str] = []
    for _, line in read_lines(path, CorpusError, GIVE):
        fields = line.split()
        numbered = bool(fields) and any(character.isdigit() for character in fields[0])
        if numbered:
            notes.add("left out: what has digits, at the beginning of a line", fields[0])
        if (numbered or not fields) and held:
            yield " ".join(held)
            held = []
        held += fields[numbered:]
    if held:
        yield " ".join(held)


def sentences_in(texts: Iterator[str]) -> Iterator[str]:
    return (sentence for text in texts for sentence in ENDS.split(text))


def words_of(text: str) -> list[str] | None:
    """The words of a sentence, some with a comma behind; None if it has something that can't be read word by word."""
    rest = WORD.sub("", text)
    if any(character.isalnum() or character in "&@#%$€£+=<>|_/\\" for character in rest):
        return None
    found: list[str] = []
    end = 0
    for match in WORD.finditer(text):
        if found and re.search(r"[,;:.?!—–]", text[end : match.start()]):
            found[-1] += ","
        found.append(match[0].lower().replace("’", "'"))
        end = match.end()
    return found


def cut(words: list[str]) -> Iterator[list[str]]:
    """In pieces of at most `LONGEST` words: behind the last comma of what would be too long, or where it must be."""
    while len(words) > LONGEST:
        places = [place for place in range(1, LONGEST + 1) if words[place - 1].endswith(",")]
        place = places[-1] if places else LONGEST
        yield ended(words[:place])
        words = words[place:]
    yield ended(words)


def ended(words: list[str]) -> list[str]:
    return [*words[:-1], words[-1].rstrip(",")]


def parted(sentences: Sequence[list[str]]) -> dict[str, list[list[str]]]:
    """Those to train on, and every tenth stretch of twenty, for the test."""
    parts: dict[str, list[list[str]]] = {"train": [], "test": []}
    for number, sentence in enumerate(sentences):
        parts["test" if number // STRETCH % OF == OF - 1 else "train"].append(sentence)
    return parts
