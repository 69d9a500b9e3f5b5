"""How long a corpus of many utterances takes before the work begins, and how much memory.

python benchmarks/manifests.py --output benchmarks/results/manifests.json > benchmarks/results/manifests.md

A corpus of so many recordings, of which each is a name of its own (a hard link) of one of few small files, is made in
a temporary folder. Every figure is of a fresh process, with everything from its start, the import of torch included, to
the first batch of training or encoding, or to the end of `unitdisc validate`. `--peer NAME=FOLDER` measures another
checkout of unitdisc as well. What is done `known` has a --cache in which all recordings are already known to be good.
The bound is `json`: the standard library parses every line, and nothing is made of it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from machine import add_note_and_output, circumstances, keep_result, spread

RATE = 16_000
FILES = 32  # that the names are names of; a file can have some 65,000
SPEAKERS = 2000
LABELS = ("ah", "b", "iy", "k", "m", "ow", "s", "t", "uw", "z")
BOUND = "json"
CASES = (BOUND, "read", "train", "train, known", "train, trusted", "encode, trusted", "validate", "validate, known")
IN_FULL = {"train", "validate"}  # these listen to every recording
SMALL = ["encoder.dim=64", "decoder.channels=16", "decoder.layers=2"]  # the model is not what is measured
OPTIONS = ["features.normalise=utterance", "training.steps=1", *SMALL]


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="utterances")
    parser.add_argument("--most-in-full", type=int, default=10_000, help="where every recording is listened to")
    parser.add_argument("--intervals", type=int, default=0, help="of an alignment in every line")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FOLDER", help="another checkout")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="a size of no interest, to see that all works")
    add_note_and_output(parser)
    parser.add_argument("--child", nargs=3, metavar=("CASE", "CORPUS", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        return child(args.child[0], Path(args.child[1]), Path(args.child[2]))
    sizes = [200] if args.quick else args.sizes
    here = {"unitdisc": str(Path(__file__).resolve().parent.parent)}
    versions = here | dict(peer.split("=", 1) for peer in args.peer)
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            corpus = make_corpus(Path(folder), size, args.intervals)
            for case in CASES:
                if case in IN_FULL and size > args.most_in_full:
                    continue
                for name, code in versions.items():
                    if name == "unitdisc" or ("," not in case and case != BOUND):  # versions that know nothing of it
                        rows.append(measured(case, corpus, name, code, size, args.repeat))
                        print(rows[-1], file=sys.stderr)
    found = {"rows": rows, "intervals": args.intervals, **circumstances(threads=1, note=args.note)}
    print(table(found))
    keep_result(found, args.output)
    return found


def make_corpus(folder: Path, size: int, intervals: int, speakers: int = SPEAKERS, *, seconds: float = 1) -> Path:
    """A manifest, sorted by id as `write_manifest` does, and what it lists. seconds: of an utterance, on average."""
    rng, ticks = np.random.default_rng(0), round(seconds * RATE)
    lengths = rng.integers(ticks // 2, 3 * ticks // 2, FILES).tolist()
    for file, ticks in enumerate(lengths):
        soundfile.write(folder / f"{file}.wav", 0.1 * rng.standard_normal(ticks), RATE)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as manifest:
        for number in range(size):
            ticks, speaker = lengths[number % FILES], f"speaker{number * speakers // size:05d}"
            path = Path("wav") / speaker / f"{number:08d}.wav"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / f"{number % FILES}.wav", folder / path)
            line = {"id": f"{speaker}-{number:08d}", "path": str(path), "speaker": speaker, "ticks": ticks}
            line |= {"rate": RATE, "start": 0}
            if intervals:
                edges = np.linspace(0, ticks, intervals + 1).astype(int).tolist()
                line["alignment"] = {"phone": [[a, b, LABELS[(number + a) % 10]] for a, b in pairwise(edges)]}
            manifest.write(json.dumps(line) + "\n")
    return folder / "corpus.jsonl"


def measured(case: str, corpus: Path, name: str, code: str, size: int, repeat: int) -> dict:
    """CPU and wall seconds and megabytes, of fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        if case.endswith("known"):
            know(corpus, corpus.parent / "cache")
            folder = str(corpus.parent / "cache")
        runs = [run(case, corpus, Path(folder), code) for _ in range(repeat)]
    figures = {key: spread(each[key] for each in runs) for key in runs[0]}
    return {"case": case, "version": name, "utterances": size, **figures}


