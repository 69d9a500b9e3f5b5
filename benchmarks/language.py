"""How fast language models of units are: sampling with a cache and without, and a training step beside a plain loop.

python benchmarks/language.py --output benchmarks/results/language.json > benchmarks/results/language.md

Sampling: the same sequences from the same random numbers, 16 at once, until they have --symbols symbols; models are of
the preset lm-small, not trained. Training: a step of the trainer beside one of a plain loop over
`nn.TransformerEncoder` of the same size, with the same batch, in turns.
"""

import argparse
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from machine import add_note_and_output, circumstances, heading, keep_result
from torch import nn
from torch.nn import functional

from unitdisc.language.learning import LearnsSymbols, SymbolBatch
from unitdisc.language.network_model import NetworkModel
from unitdisc.language.networks import build
from unitdisc.language.presets import NetworkOptions
from unitdisc.language.sampling import SampleOptions, sample
from unitdisc.language.vocabulary import Vocabulary
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

AT_ONCE, SYMBOLS = 16, 100


class PlainLoop:
    """What one would write without a toolkit."""

    def __init__(self, options: NetworkOptions, symbols: int):
        self.embedding, self.places = nn.Embedding(symbols, options.dim), nn.Embedding(options.context, options.dim)
        layer = nn.TransformerEncoderLayer(
            options.dim,
            options.heads,
            4 * options.dim,
            options.dropout,
            activation="gelu",
            norm_first=True,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, options.layers, norm=nn.LayerNorm(options.dim), enable_nested_tensor=False
        )
        weights = [*self.embedding.parameters(), *self.places.parameters(), *self.encoder.parameters()]
        self.weights, self.optimiser = weights, torch.optim.AdamW(weights, options.learning_rate)

    def step(self, ids: torch.Tensor) -> None:
        size = ids.shape[1] - 1
        hidden = self.embedding(ids[:, :-1]) + self.places(torch.arange(size))
        mask = nn.Transformer.generate_square_subsequent_mask(size)
        scores = self.encoder(hidden, mask=mask, is_causal=True) @ self.embedding.weight.T
        loss = functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()


def sampling(kind: str, options: NetworkOptions, longest: int, repetitions: int) -> dict:
    """Symbols a second, all sequences together, with a cache and without, and whether the sequences are the same."""
    torch.manual_seed(0)
    vocabulary = Vocabulary.of(map(str, range(SYMBOLS)))
    network = build(kind, len(vocabulary), asdict(options))
    nn.init.constant_(network.bias[2:3].data, -20)  # nothing ends
    model, rates, made = NetworkModel(vocabulary, network), {True: [], False: []}, {}
    for _ in range(repetitions):
        for cached in (True, False):
            started = time.perf_counter()
            drawn = sample(model, SampleOptions(AT_ONCE, longest=longest, cached=cached))
            made[cached] = [each.ids for each in drawn]
            rates[cached].append(sum(map(len, made[cached])) / (time.perf_counter() - started))
    with_cache, without = (statistics.median(rates[cached]) for cached in (True, False))
    same = sum(one == other for one, other in zip(made[True], made[False]))
    return {"cached": with_cache, "anew": without, "ratio": with_cache / without, "same": same, "of": AT_ONCE}


def training(options: NetworkOptions, steps: int, batch: int) -> dict:
    """Symbols a second of both, and the ratio of their times."""
    rng, size = np.random.default_rng(0), options.context
    ids = torch.from_numpy(rng.integers(3, SYMBOLS, (batch, size + 1)))
    given = SymbolBatch(ids, torch.full((batch,), size))
    plain, times = PlainLoop(options, SYMBOLS + 3), ([], [])
    with TemporaryDirectory() as folder:
        wanted = TrainingOptions(steps=10**6, batch_size=batch, halve_at=[], log_every=50, weight_decay=0.01)
        trainer = Trainer(
            lambda: LearnsSymbols(build("transformer", SYMBOLS + 3, asdict(options))),
            wanted,
            Path(folder),
            device="cpu",
            progress=Progress(),
        )
        from unitdisc.training.log import Log

        trainer.log = Log(Path(folder) / "log.jsonl", 0)
        for number in range(steps + 2):
            for kept, step in zip(
                times, (lambda: trainer.train_step(trainer.model, given, 0.0), lambda: plain.step(ids))
            ):
                started = time.perf_counter()
                step()
                if number >= 2:
                    kept.append(time.perf_counter() - started)
    ours, theirs = map(statistics.median, times)
    ratio = statistics.median(one / other for one, other in zip(*times))
    return {"symbols_per_second": batch * size / ours, "plain": batch * size / theirs, "ratio": ratio}


def table(found: dict) -> str:
    lines = [
        heading(found),
        "",
        "| sampling | symbols a second, cache | none | ratio | same |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found["sampling"].items():
        lines.append(
            f"| {name} | {row['cached']:,.0f} | {row['anew']:,.0f} | {row['ratio']:.1f} | "
            f"{row['same']} of {row['of']} |"
        )
    row = found["training"]
    lines += [
        "",
        "| training | symbols a second | of the plain loop | time of a step, plain = 1 |",
        "|---|---:|---:|---:|",
    ]
    return "\n".join(
        [*lines, f"| Transformer | {row['symbols_per_second']:,.0f} | {row['plain']:,.0f} | {row['ratio']:.2f} |"]
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=250, help="of every sequence")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    options = NetworkOptions(dim=args.dim)
    found = circumstances(threads=args.threads, note=args.note) | {
        "steps": args.steps,
        "sampling": {kind: sampling(kind, options, args.symbols, args.repetitions) for kind in ("transformer", "lstm")},
        "training": training(options, args.steps, args.batch),
    }
    print(table(found))
    keep_result(found, args.output)


if __name__ == "__main__":
    main()
