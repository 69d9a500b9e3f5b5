"""What a training step of a PixelCNN costs: forward and backward, ours beside the plain formulation of public code.

python benchmarks/pixelcnn_training.py --output benchmarks/results/pixelcnn_training.json \\
    > benchmarks/results/pixelcnn_training.md

All ways have the same weights, and the same loss and gradients (tests/test_benchmarks_pixelcnn_training.py). They take
turns in one process, a step each. "Allocator keeps memory": glibc is told not to give freed memory back (baseline and
ours alike), as its pages are slow to be had again. Memory: the most a process held during its first step more than
before it. Bound: the matrix products that the network as we compute it cannot do without, at the pace of a large
product in the same process, as if all else (gates, sums, softmax, copies) took no time. "Compiled" is torch.compile of
the formulas (`training.compile`), in a process of its own beside the plain formulation; its memory is that of a later
step.

On a GPU (--device cuda) the table is another one: 32 and 16 bits, see benchmarks/device_training.py.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from unittest import mock

import torch
import torch.nn.functional as F
from baselines.plain_pixelcnn import PlainPixelCNN
from device_training import Network, Product, on_device
from devices import add_device, held, peak_memory
from machine import add_note_and_output, circumstances, keep_result
from torch import Tensor, nn

from unitdisc.decoders import PixelCNN, pixelcnn, pixels
from unitdisc.decoders.likelihoods import categorical_log_prob
from unitdisc.training.compile import compile_loss

MODELS = {
    "small": {"channels": 16, "layers": 4, "first_kernel": 5, "batch": 16, "columns": 128, "rows": 32},
    "published": {"channels": 64, "layers": 7, "first_kernel": 7, "batch": 2, "columns": 128, "rows": 32},
}
ON_DEVICE = {  # of the preset's two networks, one
    "the paper-handwriting preset's": MODELS["published"] | {"batch": 32},
    "16 channels": MODELS["small"] | {"batch": 128},
}
TINY = {"channels": 4, "layers": 2, "first_kernel": 3, "batch": 2, "columns": 8, "rows": 4}
GROWING = {"columns": (64, 128, 256, 512), "batch": (4, 8, 16, 32), "layers": (2, 4, 8), "channels": (8, 16, 32, 64)}
CONDITION_DIM, COLUMNS_PER_CONDITION, LEVELS = 64, 4, 4
KEEPS = {  # freed memory
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
ANEW = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # or nothing would be compiled the second time
PLAIN, CROPPED, GATES = "plain", "cropped kernels, channels last", "and gates in few passes"
KERNELS, OURS = "and kernels' products", "and few levels apart: ours"
ALLOCATORS = ("as it is", "allocator keeps memory")
CHECKPOINT, COMPILED = "ours, checkpoint", "compiled"


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15, help="counted, of every way, after two that are not")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a model of no size: does it run?")
    add_device(parser)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    if args.device:
        sizes, repetitions = ({"tiny": TINY}, 1) if args.quick else (ON_DEVICE, args.steps)
        return on_device(NETWORK, sizes, "pixels", repetitions, args)
    models, growing, steps = MODELS, GROWING, args.steps
    if args.quick:
        models, growing, steps = {"tiny": TINY}, {"columns": (8, 16)}, 2
    found = {
        "steps": steps,
        "models": models,
        "ways": {name: ways(sizes, steps, args.threads) for name, sizes in models.items()},
        "growing": grown(next(iter(models.values())), growing, steps, args.threads),
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def ways(sizes: dict, steps: int, threads: int) -> dict[str, dict]:
    """Times of all ways under either allocator, and what they hold at most."""
    names = [PLAIN, CROPPED, GATES, KERNELS, OURS, CHECKPOINT]
    return {
        ALLOCATORS[0]: in_child({}, take_turns, sizes, names, steps, threads),
        ALLOCATORS[1]: in_child(KEEPS, take_turns, sizes, names, steps, threads),
        "memory": {name: in_child({}, memory, sizes, name, threads) for name in names},
        "compiled": in_child(ANEW, compiled, sizes, steps, threads),
    }


def grown(sizes: dict, growing: dict[str, Iterable[int]], steps: int, threads: int) -> list[dict]:
    """Plain and ours where one of the sizes is another."""
    return [
        {"size": size, "value": value}
        | in_child({}, take_turns, sizes | {size: value}, [PLAIN, OURS], max(2, steps // 3), threads)
        for size, values in growing.items()
        for value in values
    ]


def in_child(environment: dict[str, str], function: Callable, *args: object) -> object:
    """A process of its own: memory begins anew, and glibc reads its environment."""
    spawned = multiprocessing.get_context("spawn")
    with mock.patch.dict(os.environ, environment), ProcessPoolExecutor(1, mp_context=spawned) as pool:
        return pool.submit(function, *args).result()


def take_turns(sizes: dict, names: list[str], steps: int, threads: int) -> dict:
    """Milliseconds of the CPU and on the clock of every way, and the least that the matrix products take."""
    torch.set_num_threads(threads)
    step = {name: stepper(sizes, name) for name in names}
    cpu, clock = {name: [] for name in names}, {name: [] for name in names}
    for turn in range(steps + 2):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started, began = time.perf_counter(), time.process_time()
            step[name]()
            if turn >= 2:
                cpu[name].append(1000 * (time.process_time() - began))
                clock[name].append(1000 * (time.perf_counter() - started))
    pace = product_pace()
    return {
        "cpu": {name: statistics.quantiles(values, n=4) for name, values in cpu.items()},
        "clock": {name: statistics.quantiles(values, n=4) for name, values in clock.items()},
        "gflops": pace / 1e9,
        "bound": 1000 * operations(**sizes) / pace,
    }


def compiled(sizes: dict, steps: int, threads: int) -> dict:
    """As `take_turns`, of the plain and the compiled formulas, with seconds of compiling and megabytes."""
    torch.set_num_threads(threads)
    step = stepper(sizes, COMPILED)
    started = time.perf_counter()
    step()
    about = {"compiling": time.perf_counter() - started, "memory": peak_memory(step, torch.device("cpu"))}
    return about | take_turns(sizes, [PLAIN, COMPILED], steps, threads)


def memory(sizes: dict, name: str, threads: int) -> float:
    """Megabytes."""
    torch.set_num_threads(threads)
    stepper(TINY, name)()  # what torch loads when it is first asked
    step = stepper(sizes, name)
    before = held("VmRSS")
    step()
    return held("VmHWM") - before


def stepper(sizes: dict, name: str) -> Callable[[], Tensor]:
    """A training step, which gives its loss."""
    decoder = model(sizes, name)
    target, condition = data(sizes)
    if name == COMPILED:
        compile_loss(decoder)

    def step() -> Tensor:
        decoder.zero_grad()
        condition.grad = None
        with ExitStack() as without:
            for module, part, instead in PARTS.get(name, []):
                without.enter_context(mock.patch.object(module, part, instead))
            loss = -decoder.log_prob(target, condition).mean()
            loss.backward()
        return loss.detach()

    return step


def model(sizes: dict, name: str) -> nn.Module:
    torch.manual_seed(0)
    options = {key: sizes[key] for key in ("channels", "layers", "first_kernel")}
    decoder = PixelCNN(CONDITION_DIM, sizes["rows"], LEVELS, checkpoint=name == CHECKPOINT, **options).train()
    return PlainPixelCNN.of(decoder).train() if name == PLAIN else decoder


def data(sizes: dict) -> tuple[Tensor, Tensor]:
    """Random: what is learnt does not matter."""
    torch.manual_seed(1)
    batch, columns = sizes["batch"], sizes["columns"]
    target = torch.randint(LEVELS, (batch, columns, sizes["rows"]))
    return target, torch.randn(batch, columns // COLUMNS_PER_CONDITION, CONDITION_DIM, requires_grad=True)


def gated_plainly(gates: Tensor, by_condition: Tensor) -> Tensor:
    signal, gate = (gates + by_condition).chunk(2, dim=-1)
    return signal.tanh() * gate.sigmoid()


def convolved_plainly(x: Tensor, kernel: Tensor) -> Tensor:
    return F.conv2d(x.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1)


def pointwise_plainly(x: Tensor, linear: nn.Linear) -> Tensor:
    return linear(x)


PARTS = {KERNELS: [(pixelcnn, "levels_log_prob", categorical_log_prob)]}  # what a way does without, and has instead
PARTS[GATES] = [*PARTS[KERNELS], (pixels, "convolved", convolved_plainly), (pixels, "pointwise", pointwise_plainly)]
PARTS[CROPPED] = [*PARTS[GATES], (pixels, "gated", gated_plainly)]


def operations(channels: int, layers: int, first_kernel: int, batch: int, columns: int, rows: int) -> float:
    """Of the matrix products of a step, of which the backward pass has twice those of the forward pass."""
    reach, wide = first_kernel // 2, 2 * channels
    layer = (6 + 2) * channels * wide + wide * wide + channels * channels
    first = (reach * first_kernel + reach) * channels
    painting = pixels.PALETTE * channels  # a column's, shared out among its pixels
    head = channels * channels + channels * LEVELS
    pixel = layers * layer - wide * wide + first + painting + head  # the last layer has one product for two
    return 3 * 2 * pixel * batch * columns * rows


def products(sizes: dict) -> list[Product]:
    """Those of `operations`, convolutions as products over their taps; what has fewer than 16 sides is left out."""
    rows, wide = pixel_count(sizes), 2 * sizes["channels"]
    channels, layers, reach = sizes["channels"], sizes["layers"], sizes["first_kernel"] // 2
    shapes = [(6 * channels, wide, layers), (wide, wide, 2 * layers - 1), (channels, channels, layers + 1)]
    shapes.append((reach * sizes["first_kernel"], channels, 1))
    painting = Product(rows // sizes["rows"], pixels.PALETTE, sizes["rows"] * channels)
    return [painting, *(Product(rows, *shape) for shape in shapes if min(shape[:2]) >= 16)]


def numbers(sizes: dict) -> int:
    """Of a layer and a pixel: forward it reads and writes past and above, and writes both gates' factors; backward it
    reads these, past, above and their gradients, and writes two gradients. The last layer has one gate, and no past
    comes out of it. Before and behind: the first past and above, the head's hidden layer, and their gradients."""
    return pixel_count(sizes) * sizes["channels"] * (18 * (sizes["layers"] - 1) + 12 + 8)