def know(corpus: Path, cache: Path) -> None:
    """Leaves in the cache what a first `unitdisc validate --cache` would."""
    from unitdisc.corpus.table import UtteranceTable
    from unitdisc.corpus.validation.files import Files  # here, as what is measured imports what it needs by itself
    from unitdisc.corpus.validation.known_good import GoodRecordings

    if not cache.exists():
        good = GoodRecordings(cache)
        files = Files(UtteranceTable.read(corpus))
        for key in files.keys(np.arange(len(files))):
            good.add(key, RATE)
        good.save()


def run(case: str, corpus: Path, folder: Path, code: str) -> dict:
    started = time.monotonic()
    environment = os.environ | {"PYTHONPATH": code, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", case, str(corpus), str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=corpus.parent)
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {"wall": found["wall"] - started}


class Begun(Exception):  # noqa: N818 (no error)
    """The work began."""


@contextmanager
def until_begun():
    """Ends what is measured when the work begins, or when it is over."""
    with suppress(Begun):
        yield
    usage, now = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()  # a clock that all processes share
    print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "wall": now, "megabytes": usage.ru_maxrss / 1024}))


def begin(*_: object, **__: object) -> None:
    raise Begun


def child(case: str, corpus: Path, folder: Path) -> dict:
    verb, _, how = case.partition(", ")
    options = {"trusted": {"trust": True}, "known": {"cache": folder}}.get(how, {})
    if options and verb in ("train", "encode"):
        options = reading(options)
    {BOUND: parse, "read": read, "train": train, "encode": encode, "validate": validate}[verb](corpus, folder, options)
    return {}


def reading(options: dict) -> dict:
    """The same as the version that is measured takes it."""
    try:
        from unitdisc.corpus.access import CorpusAccess
    except ImportError:  # an older version
        return options
    return {"access": CorpusAccess(**options)}


def parse(corpus: Path, folder: Path, options: dict) -> None:
    with until_begun(), corpus.open("rb") as lines:
        for line in lines:
            json.loads(line)


def read(corpus: Path, folder: Path, options: dict) -> None:
    """The manifest alone, as a list of utterances with everything, without torch."""
    try:
        from unitdisc.corpus.manifest import read_manifest
    except ImportError:  # an older version
        from unitdisc.corpus import read_manifest

    with until_begun():
        list(read_manifest(corpus))


def train(corpus: Path, folder: Path, options: dict) -> None:
    """Until the first batch of training is there, without the model's first step."""
    from unitdisc.api import train as verb

    def first_batch(trainer: object, batches: Callable, *_: object) -> None:
        next(iter(batches(0)))
        raise Begun

    verb.Trainer.run = first_batch
    with until_begun(), tempfile.TemporaryDirectory() as experiment:
        verb.train("paper", corpus, Path(experiment) / "x", OPTIONS, device="cpu", **options)


def encode(corpus: Path, folder: Path, options: dict) -> None:
    """Until the first batch would be encoded, by a model that was not trained."""
    import torch

    from unitdisc.api import encode as verb
    from unitdisc.experiment import Experiment, save_weights
    from unitdisc.experiment.config import read as read_options
    from unitdisc.inference import encode_corpus as encoding

    experiment = Experiment(read_options("paper", OPTIONS), ["?"], {})
    torch.manual_seed(0)
    made = folder / "experiment"
    signals = encoding.Signals  # from wherever it lives in the version that is measured
    experiment.save(made, signals.fitted(experiment.features(), experiment.target(), []))
    save_weights(made, experiment.build())
    encoding.encode_batch = begin
    with until_begun():
        verb.encode(made, corpus, folder / "encodings", ["bottleneck"], device="cpu", **options)


def validate(corpus: Path, folder: Path, options: dict) -> None:
    from unitdisc.corpus.validation.report import validate

    with until_begun():
        found = validate(corpus, rate=RATE, **options)
        assert not [problem for problem in found if problem.severity == "error"]  # its files are links to a few


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, one thread. {about['note']}".strip(),
        "",
        "| utterances | | version | CPU s | least to most | wall s | MB | CPU microseconds an utterance |",
        "|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        cpu, between = row["cpu"]["median"], "{least:.2f} to {most:.2f}".format_map(row["cpu"])
        figures = f"{cpu:.2f} | {between} | {row['wall']['median']:.2f} | {row['megabytes']['median']:.0f}"
        figures += f" | {1e6 * cpu / row['utterances']:.1f}"
        lines.append(f"| {row['utterances']:,} | {row['case']} | {row['version']} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
