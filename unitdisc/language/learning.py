"""Networks of language in training, by the trainer of everything else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unitdisc import console
from unitdisc.batch import masked_mean, padding_mask
from unitdisc.corpus import held_out_places
from unitdisc.experiment import config
from unitdisc.language.network_model import LOG2_E, NetworkModel, known_of, write_network
from unitdisc.language.networks import build
from unitdisc.language.presets import NetworkOptions
from unitdisc.language.sequences import BEGIN, Sequences
from unitdisc.language.storage import WEIGHTS
from unitdisc.language.vocabulary import Stream, Vocabulary
from unitdisc.objectives import ModelOutput, Player
from unitdisc.training.distributed import Agreement, rank, world_size
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions
from unitdisc.training.validation import evaluate

MOST_VALIDATION = 64  # batches
HELD_OUT = "held_out"  # what is kept beside weights: their step, and bits per symbol
SORTED = 16  # batches among which utterances of like length come together


@dataclass(frozen=True)
class SymbolBatch:
    """Stretches of utterances, padded."""

    ids: Tensor  # [B, T + 1]
    lengths: Tensor  # [B] how many symbols are told
    counts: Mapping[str, Tensor] = field(default_factory=dict)  # see `unitdisc.batch.Batch`

    def to(self, device: torch.device | str) -> "SymbolBatch":
        return replace(self, ids=self.ids.to(device), lengths=self.lengths.to(device))

    def split(self, parts: int) -> list["SymbolBatch"]:
        return [SymbolBatch(*pieces) for pieces in zip(self.ids.chunk(parts), self.lengths.chunk(parts))]

    @property
    def mask(self) -> Tensor:
        return padding_mask(self.lengths, self.ids.shape[1] - 1)


class LearnsSymbols(nn.Module):
    """A network as the trainer wants it: losses of a batch, in nats per symbol."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, batch: SymbolBatch) -> ModelOutput:
        log_probs = NetworkModel.log_probs(self.network(batch.ids[:, :-1])[0])
        nats = functional.nll_loss(log_probs.transpose(1, 2), batch.ids[:, 1:], reduction="none")
        loss = masked_mean(nats, batch.mask, batch.counts.get("symbols"))
        return ModelOutput({"symbols": loss}, {"bits_per_symbol": loss.detach() * LOG2_E})

    def held_out(self, batch: SymbolBatch) -> ModelOutput:
        return self(batch)

    def counts(self, batch: SymbolBatch) -> dict[str, Tensor]:
        return {"symbols": batch.mask.sum()}

    def players(self) -> dict[str, Player]:
        return {"model": Player(list(self.parameters()))}


