"""How fast a PixelCNN draws: a pass of the network per pixel beside caches, in torch and compiled.

python benchmarks/pixelcnn_sampling.py --output benchmarks/results/pixelcnn_sampling.json \\
    > benchmarks/results/pixelcnn_sampling.md

All ways draw from the same probabilities (tests/test_pixelcnn.py), and take turns. A pass per pixel is timed on some
pixels in the middle of the line, as all cost the same; the others draw whole lines. The first turn is not counted; said
is the median of the others, with the least and the most. Weights are random: what is drawn does not matter. The bound
is what the multiplications of the caches (as torch counts them) take at the pace of a large matrix product in the same
run.
"""

import argparse
import time
from collections.abc import Callable

import torch
from machine import add_note_and_output, circumstances, keep_result, spread
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from unitdisc.decoders import PixelCNN
from unitdisc.decoders.draws import categorical_draw
from unitdisc.decoders.sampling.pixelcnn_cpu import ColumnSampler

MODELS = {
    "small": {"channels": 16, "layers": 4, "first_kernel": 5},
    "small, 256 levels, mixture": {
        "channels": 16,
        "layers": 4,
        "first_kernel": 5,
        "levels": 256,
        "output": "logistic-mixture",
    },
    "published": {"channels": 64, "layers": 7, "first_kernel": 7},
}
WHOLE, REACH, CACHED, COMPILED = "a pass over the line", "a pass over what a pixel sees", "caches, torch", "compiled"
BOUND = "bound"
LARGE = 1024  # rows and columns of a large matrix
COLUMNS_PER_CONDITION = 4
CONDITION_DIM = 64


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=4, help="drawn together")
    parser.add_argument("--columns", type=int, default=128, help="of every line, a multiple of 4")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--passes", type=int, default=10, help="counted, where every pixel takes one")
    parser.add_argument("--repetitions", type=int, default=5, help="counted; one comes before")
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    shape = (args.lines, args.columns, args.rows)
    found = {
        "lines": args.lines,
        "columns": args.columns,
        "rows": args.rows,
        "repetitions": args.repetitions,
        "models": {name: speeds(options, shape, args.passes, args.repetitions) for name, options in MODELS.items()},
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


@torch.inference_mode()
def speeds(options: dict, shape: tuple[int, int, int], passes: int, repetitions: int) -> dict[str, dict]:
    """Pixels per CPU second, all lines of the batch together, of every way to draw."""
    torch.manual_seed(0)
    lines, columns, rows = shape
    decoder = PixelCNN(CONDITION_DIM, rows, **options).eval()
    condition = torch.randn(lines, columns // COLUMNS_PER_CONDITION, CONDITION_DIM)
    numbers = torch.rand(shape)
    sampler = ColumnSampler(decoder.stack, decoder.head, decoder.output)
    middle, reach = columns // 2, decoder.stack.receptive_field
    seen = range(max(0, middle - reach), middle + 1)
    large = torch.randn(LARGE, LARGE)
    with FlopCounterMode(display=False) as counter:
        decoder.sample_columns(decoder.draw_column, condition, numbers)
    multiplications = counter.get_total_flops() / numbers.numel()  # of a pixel
    ways = {
        WHOLE: lambda: draw_by_passes(decoder, condition, numbers, range(columns), passes),
        REACH: lambda: draw_by_passes(decoder, condition, numbers, seen, passes),
        CACHED: lambda: decoder.sample_columns(decoder.draw_column, condition, numbers).numel(),
        COMPILED: lambda: decoder.sample_columns(sampler, condition, numbers).numel(),
        BOUND: lambda: 2 * torch.mm(large, large).numel() * LARGE / multiplications,
    }
    rates = {way: [] for way in ways}
    for _ in range(1 + repetitions):
        for way, draw in ways.items():
            rates[way].append(rate(draw))
    return {way: spread(found[1:]) for way, found in rates.items()}


def draw_by_passes(decoder: PixelCNN, condition: Tensor, numbers: Tensor, columns: range, passes: int) -> int:
    """Draws pixels of the middle column, each by a pass over `columns`; how many they are in all lines together."""
    middle = numbers.shape[1] // 2
    levels = torch.zeros(numbers[:, columns].shape, dtype=torch.long)
    spread = condition.repeat_interleave(COLUMNS_PER_CONDITION, dim=1)[:, columns]
    for row in (pixel % numbers.shape[2] for pixel in range(passes)):
        parameters = decoder.parameters_of("left-to-right", levels, spread)[:, columns.index(middle), row]
        drawn = categorical_draw(decoder.output.logits(parameters), numbers[:, middle, row])
        levels[:, columns.index(middle), row] = drawn
    return passes * len(numbers)


def rate(draw: Callable[[], float]) -> float:
    """How many pixels a CPU second gives."""
    start = time.process_time()
    pixels = draw()
    return pixels / max(time.process_time() - start, 1e-9)


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['threads']} thread(s), {found['lines']} lines of {found['columns']} columns and "
        f"{found['rows']} rows drawn together, {found['repetitions']} times. {about['note']}".strip(),
        "",
        "| model | way to draw | pixels per CPU second | least to most | times a pass over the line | % of the bound |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for model, rates in found["models"].items():
        whole, bound = (rates[way]["median"] for way in (WHOLE, BOUND))
        for way, pixels in rates.items():
            median, between = pixels["median"], f"{pixels['least']:,.0f} to {pixels['most']:,.0f}"
            times = f"{median / whole:,.0f} | {100 * median / bound:.1f}"
            lines.append(f"| {model} | {way} | {median:,.0f} | {between} | {times} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
