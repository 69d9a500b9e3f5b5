"""Reading a corpus for a command: what can be used of it, and a word about the rest."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from unitdisc import console
from unitdisc.corpus import CorpusError, FileError, Problem, Utterance, at_rate, is_pipe
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.kaldi.reading import PIPE
from unitdisc.corpus.read import is_manifest, read_corpus
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.checks import CheckedTable, Outcome, check_images, check_recordings, of_kind
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.recordings import AVERAGED, Listening
from unitdisc.data.base import Features, RecordingFeatures
from unitdisc.jobs import WHOLE, Shard
from unitdisc.media.audio import audio_info
from unitdisc.training.distributed import Agreement, rank, world_size

WORTH_WATCHING = 1000  # files to listen to


def usable_utterances(
    corpus: Path,
    features: Features,
    access: CorpusAccess = CorpusAccess(),
    *,
    thorough: bool = False,
) -> list[Utterance]:
    """The utterances of a corpus that can be read, sorted by id; what is wrong with the others is said.

    access: but for its cache and its share: all are looked at, each time.
    thorough: listen to every recording from beginning to end; otherwise at a few places. Images are looked at whole.
    Raises CorpusError if none is left, or, where `access` is strict, if any is bad.
    """
    listed = sorted(read_corpus(corpus, access.allow_pipes), key=lambda utterance: utterance.id)
    whole = replace(access, cache=None, shard=WHOLE)
    usable = usable_places(corpus, UtteranceTable.of(listed), features, whole, thorough=thorough)
    return [with_rate(listed[place], int(usable.rates[place])) for place in usable.good.tolist()]


def usable_table(
    corpus: Path,
    features: Features,
    access: CorpusAccess = CorpusAccess(),
    *,
    thorough: bool = False,
) -> UtteranceTable:
    """The same without texts and alignments, for any number of utterances.

    access: its cache knows which recordings were listened to before, and learns of more. Of a shard, all are checked,
    for batches are made of all good ones, but each problem is said by one shard.
    """
    listed = read_table(corpus, access.allow_pipes).sorted()
    usable = usable_places(corpus, listed, features, access, thorough=thorough)
    return listed.with_rates(usable.rates).take(usable.good)


def read_table(corpus: Path, allow_pipes: bool) -> UtteranceTable:
    """The utterances of a corpus without texts and alignments. Raises CorpusError as `read_corpus` does."""
    if not is_manifest(corpus):
        return UtteranceTable.of(read_corpus(corpus, allow_pipes))
    table = UtteranceTable.read(corpus)
    pipes = () if allow_pipes or not table.may_have_pipes() else enumerate(table.paths())
    for place, path in pipes:
        if is_pipe(path):
            raise CorpusError(f"{corpus}: the recording of {table[place].id} {PIPE}")
    return table


def usable_places(
    corpus: Path,
    listed: UtteranceTable,
    features: Features,
    access: CorpusAccess,
    *,
    thorough: bool,
) -> CheckedTable:
    """Which utterances can be used; what is wrong with the others is said. Raises CorpusError as above."""
    if len(listed) and (listed.images() != features.images).all():
        raise CorpusError(f"{corpus}: nothing in it can be used: {other_kind(features)}")
    if access.trust:
        alone = access.shard.is_whole and world_size() == 1  # otherwise each might divide another corpus
        found = believed(listed, features, access.allow_pipes, access.strict or not alone)
    elif features.images:
        found = check_images(listed)
    else:
        found = heard(listed, features, access, thorough)
    problems = [problem for problem in found.problems if problem.severity == "error"]
    long_enough = listed.with_rates(found.rates).take(found.good).measured(features.frames_in) > 0
    for place in found.good[~long_enough].tolist():
        problems.append(too_short(listed[place], features))
    good = found.good[long_enough]
    if problems and access.strict:
        listing = f"`unitdisc validate {corpus}` lists all"
        raise CorpusError(f"{corpus}: {len(problems)} problems ({listing}), the first: {problems[0]}")
    if rank() == 0:
        console.say_problems(map(str, access.shard.of(problems)), len(good), len(listed) - len(good))
        if access.shard.index == 1:
            say_averaged(corpus, found.problems)
    if not len(good):
        raise CorpusError(f"{corpus}: nothing in it can be used; `unitdisc validate {corpus}` says why")
    return CheckedTable(good, found.rates, problems)


def say_averaged(corpus: Path, problems: Sequence[Problem]) -> None:
    """Says once that there are channels which differ and are averaged."""
    differing = [problem for problem in problems if problem.severity == "warning" and problem.cure == AVERAGED]
    if differing:
        of_all = f"channels differ in {len(differing)} utterances and are averaged, the first in {differing[0].file}"
        console.say(f"{corpus}: {of_all} ({differing[0].what}); {AVERAGED}")


def heard(listed: UtteranceTable, features: RecordingFeatures, access: CorpusAccess, thorough: bool) -> CheckedTable:
    """What listening to the recordings shows. Processes share what is to be heard."""
    with ExitStack() as stack:

        def watch(total: int) -> Callable[[int], None]:
            if rank() or total < WORTH_WATCHING:
                return lambda count: None
            return stack.enter_context(console.progress("listening", total, "recordings"))

        return check_recordings(
            listed,
            Listening(features.rate, features.resample, access.allow_pipes, thorough),
            heard_before=GoodRecordings(access.cache),
            watch=watch,
            share=Shard(rank() + 1, world_size()),
            exchange=exchanged,
        )


def exchanged(own: Outcome) -> Outcome:
    """What all processes found, of what each did in the files that are its share."""
    faults, rates = {}, own[1].copy()
    of_all = Agreement().of_all((own[0], own[1][rank() :: world_size()]))
    for number, (of_some, some) in enumerate(of_all):
        faults |= of_some
        rates[number :: world_size()] = some
    return faults, rates


def believed(listed: UtteranceTable, features: Features, allow_pipes: bool, strict: bool) -> CheckedTable:
    """What the list says by itself; only recordings without a rate are opened, and with `strict` all must be."""
    good, rates, problems = of_kind(listed, features.images)
    if not features.images:
        unknown = good[rates[good] == 0]
        rates[unknown], unreadable = rates_in_headers(listed.take(unknown), allow_pipes, strict)
        problems, good = problems + unreadable, good[rates[good] > 0]
        if not features.resample:
            right = rates[good] == features.rate
            wrong = good[~right].tolist()
            problems = problems + [other_rate(listed[place], int(rates[place]), features.rate) for place in wrong]
            good = good[right]
    return CheckedTable(good, rates, problems)


def rates_in_headers(utterances: UtteranceTable, allow_pipes: bool, strict: bool) -> tuple[list[int], list[Problem]]:
    """The rates of recordings, 0 of those that cannot be opened, and why. Raises FileError at the first if `strict`."""
    found: dict[str, int] = {}
    problems = []
    for path in utterances.paths():
        if path not in found:
            try:
                found[path] = audio_info(path, allow_pipes).rate
            except FileError as error:
                if strict:
                    raise
                found[path] = 0
                problems.append(Problem("error", error.file, None, what=error.what, cure=error.cure))
    return [found[path] for path in utterances.paths()], problems


def other_rate(utterance: Utterance, rate: int, wanted: int) -> Problem:
    what = f"{utterance.id} has {rate} samples per second, but must have {wanted}"
    return Problem("error", utterance.path, None, what=what, cure=f"resample it to {wanted}, or allow resampling")


def other_kind(features: Features) -> str:
    """What is wrong with a corpus of recordings where line images are wanted, or the other way round."""
    if features.images:
        return "they are recordings, and line images are wanted; take a model of recordings, or features such as 'mfcc'"
    return "they are line images, and recordings are wanted; take a model of line images, or the features 'columns'"


def with_rate(utterance: Utterance, rate: int) -> Utterance:
    """The utterance at the rate of its file, so that times stay those of the corpus even where features resample."""
    known = utterance.rate or utterance.is_image
    return utterance if known else at_rate(utterance, rate)


def too_short(utterance: Utterance, features: Features) -> Problem:
    if not features.images and features.resample:
        utterance = at_rate(utterance, features.rate)
    what = f"{utterance.id} is shorter than half a frame ({utterance.ticks} samples)"
    return Problem("error", utterance.path, None, what=what, cure="take it off the list")
