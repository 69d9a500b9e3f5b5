"""unitdisc validate: everything that is wrong with a corpus, at once."""

from collections.abc import Sequence
from pathlib import Path

from unitdisc.api.paths import takes_paths
from unitdisc.corpus import Problem
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.validation.report import validate as find_problems


@takes_paths
def validate(
    corpora: Sequence[Path], *, rate: int | None = None, access: CorpusAccess = CorpusAccess()
) -> list[Problem]:
    """All that is wrong with a corpus, or several, and what one has in common with another.

    corpora: manifests or Kaldi data directories, or one of them. rate: samples per second that every recording must
    have. access: with a cache, recordings found good are not listened to again; of a shard, the problems of its files.

    Returns problems, each with `severity` ("error" or "warning"), `file`, `line`, `what` and `cure`.
    Raises CorpusError where there is no corpus.

    >>> problems = unitdisc.validate("data/test.jsonl", rate=16_000)
    >>> [str(problem) for problem in problems if problem.severity == "error"]
    """
    corpora = [corpora] if isinstance(corpora, Path) else corpora
    return find_problems(*corpora, rate=rate, allow_pipes=access.allow_pipes, cache=access.cache, shard=access.shard)