class Windows:
    """Batches of utterances by step, long ones in stretches as long as the context; the same for a seed."""

    def __init__(self, stream: Stream, context: int, batch_size: int, seed: int):
        self.stream = stream
        pieces = [
            (start + first, min(context + 1, length - first))
            for start, length in zip(stream.starts.tolist(), stream.lengths.tolist())
            for first in range(0, length - 1, context)
        ]
        self.starts, self.lengths = np.array(pieces, dtype=np.int64).reshape(-1, 2).T
        self.batch_size = batch_size
        self.seed = seed
        self.batches_per_epoch = max(len(self.starts) // batch_size, 1)
        self.order = lru_cache(maxsize=2)(self.order_of)

    def order_of(self, epoch: int) -> np.ndarray:
        """The pieces of every batch of an epoch: [batches, batch_size]; of few, some come again."""
        rng = np.random.default_rng([self.seed, epoch])
        chosen = np.resize(rng.permutation(len(self.starts)), self.batches_per_epoch * self.batch_size)
        for first in range(0, len(chosen), SORTED * self.batch_size):
            group = chosen[first : first + SORTED * self.batch_size]
            group[:] = group[np.argsort(self.lengths[group], kind="stable")]
        return rng.permutation(chosen.reshape(self.batches_per_epoch, self.batch_size))

    def batch(self, step: int, share: tuple[int, int] = (0, 1)) -> SymbolBatch:
        """share: (i, n), the i-th of n parts, which are equally wide: of that many symbols random numbers are drawn."""
        epoch, place = divmod(step, self.batches_per_epoch)
        whole = self.order(epoch)[place]
        return self.of(np.split(whole, share[1])[share[0]], self.lengths[whole].max())

    def of(self, pieces: np.ndarray, width: int = 0) -> SymbolBatch:
        """Pieces as a batch, padded to the longest, or to `width` symbols."""
        ids = np.full((len(pieces), max(width, self.lengths[pieces].max())), BEGIN)
        for row, piece in enumerate(pieces):
            start, length = self.starts[piece], self.lengths[piece]
            ids[row, :length] = self.stream.ids[start : start + length]
        return SymbolBatch(torch.from_numpy(ids), torch.from_numpy(self.lengths[pieces] - 1))

    def some(self, most: int) -> list[SymbolBatch]:
        """Every piece once, at most so many batches."""
        every = np.arange(len(self.starts))
        return [self.of(every[i : i + self.batch_size]) for i in range(0, len(every), self.batch_size)][:most]


class KeepsWeights:
    """Writes the weights of a model at every checkpoint; or, of the best, only where none before was better.

    What a model is worth is kept in the file, so that a run that goes on knows it.
    """

    def __init__(self, path: Path, held: Sequence[SymbolBatch], best: bool):
        self.path, self.held = path, held
        self.best = best and bool(held)

    def __call__(self, model: LearnsSymbols, step: int) -> None:
        if not self.best:
            write_network(self.path, model.network)
            return
        bits = float(evaluate(model, self.held).losses["symbols"] * LOG2_E)
        if bits < self.kept[1]:
            write_network(self.path, model.network, {HELD_OUT: f"{step} {bits!r}"})  # of two entries, any comes first

    @property
    def kept(self) -> tuple[int, float]:
        """The step of the weights that are there, and their bits per symbol of held-out utterances."""
        step, _, bits = known_of(self.path).get(HELD_OUT, "0 inf").partition(" ")
        return int(step), float(bits)

    def told(self, last: int) -> str:
        """What is to be said after the last step, if other weights are kept."""
        step, bits = self.kept
        if not self.best or step in (0, last):
            return ""
        return (
            f"kept are the weights of step {step}, with {bits:.3f} bits per symbol of held-out utterances; those of "
            f"step {last} expect these no better"
        )


def train_network(
    sequences: Sequences, vocabulary: Vocabulary, folder: Path, *, kind: str, options: NetworkOptions, device: str
) -> None:
    """Trains to the last step, on from the newest checkpoint in the folder, and keeps weights.

    Raises ConfigError for wrong options.
    """
    names = ("steps", "batch_size", "gradient_accumulation", "learning_rate", "weight_decay", "schedule", "clip")
    names += ("average_decay", "seed", "valid_every", "checkpoint_every", "log_every", "precision")
    wanted = {name: getattr(options, name) for name in names}
    training = config.construct(f"[{kind}]", TrainingOptions, wanted | {"halve_at": []})
    taught, held = held_out_places(len(sequences), options.valid_share, options.seed, most=len(sequences) - 1)
    windows = [
        Windows(vocabulary.stream(sequences.take(part)), options.context, options.batch_size, options.seed)
        for part in (taught, held)
    ]

    def batches(step: int) -> Iterator[SymbolBatch]:
        return (windows[0].batch(each, (rank(), world_size())) for each in range(step, training.steps))

    watching = console.progress("training", training.steps, "steps") if rank() == 0 else nullcontext(lambda *_: None)
    with watching as advance:

        def told(step: int, losses: dict) -> None:
            advance(1, "  ".join(f"{name} {value * LOG2_E:.3f} bits" for name, value in losses.items()))

        held_out = [batch.to(device) for batch in windows[1].some(MOST_VALIDATION)]
        keeps = KeepsWeights(folder / WEIGHTS, held_out, best=options.keep == "best")
        trainer = Trainer(
            lambda: LearnsSymbols(build(kind, len(vocabulary), vars(options))),
            training,
            folder,
            device=device,
            progress=Progress(told, console.say if rank() == 0 else lambda message: None),
        )
        advance(trainer.step)
        trainer.run(batches, held_out, lambda model: keeps(model, trainer.step))
        if rank() == 0 and not (folder / WEIGHTS).exists():  # removed, and no step was left to train
            keeps(trainer.average.copy, trainer.step)
        if rank() == 0 and (told_last := keeps.told(trainer.step)):
            console.say(told_last)
    Agreement().wait()
