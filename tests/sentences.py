"""What a command says last, and whether it is what it must say; … stands for the words of a library."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tiny import tree


def read_sentences(name: str) -> dict[str, str]:
    """Case -> sentence, of a file with `case | sentence` on each line."""
    path = Path(__file__).parent / name
    return dict(line.split(" | ", 1) for line in path.read_text(encoding="utf-8").splitlines())


def sentence(err: str) -> str:
    """The last line, without the name of the program."""
    return re.sub(r"^(unitdisc|error|\w+\.py: error): ", "", err.splitlines()[-1])


@cache
def pattern(message: str) -> re.Pattern:
    """Kept: `re` does not remember as many as a list of sentences has."""
    return re.compile(re.escape(message).replace("…", ".*"))


def is_said(message: str, line: str) -> bool:
    return pattern(message).fullmatch(line) is not None


def assert_said(sentences: dict[str, str], case: str, err: str) -> None:
    """The last line is the sentence of the case, and of no other."""
    last = sentence(err)
    assert is_said(sentences[case], last), last
    assert [other for other in sentences if is_said(sentences[other], last)] == [case]
    assert "Traceback" not in err


def assert_ends_in_its_sentence(
    run: Callable, here: Callable[[str], Path], cases: dict, sentences: dict[str, str], case: str
) -> None:
    """A command whose input is spoilt says the sentence of its case, and leaves everything as it was."""
    spoil, command = cases[case]
    home = here(command)
    spoil()
    before = tree(home)
    said = run(command)
    assert said.code in (1, 2)
    assert_said(sentences, case, said.err)
    assert tree(home) == before, "something is written, or half of it"
