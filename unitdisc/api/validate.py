"""unitdisc validate: everything that is wrong with a corpus, at once."""

from collections.abc import Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.corpus.access import CorpusAccess
from unitdisc.validation.report import validate as find_problems


def validate(
    corpora: Sequence[Path], *, rate: int | None = None, access: CorpusAccess = CorpusAccess()
) -> tuple[int, int]:
    """Says every problem, or those of the files of a shard; returns how many errors and warnings there are."""
    problems = find_problems(
        *corpora, rate=rate, allow_pipes=access.allow_pipes, cache=access.cache, shard=access.shard
    )
    for problem in problems:
        console.say(f"{problem.severity}: {problem}")
    errors = sum(problem.severity == "error" for problem in problems)
    return errors, len(problems) - errors
