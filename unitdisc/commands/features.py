"""unitdisc features."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices, one_of
from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    NormaliseLike,
    Ray,
    ShardOption,
    Shards,
    Strict,
    Trust,
)


def features(
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    kind: Annotated[
        str | None, typer.Option(help=f"{one_of('feature kinds')} (default: mfcc, or what reads --model)")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="samples per second (default: 16000)")] = None,
    hop: Annotated[int | None, typer.Option(help="samples from one frame to the next (default: 160)")] = None,
    bins: Annotated[int | None, typer.Option(help="of the mel filterbank (default: 23 of mfcc, 80 of others)")] = None,
    height: Annotated[int | None, typer.Option(help="rows that line images are brought to (default: 32)")] = None,
    slant: Annotated[bool, typer.Option("--slant", help="of line images: set letters that lean upright")] = False,
    body: Annotated[bool, typer.Option("--body", help="the same: bring small letters to one height and place")] = False,
    normalise: Annotated[
        str, typer.Option(help=f"{one_of('normalisations')}; or steps that frames go through: see `unitdisc normalise`")
    ] = "none",
    vtln: Annotated[int, typer.Option(help="warps of the frequency axis tried for each speaker, as 7; 0: none")] = 0,
    like: Annotated[Path | None, typer.Option(help="of --vtln: a folder whose warps were found before")] = None,
    resample: Annotated[bool, typer.Option("--resample", help="convert recordings of another rate")] = False,
    model: Annotated[
        str | None, typer.Option(help="a network of others: its folder, or its name on the Hugging Face hub")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="which one of the hub, as refs/pr/1 (default: main)")] = None,
    layer: Annotated[
        int | None, typer.Option(help="of the network: 0 is what the first reads (default: the last)")
    ] = None,
    layer_weights: Annotated[
        str | None, typer.Option(help="the mean of layers 0, 1, ... with such weights: 0,0,1,2", metavar="W,W,...")
    ] = None,
    precision: Annotated[str | None, typer.Option(help=f"of the network: {one_of('network precisions')}")] = None,
    window: Annotated[float | None, typer.Option(help="seconds a network sees at once (default: 30)")] = None,
    device: Annotated[
        str | None, typer.Option(help="of the network: cpu, cuda, cuda:1 (default: a GPU if there is one)")
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    shard: ShardOption = None,
    ray: Ray = None,
    shards: Shards = None,
    normalise_like: NormaliseLike = None,
) -> None:
    """Write plain features, or frames of a network of others, as encodings: the baseline of every comparison.

    Example: `unitdisc features data/test.jsonl exp/vq/encodings/test/mfcc`

    Of a network: `unitdisc features data/test.jsonl exp/hubert --model hubert-base-ls960 --layer 9`

    Shared by four processes: the same with `--shard 1/4` to `--shard 4/4`; on a Ray cluster: with `--ray auto`
    """
    from unitdisc import Cluster, CorpusAccess, Shard, features, features_of_kind

    kinds = choices("normalisations")
    options = features_of_kind(
        kind,
        rate=rate,
        hop=hop,
        bins=bins,
        height=height,
        slant=slant or None,
        body=body or None,
        normalise=normalise if normalise in kinds else "none",
        resample=resample or None,
        vtln=vtln or None,
        model=model,
        revision=revision,
        layer=layer,
        layer_weights=None if layer_weights is None else weights_in(layer_weights),
        precision=precision,
        window=window,
    )
    cluster = Cluster.chosen(ray, shards, shard)
    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict, trust=trust, shard=Shard.parse(shard))
    features(
        corpus,
        folder,
        options,
        like=like,
        access=access,
        cluster=cluster,
        device=device,
        normalise=None if normalise in kinds else normalise,
        normalise_like=normalise_like,
    )


def weights_in(text: str) -> list[float]:
    """The numbers in "0,0,1,2"."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError as error:
        raise ValueError(f"--layer-weights {text!r}: give numbers with commas between them, as 0,0,1,2") from error
