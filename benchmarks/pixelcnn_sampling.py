"""How fast a PixelCNN draws: a pass of the network per pixel beside caches, in torch and compiled.

python benchmarks/pixelcnn_sampling.py --output benchmarks/results/pixelcnn_sampling.json \\
    > benchmarks/results/pixelcnn_sampling.md

All ways draw from the same probabilities (tests/test_pixelcnn.py). A pass per pixel is timed on some pixels in the
middle of the line, as all cost the same; the others draw whole lines, and are timed once more after a first time that
is not counted. Weights are random: what is drawn does not matter. The bound is what the multiplications of the caches
(as torch counts them) take at the pace of a large matrix product in the same run, on one thread.
"""

import argparse
import time
from collections.abc import Callable

import torch
from machine import add_note_and_output, circumstances, keep_result
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from unitdisc.decoders import PixelCNN
from unitdisc.decoders.compiled_pixels import ColumnSampler
from unitdisc.decoders.likelihoods import categorical_draw

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
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    shape = (args.lines, args.columns, args.rows)
    found = {
        "lines": args.lines,
        "columns": args.columns,
        "rows": args.rows,
        "models": {name: speeds(options, shape, args.passes) for name, options in MODELS.items()},
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


@torch.inference_mode()
def speeds(options: dict, shape: tuple[int, int, int], passes: int) -> dict[str, float]:
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
    return {
        WHOLE: rate(lambda: draw_by_passes(decoder, condition, numbers, range(columns), passes)),
        REACH: rate(lambda: draw_by_passes(decoder, condition, numbers, seen, passes)),
        CACHED: rate(lambda: decoder.sample_columns(decoder.draw_column, condition, numbers).numel()),
        COMPILED: rate(lambda: decoder.sample_columns(sampler, condition, numbers).numel()),
        BOUND: rate(lambda: 2 * torch.mm(large, large).numel() * LARGE) * numbers.numel() / counter.get_total_flops(),
    }


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


def rate(draw: Callable[[], int]) -> float:
    """How many pixels a CPU second gives; the first time is not counted."""
    draw()
    start = time.process_time()
    pixels = draw()
    return pixels / max(time.process_time() - start, 1e-9)


def table(found: dict) -> str:
    """Markdown."""
    about = found["machine"]
    lines = [
        f"{about['processor']}, {about['threads']} thread(s), {found['lines']} lines of {found['columns']} columns and "
        f"{found['rows']} rows drawn together. {about['note']}".strip(),
        "",
        "| model | way to draw | pixels per CPU second | times a pass over the line | % of the bound |",
        "|---|---|---:|---:|---:|",
    ]
    for model, rates in found["models"].items():
        for way, pixels in rates.items():
            share = 100 * pixels / rates[BOUND]
            lines.append(f"| {model} | {way} | {pixels:,.0f} | {pixels / rates[WHOLE]:,.0f} | {share:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
