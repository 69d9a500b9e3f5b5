"""How much faster two processes train than one, and what parts of a batch cost.

python benchmarks/processes.py --output benchmarks/results/processes.json

A step on random crops, with everything but reading them: one process on a batch and on half of it; two processes with
half each; two processes with half each that know nothing of each other, which is as fast as two can be on this machine;
and one process that computes the batch in two parts. One thread each. The ways take turns, several times; a time is
the median step of a turn, and what is said is the median turn, with the least and the greatest.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from machine import add_note_and_output, circumstances, keep_result

from unitdisc.batch import Batch
from unitdisc.experiment import Experiment, config
from unitdisc.files import write_json, write_text
from unitdisc.training.distributed import rank, start_processes, world_size
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

PRESETS = ("small", "small-piecewise")
WARMUP = 5  # steps that are not timed: allocations, threads, compiled kernels
SPEAKERS = [f"s{i}" for i in range(20)]


@dataclass(frozen=True)
class Way:
    """How a step is computed."""

    processes: int
    shares: int  # of the batch: 1 all of it, 2 half
    parts: int = 1
    apart: bool = False  # as many processes that do not speak to each other


WAYS = {
    "one process, whole batch": Way(1, 1),
    "one process, half of it": Way(1, 2),
    "two processes, half each": Way(2, 1),
    "two that know nothing of each other, half each": Way(2, 2, apart=True),
    "one process, whole batch in two parts": Way(1, 1, parts=2),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30, help="timed in each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--quick", action="store_true", help="a tiny model, few steps, one turn: that it runs")
    add_note_and_output(parser)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        worked(**json.loads(args.worker))
        return
    if args.quick:
        args.batch_size, args.steps, args.rounds, args.presets = 4, 2, 1, ["small"]
    found: dict[str, dict[str, list[dict]]] = {preset: {name: [] for name in WAYS} for preset in args.presets}
    for _ in range(args.rounds):
        for preset in args.presets:
            for name, way in WAYS.items():
                found[preset][name].append(turn(preset, way, args.batch_size, args.steps, args.quick))
        about = circumstances(threads=1, note=args.note, load=os.getloadavg()[0])
        first = f"{about['machine']['processor']}, {os.cpu_count()} cores, one thread a process. {args.note}".strip()
        tables = [f"`{preset}`, batch of {args.batch_size}:\n\n{rows(found[preset])}" for preset in found]
        table = "\n\n".join([first, *tables])
        if args.output:  # after every round, for a round takes minutes
            keep_result({"batch_size": args.batch_size, "presets": found, **about}, args.output)
            write_text(args.output.with_suffix(".md"), table + "\n")
    print(table)


def turn(preset: str, way: Way, batch_size: int, steps: int, quick: bool) -> dict:
    """Seconds, processor seconds and bytes of a step: its median time, all processes' time, the largest memory."""
    with tempfile.TemporaryDirectory() as folder:
        size, outputs = batch_size // way.shares, []
        job = {"preset": preset, "batch_size": size, "parts": way.parts, "steps": steps, "quick": quick}
        start = [sys.executable]
        if way.processes > 1 and not way.apart:
            start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={way.processes}"]
        running = []
        for number in range(way.processes if way.apart else 1):
            outputs.append(Path(folder) / str(number))
            line = [*start, __file__, "--worker", json.dumps({**job, "output": str(outputs[-1])})]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
            running.append(subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True))
        for process in running:
            said = process.communicate()[1]
            if process.returncode:
                raise SystemExit(said)
        results = [json.loads(path.read_text()) for output in outputs for path in sorted(output.glob("*.json"))]
    return {
        "seconds": max(result["seconds"] for result in results),
        "processor_seconds": sum(result["processor_seconds"] for result in results),
        "megabytes": max(result["megabytes"] for result in results),
    }


def worked(preset: str, batch_size: int, parts: int, steps: int, quick: bool, output: str) -> None:
    """Trains for some steps and writes how long they took, as one of the processes of a turn."""
    torch.set_num_threads(1)
    start_processes("cpu")
    tiny = ["encoder.dim=16", "decoder.channels=8", "decoder.layers=2"] if quick else []
    options = config.read(preset, [*tiny, f"bottleneck.warmup_steps={WARMUP - 2}"])
    options.pop("training")
    experiment = Experiment(options, SPEAKERS, {})
    last = WARMUP + steps
    training = TrainingOptions(
        steps=last,
        batch_size=batch_size,
        gradient_accumulation=parts,
        valid_every=last,
        checkpoint_every=last,
        log_every=20,
    )
    stamps: list[tuple[float, float]] = []
    progress = Progress(step=lambda step, losses: stamps.append((time.perf_counter(), time.process_time())))
    trainer = Trainer(experiment.build, training, Path(output), "cpu", progress)
    crop = 16 if quick else 128
    drawn = [batch(experiment, trainer, batch_size, crop, seed) for seed in range(4)]
    trainer.run(lambda step: (drawn[number % 4] for number in range(step, last)), [], lambda model: None)
    times = [after[0] - before[0] for before, after in zip(stamps[WARMUP - 1 :], stamps[WARMUP:])]
    found = {
        "seconds": statistics.median(times),
        "processor_seconds": (stamps[-1][1] - stamps[WARMUP - 1][1]) / steps,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    write_json(Path(output) / f"{rank()}.json", found)


def batch(experiment: Experiment, trainer: Trainer, items: int, crop: int, seed: int) -> Batch:
    """This process's share of a batch of random crops."""
    draw = torch.Generator().manual_seed(seed)
    encoder = trainer.model.encoder
    context = -(-encoder.reach // encoder.stride) * encoder.stride
    size = crop + 2 * context
    whole = Batch(
        features=torch.randn(items, size, experiment.features().dim, generator=draw),
        lengths=torch.full((items,), size),
        starts=torch.full((items,), context),
        target=torch.randn(items, crop, experiment.target().dim, generator=draw),
        target_lengths=torch.full((items,), crop),
        target_frames=crop,
        speakers=torch.randint(len(SPEAKERS), (items,), generator=draw),
    )
    return whole.split(world_size())[rank()] if world_size() > 1 else whole


def rows(found: dict[str, list[dict]]) -> str:
    """A markdown table of the ways, and what two processes are worth."""
    middle = {name: statistics.median(turn["seconds"] for turn in turns) for name, turns in found.items()}
    lines = ["| way | ms a step | least to greatest | processor ms | MB a process |", "|---|---|---|---|---|"]
    for name, turns in found.items():
        seconds = [turn["seconds"] for turn in turns]
        spread = f"{1000 * min(seconds):.1f} to {1000 * max(seconds):.1f}"
        work, memory = (statistics.median(turn[key] for turn in turns) for key in ("processor_seconds", "megabytes"))
        lines.append(f"| {name} | {1000 * middle[name]:.1f} | {spread} | {1000 * work:.1f} | {memory:.0f} |")
    whole, half, two, apart, parts = (middle[name] for name in WAYS)
    work = {name: statistics.median(turn["processor_seconds"] for turn in turns) for name, turns in found.items()}
    lines += [
        "",
        f"Two processes take {work['two processes, half each'] / work['one process, whole batch']:.2f} times the "
        "processor time of one on the same batch.",
        f"Two processes on the same batch: {whole / two:.2f} times as fast as one, efficiency {whole / two / 2:.0%}. "
        f"With the same share each: efficiency {half / two:.0%}; two that know nothing of each other reach "
        f"{half / apart:.0%}, of which that is {apart / two:.0%}. Two parts cost {parts / whole - 1:.0%} more time.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
