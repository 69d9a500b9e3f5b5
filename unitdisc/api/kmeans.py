"""unitdisc kmeans: a codebook for any system's frames."""

from dataclasses import asdict, replace
from pathlib import Path

from unitdisc import console
from unitdisc.api.normalised import TIME, NormalisedEncodings, Normalising, normalised_for
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.clustering import KMeansOptions
from unitdisc.clustering import kmeans as find_codes
from unitdisc.clustering.codebook_files import Codebook, adaptation_of, read_codebook, write_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import EncodingsError
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import AnyEncodings, ForeignEncodings, open_encodings
from unitdisc.evaluation.settings import versions
from unitdisc.files import take_away
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file

ANY_RATE = 50.0  # of frames, whose time does not matter


@takes_paths
def kmeans(
    encodings: Path,
    codebook: Path,
    options: KMeansOptions,
    *,
    memory: float = 2.0,
    threads: int | None = None,
    times: str | None = None,
    corpus: Path | None = None,
    normalise: str | None = None,
    normalise_like: Path | None = None,
    allow_pipes: bool = False,
) -> Codebook:
    """Makes a codebook of any system's frames, however many; an interrupted run goes on.

    encodings: one file of frames [T, D] per utterance. codebook: NAME.npy to write, with its card, NAME.json.
    memory: GiB for the sample and for frames that are not read again. threads: all cores by default.
    times: of other tools' .txt: "regular", or "column": the first is time.
    corpus: take only its utterances; it says who speaks, which `normalise` needs to know.
    normalise: steps by which frames are normalised as they are read; normalise_like: instead, what `normalise` learnt
    before. What was learnt is kept beside the codebook, NAME.adaptation.safetensors, by which others can be normalised
    like these, and other frames are refused where the codebook is used. The codebook is that of the folder which
    `unitdisc.normalise` would write; frames that memory does not hold are normalised again in every pass.

    Returns the codebook: vectors [K, D] float32, and in its card the number of frames, passes and the inertia.
    Raises EncodingsError for frames that cannot be read or differ in width, ValueError for options that cannot be,
    and for a sample that needs more memory, LockedError while another run makes the same codebook.

    >>> codebook = unitdisc.kmeans("exp/vq/encodings/test/mfcc", "codes.npy", unitdisc.KMeansOptions(codes=5))
    >>> codebook.vectors.shape
    """
    if codebook.suffix != ".npy":
        raise ValueError(f"{codebook}: must end in .npy, for the codebook is an array, and its card is put beside it")
    check_resources(memory=memory, threads=threads)
    file_for_results(codebook, "CODEBOOK")
    refuse_among(codebook, encodings)
    how = Normalising.chosen(normalise, normalise_like, memory=memory, threads=threads, seed=options.seed)
    if how is not None and corpus is None:
        raise ValueError("`normalise` needs to know who speaks; give the `corpus` of these frames, too")
    with locked_file(codebook):
        opened = open_encodings(encodings, frame_rate=None if times == "column" else ANY_RATE, times=times)
        if corpus is not None:
            opened = of_corpus(opened, corpus, how, kept=adaptation_of(codebook), allow_pipes=allow_pipes)
        make(opened, encodings, codebook, options, memory=memory, threads=cores(threads))
    return read_codebook(codebook)


def of_corpus(
    opened: AnyEncodings, corpus: Path, how: Normalising | None, *, kept: Path, allow_pipes: bool
) -> AnyEncodings:
    """The encodings of a corpus, normalised as asked; what they have not is said."""
    utterances = read_corpus(corpus, allow_pipes)
    if isinstance(opened, ForeignEncodings):
        opened = opened.of_corpus(utterances)
    there = [utterance for utterance in utterances if utterance.id in opened]
    if not there:
        raise EncodingsError(f"{opened.folder}: holds none of the {len(utterances)} utterances of {corpus}")
    console.say_problems((opened.why_missing(u.id) for u in utterances if u.id not in opened), len(there))
    if how is None:
        return replace(opened, codes={utterance.id: opened.codes[utterance.id] for utterance in there})
    return normalised_for(opened, there, how, kept=kept)


def make(
    opened: AnyEncodings, encodings: Path, codebook: Path, options: KMeansOptions, *, memory: float, threads: int
) -> None:
    """As `kmeans`, where no other run makes this codebook."""
    if isinstance(opened, NormalisedEncodings):
        opened.adaptation.write(adaptation_of(codebook))
    else:
        take_away(adaptation_of(codebook))  # of a codebook that was here before
    frames = StoredFrames(opened, opened.codes, options.spherical)
    unfinished = codebook.with_name(codebook.name + ".part")
    found = find_codes(frames, options, memory, threads=threads, state_file=unfinished, progress=console.progress)
    card = {
        "spherical": options.spherical,
        "frames_of": {name: value for name, value in opened.settings.items() if name not in TIME},
        "encodings": str(encodings),
        "utterances": len(frames.names),
        "frames": found.frames,
        "frames_checksum": found.frames_checksum,
        "inertia": found.inertia,
        "passes": found.passes,
        "converged": found.converged,
        "options": asdict(options),
        "counts": found.counts.tolist(),
        "versions": versions(),
    }
    write_codebook(codebook, found.vectors, card)
    take_away(unfinished)
