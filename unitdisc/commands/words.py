"""unitdisc words."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices, one_of
from unitdisc.commands.options import AllowPipes, CorpusPath, EncodingsPath, FrameRate, Strict, Threads


def words(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: encodings, and words/ for other tools")],
    method: Annotated[
        str,
        typer.Option(
            help=f"on units: {', '.join(choices('words on units'))}; on frames: "
            f"{', '.join(choices('words on frames'))}; even and random, to compare with; given, by `--boundaries-tier`"
        ),
    ] = "dp-unigram",
    words_per_second: Annotated[float | None, typer.Option(help="of speech (default: as the method finds)")] = None,
    words_per_100_columns: Annotated[float | None, typer.Option(help="the same for images")] = None,
    units_tier: Annotated[str | None, typer.Option(help="labels of this tier are the units, instead of codes")] = None,
    speech_tier: Annotated[str | None, typer.Option(help="cut only what lies between silences of this tier")] = None,
    boundaries_tier: Annotated[str | None, typer.Option(help="whose labels are the words, for method given")] = None,
    dependency: Annotated[str, typer.Option(help=f"of tp: {one_of('dependencies')}")] = "ftp",
    threshold: Annotated[
        str, typer.Option(help="of tp and entropy: relative, beyond both neighbours, or absolute, the mean")
    ] = "relative",
    context: Annotated[int, typer.Option(help="of entropy: units that are known")] = 2,
    longest: Annotated[int, typer.Option(help="units in a word, at most")] = 12,
    lexicon: Annotated[
        int | None, typer.Option(help="of unigram and bpe: words known (default: least description length)")
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(help="over the corpus (default: 1000 sweeps of dp, 10 of dpdp, 5 of es-kmeans, 2 of unigram)"),
    ] = None,
    concentration: Annotated[
        float | None, typer.Option(help="of dp: how ready it is for new words (default: learned)")
    ] = None,
    bigram_concentration: Annotated[
        float | None, typer.Option(help="of dp-bigram: and for new pairs of words (default: learned)")
    ] = None,
    boundary_probability: Annotated[
        float | None, typer.Option(help="of dp: after every unit of a new word (default: learned)")
    ] = None,
    spelling: Annotated[
        str, typer.Option(help=f"of dp: how probable units are in new words, {one_of('spellings of new words')}")
    ] = "learned",
    prominence: Annotated[float | None, typer.Option(help="of peaks, instead of a number of words")] = None,
    window: Annotated[float, typer.Option(help="by which change of frames is smoothed, in ms or columns")] = 100.0,
    min_duration: Annotated[float, typer.Option(help="of a word on frames, in ms or columns")] = 80.0,
    candidates: Annotated[float, typer.Option(help="of es-kmeans: possible boundaries for each one wanted")] = 2.0,
    dims: Annotated[int, typer.Option(help="principal components of frames, by which they are named; 0: all")] = 50,
    types_by: Annotated[
        str | None,
        typer.Option(
            help="string of units, kmeans of mean frames, warping distances of all frames, or graph of strings that "
            "are alike (default: string on units, kmeans on frames)"
        ),
    ] = None,
    types: Annotated[int | None, typer.Option(help="of kmeans and warping: how many")] = None,
    types_from: Annotated[
        Path | None, typer.Option(help="frames of another system, which name the words, for kmeans and warping")
    ] = None,
    edit_distance: Annotated[
        float, typer.Option(help="of graph: up to which strings are alike, for each unit of the longer one")
    ] = 0.25,
    seed: Annotated[int, typer.Option(help="of sampling, k-means and random")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for frames, and for distances of words")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Cut utterances into words, and group these into types: encodings, TextGrid, CTM and ZeroSpeech classes.

    Example: `unitdisc words exp/units data/test.jsonl exp/words --method dp-unigram`

    On frames, so many words a second, of so many types: `unitdisc words features/hubert data/test.jsonl exp/words
    --method prominence --words-per-second 3 --types 500 --frame-rate 50`
    """
    from unitdisc import WordOptions, words

    if words_per_second is not None and words_per_100_columns is not None:
        raise ValueError("--words-per-second is for recordings and --words-per-100-columns for images; give one")
    of_images = words_per_100_columns is not None
    options = WordOptions(
        method,
        words_per_100_columns if of_images else words_per_second,
        dependency=dependency,
        threshold=threshold,
        context=context,
        longest=longest,
        lexicon=lexicon,
        iterations=iterations,
        concentration=concentration,
        bigram_concentration=bigram_concentration,
        boundary_probability=boundary_probability,
        spelling=spelling,
        prominence=prominence,
        window=window,
        min_duration=min_duration,
        candidates=candidates,
        dims=dims,
        types_by=types_by,
        types=types,
        edit_distance=edit_distance,
        seed=seed,
    )
    found = words(
        encodings,
        corpus,
        folder,
        options=options,
        units_tier=units_tier,
        speech_tier=speech_tier,
        boundaries_tier=boundaries_tier,
        types_from=types_from,
        per="100 columns" if of_images else "second",
        memory=memory,
        threads=threads,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        strict=strict,
    )
    typer.echo(
        f"{folder}: {found.words} words of {found.types} types in {found.utterances} utterances, {found.rate:.4g} per "
        f"{found.per}"
    )
    for name, value in found.facts.items():
        typer.echo(f"{name.replace('_', ' ')} {value:.6g}")
    for path in found.files:
        typer.echo(path)
