"""How fast a WaveNet draws samples: a pass over the past for each, queues in torch, and the compiled loop.

python benchmarks/wavenet_sampling.py --output benchmarks/results/wavenet_sampling.json \\
    > benchmarks/results/wavenet_sampling.md

All ways draw the same samples from the same random numbers, up to rounding (tests/test_benchmarks_wavenet_sampling.py).
They take turns; every repetition is a stretch in the middle of an utterance. A pass over the past is timed on a few
samples, as all cost the same. Weights are random: what is drawn does not matter.

The bound: every step reads all weights once, and a sample takes two operations per weight. So no more samples than the
bandwidth at which this machine reads an array of the weights' size allows, nor than the rate of a large product of
matrices does; both are measured between the repetitions, as are the library's products of the model's own shapes.

On a GPU (--device cuda) queues in torch and the persistent kernel (unitdisc/decoders/sampling/wavenet_gpu.py) are timed
by the clock on the wall, and the first steps of the two compared. Without a kernel (--device cpu) queues stand alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from baselines.naive_wavenet import NaiveWaveNet
from device_training import pace_of
from devices import add_device, name_of, synchronise
from machine import add_note_and_output, circumstances, keep_result
from torch import Tensor

from unitdisc.decoders import WaveNet
from unitdisc.decoders.sampling.wavenet_cpu import pack, sample_all

CODES, CONDITION_DIM, STEPS_PER_CONDITION = 256, 64, 320  # 50 Hz
SMALL, PAPER = {"channels": 64, "skip_channels": 128}, {"channels": 368, "skip_channels": 256}
NAIVE, TORCH, COMPILED = "a pass over the past", "queues, torch", "queues, compiled"
KERNEL = "persistent kernel"
RATE = 16_000  # samples of a second of sound
SECONDS = 0.5  # of a repetition, about
LARGE = 1024  # rows and columns of the product that is taken for what the processor can do


@dataclass(frozen=True)
class Case:
    """A model and how many streams are drawn from it together."""

    options: dict
    batch: int = 1
    ways: tuple[str, ...] = (COMPILED,)

    @property
    def name(self) -> str:
        layers, channels, skips = (self.options.get(key, 20) for key in ("layers", "channels", "skip_channels"))
        return f"{layers} layers, {channels} channels, {skips} skip"


ALL = (NAIVE, TORCH, COMPILED)
TABLES = {
    "the size asked for": [Case(SMALL, batch, ALL) for batch in (1, 8, 64)],
    "the paper's size": [Case(PAPER, batch, ALL if batch == 1 else (TORCH, COMPILED)) for batch in (1, 8, 64)],
    "against streams": [Case(SMALL, batch) for batch in (1, 2, 4, 8, 16, 32, 64, 128)],
    "against layers": [Case(SMALL | {"layers": layers}, 8) for layers in (5, 10, 20, 40)],
    "against channels": [
        Case({"channels": channels, "skip_channels": 2 * channels}, 8) for channels in (16, 32, 64, 128, 256)
    ],
}
ON_DEVICE = [Case(options, batch) for options in (PAPER, SMALL) for batch in (1, 8, 64, 256)]
QUICK = {"quick": [Case({"channels": 8, "skip_channels": 8, "layers": 3}, 2, ALL)]}


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="more than one are timed by the clock on the wall")
    parser.add_argument("--tables", nargs="*", help=f"some of: {', '.join(TABLES)}")
    parser.add_argument("--quick", action="store_true", help="a model of no size")
    add_device(parser)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.device:
        return on_device(QUICK["quick"] if args.quick else ON_DEVICE, torch.device(args.device), args)
    chosen = QUICK if args.quick else {name: TABLES[name] for name in args.tables or TABLES}
    clock = time.process_time if args.threads == 1 else time.perf_counter
    seconds = 0.01 if args.quick else SECONDS
    found = {
        "tables": {
            name: [measured(case, args.repetitions, clock, seconds, args.threads) for case in cases]
            for name, cases in chosen.items()
        },
        **circumstances(threads=args.threads, note=args.note),
    }
    print(report(found))
    keep_result(found, args.output)
    return found


def on_device(cases: list[Case], device: torch.device, args: argparse.Namespace) -> dict:
    """The table of a device, kept after every row."""
    found = {"rows": [], **circumstances(threads=args.threads, note=args.note, **name_of(device))}
    try:
        for case in cases:
            found["rows"].append(drawn_on(case, device, args.repetitions, 0.01 if args.quick else SECONDS))
            keep_result(found, args.output)
    finally:
        print(device_report(found))
    return found


@torch.inference_mode()
def drawn_on(case: Case, device: torch.device, repetitions: int, seconds: float) -> dict:
    """Samples a second, all streams together, of either way; the bound; the streams of which both draw the same."""
    torch.manual_seed(0)
    decoder = WaveNet(CONDITION_DIM, CODES, **case.options).to(device).eval()
    ways, begin = {TORCH: decoder.sample_with_torch}, numbers_for(case.batch, 1, device)
    if device.type == "cuda":
        from unitdisc.decoders.sampling.wavenet_gpu import sample_on_gpu  # which needs Triton

        ways[KERNEL] = lambda condition, uniform: sample_on_gpu(decoder, condition, uniform, 1.0)
    first = {way: draw(*begin) for way, draw in ways.items()}  # compiles, too
    rates, spread = {}, {}
    for way, draw in ways.items():
        once = timed(Work(lambda: (draw(*begin), synchronise(device)), 1), 1, time.perf_counter)  # noqa: B023
        inputs = numbers_for(case.batch, max(1, round(seconds / once)), device)
        work = Work(lambda: (draw(*inputs), synchronise(device)), inputs[1].numel())  # noqa: B023
        found = [work.amount / timed(work, 1, time.perf_counter) for _ in range(repetitions)]
        rates[way], spread[way] = statistics.median(found), [min(found), max(found)]
    size = sum(matrix.numel() for matrix in matrices(decoder))
    whole, large = torch.randn(size, device=device), torch.randn(4 * LARGE, 4 * LARGE, device=device)
    read = 4 * size / pace_of(whole.sum, device)
    peak = 2 * (4 * LARGE) ** 3 / pace_of(lambda: large @ large, device)
    bounds = {"reading the weights": read / (4 * size) * case.batch, "products": peak / (2 * size)}
    row = {"model": case.name, "streams": case.batch, "samples_per_second": rates, "spread": spread, "bounds": bounds}
    same = (first[TORCH] == first[KERNEL]).all(1).sum().item() if KERNEL in first else None
    return row | {"same_streams": same}


def numbers_for(batch: int, conditions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Conditions, and random numbers for the samples they hold for."""
    condition = torch.randn(batch, conditions, CONDITION_DIM, device=device)
    return condition, torch.rand(batch, conditions * STEPS_PER_CONDITION, device=device)


