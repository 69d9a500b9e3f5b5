"""What piecewise-constant units cost in training: seconds of a step beside plain VQ's, on the same batches.

python data_prep/mini_speech.py data/mini_speech
python benchmarks/training_step.py --output benchmarks/results/training_step.json > benchmarks/results/training_step.md

The model is that of the mini speech recipe (the small preset's sizes), the batches are its own. All models are in one
process and take turns, one step each, after --settle steps that are not counted, so that the codebook has begun.
A step is all that training does but log, validate and save: forward, backward, optimiser, codebook, running average.
"""

import argparse
import copy
import statistics
import tempfile
import time
from pathlib import Path

import torch
from machine import add_note_and_output, circumstances, heading, keep_result

from unitdisc.batch import Batch
from unitdisc.corpus.manifest import read_manifest
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment, config
from unitdisc.training.log import Log
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "recipes" / "mini_speech" / "conf" / "vq.toml"
PLAIN = "vq"
SOLVERS = ("greedy", "viterbi", "exact")
MOST = 15.0  # per cent more than plain VQ


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("data/mini_speech/train.jsonl"))
    parser.add_argument("--units-per-second", type=float, default=12.0)
    parser.add_argument("--steps", type=int, default=100, help="counted steps of every model")
    parser.add_argument("--settle", type=int, default=150, help="steps before, which are not counted")
    parser.add_argument("--utterances", type=int, default=200, help="of the corpus, to make batches of")
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    options = config.read(CONFIG)
    models = {PLAIN: options} | {
        f"piecewise-vq, {solver}": piecewise(options, solver, args.units_per_second) for solver in SOLVERS
    }
    batches, speakers = batches_of(options, args.corpus, args.utterances, args.settle + args.steps)
    with tempfile.TemporaryDirectory() as folder:
        trainers = {name: trainer(model, speakers, Path(folder) / name) for name, model in models.items()}
        times = take_turns(trainers, batches, args.settle)
    found = {
        "steps": args.steps,
        "options": options,
        "models": summary(times),
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def piecewise(options: dict, solver: str, units_per_second: float) -> dict:
    """The same model with a constraint on its units."""
    changed = copy.deepcopy(options)
    changed["bottleneck"] |= {"kind": "piecewise-vq", "solver": solver, "units_per_second": units_per_second}
    return changed


def batches_of(options: dict, corpus: Path, utterances: int, steps: int) -> tuple[list[Batch], list[str]]:
    """The batches of the first steps of training on some utterances of a corpus, and the speakers in them."""
    chosen = list(read_manifest(corpus))
    chosen = chosen[:: max(1, len(chosen) // utterances)]
    speakers = sorted({utterance.speaker for utterance in chosen})
    experiment = Experiment(options, speakers, {})
    training = training_options(options)
    encoder = experiment.build().encoder
    signals = Signals.fitted(experiment.features(), experiment.target(), chosen)
    frames = [signals.frames_in(utterance) for utterance in chosen]
    plan = CropPlan(frames, training.batch_size, training.crop, encoder.stride, training.seed)
    dataset = CropBatches(chosen, signals, plan, encoder.reach, speakers)
    return [dataset[step] for step in range(steps)], speakers


def training_options(options: dict) -> TrainingOptions:
    """As the recipe says, but for what a step does not do."""
    never = dict.fromkeys(("log_every", "valid_every", "checkpoint_every"), 10**9)
    return config.construct("[training]", TrainingOptions, options["training"] | never | {"steps": 10**9})


def trainer(options: dict, speakers: list[str], folder: Path) -> Trainer:
    folder.mkdir()
    experiment = Experiment(options, speakers, {})
    made = Trainer(experiment.build, training_options(options), folder, "cpu", Progress())
    made.log = Log(folder / "log.jsonl", 0)
    return made


def take_turns(trainers: dict[str, Trainer], batches: list[Batch], settle: int) -> dict[str, list[float]]:
    """Seconds of every step of every model, after the first `settle`."""
    times = {name: [] for name in trainers}
    for step, batch in enumerate(batches):
        order = list(trainers.items())
        for name, one in order[step % len(order) :] + order[: step % len(order)]:
            start = time.perf_counter()
            one.train_step(one.model, batch, start)
            if step >= settle:
                times[name].append(time.perf_counter() - start)
    return times


def summary(times: dict[str, list[float]]) -> dict[str, dict]:
    """Median and quartiles of milliseconds, and how much more than plain VQ at the same steps."""
    found = {}
    for name, seconds in times.items():
        more = [100 * (own / plain - 1) for own, plain in zip(seconds, times[PLAIN])]
        low, middle, high = statistics.quantiles([1000 * value for value in seconds], n=4)
        found[name] = {
            "milliseconds": middle,
            "quartiles": [low, high],
            "more_percent": 100 * (middle / (1000 * statistics.median(times[PLAIN])) - 1),
            "more_percent_of_pairs": statistics.median(more),  # of the same batch, one after the other
        }
    return found


def table(found: dict) -> str:
    """Markdown."""
    lines = [
        heading(found),
        "",
        "| bottleneck | ms a step | quartiles | % more than VQ | of pairs | within 15 % |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, row in found["models"].items():
        low, high = row["quartiles"]
        more, pairs = row["more_percent"], row["more_percent_of_pairs"]
        holds = "" if name == PLAIN else "yes" if more <= MOST else "NO"
        lines.append(
            f"| {name} | {row['milliseconds']:.1f} | {low:.1f} to {high:.1f} | {more:.1f} | {pairs:.1f} | {holds} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
