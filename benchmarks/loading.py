"""Whether training waits for its batches: what the loader prepares a second, and what training takes.

python benchmarks/loading.py data/mini_speech/train.jsonl --output benchmarks/results/loading.json \\
    > benchmarks/results/loading.md

Batches of a preset's size and crop, after a few that are not counted, with 0, 1 and 2 worker processes, from
  files, whole     every utterance read and its features computed anew for every crop: the worst case
  files, in parts  as of corpora too large for the memory: only the stretch that a crop needs
  disk             a --cache of features and targets on disk, nothing in memory
  memory           everything in the memory of the loader, as after the first epoch of a corpus of some hours
The bound is soundfile alone (of line images: Pillow) decoding the same number of whole utterances in one process. What
training takes is a step of the preset on this CPU, and, by arithmetic, a step on a GPU that reaches 40 % of its peak.
`--draws N` reports instead how the memory of the process grows over so many crops.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from machine import add_note_and_output, circumstances, keep_result
from PIL import Image

from unitdisc.corpus import Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.cache import DiskCache, MemoryCache
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches, batches
from unitdisc.data.signals import Signals
from unitdisc.experiment import Experiment
from unitdisc.experiment.config import construct, read
from unitdisc.training.trainer import TrainingOptions

PAPER_STEP = 42e12  # floating-point operations of a step of the preset `paper`
H100_PEAK = 989e12  # a second, dense bf16
SHARE_OF_PEAK = 0.4
DECODERS = ("soundfile", "Pillow")
SOURCES = ("files, whole", "files, in parts", "disk", "memory")


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest of recordings, or of line images")
    parser.add_argument("--presets", nargs="+", help="default: small and paper, or small-handwriting")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=40, help="counted; of whole files a quarter")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--draws", type=int, default=0, help="crops over which the growth of memory is told")
    parser.add_argument("--quick", action="store_true", help="few batches of a small model, to see that all works")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    table = UtteranceTable.read(args.corpus).sorted()
    args.presets = args.presets or (["small-handwriting"] if table.images().all() else ["small", "paper"])
    if args.quick:
        args.presets, args.workers, args.batches, args.repeat = args.presets[:1], [0, 1], 4, 1
    found = {"corpus": {"utterances": len(table), **mean_size(table)}}
    if args.draws:
        found["memory"] = growth(table, args.draws)
    else:
        found["presets"] = {preset: speeds(preset, table, args) for preset in args.presets}
    found |= circumstances(threads=1, note=args.note)
    print(as_table(found))
    keep_result(found, args.output)
    return found


def mean_size(table: UtteranceTable) -> dict[str, float]:
    """How long an utterance is: {"seconds": ...} or {"columns": ...}."""
    if table.images().all():
        return {"columns": float(table.column("ticks").mean())}
    return {"seconds": float((table.column("ticks") / table.column("rate")).mean())}


def decoder_of(table: UtteranceTable) -> str:
    return DECODERS[int(table.images().all())]


def dataset_of(preset: str, table: UtteranceTable) -> tuple[CropBatches, Experiment, TrainingOptions]:
    options = read(preset, [])
    training = construct("[training]", TrainingOptions, options.get("training", {}))
    experiment = Experiment(options, sorted(filter(None, table.speakers())) or ["?"], {})
    encoder = experiment.build().encoder
    signals = Signals.fitted(experiment.features(), experiment.target(), table)
    frames = table.measured(signals.features.frames_in)
    plan = CropPlan(frames, training.batch_size, training.crop or None, encoder.stride, training.seed)
    return CropBatches(table, signals, plan, encoder.reach, experiment.speakers), experiment, training


def speeds(preset: str, table: UtteranceTable, args: argparse.Namespace) -> dict:
    """Batches a second of every source and number of workers, of soundfile alone, and of training."""
    dataset, experiment, training = dataset_of(preset, table)
    found = {"batch_size": training.batch_size, "crop": training.crop, "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            if dataset.signals.features.margin is None and source == "files, in parts":
                continue  # they are always read as a whole
            made = from_source(dataset, source, Path(folder))
            number = max(2, args.batches // 4) if source == "files, whole" else args.batches
            if source == "memory":
                for index, utterance in enumerate(table):
                    made.memory.get(index, partial(dataset.signals.both_of, utterance))
            for workers in args.workers:
                rates = [loader_rate(made, number, workers) for _ in range(args.repeat)]
                found["rows"].append({"source": source, "workers": workers, **spread(rates)})
    decode = [decoding_rate(dataset, max(2, args.batches // 4)) for _ in range(args.repeat)]
    found[decoder_of(table)] = spread(decode)
    if preset != "paper":
        found["training"] = spread([training_rate(experiment, dataset, max(1, args.batches // 10))])
    return found


def from_source(dataset: CropBatches, source: str, folder: Path) -> CropBatches:
    """The same batches from elsewhere."""
    signals = dataset.signals
    if source == "disk":
        signals = replace(signals, cache=DiskCache(folder))
        for utterance in dataset.utterances:
            signals.both_of(utterance)
    made = CropBatches(dataset.utterances, signals, dataset.plan, dataset.context, list(dataset.speakers))
    made.in_parts = source in ("files, in parts", "disk")
    made.memory = MemoryCache() if source == "memory" else MemoryCache(0)
    return made


def loader_rate(dataset: CropBatches, number: int, workers: int) -> dict:
    """Batches a second, the start of the processes left out, and CPU seconds of this process."""
    warm = 1 + 2 * workers  # as many as are prepared ahead
    if workers:
        number += 2 * warm  # those prepared ahead must not count much
    found = batches(dataset, 0, warm + number, workers)
    for _ in range(warm):
        next(found)
    return timed(lambda: sum(1 for _ in found))


def timed(work: Callable[[], int]) -> dict:
    """How many batches a second some work gives, and how many CPU seconds each takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    number = work()
    return {"rate": number / (time.perf_counter() - wall), "cpu": (time.process_time() - cpu) / number}


