"""unitdisc normalise: any system's frames, their speakers made alike."""

from collections.abc import Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.adaptation.adaptation import FILE, Adaptation
from unitdisc.adaptation.places import Place, Resources, speaker_key
from unitdisc.adaptation.steps import parse, written_out
from unitdisc.api.normalised import Normalising, fitted, refuse_moved_again, refuse_or_say, settings_after
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.api.segment_inputs import is_even, open_for, sources_of
from unitdisc.clustering.codebook_files import kind_of_frames
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.clustering.side_by_side import SideBySide
from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.encodings.folders import refuse_among, refuse_other_steps
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.jobs import Shard


@takes_paths
@filling(lambda given: [given["folder"]])
def normalise(
    encodings: Path,
    corpus: Path,
    folder: Path,
    steps: str | None = None,
    *,
    like: Path | None = None,
    beside: Sequence[Path] = (),
    seed: int = 0,
    memory: float = 2.0,
    threads: int | None = None,
    frame_rate: float | None = None,
    times: str | None = None,
    allow_pipes: bool = False,
    strict: bool = False,
) -> Adaptation:
    """Makes the speakers of any system's frames alike, and writes the frames as encodings; returns what was learnt.

    encodings, frame_rate, times: as of `segment`. corpus: says who speaks; an utterance without a speaker is one of its
    own. steps: what is done, such as "standardise:speaker,whiten:half", or "classical"; fitted to these frames.
    like: instead of steps, a folder that was filled so, or its adaptation.safetensors: what was learnt there from all
    frames is applied to these, and only what is of a speaker is learnt here, from the speaker's own frames.
    beside: encodings of ours, of other systems or points, whose frames are put beside these before the first step, at
    the same times, by linear interpolation. Nothing is scaled: what is to weigh as much should be as long.
    memory: GiB for frames that are not computed again, for each step. threads: all cores by default.
    strict: raise where an utterance has no frames, or where it is not known whether they fit, instead of saying so.

    An interrupted run is completed. Raises AdaptationError (a ValueError) for steps that cannot be taken with these
    frames, EncodingsError and CorpusError for what cannot be used, and LockedError while another run fills the folder.

    >>> mfcc, corpus = "exp/vq/encodings/test/mfcc", "data/test.jsonl"
    >>> adaptation = unitdisc.normalise(mfcc, corpus, "alike", "standardise:speaker,posteriorgram:8")
    >>> unitdisc.Encodings.open("alike")["u00"].frames.shape
    """
    if (steps is None) == (like is None):
        raise ValueError("give either `steps`, to fit them to these frames, or `like`, to apply what was fitted before")
    check_resources(memory=memory, threads=threads, seed=seed)
    folder = folder_for_results(folder)
    for place in (encodings, *beside):
        if folder.resolve() == place.resolve():
            raise ValueError(f"{folder}: holds the frames; choose another folder for what becomes of them")
        refuse_among(folder, place)
    how = Normalising(steps, like, memory, threads, seed)
    how.known()  # or it is refused before the corpus is read
    utterances = read_corpus(corpus, allow_pipes)
    opened = open_for(encodings, utterances, frame_rate, times)
    others = [Encodings.open(each) for each in beside]
    there = in_there([opened, *others], utterances, corpus, strict)
    return fill(folder, [opened, *others], there, how, strict=strict)


def fill(
    folder: Path, opened: Sequence[AnyEncodings], there: Sequence[Utterance], how: Normalising, *, strict: bool = False
) -> Adaptation:
    """Writes the frames of these utterances, which all of the encodings have, into a folder that is this run's alone.

    opened: frames that are put side by side. Returns and raises as `normalise` does.
    """
    known = how.known()
    chain = parse(how.steps) if known is None else known.chain
    refuse_moved_again(chain, opened)
    first, *rest = [StoredFrames(one, [utterance.id for utterance in there]) for one in opened]
    frames = SideBySide(first, rest) if rest else first
    settings = dict(opened[0].settings)
    if rest:
        settings["beside"] = [*settings.get("beside", []), *(kind_of_frames(other.settings) for other in opened[1:])]
    chain.dim(frames.dim)
    keys = {utterance.id: speaker_key(utterance.id, utterance.speaker) for utterance in there}
    place = Place(frames, keys, Resources(how.memory, cores(how.threads), how.seed))
    if known is not None:
        refuse_or_say(known.refuse_other(how.file, opened[0].folder, settings, frames.dim), strict)
    else:
        refuse_other_steps(folder, written_out(how.steps))
        known = fitted(how.steps, place, settings, folder / FILE)
    writer = EncodingsWriter(folder, settings_after(settings, known, corpus_checksum(there)))
    known.write(folder / FILE)
    write(writer, known, opened, place)
    writer.finish()
    return known


def refuse_share(shard: Shard, how: Normalising | None) -> None:
    """Raises ValueError if frames are to be normalised of which others have the rest."""
    if how is not None and not shard.is_whole:
        raise ValueError(
            f"`shard` {shard}: frames are normalised by all that there are; encode them first, and then `unitdisc "
            "normalise` them"
        )


def fill_from(plain: Path, folder: Path, corpus: Path, how: Normalising, allow_pipes: bool) -> None:
    """Fills a folder that is this run's alone with the frames of a plain one of this corpus, normalised."""
    opened = Encodings.open(plain)
    there = [utterance for utterance in read_corpus(corpus, allow_pipes) if utterance.id in opened]
    fill(folder, [opened], there, how)


def in_there(
    opened: Sequence[AnyEncodings], utterances: Sequence[Utterance], corpus: Path, strict: bool
) -> list[Utterance]:
    """The utterances that have frames in all. Raises EncodingsError if none has, and, with `strict`, if any has not."""
    there, problems = list(utterances), []
    for one in opened:
        problems += [one.why_missing(utterance.id) for utterance in there if utterance.id not in one]
        there = [utterance for utterance in there if utterance.id in one]
        if not there:
            raise EncodingsError(
                f"{one.folder}: holds none of the {len(utterances)} utterances of {corpus}; encode them"
            )
    if problems and strict:
        raise CorpusError(f"{len(problems)} of {len(utterances)} utterances have no frames, the first: {problems[0]}")
    console.say_problems(problems, len(there))
    return there


def write(writer: EncodingsWriter, adaptation: Adaptation, opened: Sequence[AnyEncodings], place: Place) -> None:
    """Writes the frames of all speakers; those of a speaker of whom nothing is missing are left alone."""
    with console.progress("writing frames", len(place.source.names)) as advance:
        for names in place.names_of.values():
            frames = {name: place.source[name] for name in names}
            if not all(is_current(writer, opened, name, len(values)) for name, values in frames.items()):
                own = adaptation.of_speaker(frames.values())
                for name, values in frames.items():
                    encoding = Encoding(name, opened[0][name].centres, adaptation(values, own))
                    writer.write(encoding, is_even(opened[0], name))
            advance(len(names))


def is_current(writer: EncodingsWriter, opened: Sequence[AnyEncodings], name: str, frames: int) -> bool:
    sources = [source for one in opened for source in sources_of(one, name)]
    return all(writer.is_current(name, frames, source if source.exists() else None) for source in sources)
