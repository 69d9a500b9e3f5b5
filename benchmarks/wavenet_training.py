"""What a training step of a WaveNet costs: forward and backward, beside the plain form in convolutions.

python benchmarks/wavenet_training.py --output benchmarks/results/wavenet_training.json \\
    > benchmarks/results/wavenet_training.md

Both have the same weights, batch and loss (tests/test_gated.py), and take turns. `plain` is
benchmarks/baselines/plain_wavenet.py. Every row that follows switches one thing on:
`gates`: gated layers forward and backward by hand (unitdisc/decoders/gated.py), with torch's cross-entropy;
`output`: the output layer and the cross-entropy in pieces as well, which is what training does;
`kept memory`: the allocator keeps what is freed (unitdisc/training/memory.py), in a process beside the plain form;
`checkpoint`: the gates are computed a second time instead of being kept;
`compiled`: torch.compile of the formulas (`training.compile`), in a process of its own beside the plain form.
The bound is the time that the matrix products alone would take at the rate of like products in the same run, for the
products that our form needs. Peak memory is that of a process that takes steps of one kind alone, and of `compiled`
that of its second step.

On a GPU (--device cuda) the table is another one: 32 and 16 bits, see benchmarks/device_training.py.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from baselines.plain_wavenet import PlainWaveNet
from device_training import Network, Product, Way, on_device
from devices import add_device, peak_memory
from machine import add_note_and_output, circumstances, keep_result, spread
from torch import Tensor, nn

from unitdisc.decoders import WaveNet
from unitdisc.decoders.likelihoods import categorical_log_prob
from unitdisc.training.compile import compile_loss
from unitdisc.training.memory import keep_freed_memory

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
ON_DEVICE = {
    "64 channels": SMALL | {"batch": 64, "samples": 5120},
    "the paper preset's": {"batch": 64, "samples": 5120, "layers": 20, "channels": 368, "skip_channels": 256},
}
CONDITION_DIM, CODES, SAMPLES_PER_CONDITION = 128, 256, 320  # the conditioner's default; mu-law; 50 Hz
COUNTED = {"cpu": "CPU s", "wall": "wall s"}
PLAIN, GATES, OUTPUT, CHECKPOINT = "plain", "gates", "output", "checkpoint"
KEPT, KEPT_PLAIN = "output, kept memory", "plain, kept memory"
COMPILED, COMPILED_PLAIN = "compiled", "plain, beside compiled"


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7, help="counted steps of every kind; two come before")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--quick", action="store_true", help="a model of no size, once: only to see that all runs")
    add_device(parser)
    add_note_and_output(parser)
    parser.add_argument("--part", help=argparse.SUPPRESS)  # one job in a process of its own
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.part:
        print(json.dumps(part(**json.loads(args.part))))
        return {}
    repetitions = 1 if args.quick else args.repetitions
    if args.device:
        return on_device(NETWORK, TINY if args.quick else ON_DEVICE, "samples", repetitions, args)
    sizes = TINY if args.quick else {name: SIZES[name] for name in args.sizes}
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
    anew = os.environ | {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # or nothing would be compiled the second time

    def apart(kinds: list[str], keep: bool, repetitions: int) -> dict:
        job = json.dumps({"size": size, "kinds": kinds, "keep": keep, "repetitions": repetitions})
        command = [sys.executable, __file__, "--threads", str(threads), "--part", job]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=anew).stdout)

    first = apart([PLAIN, GATES, OUTPUT, CHECKPOINT], False, repetitions)
    second = apart([PLAIN, OUTPUT], True, repetitions)
    third = apart([PLAIN, COMPILED], False, repetitions)
    steps = first["steps"] | {KEPT_PLAIN: second["steps"][PLAIN], KEPT: second["steps"][OUTPUT]}
    alone = {name: (name, False) for name in first["steps"]} | {KEPT_PLAIN: (PLAIN, True), KEPT: (OUTPUT, True)}
    for name, (kind, keep) in alone.items():
        steps[name]["megabytes"] = apart([kind], keep, 0)["megabytes"]
    steps |= {COMPILED_PLAIN: third["steps"][PLAIN] | {"megabytes": steps[PLAIN]["megabytes"]}}
    steps |= {COMPILED: third["steps"][COMPILED] | {"megabytes": third["compiled_megabytes"]}}
    bound = statistics.median([first["bound"], second["bound"]])
    about = {"size": size, "bound": bound, "gflop": first["gflop"], "gflops": first["gflops"]}
    return about | {"compiling": third["compiling"], "steps": steps}


def part(size: dict, kinds: list[str], keep: bool, repetitions: int) -> dict:
    """Steps that take turns in this process, and how fast the products of their shapes are."""
    if keep:
        keep_freed_memory()
    steps = {kind: step_of(kind, size) for kind in kinds}
    empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times, rates, compiled = {kind: [] for kind in kinds}, [], {}
    if COMPILED in kinds:
        compiled = {"compiling": timed(steps[COMPILED])}
        compiled["compiled_megabytes"] = peak_memory(steps[COMPILED], torch.device("cpu"))
    for turn in range(2 + repetitions if repetitions else 1):
        for kind, step in steps.items():
            seconds = timed(step)
            if turn >= 2:
                times[kind].append(seconds)
        if turn >= 2:
            rates.append(products(size))
    found = compiled | {
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
    if kind == COMPILED:
        compile_loss(model)

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
    return {clock: spread(one[clock] for one in times) for clock in ("cpu", "wall")}


def clock(threads: int) -> str:
    """Which seconds are compared: those of the processor, or by the clock on the wall where several threads share."""
    return "cpu" if threads == 1 else "wall"


def products(size: dict, rows: int = 2048) -> tuple[float, float]:
    """Seconds that the matrix products of one of our steps take by themselves, and their operations.

    Every shape is timed on some rows, one product after the other on the same memory.
    """
    total, operations, steps = 0.0, 0, size["batch"] * size["samples"]
    for inputs, outputs, times in shapes_of(size):
        x, weight, y = torch.randn(rows, inputs), torch.randn(inputs, outputs), torch.randn(rows, outputs)
        jobs = (lambda: torch.mm(x, weight, out=y), lambda: torch.mm(y, weight.t(), out=x))  # noqa: B023
        for job in (*jobs, lambda: torch.mm(x.t(), y, out=weight)):  # noqa: B023
            job()
            total += min(timed(job)[clock(torch.get_num_threads())] for _ in range(5)) * times * steps / rows
            operations += 2 * inputs * outputs * steps * times
    return total, operations


def shapes_of(size: dict) -> list[tuple[int, int, int]]:
    """Inputs and outputs of the products that every sample takes part in, and how many there are of each."""
    channels, skips, layers = size["channels"], size["skip_channels"], size["layers"]
    shapes = [(2 * channels, 2 * channels, layers), (channels, skips, layers), (channels, channels, layers - 1)]
    return [*shapes, (skips, skips, 1), (skips, CODES, 1)]


def model_of(way: Way, size: dict) -> nn.Module:
    sizes = {name: size[name] for name in ("layers", "channels", "skip_channels")}
    ours = WaveNet(CONDITION_DIM, CODES, **sizes, checkpoint=way.checkpoint)
    return PlainWaveNet.of(ours) if way.plain else ours


def data_of(size: dict) -> tuple[Tensor, Tensor]:
    frames = size["samples"] // SAMPLES_PER_CONDITION
    return torch.randint(CODES, (size["batch"], size["samples"])), torch.randn(size["batch"], frames, CONDITION_DIM)


def numbers_of(size: dict) -> int:
    """Of a layer and a sample: forward it reads x and the skips, and writes both and the gate's two factors; backward
    it reads these factors, x, and the gradients of x and skips, and writes that of its own x. The head: its hidden
    layer, kept, and gradients on either side. The input: written, and its gradient read."""
    channels, skips = size["channels"], size["skip_channels"]
    return values_of(size) * (size["layers"] * (9 * channels + 3 * skips) + 5 * skips + 2 * channels)


def values_of(size: dict) -> int:
    return size["batch"] * size["samples"]


NETWORK = Network(
    model=model_of,
    data=data_of,
    loss=lambda way, model, *batch: model(*batch) if way.plain else -model.log_prob(*batch).mean(),
    products=lambda size: [Product(values_of(size), *shape) for shape in shapes_of(size)],
    numbers=numbers_of,
    values=values_of,
)


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    counted = clock(about["threads"])
    lines = [
        f"{about['processor']}, {about['threads']} thread(s), {found['repetitions']} repetitions. Not run on a GPU. "
        f"{about['note']}".strip(),
        "",
        f"| size | step | CPU s | wall s | {COUNTED[counted]}, least to most | samples a second of it | times plain | "
        "% of bound | MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in found["sizes"].items():
        size, samples = row["size"], row["size"]["batch"] * row["size"]["samples"]
        label = f"{name}: {size['batch']} x {size['samples']}, {size['layers']} layers, "
        label += f"{size['channels']} and {size['skip_channels']} channels"
        for kind, step in row["steps"].items():
            beside = {KEPT: KEPT_PLAIN, COMPILED: COMPILED_PLAIN}.get(kind, PLAIN)
            seconds, plain = step[counted], row["steps"][beside][counted]["median"]
            share = "" if PLAIN in kind else f"{100 * row['bound'] / seconds['median']:.0f}"
            lines.append(
                f"| {label} | {kind} | {step['cpu']['median']:.3f} | {step['wall']['median']:.3f} | "
                f"{seconds['least']:.3f} to {seconds['most']:.3f} | {samples / seconds['median']:,.0f} | "
                f"{plain / seconds['median']:.2f} | {share} | {step['megabytes']:.0f} |"
            )
            label = ""
        bound = f"bound: {row['gflop']:.1f} GFLOP at {row['gflops']:.0f} a second of {COUNTED[counted]}"
        lines.append(f"| | {bound} | | | {row['bound']:.3f} | | | | |")
        lines.append(f"| | compiling, with the first step | | {row['compiling']['wall']:.1f} | | | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
