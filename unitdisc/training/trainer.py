"""Training: one loop, the same on one process or several, that can be stopped anywhere and resumed.

On a CPU a resumed run ends in the same bits; on a GPU it does not, for there sums are added in any order.
"""

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from unitdisc.batch import Batch
from unitdisc.model import UnitModel
from unitdisc.objectives import ModelOutput, Player
from unitdisc.training import checkpoints
from unitdisc.training.checkpoints import RunningAverage
from unitdisc.training.collapse import alarms
from unitdisc.training.compile import compile_loss
from unitdisc.training.distributed import (
    Agreement,
    StepPart,
    computing,
    mean_over_processes,
    measuring,
    rank,
    share_of_count,
    world_size,
)
from unitdisc.training.hardening import harder
from unitdisc.training.interrupts import interruptible
from unitdisc.training.log import Log
from unitdisc.training.optimisers import PlayerInTraining
from unitdisc.training.precision import PRECISIONS, deterministic, has_tf32, multiply_in
from unitdisc.training.schedules import SCHEDULES
from unitdisc.training.validation import JudgesHeldOut, evaluate
from unitdisc.training.weights import weights

LOOKED_BACK = 10_000  # steps in which the one is looked for whose loss was not finite first
LARGE = 1e3  # what is beyond it is worth a look: features and targets are around 1, or levels up to 255
FARTHEST = 1.0  # standard deviations
ORDERS = ("auto", "random", "shards")


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained; the defaults are the paper's (Chorowski et al., 2019).

    gradient_accumulation takes less memory and changes the result by rounding alone; but batch norm, the constraint and
    pooled units of `piecewise-vq`, the warm-up of `pca` and `diversity` see one part at a time.

    precision: "bfloat16" multiplies in 16 bits (autocast); "tf32" lets a GPU round factors to 10 bits of mantissa, and
    is "float32" on a CPU, or a GPU from before NVIDIA's Ampere. Bottleneck, losses and weights have 32 bits in each.

    On a CPU a run that was stopped and resumed gives the same bits as one that was not. On a GPU it does not: sums are
    made by atomic additions, in any order. `deterministic` asks torch for kernels that add in one order, which are
    slower; where there is none, it stops at the first step. Not tried on a GPU.

    compile fuses what the decoder does beside its matrix products, to rounding; the first step takes a minute or more.
    It is for GPUs, where it was not measured: on a CPU a step takes longer with it.

    adversarial: every value that the encoder reads is moved by so many standard deviations of its dimension to where
    the loss is larger, after all augmentation; the target stays. A step takes twice as long. See `harder`.
    """

    steps: int = 1_000_000
    batch_size: int = 64  # crops per step, over all processes
    gradient_accumulation: int = 1  # parts in which a process computes its crops, one after the other
    crop: int = 32  # feature frames (10 ms) that the decoder predicts in each; 0 for whole utterances
    learning_rate: float = 4e-4  # Adam's
    weight_decay: float = 0.0  # of AdamW (Loshchilov & Hutter, 2019), times the learning rate; 0 is Adam
    schedule: str = "step"  # of the learning rate: halved at certain steps; or "cosine" with a warm-up, or "constant"
    halve_at: list = field(default_factory=lambda: [400_000, 600_000, 800_000])  # steps, of schedule "step"
    clip: float = 100.0  # largest norm of the gradient
    average_decay: float = 0.9999  # of the running average of weights that everything but training uses
    seed: int = 0
    valid_share: float = 0.05  # of the utterances, held out for validation; at most 64
    valid_every: int = 5000
    checkpoint_every: int = 5000
    log_every: int = 100
    workers: int = 0  # processes that prepare batches
    order: str = "auto"  # "random", "shards" (read from beginning to end), or by shards if all of the corpus is in tars
    precision: str = "float32"  # of products in encoder and decoder; or "tf32" or "bfloat16", see above
    compile: bool = False  # the decoder in training, by torch.compile: Triton on a GPU, C++ on a CPU
    adversarial: float = 0.0  # how far what is read is moved against the model, in standard deviations; 0: not at all
    deterministic: bool = False  # on a GPU: only kernels that give the same bits every time

    def __post_init__(self):
        for name, known in (("order", ORDERS), ("precision", PRECISIONS), ("schedule", tuple(SCHEDULES))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known}, not {getattr(self, name)!r}")
        for name in ("steps", "batch_size", "gradient_accumulation", "valid_every", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.batch_size % (world_size() * self.gradient_accumulation):
            parts = f", {self.gradient_accumulation} parts each" if self.gradient_accumulation > 1 else ""
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of the {world_size()} processes{parts}")
        if self.compile and not self.crop:
            raise ValueError("compile needs crops of one length, not whole utterances; give a crop, or leave it out")
        if not 0 <= self.adversarial <= FARTHEST:
            raise ValueError(f"adversarial must be from 0 to {FARTHEST:g}, not {self.adversarial}")
        if self.adversarial and self.compile:
            raise ValueError("compile makes nothing of adversarial, which asks for losses twice; leave out either")
        if not all(isinstance(step, int) for step in self.halve_at):
            raise ValueError(f"halve_at must be a list of steps, not {self.halve_at!r}")

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.learning_rate * SCHEDULES[self.schedule](step, self.steps, self.halve_at)


@dataclass(frozen=True)
class Progress:
    """What training tells whoever watches: the finished step with its losses, if they were looked at, and messages."""

    step: Callable[[int, dict], None] = lambda step, losses: None
    say: Callable[[str], None] = lambda message: None


class Trainer:
    """A model in training, with everything a checkpoint holds."""

    def __init__(
        self,
        build: Callable[[], UnitModel | JudgesHeldOut],
        options: TrainingOptions,
        folder: Path,
        device: str,
        progress: Progress,
    ):
        torch.manual_seed(options.seed)
        self.options = options
        self.folder = folder
        self.device = torch.device(device)
        self.progress = progress
        self.set_up_device()
        self.model = build().to(self.device)
        self.average = RunningAverage(self.model, deepcopy(self.model), options.average_decay)
        if options.compile:
            compile_loss(self.model.decoder)
        self.players = {name: in_training(player, options) for name, player in self.model.players().items()}
        self.step = 0
        self.symptoms: set[str] = set()  # of collapse, at the last validation
        # loss and gradient norm of a step, in row step % LOOKED_BACK: where they are, for asking a GPU means waiting
        self.recent = torch.zeros(LOOKED_BACK, 2, device=self.device)
        self.magnitudes: Callable[[int], dict[str, float]] = lambda step: {}
        torch.manual_seed(options.seed + 1)  # every process draws from this stream; see unitdisc.training.distributed
        self.resume()

    def set_up_device(self) -> None:
        """Before anything is made there."""
        multiply_in(self.options.precision)
        if self.options.precision == "tf32" and not has_tf32(self.device):
            self.progress.say(f"training.precision = tf32 is float32 on {self.device}, which has no TF32")
        if self.device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to be deterministic
            deterministic(self.options.deterministic)

    def run(
        self,
        batches: Callable[[int], Sequence[Batch]],
        valid: Sequence[Batch],
        save_weights: Callable[[nn.Module], None],
        magnitudes: Callable[[int], dict[str, float]] = lambda step: {},
    ) -> None:
        """Trains to the last step. batches(step): the batches from a step on; save_weights: keeps a model for use.

        magnitudes(step): the utterances in the batch of a step, and how large their numbers are; for error messages.
        """
        self.magnitudes = magnitudes
        self.log = Log(self.folder / "log.jsonl", self.step)
        stepwise = self.model
        if world_size() > 1:
            with warnings.catch_warnings():  # its successor would copy all buffers once more
                warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
                stepwise = DistributedDataParallel(self.model, broadcast_buffers=False)
        agreement = Agreement()
        started = time.monotonic()
        with interruptible() as stop_wanted:
            for batch in batches(self.step):
                self.train_step(stepwise, batch.to(self.device), started)
                if self.step % self.options.valid_every == 0 or self.step == self.options.steps:
                    self.validate(valid)
                if self.step % self.options.checkpoint_every == 0 or self.step == self.options.steps:
                    self.save(save_weights)
                if agreement.on(stop_wanted()):
                    self.save(save_weights)
                    agreement.wait()  # where one process ends, the others are ended too
                    self.progress.say(f"Stopped at step {self.step}; the same command goes on from there.")
                    raise KeyboardInterrupt

    def train_step(self, model: nn.Module, batch: Batch, started: float) -> None:
        """One step of every player's optimiser, and of the running average."""
        self.model.train()
        for player in self.players.values():
            player.prepare(self.step)
        logged = (self.step + 1) % self.options.log_every == 0 or self.step + 1 in (1, self.options.steps)
        with measuring(logged):
            output = self.gradients(model, batch)
        norms = {name: player.move() for name, player in self.players.items()}
        for place, value in enumerate((output.loss, sum(norms.values()))):
            self.recent[self.step % LOOKED_BACK, place] = value
        self.step += 1
        self.average.update(self.step)
        if logged:
            self.check_finite()
            losses = means(output.losses)
            self.log.write(
                step=self.step,
                split="train",
                seconds=round(time.monotonic() - started, 3),
                learning_rate=self.players["model"].rate_at(self.step - 1),
                losses=losses,
                metrics=means(output.metrics | {gradient_norm_of(name): norm for name, norm in norms.items()}),
            )
            self.progress.step(self.step, losses)
        else:
            self.progress.step(self.step, {})

    def gradients(self, model: nn.Module, batch: Batch) -> ModelOutput:
        """Leaves the gradients of a step's batch, computed whole or in parts; gives its losses and metrics."""
        parts = self.options.gradient_accumulation
        state, outputs = checkpoints.random_state(self.device) if parts > 1 else None, []
        for index, piece in enumerate(self.parts_of(batch)):
            if index:
                checkpoints.restore_random_state(state, self.device)
            alone = index < parts - 1 and world_size() > 1
            with computing(StepPart(index, parts)), model.no_sync() if alone else nullcontext():
                with self.precision():
                    output = model(self.hardened(piece))
                (output.loss / parts if parts > 1 else output.loss).backward()
            outputs.append(detached(output))
        if parts == 1:
            return outputs[0]
        return ModelOutput(mean_of([part.losses for part in outputs]), mean_of([part.metrics for part in outputs]))

    def parts_of(self, batch: Batch) -> list[Batch]:
        """The parts of a step's batch, which know the counts by which their losses average to the whole's."""
        parts = self.options.gradient_accumulation
        if parts == 1:
            return [batch]
        counts = {kind: share_of_count(count, parts) for kind, count in self.model.counts(batch).items()}
        return [replace(piece, counts=counts) for piece in batch.split(parts)]

    def hardened(self, batch: Batch) -> Batch:
        size = self.options.adversarial
        return harder(self.model, batch, size) if size else batch

    def precision(self) -> torch.autocast:
        """Around the forward pass, not the way back, which takes the types it finds."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bfloat16")

    def check_finite(self) -> None:
        """Asked before anything is logged or saved, not at every step: on a GPU asking means waiting.

        Every process must ask, and all get the same answer.
        """
        loss, norm = self.recent[(self.step - 1) % LOOKED_BACK]
        if not mean_over_processes(loss + norm).isfinite():  # a norm that is not has spoilt the weights
            step = self.first_not_finite()
            found = {}
            for of_process in Agreement().of_all(self.magnitudes(step - 1)):
                found |= of_process
            batch = f", in the batch of {in_words(found)}; look at their recordings, or" if found else ";"
            raise FloatingPointError(
                f"the loss is not finite at step {step}{batch} train into another folder with a smaller "
                "training.learning_rate or training.clip"
            )

    def first_not_finite(self) -> int:
        """The step, counted from 1, of the first loss or gradient that is not finite, in any process."""
        steps = torch.arange(max(0, self.step - LOOKED_BACK), self.step, device=self.device)
        bad = steps[~self.recent[steps % LOOKED_BACK].isfinite().all(1)].tolist()
        return min(Agreement().of_all(bad[0] + 1 if bad else self.step))

    def validate(self, batches: Sequence[Batch]) -> None:
        """Losses of the averaged model on held-out utterances, and alarms if the units are collapsing.

        Every process computes the same: the losses wait for each other.
        """
        if not batches:
            return
        self.check_finite()
        held_out = evaluate(self.average.copy, (batch.to(self.device) for batch in batches))
        self.log.write(step=self.step, split="valid", losses=held_out.losses, metrics=held_out.metrics)
        found = alarms(held_out.metrics, held_out.num_codes)
        for symptom in found.keys() & self.symptoms:  # twice in a row: every training begins by knowing nothing
            self.progress.say(f"step {self.step}: {found[symptom]}")
        self.symptoms = set(found)

    def save(self, save_weights: Callable[[nn.Module], None]) -> None:
        self.check_finite()
        if rank() > 0:
            return
        self.log.flush()
        optimisers = {name: player.optimiser.state_dict() for name, player in self.players.items()}
        state = {
            "model": self.model.state_dict(),
            "average": weights(self.average.copy),
            "optimiser": optimisers.pop("model"),
            "other optimisers": optimisers,
            "random": checkpoints.random_state(self.device),
        }
        save_weights(self.average.copy)
        checkpoints.save(self.folder / "checkpoints", self.step, state)

    def resume(self) -> None:
        """Goes on from the newest checkpoint, if there is one."""
        state = checkpoints.latest(self.folder / "checkpoints")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.average.copy.load_state_dict(state["average"], strict=False)  # what only training needs is the model's
        optimisers = {"model": state["optimiser"], **state.get("other optimisers", {})}  # once there were no others
        for name, player in self.players.items():
            player.optimiser.load_state_dict(optimisers[name])
        checkpoints.restore_random_state(state["random"], self.device)
        self.step = state["step"]
        self.progress.say(f"Resuming at step {self.step}.")


def in_training(player: Player, options: TrainingOptions) -> PlayerInTraining:
    """With the options of a training where it has none of its own."""
    own = {"learning_rate": player.learning_rate, "schedule": player.schedule, "clip": player.clip}
    options = replace(options, **{name: value for name, value in own.items() if value is not None})
    return PlayerInTraining(player, options.rate_at, options.clip, options.weight_decay)


def gradient_norm_of(player: str) -> str:
    """What it is called in the log."""
    return "gradient_norm" if player == "model" else f"gradient_norm_{player}"


def in_words(magnitudes: Mapping[str, float]) -> str:
    """The utterances of a batch, those first whose numbers are large."""
    large = {id: size for id, size in magnitudes.items() if not size <= LARGE}
    said = [f"{id} (numbers up to {large[id]:.3g})" for id in sorted(large, key=large.__getitem__, reverse=True)]
    return ", ".join([*said, *sorted(magnitudes.keys() - large.keys())])


def detached(output: ModelOutput) -> ModelOutput:
    """Losses and metrics without what gradients need."""
    losses, metrics = ({k: v.detach() for k, v in values.items()} for values in (output.losses, output.metrics))
    return ModelOutput(losses, metrics)


def mean_of(outputs: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Every value averaged over the parts of a step."""
    return {name: torch.stack([values[name].float() for values in outputs]).mean() for name in outputs[0]}


def means(values: dict[str, Tensor]) -> dict[str, float]:
    """Scalars averaged over processes."""
    return {name: float(mean_over_processes(value.float())) for name, value in values.items()}
