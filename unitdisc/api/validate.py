"""unitdisc validate: everything that is wrong with a corpus, at once."""

from collections.abc import Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.jobs import WHOLE, Shard
from unitdisc.validation.report import validate as find_problems


def validate(
    corpora: Sequence[Path], rate: int | None, allow_pipes: bool, cache: Path | None = None, shard: Shard = WHOLE
) -> tuple[int, int]:
    """Says every problem, or those of the files of a shard; returns how many errors and warnings there are."""
    problems = find_problems(*corpora, rate=rate, allow_pipes=allow_pipes, cache=cache, shard=shard)
    for problem in problems:
        console.say(f"{problem.severity}: {problem}")
    errors = sum(problem.severity == "error" for problem in problems)
    return errors, len(problems) - errors
