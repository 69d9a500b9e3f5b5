"""The `unitdisc` command: one thin function per verb; the work is elsewhere, and imported only when it is done."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Discovers the units of a language nobody transcribed, from recordings or handwriting alone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

CorpusPath = Annotated[Path, typer.Argument(help="manifest (.jsonl) or Kaldi data directory", metavar="CORPUS")]
ExperimentPath = Annotated[Path, typer.Argument(help="folder made by `unitdisc train`", metavar="EXPERIMENT")]
EncodingsPath = Annotated[
    Path, typer.Argument(help="folder of one probe point, or any tool's .npy files", metavar="ENCODINGS")
]
AnyEncodingsPath = Annotated[
    Path, typer.Argument(help="frames of any system: .npy, .pt or .txt, one file per utterance", metavar="ENCODINGS")
]
Times = Annotated[
    str | None, typer.Option("--times", help="of other tools' .txt: regular, or column: the first is time")
]
AllowPipes = Annotated[bool, typer.Option("--allow-pipes", help="run the `command |` entries of a wav.scp")]
Strict = Annotated[bool, typer.Option("--strict", help="stop at a bad file instead of leaving it out")]
Cache = Annotated[Path | None, typer.Option("--cache", help="folder that keeps features between runs")]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")]
Tier = Annotated[
    str | None,
    typer.Option("--tier", help="alignment tier whose labels are looked for (default: phone; of images: character)"),
]
Context = Annotated[
    str | None,
    typer.Option("--context", help="triphone: between same neighbours; any: as for words (default: by the tier)"),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="JSON file for the result")]
FrameRate = Annotated[float | None, typer.Option("--frame-rate", help="frames per second, for folders of other tools")]


@app.command()
def doctor() -> None:
    """Check that this machine has what unitdisc needs.

    Example: `unitdisc doctor`
    """
    from unitdisc.verbs.doctor import doctor

    findings, healthy = doctor()
    for part, finding in findings:
        typer.echo(f"{part:16} {finding}")
    raise typer.Exit(0 if healthy else 1)


@app.command()
def validate(
    corpus: CorpusPath,
    rate: Annotated[int | None, typer.Option(help="samples per second every recording must have")] = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """List everything that is wrong with a corpus, with file, line and cure.

    Example: `unitdisc validate data/mini_speech/train.jsonl --rate 16000`
    """
    from unitdisc.verbs.validate import validate

    errors, warnings = validate(corpus, rate, allow_pipes)
    typer.echo(f"{corpus}: {errors} errors, {warnings} warnings")
    raise typer.Exit(1 if errors else 0)


@app.command()
def train(
    config: Annotated[
        str, typer.Argument(help="TOML file (see recipes/*/conf), or a preset: small, small-piecewise, paper")
    ],
    corpus: CorpusPath,
    experiment: Annotated[Path, typer.Argument(help="folder to create, or to go on with")],
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override the config")
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    device: Device = None,
) -> None:
    """Train a model, or resume where an interrupted run stopped.

    Example: `unitdisc train small data/train.jsonl exp/vq --set bottleneck.num_codes=128`

    On several processes: `torchrun --nproc-per-node 4 -m unitdisc train small data/train.jsonl exp/vq`
    """
    from unitdisc.verbs.train import train

    train(config, corpus, experiment, set or [], cache, allow_pipes, strict, device)


@app.command()
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
    device: Device = None,
) -> None:
    """Write what a model makes of every utterance; an interrupted run is completed.

    Example: `unitdisc encode exp/vq data/test.jsonl exp/vq/encodings/test --at bottleneck`
    """
    from unitdisc.model import PROBE_POINTS
    from unitdisc.verbs.encode import encode

    points = at or list(PROBE_POINTS)
    if unknown := sorted({*points} - {*PROBE_POINTS}):
        raise ValueError(f"--at {unknown}: the probe points are {list(PROBE_POINTS)}")
    encode(experiment, corpus, folder, points, cache, allow_pipes, strict, device)


@app.command()
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
) -> None:
    """Write plain features as encodings: the baseline of every comparison.

    Example: `unitdisc features data/test.jsonl exp/vq/encodings/test/mfcc`
    """
    from unitdisc.verbs.encode import features, features_of_kind

    options = features_of_kind(kind, rate, hop, height, normalise, resample)
    features(corpus, folder, options, cache, allow_pipes, strict)


@app.command()
def resynthesise(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the sound files, or images")],
    speaker: Annotated[
        list[str] | None, typer.Option(help="a voice, or a scribe, of the training corpus (default: their own)")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="only the first so many utterances")] = None,
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


@app.command()
def likelihood(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    limit: Annotated[int | None, typer.Option(help="only the first so many utterances")] = None,
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


@app.command()
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


@app.command()
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
    threads: Annotated[int | None, typer.Option(help="all cores by default")] = None,
    times: Times = None,
) -> None:
    """Make a codebook of any system's frames, however many; an interrupted run goes on.

    Example: `unitdisc kmeans exp/vq/encodings/train/mfcc exp/codebooks/mfcc-100.npy --codes 100`
    """
    from unitdisc.verbs import kmeans as verb

    options = verb.KMeansOptions(codes, spherical, seed, passes, tolerance, sample, starts, mini_batch)
    verb.kmeans(encodings, codebook, options, memory, threads, times)


@app.command()
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
    threads: Annotated[int | None, typer.Option(help="all cores by default")] = None,
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


@app.command()
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


@app.command()
def export(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    format: Annotated[
        list[str] | None, typer.Option(help="jsonl, ctm, textgrid, km (default: all; of images: jsonl, ctm)")
    ] = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Write units for other tools: JSON lines, CTM, Praat TextGrids, fairseq .km.

    Example: `unitdisc export exp/vq/encodings/test/bottleneck data/test.jsonl exp/vq/units --format textgrid`
    """
    from unitdisc.verbs.export import export

    for path in export(encodings, corpus, folder, format or [], allow_pipes):
        typer.echo(path)


@app.command()
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
    threads: Annotated[int | None, typer.Option(help="all cores by default")] = None,
    memory: Annotated[float, typer.Option(help="GiB for frames and distances")] = 2.0,
    cells: Annotated[Path | None, typer.Option(help="table of every cell to write, .csv or .csv.gz")] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """ABX error within and across speakers.

    Example: `unitdisc abx exp/vq/encodings/test/condition data/test.jsonl`

    An item file and another system's features: `unitdisc abx features/hubert dev-clean.item --frame-rate 50`
    """
    from unitdisc.verbs import abx as verb
    from unitdisc.verbs.encoded import usual_labels

    protocol = verb.protocol_of(
        distance, slicing, average, pooling, l2_normalise, (sampler, max_size_group, max_x_across, sampling_seed)
    )
    columns = verb.Columns(*usual_labels(corpus, tier, context), on, by, across)
    resources = verb.Resources(bootstrap, seed, threads, memory)
    verb.abx(encodings, corpus, columns, protocol, resources, frame_rate, output, cells, allow_pipes)


@app.command()
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


@app.command()
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


@app.command()
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
    threads: Annotated[int | None, typer.Option(help="all cores by default")] = None,
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


@app.command()
def report(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    resyntheses: Annotated[
        Path | None, typer.Option(help="folder made by `unitdisc resynthesise` (default: EXPERIMENT/resyntheses)")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="another experiment that has a report")] = None,
    tier: Tier = None,
    context: Context = None,
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


def main() -> None:
    """Runs a command; what can go wrong in the field ends in one sentence, not in a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (ValueError, OSError, FloatingPointError) as error:
        from unitdisc.console import fail

        fail(str(error))
