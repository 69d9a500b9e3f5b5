"""Reading a corpus for a command: what can be used of it, and a word about the rest."""

from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.features import Features
from unitdisc.data.validation import check_utterances
from unitdisc.kaldi import read_corpus


def usable_utterances(
    corpus: Path, features: Features, allow_pipes: bool = False, strict: bool = False, thorough: bool = False
) -> list[Utterance]:
    """The utterances of a corpus that can be read, sorted by id; what is wrong with the others is said.

    thorough: listen to every recording from beginning to end; otherwise at a few places.
    Raises CorpusError if none is left, or, with `strict`, if any is bad.
    """
    listed = sorted(read_corpus(corpus, allow_pipes), key=lambda utterance: utterance.id)
    checked = check_utterances(listed, features.rate, features.resample, allow_pipes, thorough=thorough)
    errors = [str(problem) for problem in checked.problems if problem.severity == "error"]
    if errors and strict:
        raise CorpusError(f"{corpus}: {len(errors)} problems, the first: {errors[0]}")
    console.say_problems(errors, len(checked.good))
    if not checked.good:
        raise CorpusError(f"{corpus}: nothing in it can be used; `unitdisc validate {corpus}` says why")
    by_id = {utterance.id: utterance for utterance in listed}
    # with their own rate, so that times stay those of the corpus even where the features resample
    return [utterance if by_id[utterance.id].rate is None else by_id[utterance.id] for utterance in checked.good]
