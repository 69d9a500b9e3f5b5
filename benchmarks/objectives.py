"""What each objective costs in training: steps a second beside a plain loop in torch of the same network.

python benchmarks/objectives.py --output benchmarks/results/objectives.json > benchmarks/results/objectives.md

The networks are those of recipes/speechocean762, on crops of random frames, whose values change nothing about the time.
The plain loop is that of a tutorial: the same encoder, a linear layer to 100 classes, cross-entropy at every frame,
AdamW. All are in one process and take turns, one step each; seconds are of the processor. A step of ours is all that
training does but log, validate and save: forward, backward, optimiser, running averages. The bound is what its products
of matrices and convolutions take, forward and backward, at the pace of a large product in the same run; torch's counter
knows no products within a GRU or an LSTM.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import add_note_and_output, circumstances, heading, keep_result
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from training_step import trainer

from unitdisc.batch import Batch
from unitdisc.experiment import Experiment, config

CONF = Path(__file__).resolve().parent.parent / "recipes" / "speechocean762" / "conf"
OBJECTIVES = ("masked", "cpc", "acpc", "wav2vec2", "swap", "distil")
CODES = 100
SIDE = 1500  # of the large product
FRAMES_ALONE = ("vtln", "adaptation")  # options of features that change their values, not the step

Step = Callable[[], None]


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objective", action="append", choices=OBJECTIVES, help="one of them; again for more")
    parser.add_argument("--steps", type=int, default=30, help="counted steps of every objective")
    parser.add_argument("--settle", type=int, default=5, help="steps before, which are not counted")
    parser.add_argument("--batch", type=int, default=16, help="crops in a batch")
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        pairs = {name: both(name, args.batch, Path(folder) / name) for name in args.objective or OBJECTIVES}
        flops = {name: [flops_of(step) for step in pair] for name, pair in pairs.items()}
        times, pace = take_turns(pairs, args.settle, args.steps)
    rows = {name: row(*seconds) | shares(seconds, flops[name], pace) for name, seconds in times.items()}
    found = {
        "steps": args.steps,
        "objectives": rows,
        "flops_a_second": pace,
        **circumstances(threads=args.threads, note=args.note),
    }
    print(table(found))
    keep_result(found, args.output)
    return found


def both(objective: str, batch_size: int, folder: Path) -> tuple[Step, Step]:
    """A step of training by an objective, and one of the plain loop."""
    options = config.read(CONF / f"{objective}.toml")
    for name in FRAMES_ALONE:
        options["features"].pop(name, None)
    ours = trainer(options, ["?"], folder)
    experiment, training = Experiment(options, ["?"], {}), options["training"]
    encoder = experiment.build().encoder
    batch = random_batch(batch_size, training["crop"], encoder, experiment.features().dim)
    return lambda: ours.train_step(ours.model, batch, time.perf_counter()), plain_loop(encoder, batch, training)


def random_batch(size: int, crop: int, encoder: nn.Module, dim: int) -> Batch:
    """Crops with their surroundings, with codes and a second view for those objectives that ask for them."""
    around = -(-encoder.reach // encoder.stride) * encoder.stride
    frames = crop + 2 * around
    features = torch.randn(size, frames, dim)
    return Batch(
        features=features,
        lengths=torch.full((size,), frames),
        starts=torch.full((size,), around),
        target=torch.zeros(size, crop, 0),
        target_lengths=torch.full((size,), crop),
        target_frames=crop,
        speakers=torch.zeros(size, dtype=torch.int64),
        codes=torch.randint(CODES, (size, crop // encoder.stride, 1)),
        second_view=features + 0.1 * torch.randn_like(features),
    )


def plain_loop(encoder: nn.Module, batch: Batch, training: dict) -> Step:
    head = nn.Linear(encoder.dim, CODES)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], training["learning_rate"])
    around = int(batch.starts[0]) // encoder.stride
    codes = batch.codes[..., 0]

    def step() -> None:
        encoded, _ = encoder(batch.features, batch.lengths)
        logits = head(encoded[:, around : around + codes.shape[1]])
        loss = F.cross_entropy(logits.flatten(0, 1), codes.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*encoder.parameters(), *head.parameters()], 1.0)
        optimiser.step()

    return step


def flops_of(step: Step) -> int:
    """Multiplications and additions of the products in a step."""
    with FlopCounterMode(display=False) as counted:
        step()
    return counted.get_total_flops()


def take_turns(
    pairs: dict[str, tuple[Step, Step]], settle: int, steps: int
) -> tuple[dict[str, tuple[list, list]], float]:
    """Seconds of every step, ours and plain, after the first `settle`; and the operations a second of a product."""
    times, paces = {name: ([], []) for name in pairs}, []
    big = torch.randn(SIDE, SIDE)
    for number in range(settle + steps):
        paces.append(2 * SIDE**3 / seconds_of(lambda: big @ big))
        for name, pair in pairs.items():
            for kept, step in zip(times[name], pair):
                taken = seconds_of(step)
                if number >= settle:
                    kept.append(taken)
    return times, statistics.median(paces)


def seconds_of(step: Callable[[], object]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def shares(seconds: tuple[list, list], flops: list[int], pace: float) -> dict[str, float]:
    """Of the time of a step, ours and plain, what its products take at a pace."""
    ours, plain = (each / pace / statistics.median(taken) for each, taken in zip(flops, seconds))
    return {"share": ours, "plain_share": plain}


def row(ours: list[float], plain: list[float]) -> dict[str, float]:
    return {
        "steps_per_second": 1 / statistics.median(ours),
        "plain_steps_per_second": 1 / statistics.median(plain),
        "ratio": statistics.median(own / other for own, other in zip(ours, plain)),
    }


def table(found: dict) -> str:
    """Markdown."""
    lines = [
        heading(found),
        "",
        "| objective | steps a CPU s | of the plain loop | time of a step, plain = 1 | % of the bound | plain |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in found["objectives"].items():
        lines.append(
            f"| {name} | {one['steps_per_second']:.2f} | {one['plain_steps_per_second']:.2f} | {one['ratio']:.2f} | "
            f"{100 * one['share']:.0f} | {100 * one['plain_share']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
