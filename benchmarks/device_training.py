"""What a training step costs on a device, in 32 and 16 bits: what wavenet_training.py and pixelcnn_training.py share.

Ways take turns, one step each; seconds are of the clock on the wall, from a device that has nothing to do to one that
has nothing left to do. Where a batch does not fit into memory a way takes half of it, and half again: its rate counts.
The bound is the larger of two times. `products`: what the matrix products of our form take, in bfloat16, at the pace of
products of these very shapes in the same run. `memory`: what it takes to move, at the pace of a large copy in the same
run, what has to be moved once if every layer were one pass over memory: its input, its output, and what is kept for
the way back, and back again the same with their gradients.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from devices import name_of, peak_memory, synchronise
from machine import circumstances, keep_result, spread
from torch import Tensor, nn

from unitdisc.training.compile import compile_loss

COPIED = {"cuda": 2**30, "cpu": 2**26}  # bytes of the large copy
ENOUGH = 0.2  # seconds that a pace is measured for, about


@dataclass(frozen=True)
class Way:
    """How a step is computed."""

    name: str
    plain: bool = False
    half: bool = True  # products in bfloat16, by autocast
    compiled: bool = False
    checkpoint: bool = False


PLAIN = "plain, bfloat16"
WAYS = (
    Way("plain, float32", plain=True, half=False),
    Way(PLAIN, plain=True),
    Way("plain, compiled, bfloat16", plain=True, compiled=True),
    Way("ours, bfloat16"),
    Way("ours, compiled, bfloat16", compiled=True),
    Way("ours, checkpoint, bfloat16", checkpoint=True),
    Way("ours, compiled, checkpoint, bfloat16", compiled=True, checkpoint=True),
)


@dataclass(frozen=True)
class Product:
    """[rows, inputs] x [inputs, outputs] forward, and both ways back, so many times a step."""

    rows: int
    inputs: int
    outputs: int
    times: int = 1


@dataclass(frozen=True)
class Network:
    """What a script knows of a network; sizes have a "batch"."""

    model: Callable[[Way, dict], nn.Module]
    data: Callable[[dict], tuple[Tensor, Tensor]]  # target, condition
    loss: Callable[[Way, nn.Module, Tensor, Tensor], Tensor]
    products: Callable[[dict], list[Product]]
    numbers: Callable[[dict], int]  # that have to be moved
    values: Callable[[dict], int]  # samples or pixels of a batch


def on_device(network: Network, sizes: dict[str, dict], unit: str, repetitions: int, args: argparse.Namespace) -> dict:
    """The table of args.device. What is found is kept after every size, and shown if it is all there will be."""
    device = torch.device(args.device)
    about = circumstances(threads=args.threads, note=args.note, **name_of(device))
    found = {"repetitions": repetitions, "sizes": {}, **about}
    try:
        for name, size in sizes.items():
            found["sizes"][name] = measured(network, size, device, repetitions)
            keep_result(found, args.output)
    finally:
        print(table(found, unit))
    return found


def measured(network: Network, size: dict, device: torch.device, repetitions: int) -> dict:
    """Seconds, rates, megabytes and seconds of compiling of every way, and the bound."""
    torch.compiler.reset()  # other sizes count for nothing
    made = {way.name: first_step(network, way, size, device) for way in WAYS}
    times, paces = {name: [] for name in made}, []
    for _ in range(repetitions):
        for name, (step, _) in made.items():
            times[name].append(timed(step, device))
        paces.append((products_seconds(network.products(size), device), copy_pace(device)))
    ways = {}
    for name, (_, about) in made.items():
        seconds, values = spread(times[name]), network.values(size | {"batch": about["batch"]})
        ways[name] = about | {"seconds": seconds, "rate": values / seconds["median"]}
    products = statistics.median(seconds for seconds, _ in paces)
    pace = statistics.median(pace for _, pace in paces)
    moved = 2 * network.numbers(size)
    flop = sum(6 * one.rows * one.inputs * one.outputs * one.times for one in network.products(size))
    bound = {"products": products, "memory": moved / pace, "flop": flop, "bytes": moved, "copied_a_second": pace}
    return {"size": size, "values": network.values(size), "ways": ways, "bound": bound}


def first_step(network: Network, way: Way, size: dict, device: torch.device) -> tuple[Callable[[], object], dict]:
    """A step that fits, with how many items, how long the first one took and what the next held."""
    batch = size["batch"]
    while True:
        try:
            step = step_of(network, way, size | {"batch": batch}, device)
            first = timed(step, device)
            return step, {"batch": batch, "first": first, "megabytes": peak_memory(step, device)}
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
        step, batch = None, batch // 2
        gc.collect()
        torch.cuda.empty_cache()


def step_of(network: Network, way: Way, size: dict, device: torch.device) -> Callable[[], Tensor]:
    """Forward and backward, leaving gradients on weights and condition; gives the loss."""
    torch.manual_seed(0)
    model = network.model(way, size).to(device).train()
    torch.manual_seed(1)
    target, condition = (values.to(device) for values in network.data(size))
    condition.requires_grad_()
    if way.compiled and not hasattr(model, "log_prob"):
        model.compile(dynamic=False)
    elif way.compiled:
        compile_loss(model)

    def step() -> Tensor:
        model.zero_grad()
        condition.grad = None
        with torch.autocast(device.type, torch.bfloat16, enabled=way.half):
            loss = network.loss(way, model, target, condition)
        loss.backward()
        return loss.detach()

    return step


def timed(job: Callable[[], object], device: torch.device) -> float:
    """Seconds."""
    synchronise(device)
    start = time.perf_counter()
    job()
    synchronise(device)
    return time.perf_counter() - start


def products_seconds(products: Iterable[Product], device: torch.device) -> float:
    """Seconds that the products take by themselves, in bfloat16."""
    total = 0.0
    for one in products:
        x, y = (torch.randn(one.rows, width, device=device).bfloat16() for width in (one.inputs, one.outputs))
        weight = torch.randn(one.inputs, one.outputs, device=device).bfloat16()
        jobs = (lambda: x @ weight, lambda: y @ weight.t(), lambda: x.t() @ y)  # noqa: B023
        total += one.times * sum(pace_of(job, device) for job in jobs)
    return total


def copy_pace(device: torch.device) -> float:
    """Bytes a second that a large copy reads and writes."""
    size = COPIED[device.type]
    source, target = (torch.zeros(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / pace_of(lambda: target.copy_(source), device)


def pace_of(job: Callable[[], object], device: torch.device) -> float:
    """Seconds of a job that is done again and again without waiting for it."""
    timed(job, device)  # which may choose how to do it
    once = timed(job, device)
    count = max(1, min(20, round(ENOUGH / 10 / max(once, 1e-6))))
    return timed(lambda: [job() for _ in range(count)], device) / count


def table(found: dict, unit: str) -> str:
    """Markdown. unit: what a batch has so many of."""
    about = found["machine"]
    where = f"{about.get('gpu', 'Not run on a GPU, but on ' + about['processor'])}, torch {found['versions']['torch']}"
    lines = [
        f"{where}, {found['repetitions']} repetitions. {about['note']}".strip(),
        "",
        f"| size | step | batch | ms | least to most | {unit} a second | times plain bfloat16 | % of bound | MB | "
        "first step, s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in found["sizes"].items():
        label = f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in row["size"].items())
        bound = row["bound"]
        binds = max(("products", "memory"), key=bound.__getitem__)
        best = row["values"] / bound[binds]
        for way, step in row["ways"].items():
            rate = step["rate"]
            middle, low, high = (f"{1000 * seconds:,.1f}" for seconds in step["seconds"].values())
            between = f"{low} to {high}"
            times = rate / row["ways"][PLAIN]["rate"]
            share = "" if way.startswith("plain") else f"{100 * rate / best:.0f}"  # which has other products to do
            lines.append(
                f"| {label} | {way} | {step['batch']} | {middle} | {between} | {rate:,.0f} | {times:.2f} | {share} | "
                f"{step['megabytes']:,.0f} | {step['first']:.1f} |"
            )
            label = ""
        lines.append(
            f"| | bound: {binds} ({1000 * bound['products']:,.1f} ms for products, {bound['flop'] / 1e12:,.2f} TFLOP, "
            f"{1000 * bound['memory']:,.1f} ms for {bound['bytes'] / 1e9:,.2f} GB at "
            f"{bound['copied_a_second'] / 1e9:,.0f} GB/s) | {row['size']['batch']} | {1000 * bound[binds]:,.1f} | | "
            f"{best:,.0f} | | | | |"
        )
    return "\n".join(lines)
