"""What share of a step of training is products of matrices, at the sizes of presets for GPUs.

python data_prep/mini_speech.py data/mini_speech
python benchmarks/presets.py --output benchmarks/results/presets.json > benchmarks/results/presets.md

`unitdisc train PRESET` on the built-in speech, in 32 bits, with fewer crops in a batch (--batch) and few steps. A step
is all that training does but read, log, validate and save. The bound is what its products of matrices and convolutions
take, forward and backward, at the pace of a large product, which is measured before every step. What is multiplied is
counted once, by torch's counter, and on a way of computing on which it knows the products within an LSTM, too. Those of
a WaveNet and of a PixelCNN it does not know: see wavenet_training.py and pixelcnn_training.py for the presets `paper`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from machine import add_note_and_output, circumstances, heading, keep_result
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import unitdisc
from unitdisc.batch import Batch
from unitdisc.training.trainer import Trainer

CORPUS = Path("data/mini_speech/train.jsonl")
PRESETS = ("cpc", "hubert-small", "vocoder")
AS_ON_A_CPU = [
    "training.precision=float32",
    "training.workers=0",
    "training.halve_at=[]",
    "training.average_decay=0.999",
]
SIDE = 1500  # of the large product


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", choices=PRESETS, help="one of them; again for more")
    parser.add_argument("--steps", type=int, default=3, help="counted steps of every preset")
    parser.add_argument("--settle", type=int, default=2, help="steps before, the first of which is multiplied out")
    parser.add_argument("--batch", type=int, default=32, help="crops in a batch")
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    rows = {}
    for preset in args.preset or PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            rows[preset] = measured(preset, Path(folder) / preset, args.settle, args.steps, batch_size=args.batch)
    about = {"steps": args.steps, "batch": args.batch}
    found = {**about, "presets": rows, **circumstances(threads=args.threads, note=args.note)}
    print(table(found))
    keep_result(found, args.output)
    return found


def measured(preset: str, folder: Path, settle: int, steps: int, *, batch_size: int) -> dict[str, float]:
    """Medians over steps: CPU seconds of one, those of its products at the pace just before, and their quotient."""
    clock = Clock(settle)
    own = [f"training.steps={settle + steps}", f"training.batch_size={batch_size}"]
    with clock.in_place():
        unitdisc.train(preset, CORPUS, folder, [*AS_ON_A_CPU, *own], device="cpu")
    bounds = [clock.flops / pace for pace in clock.paces]
    return {
        "flops": clock.flops,
        "seconds": statistics.median(clock.seconds),
        "bound": statistics.median(bounds),
        "share": statistics.median(bound / taken for bound, taken in zip(bounds, clock.seconds)),
    }


class Clock:
    """Takes the time of the steps of a training, and the pace of a large product before each of them."""

    def __init__(self, settle: int):
        self.settle = settle
        self.flops, self.seconds, self.paces = 0, [], []
        self.big = torch.randn(SIDE, SIDE)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Every step of a trainer is timed within it."""
        step = Trainer.train_step

        def timed(trainer: Trainer, model: nn.Module, batch: Batch, started: float) -> None:
            def once() -> None:
                step(trainer, model, batch, started)

            if trainer.step == 0:
                self.flops = flops_of(once)
            elif trainer.step < self.settle:
                once()
            else:
                self.paces.append(2 * SIDE**3 / min(seconds_of(lambda: self.big @ self.big) for _ in range(3)))
                self.seconds.append(seconds_of(once))

        Trainer.train_step = timed
        try:
            yield
        finally:
            Trainer.train_step = step


def flops_of(step: Callable[[], None]) -> int:
    """Multiplications and additions of the products in a step; without oneDNN, whose LSTM the counter does not know."""
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counted:
        step()
    return counted.get_total_flops()


def seconds_of(step: Callable[[], object]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def table(found: dict) -> str:
    """Markdown."""
    lines = [f"{heading(found)} {found['batch']} crops in a batch.".strip(), ""]
    lines += [
        "| preset | 1e9 operations | CPU s | its products, CPU s | share, % |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, one in found["presets"].items():
        figures = f"{one['flops'] / 1e9:.0f} | {one['seconds']:.2f} | {one['bound']:.2f} | {100 * one['share']:.0f}"
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
