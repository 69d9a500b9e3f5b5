"""Reading a corpus for a command: what can be used of it, and a word about the rest."""

from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, Problem, Utterance, at_rate
from unitdisc.data.audio import audio_info
from unitdisc.data.columns import Columns
from unitdisc.data.features import Features
from unitdisc.data.validation import check_images, check_utterances
from unitdisc.distributed import rank
from unitdisc.kaldi import read_corpus
from unitdisc.sharding import WHOLE, Shard


def usable_utterances(
    corpus: Path,
    features: Features | Columns,
    allow_pipes: bool = False,
    strict: bool = False,
    thorough: bool = False,
    shard: Shard = WHOLE,
) -> list[Utterance]:
    """The utterances of a corpus that can be read, sorted by id; what is wrong with the others is said.

    thorough: listen to every recording from beginning to end; otherwise at a few places. Images are looked at whole.
    shard: all are checked, for batches are made of all good ones, but each problem is said by one shard.
    Raises CorpusError if none is left, or, with `strict`, if any is bad.
    """
    listed = sorted(read_corpus(corpus, allow_pipes), key=lambda utterance: utterance.id)
    if listed and all(utterance.is_image != features.images for utterance in listed):
        raise CorpusError(f"{corpus}: nothing in it can be used: {other_kind(features)}")
    if features.images:
        checked = check_images(listed)
    else:
        checked = check_utterances(listed, features.rate, features.resample, allow_pipes, thorough=thorough)
    problems = [problem for problem in checked.problems if problem.severity == "error"]
    problems += [too_short(utterance) for utterance in checked.good if not features.frames_in(utterance)]
    good = [utterance for utterance in checked.good if features.frames_in(utterance)]
    if problems and strict:
        listing = f"`unitdisc validate {corpus}` lists all"
        raise CorpusError(f"{corpus}: {len(problems)} problems ({listing}), the first: {problems[0]}")
    if rank() == 0:
        console.say_problems(map(str, shard.of(problems)), len(good), len(listed) - len(good))
    if not good:
        raise CorpusError(f"{corpus}: nothing in it can be used; `unitdisc validate {corpus}` says why")
    usable = {utterance.id for utterance in good}
    return [with_own_rate(utterance, allow_pipes) for utterance in listed if utterance.id in usable]


def other_kind(features: Features | Columns) -> str:
    """What is wrong with a corpus of recordings where line images are wanted, or the other way round."""
    if features.images:
        return "they are recordings, and line images are wanted; take a model of recordings, or features such as 'mfcc'"
    return "they are line images, and recordings are wanted; take a model of line images, or the features 'columns'"


def with_own_rate(utterance: Utterance, allow_pipes: bool) -> Utterance:
    """The utterance at the rate of its file, so that times stay those of the corpus even where features resample."""
    known = utterance.rate or utterance.is_image
    return utterance if known else at_rate(utterance, audio_info(utterance.path, allow_pipes).rate)


def too_short(utterance: Utterance) -> Problem:
    what = f"{utterance.id} is shorter than half a frame ({utterance.ticks} samples)"
    return Problem("error", utterance.path, None, what, "take it off the list")