def decoding_rate(dataset: CropBatches, number: int) -> dict:
    """Batches a second if nothing were done but to decode the files that their crops lie in."""

    def decode() -> int:
        for step in range(number):
            for crop in dataset.plan.batch(step):
                decoded(dataset.utterances[crop.index])
        return number

    return timed(decode)


def decoded(utterance: Utterance) -> None:
    if utterance.is_image:
        with Image.open(utterance.path) as image:
            image.load()
    else:
        soundfile.read(utterance.path, dtype="float32")


def training_rate(experiment: Experiment, dataset: CropBatches, number: int) -> dict:
    """Steps a second of the model alone on one thread of the CPU: forward, backward and the optimiser."""
    torch.manual_seed(0)
    model = experiment.build().train()
    optimiser = torch.optim.Adam(model.parameters(), 4e-4)
    made = [dataset[step] for step in range(number + 1)]

    def step(batch: object) -> None:
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()

    step(made[0])
    return timed(lambda: sum(1 for batch in made[1:] if step(batch) is None))


def spread(runs: list[dict]) -> dict:
    rates = [run["rate"] for run in runs]
    cpu = float(np.median([run["cpu"] for run in runs]))
    return {"per_second": float(np.median(rates)), "lowest": min(rates), "highest": max(rates), "cpu": cpu}


def growth(table: UtteranceTable, draws: int) -> dict:
    """Resident memory as crops are drawn, of whole utterances in a memory of 16 MB, and in parts."""
    dataset, _, training = dataset_of("paper", table)
    found = {}

    for name in ("memory of 16 MB", "files, in parts"):
        made = CropBatches(dataset.utterances, dataset.signals, dataset.plan, dataset.context, list(dataset.speakers))
        made.in_parts = name == "files, in parts"
        made.memory = MemoryCache(16 << 20)
        marks = []
        steps = -(-draws // training.batch_size)
        for step in range(steps):
            made[step]
            if step % max(1, steps // 10) == 0 or step == steps - 1:
                gc.collect()
                marks.append([(step + 1) * training.batch_size, resident()])
        found[name] = marks
    return found


def resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def as_table(found: dict) -> str:
    """Markdown."""
    about, corpus = found["machine"], found["corpus"]
    size = f"{corpus['seconds']:.1f} s" if "seconds" in corpus else f"{corpus['columns']:.0f} columns"
    lines = [
        f"{about['processor']}, one thread a process, {about['cores']} cores; {corpus['utterances']} utterances of "
        f"{size}. {about['note']}".strip(),
        "",
    ]
    if "memory" in found:
        lines += ["| crops drawn from | crops | MB resident |", "|---|---:|---:|"]
        for name, marks in found["memory"].items():
            lines += [f"| {name} | {draws:,} | {megabytes:.0f} |" for draws, megabytes in marks]
        return "\n".join(lines)
    for preset, part in found["presets"].items():
        decoder = next(name for name in DECODERS if name in part)
        bound = part[decoder]["cpu"]
        lines += [f"`{preset}`: {part['batch_size']} crops of {part['crop']} frames a batch.", ""]
        head = f"| | workers | batches/s | lowest to highest | CPU ms a batch | CPU, times {decoder}'s |"
        lines += [head, "|---|---:|---:|---:|---:|---:|"]
        rows = [(row["source"], row["workers"], row) for row in part["rows"]]
        rows.append((f"{decoder} alone, whole files", 0, part[decoder]))
        for name, workers, row in rows:
            figures = f"{row['per_second']:.1f} | {row['lowest']:.1f} to {row['highest']:.1f}"
            cpu = " | " if workers else f"{1000 * row['cpu']:.1f} | {row['cpu'] / bound:.2f}"  # theirs is not seen
            lines.append(f"| {name} | {workers} | {figures} | {cpu} |")
        if "training" in part:
            cost = part["training"]
            figures = f"{cost['per_second']:.2f} | | {1000 * cost['cpu']:.0f} | {cost['cpu'] / bound:.2f}"
            lines.append(f"| a step of training, one thread | 0 | {figures} |")
        if preset == "paper":
            wanted = H100_PEAK * SHARE_OF_PEAK / PAPER_STEP
            lines.append(f"| would be taken by an H100 at 40 % of its peak (arithmetic) | | {wanted:.1f} | | | |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
