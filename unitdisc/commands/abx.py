"""unitdisc abx."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import (
    AllowPipes,
    EncodingsPath,
    FrameRate,
    Normalise,
    NormaliseLike,
    Output,
    Ray,
    ShardOption,
    Shards,
    Threads,
    Tier,
    file_to_write,
)

if TYPE_CHECKING:
    from unitdisc import AbxProtocol, AbxResult, AbxScores


def abx(
    encodings: EncodingsPath,
    corpus: Annotated[
        Path, typer.Argument(help="manifest, Kaldi data directory or ZeroSpeech item file (.item)", metavar="CORPUS")
    ],
    tier: Tier = None,
    context: Annotated[
        str | None,
        typer.Option(
            help="triphone; phone: alone, between the same neighbours; any: as for words and digits "
            "(default: triphone; of images: any)"
        ),
    ] = None,
    on: Annotated[str, typer.Option(help="column of an item file that A and X share and B does not")] = "phone",
    by: Annotated[str, typer.Option(help="columns that all three share")] = "prev-phone,next-phone",
    across: Annotated[str, typer.Option(help="column that X shares with A and B or does not")] = "speaker",
    distance: Annotated[
        str, typer.Option(help="angular, euclidean, kl, kl_symmetric; of codes: identity, levenshtein")
    ] = "angular",
    slicing: Annotated[str, typer.Option(help="exact, or librilight: without the last frame of an item")] = "exact",
    average: Annotated[str, typer.Option(help=f"{one_of('abx averages')}: the order of averaging")] = "librilight",
    pooling: Annotated[str, typer.Option(help=f"{one_of('abx poolings')}: items as one frame")] = "none",
    l2_normalise: Annotated[bool, typer.Option("--l2-normalise", help="whatever the distance, as Libri-Light")] = False,
    sampler: Annotated[str, typer.Option(help="hashed, or abx2: the draws of libriabx2")] = "hashed",
    max_size_group: Annotated[int | None, typer.Option(help="items drawn from a group; all by default")] = None,
    max_x_across: Annotated[int | None, typer.Option(help="speakers drawn for X; all by default")] = None,
    sampling_seed: int = 3459,
    bootstrap: Annotated[int, typer.Option(help="draws of speakers that give the interval")] = 1000,
    seed: int = 0,
    threads: Threads = None,
    memory: Annotated[float, typer.Option(help="GiB for frames and distances, of each shard")] = 2.0,
    cells: Annotated[
        Path | None, typer.Option(callback=file_to_write, help="table of every cell to write, .csv or .csv.gz")
    ] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
    shard: ShardOption = None,
    parts: Annotated[Path | None, typer.Option(help="folder for the counts of shards, the same for all")] = None,
    ray: Ray = None,
    shards: Shards = None,
    normalise: Normalise = None,
    normalise_like: NormaliseLike = None,
) -> None:
    """ABX error within and across speakers.

    Example: `unitdisc abx exp/vq/encodings/test/condition data/test.jsonl`

    Shared by four processes, the last of which says the error: the same with `--parts exp/vq/abx --shard 1/4` to `4/4`;
    on a Ray cluster: with `--parts exp/vq/abx --ray auto`

    Frames made alike on the way, as by `unitdisc.normalise`: the same with `--normalise standardise:speaker`

    An item file and another system's features: `unitdisc abx features/hubert dev-clean.item --frame-rate 50`
    """
    from unitdisc import AbxProtocol, AbxResources, Cluster, ItemColumns, Sampling, Shard, abx

    sampled = max_size_group is not None or max_x_across is not None
    sampling = Sampling(sampler, max_size_group, max_x_across, seed=sampling_seed)
    protocol = AbxProtocol(
        distance, slicing, average, pooling=pooling, l2_normalise=l2_normalise, sampling=sampling if sampled else None
    )
    if cells is not None and cells.suffix not in (".csv", ".gz"):
        raise ValueError(f"--cells writes a table of comma-separated values: name it .csv or .csv.gz, not {cells}")
    scores = abx(
        encodings,
        corpus,
        ItemColumns(tier, context, on, by=by, across=across),
        protocol=protocol,
        resources=AbxResources(bootstrap, seed, threads, memory=memory),
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        shard=Shard.parse(shard),
        parts=parts,
        cluster=Cluster.chosen(ray, shards, shard),
        normalise=normalise,
        normalise_like=normalise_like,
    )
    typer.echo("\n".join(lines(scores)))
    if output is not None and scores.unfinished is None:
        scores.write(output)
    if cells is not None and scores.unfinished is None:
        scores.write_cells(cells)


def lines(scores: "AbxScores") -> Iterator[str]:
    """All that is printed."""
    yield title(scores.protocol)
    for speaker in ("within", "across"):
        if speaker in scores.results:
            yield line(speaker, scores.results[speaker])
        elif speaker in scores.why:
            yield f"{speaker:8}not measured: {scores.why[speaker]}"
    if scores.unfinished is not None:
        yield scores.unfinished
        return
    for speaker in scores.results:
        pairs = ", ".join(f"{a} {b} {100 * error:.1f}" for a, b, error in scores.worst_pairs(speaker))
        yield f"most confused {speaker} speakers, in percent: {pairs}"


def title(protocol: "AbxProtocol") -> str:
    words = [f"{protocol.distance} distance", f"{protocol.slicing} slicing", f"{protocol.average} averaging"]
    words += [f"{protocol.pooling} pooling"] if protocol.pooling != "none" else []
    words += ["frames of length one"] if protocol.l2_normalise else []
    words += ["no subsampling"] if protocol.sampling is None else [f"{protocol.sampling.kind} sample"]
    return f"ABX error, {', '.join(words)}"


def line(speaker: str, result: "AbxResult") -> str:
    low, high = result.interval or (None, None)
    between = "" if low is None else f" (95 % of speakers drawn anew: {100 * low:.2f} to {100 * high:.2f})"
    counts = f"{result.items} items, {result.skipped} more without frames, {result.cells} cells"
    counts += f", {result.null_frames} null frames" if result.null_frames else ""
    return f"{speaker:8}{100 * result.error:7.2f} %{between}   {counts}, {result.triplets} triplets"
