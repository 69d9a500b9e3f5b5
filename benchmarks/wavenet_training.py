"""What a training step of a WaveNet costs: forward and backward, beside the plain form in convolutions.

python benchmarks/wavenet_training.py --output benchmarks/results/wavenet_training.json \\
    > benchmarks/results/wavenet_training.md

Both have the same weights, batch and loss (tests/test_gated.py), and take turns. `plain` is
benchmarks/baselines/plain_wavenet.py. Every row that follows switches one thing on:
`gates`: gated layers forward and backward by hand (unitdisc/decoders/gated.py), with torch's cross-entropy;
`output`: the output layer and the cross-entropy in pieces as well, which is what training does;
`kept memory`: the allocator keeps what is freed (unitdisc/memory.py), in a process of its own beside the plain form;
`checkpoint`: the gates are computed a second time instead of being kept.
The bound is the time that the matrix products alone would take at the rate of like products in the same run, for the
products that our form needs. Peak memory is that of a process that takes steps of one kind alone.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from baselines.plain_wavenet import PlainWaveNet
from machine import add_note_and_output, circumstances, keep_result
from torch import Tensor, nn

from unitdisc.decoders import WaveNet
from unitdisc.decoders.likelihoods import categorical_log_prob
from unitdisc.memory import keep_freed_memory

SMALL = {"batch": 4, "samples": 2560, "layers": 20, "channels": 64, "skip_channels": 128}
SIZES = {
    "small": SMALL,
    "half the batch": SMALL | {"batch": 2},
    "twice the batch": SMALL | {"batch": 8},
    "half the samples": SMALL | {"samples": 1280},
    "twice the samples": SMALL | {"samples": 5120},
    "10 layers": SMALL | {"layers": 10},
    "30 layers": SMALL | {"layers": 30},
    "32 channels": SMALL | {"channels": 32, "skip_channels": 64},
    "128 channels": SMALL | {"channels": 128, "skip_channels": 128},
    "the paper's layers": SMALL | {"batch": 1, "channels": 368, "skip_channels": 256},
}
TINY = {"tiny": {"batch": 2, "samples": 640, "layers": 3, "channels": 8, "skip_channels": 8}}
CONDITION_DIM, CODES, SAMPLES_PER_CONDITION = 128, 256, 320  # the conditioner's default; mu-law; 50 Hz
PLAIN, GATES, OUTPUT, CHECKPOINT = "plain", "gates", "output", "checkpoint"
KEPT, KEPT_PLAIN = "output, kept memory", "plain, kept memory"


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7, help="counted steps of every kind; two come before")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--quick", action="store_true", help="a model of no size, once: only to see that all runs")
    add_note_and_output(parser)
    parser.add_argument("--part", help=argparse.SUPPRESS)  # one job in a process of its own
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.part:
        print(json.dumps(part(**json.loads(args.part))))
        return {}
    sizes = TINY if args.quick else {name: SIZES[name] for name in args.sizes}
    repetitions = 1 if args.quick else args.repetitions
    found = {
        "repetitions": repetitions,
        "sizes": {name: costs(size, repetitions, args.threads) for name, size in sizes.items()},
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def costs(size: dict, repetitions: int, threads: int) -> dict:
    """Seconds of every kind of step, the bound, and megabytes."""

    def apart(kinds: list[str], keep: bool, repetitions: int) -> dict:
        job = json.dumps({"size": size, "kinds": kinds, "keep": keep, "repetitions": repetitions})
        command = [sys.executable, __file__, "--threads", str(threads), "--part", job]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    first = apart([PLAIN, GATES, OUTPUT, CHECKPOINT], False, repetitions)
    second = apart([PLAIN, OUTPUT], True, repetitions)
    steps = first["steps"] | {KEPT_PLAIN: second["steps"][PLAIN], KEPT: second["steps"][OUTPUT]}
    alone = {name: (name, False) for name in first["steps"]} | {KEPT_PLAIN: (PLAIN, True), KEPT: (OUTPUT, True)}
    for name, (kind, keep) in alone.items():
        steps[name]["megabytes"] = apart([kind], keep, 0)["megabytes"]
    bound = statistics.median([first["bound"], second["bound"]])
    return {"size": size, "bound": bound, "gflop": first["gflop"], "gflops": first["gflops"], "steps": steps}


def part(size: dict, kinds: list[str], keep: bool, repetitions: int) -> dict:
    """Steps that take turns in this process, and how fast the products of their shapes are."""
    if keep:
        keep_freed_memory()
    steps = {kind: step_of(kind, size) for kind in kinds}
    empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times, rates = {kind: [] for kind in kinds}, []
    for turn in range(2 + repetitions if repetitions else 1):
        for kind, step in steps.items():
            seconds = timed(step)
            if turn >= 2:
                times[kind].append(seconds)
        if turn >= 2:
            rates.append(products(size))
    found = {
        "steps": {kind: summary(seconds) for kind, seconds in times.items() if seconds},
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - empty) / 1024,
    }
    if rates:
        found |= {"bound": statistics.median(seconds for seconds, _ in rates), "gflop": rates[0][1] / 1e9}
        found["gflops"] = found["gflop"] / found["bound"]
    return found


def step_of(kind: str, size: dict) -> Callable[[], None]:
    """Forward and backward, leaving gradients on weights and condition."""
    torch.manual_seed(0)
    sizes = {name: size[name] for name in ("layers", "channels", "skip_channels")}
    ours = WaveNet(CONDITION_DIM, CODES, **sizes, checkpoint=kind == CHECKPOINT)
    model = PlainWaveNet.of(ours) if kind == PLAIN else ours
    target = torch.randint(CODES, (size["batch"], size["samples"]))
    frames = size["samples"] // SAMPLES_PER_CONDITION
    condition = torch.randn(size["batch"], frames, CONDITION_DIM, requires_grad=True)

    def step() -> None:
        model.zero_grad()
        condition.grad = None
        loss_of(kind, model, target, condition).backward()

    return step


def loss_of(kind: str, model: nn.Module, target: Tensor, condition: Tensor) -> Tensor:
    if kind == PLAIN:
        return model(target, condition)
    if kind == GATES:
        return -categorical_log_prob(model.logits(target, condition), target).mean()
    return -model.log_prob(target, condition).mean()


def timed(job: Callable[[], object]) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    job()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def summary(times: list[dict[str, float]]) -> dict:
    """Medians and spread of seconds."""
    found = {}
    for clock in ("cpu", "wall"):
        values = sorted(one[clock] for one in times)
        found[clock] = {"median": statistics.median(values), "least": values[0], "most": values[-1]}
    return found


def products(size: dict, rows: int = 2048) -> tuple[float, float]:
    """CPU seconds that the matrix products of one of our steps take by themselves, and their operations.

    Every shape is timed on some rows, one product after the other on the same memory.
    """
    channels, skips, layers = size["channels"], size["skip_channels"], size["layers"]
    shapes = [(2 * channels, 2 * channels, layers), (channels, skips, layers), (channels, channels, layers - 1)]
    shapes += [(skips, skips, 1), (skips, CODES, 1)]
    total, operations, steps = 0.0, 0, size["batch"] * size["samples"]
    for inputs, outputs, times in shapes:
        x, weight, y = torch.randn(rows, inputs), torch.randn(inputs, outputs), torch.randn(rows, outputs)
        jobs = (lambda: torch.mm(x, weight, out=y), lambda: torch.mm(y, weight.t(), out=x))  # noqa: B023
        for job in (*jobs, lambda: torch.mm(x.t(), y, out=weight)):  # noqa: B023
            job()
            total += min(timed(job)["cpu"] for _ in range(5)) * times * steps / rows
            operations += 2 * inputs * outputs * steps * times
    return total, operations


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['threads']} thread(s), {found['repetitions']} repetitions. Not run on a GPU. "
        f"{about['note']}".strip(),
        "",
        "| size | step | CPU s | least to most | wall s | samples per CPU s | times plain | % of bound | MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in found["sizes"].items():
        size, samples = row["size"], row["size"]["batch"] * row["size"]["samples"]
        label = f"{name}: {size['batch']} x {size['samples']}, {size['layers']} layers, "
        label += f"{size['channels']} and {size['skip_channels']} channels"
        for kind, step in row["steps"].items():
            cpu, plain = step["cpu"], row["steps"][KEPT_PLAIN if kind == KEPT else PLAIN]["cpu"]["median"]
            share = "" if PLAIN in kind else f"{100 * row['bound'] / cpu['median']:.0f}"
            lines.append(
                f"| {label} | {kind} | {cpu['median']:.3f} | {cpu['least']:.3f} to {cpu['most']:.3f} | "
                f"{step['wall']['median']:.3f} | {samples / cpu['median']:,.0f} | {plain / cpu['median']:.2f} | "
                f"{share} | {step['megabytes']:.0f} |"
            )
            label = ""
        lines.append(
            f"| | bound: {row['gflop']:.1f} GFLOP at {row['gflops']:.0f} a second | {row['bound']:.3f} | | | | | | |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
