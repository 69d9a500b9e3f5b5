"""Commands that make units of any system's frames, align texts, and write units for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.cli.options import (
    AllowPipes,
    AnyEncodingsPath,
    Cache,
    CorpusPath,
    EncodingsPath,
    FrameRate,
    Strict,
    Threads,
    Times,
)


def kmeans(
    encodings: AnyEncodingsPath,
    codebook: Annotated[
        Path, typer.Argument(help="NAME.npy to write; NAME.json says what it was made from", metavar="CODEBOOK")
    ],
    codes: Annotated[int, typer.Option(help="how many")] = 100,
    spherical: Annotated[bool, typer.Option("--spherical", help="compare frames by angle: codes of length 1")] = False,
    seed: int = 0,
    passes: Annotated[int, typer.Option(help="over all frames, at most")] = 100,
    tolerance: Annotated[
        float, typer.Option(help="stop when a pass lowers the distances by less than this part")
    ] = 1e-5,
    sample: Annotated[int, typer.Option(help="frames to begin with (default: 64 for each code, 50,000 at least)")] = 0,
    starts: Annotated[int, typer.Option(help="how often k-means of the sample is begun; the best counts")] = 3,
    mini_batch: Annotated[int, typer.Option(help="move codes after so many frames; 0: after each pass")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for the sample and for frames that are not read again")] = 2.0,
    threads: Threads = None,
    times: Times = None,
) -> None:
    """Make a codebook of any system's frames, however many; an interrupted run goes on.

    Example: `unitdisc kmeans exp/vq/encodings/train/mfcc exp/codebooks/mfcc-100.npy --codes 100`
    """
    from unitdisc.verbs import kmeans as verb

    options = verb.KMeansOptions(codes, spherical, seed, passes, tolerance, sample, starts, mini_batch)
    verb.kmeans(encodings, codebook, options, memory, threads, times)


def segment(
    encodings: AnyEncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: encodings, and units/ for other tools")],
    units_per_second: Annotated[float | None, typer.Option(help="changes of unit in a second of recording")] = None,
    units_per_100_columns: Annotated[float | None, typer.Option(help="the same for images")] = None,
    codebook: Annotated[Path | None, typer.Option(help="NAME.npy [codes, dimensions], as of `unitdisc kmeans`")] = None,
    codes: Annotated[int | None, typer.Option(help="make a codebook of so many codes of these frames")] = None,
    experiment: Annotated[Path | None, typer.Option(help="take the codebook of its vq, for `projection`")] = None,
    method: Annotated[
        str, typer.Option(help="units: cheapest codes; peaks: of change; prominence: of the length of frames")
    ] = "units",
    solver: Annotated[str, typer.Option(help="viterbi, greedy, exact; nearest: frame by frame")] = "viterbi",
    distance: Annotated[str, typer.Option(help="of frame and code: squared, euclidean, cosine")] = "squared",
    durations: Annotated[
        str, typer.Option(help="prior of durations: none, linear (the same), poisson, gamma, histogram (learned)")
    ] = "none",
    min_duration: Annotated[float | None, typer.Option(help="of a unit, in ms, or in columns")] = None,
    max_duration: Annotated[
        float | None, typer.Option(help="the same (default: any; with a prior, 1 s or five mean units)")
    ] = None,
    transitions: Annotated[str, typer.Option(help="price of changes: uniform, or bigram: learned")] = "uniform",
    prior_weight: Annotated[float, typer.Option(help="of durations and transitions against distances")] = 1.0,
    iterations: Annotated[int, typer.Option(help="estimate codes (and priors) from the units so often")] = 0,
    prominence: Annotated[float | None, typer.Option(help="of boundaries at peaks, instead of a number")] = None,
    pool: Annotated[bool, typer.Option("--pool", help="write the mean of every unit's frames, not its code")] = False,
    seed: Annotated[int, typer.Option(help="of k-means")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for distances that are not computed again")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    times: Times = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Find units in any system's frames, so many a second, and write them as encodings, TextGrid and CTM.

    Example: `unitdisc segment features/hubert data/test.jsonl exp/units --units-per-second 12 --codes 100
    --frame-rate 50`

    Syllables, from the peaks of change: `unitdisc segment features/hubert data/test.jsonl exp/syllables --method peaks
    --units-per-second 4.5 --codes 500 --frame-rate 50`
    """
    from unitdisc.verbs import segment as verb

    rate = verb.rate_of(units_per_second, units_per_100_columns)
    options = verb.SegmentOptions(
        rate,
        method,
        solver,
        distance,
        durations,
        min_duration,
        max_duration,
        transitions,
        prior_weight,
        iterations,
        prominence,
        pool,
    )
    origin = verb.Codes(codebook, codes, experiment, seed)
    resources = verb.Resources(memory, threads)
    per = "second" if units_per_100_columns is None else "100 columns"
    verb.segment(encodings, corpus, folder, origin, options, per, resources, frame_rate, times, allow_pipes, strict)


def align(
    corpora: Annotated[
        list[Path],
        typer.Argument(
            help="manifests (.jsonl) or Kaldi data directories with texts; the first is learned from",
            metavar="CORPUS...",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder to create: manifests, CTM and JSON lines, the aligner")
    ],
    tier: Annotated[str, typer.Option(help="what the new tier is called")] = "character",
    check: Annotated[str | None, typer.Option(help="a tier that is there already, to compare with")] = None,
    model: Annotated[Path | None, typer.Option(help="an `aligner` folder made before: nothing is learned")] = None,
    epochs: Annotated[int, typer.Option(help="of training")] = 20,
    batch_size: Annotated[int, typer.Option(help="utterances")] = 8,
    learning_rate: float = 2e-3,
    prior: Annotated[float, typer.Option(help="weight of label priors in training; 0: plain CTC")] = 0.3,
    recurrent: Annotated[int, typer.Option(help="units of the LSTM in either direction; 0: none")] = 96,
    height: Annotated[int, typer.Option(help="rows of pixels that lines are brought to")] = 32,
    seed: int = 0,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Find where the characters of texts are, on lines or in recordings that nobody aligned.

    Example: `unitdisc align data/train.jsonl data/test.jsonl --output data/aligned`

    How good that is, where boxes exist: `unitdisc align data/train.jsonl data/test.jsonl --output data/aligned --tier
    found --check character`
    """
    from unitdisc.verbs import align as verb

    options = verb.AlignOptions(epochs, batch_size, learning_rate, prior, recurrent, seed=seed)
    wanted = verb.Wanted(output, tier, check, model)
    verb.align(corpora, wanted, options, height, cache, allow_pipes, strict)


def export(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    format: Annotated[
        list[str] | None, typer.Option(help="jsonl, ctm, textgrid, km (default: all; of images: jsonl, ctm)")
    ] = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Write units for other tools: JSON lines, CTM, Praat TextGrids, fairseq .km.

    Example: `unitdisc export exp/vq/encodings/test/bottleneck data/test.jsonl exp/vq/units --format textgrid`
    """
    from unitdisc.verbs.export import export

    for path in export(encodings, corpus, folder, format or [], frame_rate, allow_pipes):
        typer.echo(path)
