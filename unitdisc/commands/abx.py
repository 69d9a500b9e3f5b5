"""unitdisc abx."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    EncodingsPath,
    FrameRate,
    Output,
    Ray,
    ShardOption,
    Shards,
    Threads,
    Tier,
)


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
    average: Annotated[str, typer.Option(help="librilight or abxpy: the order of averaging")] = "librilight",
    pooling: Annotated[str, typer.Option(help="none, mean or hamming: items as one frame")] = "none",
    l2_normalise: Annotated[bool, typer.Option("--l2-normalise", help="whatever the distance, as Libri-Light")] = False,
    sampler: Annotated[str, typer.Option(help="hashed, or abx2: the draws of libriabx2")] = "hashed",
    max_size_group: Annotated[int | None, typer.Option(help="items drawn from a group; all by default")] = None,
    max_x_across: Annotated[int | None, typer.Option(help="speakers drawn for X; all by default")] = None,
    sampling_seed: int = 3459,
    bootstrap: Annotated[int, typer.Option(help="draws of speakers that give the interval")] = 1000,
    seed: int = 0,
    threads: Threads = None,
    memory: Annotated[float, typer.Option(help="GiB for frames and distances, of each shard")] = 2.0,
    cells: Annotated[Path | None, typer.Option(help="table of every cell to write, .csv or .csv.gz")] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
    shard: ShardOption = None,
    parts: Annotated[Path | None, typer.Option(help="folder for the counts of shards, the same for all")] = None,
    ray: Ray = None,
    shards: Shards = None,
) -> None:
    """ABX error within and across speakers.

    Example: `unitdisc abx exp/vq/encodings/test/condition data/test.jsonl`

    Shared by four processes, the last of which says the error: the same with `--parts exp/vq/abx --shard 1/4` to `4/4`;
    on a Ray cluster: with `--parts exp/vq/abx --ray auto`

    An item file and another system's features: `unitdisc abx features/hubert dev-clean.item --frame-rate 50`
    """
    from unitdisc.api.abx import Comparison, abx
    from unitdisc.api.abx_options import ItemColumns, Resources, protocol_of
    from unitdisc.evaluation.inputs import usual_labels
    from unitdisc.jobs import Shard
    from unitdisc.jobs.cluster import Cluster

    protocol = protocol_of(
        distance, slicing, average, pooling, l2_normalise, (sampler, max_size_group, max_x_across, sampling_seed)
    )
    columns = ItemColumns(*usual_labels(corpus, tier, context), on, by, across)
    resources = Resources(bootstrap, seed, threads, memory)
    comparison = Comparison(encodings, corpus, columns, protocol, frame_rate, allow_pipes)
    cluster = Cluster.chosen(ray, shards, shard)
    abx(comparison, resources, output, cells, Shard.parse(shard), parts, cluster)
