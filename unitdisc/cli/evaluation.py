"""Commands that say what encodings and units are worth, and where a stretch of them occurs again."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.cli.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    EncodingsPath,
    ExperimentPath,
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
    from unitdisc.jobs import Shard
    from unitdisc.verbs.abx import Comparison, abx
    from unitdisc.verbs.abx_options import ItemColumns, Resources, protocol_of
    from unitdisc.verbs.cluster import Cluster
    from unitdisc.verbs.encoded import usual_labels

    protocol = protocol_of(
        distance, slicing, average, pooling, l2_normalise, (sampler, max_size_group, max_x_across, sampling_seed)
    )
    columns = ItemColumns(*usual_labels(corpus, tier, context), on, by, across)
    resources = Resources(bootstrap, seed, threads, memory)
    comparison = Comparison(encodings, corpus, columns, protocol, frame_rate, allow_pipes)
    cluster = Cluster.chosen(ray, shards, shard)
    abx(comparison, resources, output, cells, Shard.parse(shard), parts, cluster)


def probe(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    mel: Annotated[Path | None, typer.Option(help="log-mel, or columns, of the corpus: to be reconstructed")] = None,
    tier: Tier = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="labels, speaker, gender, mel (of line images: columns), speaker-frames, gender-frames, ctc, ctc-text"
        ),
    ] = None,
    reader: Annotated[str, typer.Option(help="linear, or mlp: with one hidden layer")] = "linear",
    ctc_reader: Annotated[str, typer.Option(help="linear, mlp or conv: of CTC probes")] = "mlp",
    context_frames: Annotated[int, typer.Option(help="frames seen at once: 1, 3, 5, ...")] = 1,
    balanced: Annotated[bool, typer.Option("--balanced", help="rare classes count as much as frequent ones")] = False,
    controls: Annotated[bool, typer.Option("--controls/--no-controls", help="readers trained on noise beside")] = True,
    unseen_speakers: Annotated[
        bool, typer.Option("--unseen-speakers/--known-speakers", help="of labels and sound; or just other utterances")
    ] = True,
    training_frames: Annotated[int, typer.Option(help="learned from at most in each fold; 0: all")] = 50_000,
    train_encodings: Annotated[Path | None, typer.Option(help="of a corpus to learn from, instead of folds")] = None,
    train_corpus: Annotated[Path | None, typer.Option(help="corpus of --train-encodings")] = None,
    train_mel: Annotated[Path | None, typer.Option(help="the same of --train-corpus")] = None,
    seed: int = 0,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """What encodings tell of labels, speaker, gender and signal, beside what chance tells.

    Example: `unitdisc probe exp/vq/encodings/test/condition data/test.jsonl --reader mlp --context-frames 5`

    All points, tables and figures on one page: `python eval/probe_report.py`
    """
    from unitdisc.verbs import probe as verb
    from unitdisc.verbs.encoded import usual_labels

    tier, _ = usual_labels(corpus, tier)
    tasks = verb.Tasks(tuple(task or ()), tier, mel, train_mel, ctc_reader, unseen_speakers)
    options = verb.options_of(reader, context_frames, balanced, controls, training_frames, seed, device)
    verb.probe(encodings, corpus, tasks, options, (train_encodings, train_corpus), frame_rate, output, allow_pipes)


def score(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    tier: Tier = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="of boundaries, in ms, or in pixel columns without a rate (default: 20 ms, 1 column)"),
    ] = None,
    spelling: Annotated[str, typer.Option(help="tier of the phones that words are spelled with")] = "phone",
    learn_encodings: Annotated[
        Path | None, typer.Option(help="encodings of other utterances, where codes get their names from labels")
    ] = None,
    learn_corpus: Annotated[Path | None, typer.Option(help="corpus of --learn-encodings")] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Units against labels, boundaries and words: many-to-one, AMI, PNMI, F1, R-value, NED, perplexity, bitrate.

    Example: `unitdisc score exp/vq/encodings/test/bottleneck data/test.jsonl --tolerance 20`
    """
    from unitdisc.verbs.encoded import usual_labels
    from unitdisc.verbs.score import score

    learn = (learn_encodings, learn_corpus)
    tier, _ = usual_labels(corpus, tier)
    score(encodings, corpus, tier, tolerance, spelling, learn, frame_rate, output, allow_pipes)


def find(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    query: Annotated[str | None, typer.Option(help="utterance that holds what is looked for")] = None,
    start: Annotated[
        float | None, typer.Option("--from", help="where in it: seconds, or pixel columns of an image")
    ] = None,
    end: Annotated[float | None, typer.Option("--to", help="the same (default: the whole utterance)")] = None,
    label: Annotated[str | None, typer.Option(help="look for what has this label, or several in a row")] = None,
    number: Annotated[int, typer.Option(help="which of the stretches with this label")] = 1,
    tier: Annotated[
        str | None, typer.Option(help="of --label, and of what is said of hits (default: character, word or phone)")
    ] = None,
    query_encodings: Annotated[Path | None, typer.Option(help="where the query lies, if in another corpus")] = None,
    query_corpus: Annotated[Path | None, typer.Option(help="corpus of --query-encodings")] = None,
    top: Annotated[int, typer.Option(help="hits")] = 20,
    by: Annotated[str, typer.Option(help="frames, or codes: every frame as the mean of its code")] = "frames",
    distance: Annotated[str, typer.Option(help="of frames: angular or euclidean")] = "angular",
    normalise: Annotated[str, typer.Option(help="frames to the scale of their speaker or corpus, or none")] = "speaker",
    threads: Threads = None,
    page: Annotated[Path | None, typer.Option(help="HTML page to write, with the hits to see or to hear")] = None,
    output: Output = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Find by example: where else a stretch of a recording, or of a line of handwriting, occurs.

    Example: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --query line_07 --from 120 --to 180
    --page hits.html`

    By a label that somebody gave once: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --label qu`
    """
    from unitdisc.verbs import find as verb

    asked = verb.Asked(query, start, end, label, number, query_encodings, query_corpus)
    options = verb.FindOptions(by, distance, normalise, verb.usual_threads(threads))
    verb.find(encodings, corpus, asked, verb.Wanted(top, output, page), options, tier, frame_rate, allow_pipes)


def report(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    resyntheses: Annotated[
        Path | None, typer.Option(help="folder made by `unitdisc resynthesise` (default: EXPERIMENT/resyntheses)")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="another experiment that has a report")] = None,
    tier: Tier = None,
    context: Annotated[
        str | None, typer.Option(help="triphone: between same neighbours; any: as for words (default: by the tier)")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the probes")] = 0,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Encode and score a corpus at every probe point; write report/scores.json and report/index.html.

    Example: `unitdisc report exp/vq data/test.jsonl --compare exp/vae`
    """
    from unitdisc.verbs.encoded import usual_labels
    from unitdisc.verbs.report import report

    tier, context = usual_labels(corpus, tier, context)
    typer.echo(report(experiment, corpus, resyntheses, compare or [], tier, context, seed, cache, allow_pipes, device))
