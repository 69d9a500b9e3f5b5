"""Commands about models: train one, look at it, and have it encode, resynthesise and predict a corpus."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unitdisc.cli.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    ExperimentPath,
    Limit,
    Output,
    Ray,
    ShardOption,
    Shards,
    Strict,
    Trust,
)


def train(
    config: Annotated[
        str,
        typer.Argument(
            help="TOML file (see recipes/*/conf), or a preset: small, small-piecewise, small-handwriting, paper, "
            "paper-handwriting"
        ),
    ],
    corpus: CorpusPath,
    experiment: Annotated[Path, typer.Argument(help="folder to create, or to go on with")],
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override the config")
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    device: Device = None,
) -> None:
    """Train a model, or resume where an interrupted run stopped.

    Example: `unitdisc train small data/train.jsonl exp/vq --set bottleneck.num_codes=128`

    On several processes: `torchrun --nproc-per-node 4 -m unitdisc train small data/train.jsonl exp/vq`
    """
    from unitdisc.verbs.train import train

    train(config, corpus, experiment, set or [], cache, allow_pipes, strict, device, trust)


def encode(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create; each probe point gets a folder in it")],
    at: Annotated[
        list[str] | None, typer.Option(help="probe point: encoder, projection, bottleneck, condition (default: all)")
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    device: Device = None,
    shard: ShardOption = None,
    ray: Ray = None,
    shards: Shards = None,
) -> None:
    """Write what a model makes of every utterance; an interrupted run is completed.

    Example: `unitdisc encode exp/vq data/test.jsonl exp/vq/encodings/test --at bottleneck`

    Shared by four processes, on one machine or several: the same with `--shard 1/4` to `--shard 4/4`;
    on a Ray cluster: with `--ray auto`
    """
    from unitdisc.jobs import Shard
    from unitdisc.model import PROBE_POINTS
    from unitdisc.verbs.cluster import Cluster
    from unitdisc.verbs.encode import encode

    points = at or list(PROBE_POINTS)
    if unknown := sorted({*points} - {*PROBE_POINTS}):
        raise ValueError(f"--at {unknown}: the probe points are {list(PROBE_POINTS)}")
    cluster = Cluster.chosen(ray, shards, shard)
    encode(experiment, corpus, folder, points, cache, allow_pipes, strict, device, trust, Shard.parse(shard), cluster)


def features(
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    kind: Annotated[str, typer.Option(help="mfcc, log-mel or waveform; columns: of line images")] = "mfcc",
    rate: Annotated[int, typer.Option(help="samples per second")] = 16_000,
    hop: Annotated[int, typer.Option(help="samples from one frame to the next")] = 160,
    height: Annotated[int, typer.Option(help="rows of pixels that line images are brought to")] = 32,
    normalise: Annotated[str, typer.Option(help="none, utterance, speaker or global")] = "none",
    resample: Annotated[bool, typer.Option("--resample", help="convert recordings of another rate")] = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    shard: ShardOption = None,
    ray: Ray = None,
    shards: Shards = None,
) -> None:
    """Write plain features as encodings: the baseline of every comparison.

    Example: `unitdisc features data/test.jsonl exp/vq/encodings/test/mfcc`

    Shared by four processes: the same with `--shard 1/4` to `--shard 4/4`; on a Ray cluster: with `--ray auto`
    """
    from unitdisc.jobs import Shard
    from unitdisc.verbs.cluster import Cluster
    from unitdisc.verbs.encode import features, features_of_kind

    options = features_of_kind(kind, rate, hop, height, normalise, resample)
    cluster = Cluster.chosen(ray, shards, shard)
    features(corpus, folder, options, cache, allow_pipes, strict, trust, Shard.parse(shard), cluster)


def resynthesise(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the sound files, or images")],
    speaker: Annotated[
        list[str] | None, typer.Option(help="a voice, or a scribe, of the training corpus (default: their own)")
    ] = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="of the decoder's random choices")] = 0,
    temperature: Annotated[float, typer.Option(help="1 draws from the model, less is tamer")] = 1.0,
    given: Annotated[float, typer.Option(help="share of every line that is given, of which the rest is made")] = 0.0,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Turn units back into sound, or into handwriting, in the voice or hand of any known speaker or scribe.

    Example: `unitdisc resynthesise exp/vq data/test.jsonl exp/vq/resyntheses --limit 3 --speaker p239`

    Lines of which half is given: `unitdisc resynthesise exp/pixelcnn data/test.jsonl exp/pixelcnn/lines --given 0.5`
    """
    from unitdisc.verbs.resynthesise import Drawing, resynthesise

    drawing = Drawing(seed, temperature, given)
    for path in resynthesise(experiment, corpus, folder, speaker or [], limit, drawing, allow_pipes, device):
        typer.echo(path)


def likelihood(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    limit: Limit = None,
    output: Output = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """How well the decoder predicts a corpus, in bits per pixel (or sample), with its units and with wrong ones.

    Example: `unitdisc likelihood exp/pixelcnn data/test.jsonl`
    """
    from unitdisc.verbs.likelihood import likelihood

    for line in likelihood(experiment, corpus, limit, output, cache, allow_pipes, device):
        typer.echo(line)


def inspect(
    experiment: ExperimentPath,
    speakers: Annotated[bool, typer.Option("--speakers", help="list the voices the decoder knows")] = False,
) -> None:
    """Show what an experiment is: options, sizes, last losses.

    Example: `unitdisc inspect exp/vq`
    """
    from unitdisc.verbs.inspect import inspect, known_speakers

    if speakers:
        typer.echo("\n".join(known_speakers(experiment)))
    else:
        typer.echo(json.dumps(inspect(experiment), indent=2, ensure_ascii=False))