def device_report(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    where = about.get("gpu", f"Not run on a GPU, but on {about['processor']}")
    lines = [
        f"{where}, torch {found['versions']['torch']}. {about['note']}".strip(),
        "",
        "| model | streams | way to draw | samples a second | from, to | times real time at 16 kHz, together | each | "
        "bound | share | streams as torch draws them |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["rows"]:
        binds, bound = min(row["bounds"].items(), key=lambda pair: pair[1])
        for way, rate in row["samples_per_second"].items():
            low, high = row["spread"][way]
            same = "" if way == TORCH else f"{row['same_streams']} of {row['streams']}, {STEPS_PER_CONDITION} steps"
            lines.append(
                f"| {row['model']} | {row['streams']} | {way} | {rate:,.0f} | {low:,.0f}, {high:,.0f} | "
                f"{rate / RATE:,.2f} | {rate / RATE / row['streams']:,.2f} | {bound:,.0f} ({binds}) | "
                f"{100 * rate / bound:.1f} % | {same} |"
            )
    return "\n".join(lines)


@torch.inference_mode()
def measured(case: Case, repetitions: int, clock: Callable[[], float], seconds: float, threads: int) -> dict:
    """Samples per second, all streams together, of every way to draw, and what bounds them."""
    torch.manual_seed(0)
    decoder = WaveNet(CONDITION_DIM, CODES, **case.options).eval()
    works = {way: WORKS[way](decoder, case.batch) for way in case.ways} | bounds(decoder, case.batch)
    counts, rates = {}, {name: [] for name in works}
    for name, work in works.items():
        taken = timed(work, 1, clock)
        taken = timed(work, 1, clock)  # the first time compiles, or fills the caches
        counts[name] = max(1, round(seconds / max(taken, 1e-6)))
    for _ in range(repetitions):
        for name, work in works.items():
            rates[name].append(counts[name] * work.amount / timed(work, counts[name], clock))
    weights = sum(matrix.numel() for matrix in matrices(decoder))
    middle = {name: statistics.median(values) for name, values in rates.items()}
    bound = min(middle[BANDWIDTH] / (4 * weights) * case.batch, middle[PEAK] * threads / (2 * weights))
    return {
        "model": case.name,
        "streams": case.batch,
        "weights": weights,
        "samples_per_second": {way: middle[way] for way in case.ways},
        "spread": {way: [min(rates[way]), max(rates[way])] for way in case.ways},
        "bandwidth_bytes": middle[BANDWIDTH],
        "peak_flops": middle[PEAK] * threads,
        "bound": bound,
        "library_products": middle[PRODUCTS],
        "share": middle[COMPILED] / bound,
        "of_library": middle[COMPILED] / middle[PRODUCTS],
    }


@dataclass(frozen=True)
class Work:
    """Something that is timed, and how much of it one call is: samples, bytes or operations."""

    call: Callable[[], object]
    amount: float


def timed(work: Work, count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        work.call()
    return max(clock() - start, 1e-9)


def naive(decoder: WaveNet, batch: int) -> Work:
    """One sample of every stream, its whole receptive field before it."""
    model = NaiveWaveNet(decoder)
    size = -(-model.receptive_field // STEPS_PER_CONDITION) * STEPS_PER_CONDITION
    codes = torch.randint(CODES, (batch, size))
    condition, uniform = torch.randn(batch, size // STEPS_PER_CONDITION, CONDITION_DIM), torch.rand(batch, size)
    return Work(lambda: model.draw(codes, condition, uniform, size - 1, size), batch)


def with_torch(decoder: WaveNet, batch: int) -> Work:
    condition, uniform = torch.randn(batch, 1, CONDITION_DIM), torch.rand(batch, STEPS_PER_CONDITION // 4)
    return Work(lambda: decoder.sample_with_torch(condition, uniform), uniform.numel())


def with_loop(decoder: WaveNet, batch: int) -> Work:
    """Without packing the weights, which is done once for an utterance."""
    weights = pack(decoder)
    conditions, uniforms = list(torch.randn(batch, 1, CONDITION_DIM)), list(torch.rand(batch, STEPS_PER_CONDITION))
    return Work(lambda: sample_all(weights, conditions, uniforms, 1.0), batch * STEPS_PER_CONDITION)


WORKS = {NAIVE: naive, TORCH: with_torch, COMPILED: with_loop}
BANDWIDTH, PEAK, PRODUCTS = "bandwidth", "peak", "products"


def matrices(decoder: WaveNet) -> list[Tensor]:
    """What is multiplied with in every step: [outputs, inputs]."""
    found = [decoder.head[1].weight, decoder.head[3].weight]
    for layer in decoder.stack.layers:
        found += [layer.gates.weight, layer.skip.weight] + ([layer.residual.weight] if layer.residual else [])
    return found


def bounds(decoder: WaveNet, batch: int) -> dict[str, Work]:
    """Reading the weights [bytes], a large product on one thread [operations], the library's products [samples]."""
    weights = [matrix.detach() for matrix in matrices(decoder)]
    inputs = [torch.randn(batch, matrix.shape[1]) for matrix in weights]
    vectors = [x[0] for x in inputs]
    whole, large = torch.randn(sum(matrix.numel() for matrix in weights)), torch.randn(LARGE, LARGE)

    def multiply() -> None:
        if batch == 1:
            for matrix, vector in zip(weights, vectors):
                torch.mv(matrix, vector)
        else:
            for matrix, x in zip(weights, inputs):
                torch.mm(x, matrix.T)

    return {
        BANDWIDTH: Work(whole.sum, 4 * whole.numel()),
        PEAK: Work(lambda: torch.mm(large, large), 2 * LARGE**3 / torch.get_num_threads()),
        PRODUCTS: Work(multiply, batch),
    }


def report(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    second = "CPU second" if about["threads"] == 1 else "second"
    lines = [
        f"{about['processor']}, {about['threads']} thread(s). {about['note']} Not run on a GPU.".replace("  ", " ")
    ]
    for name, rows in found["tables"].items():
        lines += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            f"| model | streams | way to draw | samples per {second} | from, to | times a pass | bound | share | "
            "library's products |",
            "|---|---:|---|---:|---:|---:|---:|---:|---:|",
        ]
        for row in rows:
            lines += [line(row, way) for way in row["samples_per_second"]]
    return "\n".join(lines)


def line(row: dict, way: str) -> str:
    rates, (low, high) = row["samples_per_second"], row["spread"][way]
    times = f"{rates[way] / rates[NAIVE]:,.0f}" if NAIVE in rates else ""
    ours = way == COMPILED
    bound, share, products = (
        (f"{row['bound']:,.0f}", f"{100 * row['share']:.0f} %", f"{row['library_products']:,.0f}") if ours else 3 * [""]
    )
    start = f"| {row['model']} | {row['streams']} | {way} | {rates[way]:,.{0 if rates[way] >= 100 else 1}f} "
    return start + f"| {low:,.0f}, {high:,.0f} | {times} | {bound} | {share} | {products} |"


if __name__ == "__main__":
    main()
