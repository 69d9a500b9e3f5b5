"""Reading a corpus for a command: what can be used of it, and a word about the rest."""

from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.features import Features
from unitdisc.data.validation import check_utterances
from unitdisc.kaldi import read_corpus


def usable_utterances(
    corpus: Path, features: Features, allow_pipes: bool = False, strict: bool = False
) -> list[Utterance]:
    """The utterances of a corpus that can be read, sorted by id; what is wrong with the others is said.

    Raises CorpusError if none is left, or, with `strict`, if any is bad.
    """
    utterances = sorted(read_corpus(corpus, allow_pipes), key=lambda utterance: utterance.id)
    good, problems = check_utterances(utterances, features.rate, features.resample, allow_pipes)
    if problems and strict:
        raise CorpusError(f"{corpus}: {len(problems)} problems, the first: {problems[0]}")
    console.say_problems([str(problem) for problem in problems], len(good))
    if not good:
        raise CorpusError(f"{corpus}: nothing in it can be used; `unitdisc validate {corpus}` says why")
    return good
