"""How fast `unitdisc resynthesise` is, from utterances to files: one at a time beside several together.

python data_prep/mini_speech.py data/mini_speech
python benchmarks/resynthesis.py data/mini_speech/test.jsonl --output benchmarks/results/resynthesis.json \\
    > benchmarks/results/resynthesis.md

A manifest of line images is drawn by the decoders of line images. Weights are random: what is drawn does not matter.
Both ways write the same files (tests/test_resynthesise.py); they take turns. One at a time: all that is done for an
utterance before anything is done for the next.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from machine import add_note_and_output, circumstances, keep_result

from unitdisc.api.resynthesise import Drawing, SpokenItem, draw, items_of, write
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, config
from unitdisc.model import UnitModel

SPEECH = {
    "frames": [],
    "WaveNet, 20 layers, 64 channels": [
        "decoder.kind=wavenet",
        "decoder.channels=64",
        "decoder.skip_channels=128",
    ],
}
LINES = {
    "columns": [],
    "PixelCNN, 16 channels, 4 layers": ["decoder.kind=pixelcnn", "decoder.channels=16", "decoder.layers=4"],
}
TINY = {"tiny": ["encoder.dim=8", "decoder.channels=4", "decoder.layers=2"]}
ALONE, TOGETHER = "one at a time", "together"


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest")
    parser.add_argument("--utterances", type=int, default=24)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="a model of no size")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    chosen = list(read_manifest(args.corpus))
    chosen = chosen[:: max(1, len(chosen) // args.utterances)][: args.utterances]
    images = chosen[0].is_image
    models = TINY if args.quick else LINES if images else SPEECH
    found = {
        "utterances": len(chosen),
        "amount": sum(u.ticks for u in chosen) / (1 if images else chosen[0].rate),
        "unit": "columns" if images else "seconds of sound",
        "rows": [
            {"decoder": name, "threads": threads, **speeds(chosen, options, threads, args.repetitions)}
            for name, options in models.items()
            for threads in args.threads
        ],
        **circumstances(note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def speeds(utterances: Sequence[Utterance], options: list[str], threads: int, repetitions: int) -> dict:
    """Seconds by the clock, and of the processor, of either way."""
    torch.set_num_threads(threads)
    preset = "small-handwriting" if utterances[0].is_image else "small"
    experiment = Experiment(config.read(preset, options), ["someone"], {})
    signals = Signals.fitted(experiment.features(), experiment.target(), utterances)
    torch.manual_seed(0)
    model = experiment.build().eval()
    ways = {ALONE: one_at_a_time, TOGETHER: together}
    wall, processor = {way: [] for way in ways}, {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        together(model, signals, utterances[:2], writer(signals, Path(folder)))  # compiles
        for _ in range(repetitions):
            for way, work in ways.items():
                starts = time.perf_counter(), time.process_time()
                work(model, signals, utterances, writer(signals, Path(folder)))
                wall[way].append(time.perf_counter() - starts[0])
                processor[way].append(time.process_time() - starts[1])
    return {
        way: {
            "seconds": statistics.median(wall[way]),
            "spread": [min(wall[way]), max(wall[way])],
            "cpu_seconds": statistics.median(processor[way]),
        }
        for way in ways
    }


def writer(signals: Signals, folder: Path) -> Callable:
    def finish(utterance: Utterance, voice: str, target: torch.Tensor) -> None:
        suffix = "png" if utterance.is_image else "wav"
        write(folder / f"{utterance.id}--{voice}.{suffix}", signals, utterance, target)

    return finish


def one_at_a_time(model: UnitModel, signals: Signals, utterances: Sequence[Utterance], finish: Callable) -> None:
    for utterance in utterances:
        together(model, signals, [utterance], finish)


def together(model: UnitModel, signals: Signals, utterances: Sequence[Utterance], finish: Callable) -> None:
    wanted = [SpokenItem(u, "someone", items_of(model, signals, u, [0], Drawing())[0]) for u in utterances]
    draw(model, wanted, 1.0, finish, lambda steps: None)


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}. {found['utterances']} utterances, {found['amount']:,.0f} {found['unit']}. "
        f"{about['note']}".strip(),
        "Not run on a GPU.",
        "",
        f"| decoder | threads | | seconds | from, to | CPU s | utterances/s | {found['unit']}/s | times |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        for way in (ALONE, TOGETHER):
            took = row[way]
            low, high = took["spread"]
            lines.append(
                f"| {row['decoder']} | {row['threads']} | {way} | {took['seconds']:.2f} | {low:.2f}, {high:.2f} "
                f"| {took['cpu_seconds']:.2f} | {found['utterances'] / took['seconds']:.2f} "
                f"| {found['amount'] / took['seconds']:,.1f} | {row[ALONE]['seconds'] / took['seconds']:.1f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
