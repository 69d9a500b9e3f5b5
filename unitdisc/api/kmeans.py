"""unitdisc kmeans: a codebook for any system's frames."""

from dataclasses import asdict
from pathlib import Path

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.api.resources import check_resources, cores
from unitdisc.clustering import KMeansOptions
from unitdisc.clustering import kmeans as find_codes
from unitdisc.clustering.codebook_files import Codebook, read_codebook, write_codebook
from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.evaluation.settings import versions
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file

ANY_RATE = 50.0  # of frames, whose time does not matter
TIME = ("stride", "offset", "rate")


@takes_paths
def kmeans(
    encodings: Path,
    codebook: Path,
    options: KMeansOptions,
    *,
    memory: float = 2.0,
    threads: int | None = None,
    times: str | None = None,
) -> Codebook:
    """Makes a codebook of any system's frames, however many; an interrupted run goes on.

    encodings: one file of frames [T, D] per utterance. codebook: NAME.npy to write, with its card, NAME.json.
    memory: GiB for the sample and for frames that are not read again. threads: all cores by default.
    times: of other tools' .txt: "regular", or "column": the first is time.

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
    with locked_file(codebook):
        make(encodings, codebook, options, memory=memory, threads=cores(threads), times=times)
    return read_codebook(codebook)


def make(
    encodings: Path, codebook: Path, options: KMeansOptions, *, memory: float, threads: int, times: str | None
) -> None:
    """As `kmeans`, where no other run makes this codebook."""
    opened = open_encodings(encodings, frame_rate=None if times == "column" else ANY_RATE, times=times)
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
    unfinished.unlink(missing_ok=True)