def pixel_count(sizes: dict) -> int:
    return sizes["batch"] * sizes["columns"] * sizes["rows"]


NETWORK = Network(
    model=lambda way, sizes: model(sizes, PLAIN if way.plain else CHECKPOINT if way.checkpoint else OURS),
    data=lambda sizes: data(sizes),
    loss=lambda way, decoder, *batch: -decoder.log_prob(*batch).mean(),
    products=products,
    numbers=numbers,
    values=pixel_count,
)


def product_pace(size: int = 1024, times: int = 5) -> float:
    """Operations per CPU second of a product of two square matrices."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    found = []
    for _ in range(times + 1):
        began = time.process_time()
        a @ b
        found.append(2 * size**3 / (time.process_time() - began))
    return statistics.median(found[1:])


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [f"{about['processor']}, {about['threads']} thread(s), {found['steps']} steps. {about['note']}".strip()]
    for name, timed in found["ways"].items():
        sizes = found["models"][name]
        lines += ["", f"**{name}**: " + ", ".join(f"{key} {value}" for key, value in sizes.items()), ""]
        lines += [
            "| way | allocator | CPU ms a step | quartiles | times plain | share of the bound | MB |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        lines += [row(timed, allocator, way) for allocator in ALLOCATORS for way in timed["memory"]]
        lines += [compiled_row(timed["compiled"])]
    lines += [
        "",
        "| size | | plain, CPU ms | ours | times plain | share of the bound |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for times in found["growing"]:
        plain, ours = (times["cpu"][way][1] for way in (PLAIN, OURS))
        lines.append(
            f"| {times['size']} | {times['value']} | {plain:,.1f} | {ours:,.1f} | {plain / ours:.2f} "
            f"| {times['bound'] / ours:.0%} |"
        )
    return "\n".join(lines)


def compiled_row(timed: dict) -> str:
    """Beside the plain formulation of the same process."""
    times = {"as it is": timed, "memory": {COMPILED: timed["memory"]}}
    label = f"| {COMPILED}, which took {timed['compiling']:.1f} s |"
    return row(times, "as it is", COMPILED).replace(f"| {COMPILED} |", label)


def row(timed: dict, allocator: str, way: str) -> str:
    times = timed[allocator]
    low, middle, high = times["cpu"][way]
    bound = f"{times['bound'] / middle:.0%}" if way != PLAIN else ""  # it has more products to do
    return (
        f"| {way} | {allocator} | {middle:,.1f} | {low:,.1f} to {high:,.1f} | {times['cpu'][PLAIN][1] / middle:.2f} "
        f"| {bound} | {timed['memory'][way]:,.0f} |"
    )


if __name__ == "__main__":
    main()
