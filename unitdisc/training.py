"""Training: one loop, the same on one process or several, that can be stopped anywhere and resumed bit for bit."""

import importlib.util
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from unitdisc import checkpoints
from unitdisc.alarms import alarms
from unitdisc.batch import Batch
from unitdisc.bottlenecks.base import perplexity
from unitdisc.checkpoints import RunningAverage
from unitdisc.distributed import mean_over_processes, rank, world_size
from unitdisc.files import write_text
from unitdisc.model import UnitModel


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained; the defaults are the paper's (Chorowski et al., 2019).

    batch_size: crops per step, over all processes; crop: feature frames (10 ms) that the decoder predicts in each,
    0 for whole utterances. learning_rate: Adam's, halved at the steps of halve_at. clip: largest norm of the
    gradient. average_decay: of the running average of weights that everything but training uses. valid_share: of
    the utterances held out for validation, at most 64 of them. workers: processes that prepare batches.
    """

    steps: int = 1_000_000
    batch_size: int = 64
    crop: int = 32
    learning_rate: float = 4e-4
    halve_at: list = field(default_factory=lambda: [400_000, 600_000, 800_000])
    clip: float = 100.0
    average_decay: float = 0.9999
    seed: int = 0
    valid_share: float = 0.05
    valid_every: int = 5000
    checkpoint_every: int = 5000
    log_every: int = 100
    workers: int = 0

    def __post_init__(self):
        for name in ("steps", "batch_size", "valid_every", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.batch_size % world_size():
            raise ValueError(f"batch_size {self.batch_size} must be a multiple of the {world_size()} processes")
        if not all(isinstance(step, int) for step in self.halve_at):
            raise ValueError(f"halve_at must be a list of steps, not {self.halve_at!r}")

    def rate_at(self, step: int) -> float:
        return self.learning_rate * 0.5 ** sum(step >= halving for halving in self.halve_at)


@dataclass(frozen=True)
class Report:
    """What training tells whoever watches: called with the finished step and a line's worth of numbers."""

    step: Callable[[int, dict], None] = lambda step, losses: None
    say: Callable[[str], None] = lambda message: None


class Trainer:
    """A model in training, with everything a checkpoint holds."""

    def __init__(
        self, build: Callable[[], UnitModel], options: TrainingOptions, folder: Path, device: str, report: Report
    ):
        torch.manual_seed(options.seed)
        self.options = options
        self.folder = folder
        self.device = torch.device(device)
        self.report = report
        self.model = build().to(self.device)
        self.average = RunningAverage(self.model, build().to(self.device), options.average_decay)
        self.optimiser = torch.optim.Adam(self.model.parameters(), options.learning_rate)
        self.step = 0
        self.symptoms: set[str] = set()  # of collapse, at the last validation
        torch.manual_seed(options.seed + 1)  # every process draws from this stream; see unitdisc.distributed
        self.resume()

    def run(
        self,
        batches: Callable[[int], Sequence[Batch]],
        valid: Sequence[Batch],
        save_weights: Callable[[nn.Module], None],
    ) -> None:
        """Trains to the last step. batches(step): the batches from a step on; save_weights: keeps a model for use."""
        self.log = Log(self.folder / "log.jsonl", self.step)
        stepwise = self.model
        if world_size() > 1:
            stepwise = DistributedDataParallel(self.model, broadcast_buffers=False)
        started = time.monotonic()
        try:
            for batch in batches(self.step):
                self.train_step(stepwise, batch.to(self.device), started)
                if self.step % self.options.valid_every == 0 or self.step == self.options.steps:
                    self.validate(valid)
                if self.step % self.options.checkpoint_every == 0 or self.step == self.options.steps:
                    self.save(save_weights)
        except KeyboardInterrupt:
            self.save(save_weights)
            self.report.say(f"Stopped at step {self.step}; the same command goes on from there.")
            raise

    def train_step(self, model: nn.Module, batch: Batch, started: float) -> None:
        """One step of the optimiser, and of the running average."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.rate_at(self.step)
        output = model(batch)
        self.optimiser.zero_grad(set_to_none=True)
        output.loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.step)
        if self.step % self.options.log_every == 0 or self.step in (1, self.options.steps):
            losses = means(output.losses)
            self.check_finite(losses)
            self.log.write(
                step=self.step,
                split="train",
                seconds=round(time.monotonic() - started, 3),
                learning_rate=self.options.rate_at(self.step - 1),
                losses=losses,
                metrics=means({**output.metrics, "gradient_norm": norm}),
            )
            self.report.step(self.step, losses)
        else:
            self.report.step(self.step, {})

    def check_finite(self, losses: dict[str, float]) -> None:
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise FloatingPointError(
                f"the loss {bad} is not finite at step {self.step}; resume from the last checkpoint with a smaller "
                "training.learning_rate or training.clip"
            )

    @torch.no_grad()
    def validate(self, batches: Sequence[Batch]) -> None:
        """Losses of the averaged model on held-out utterances, and alarms if the units are collapsing.

        Every process computes the same: the losses wait for each other.
        """
        if not batches:
            return
        model = self.average.copy
        losses, metrics, codes = [], [], []
        for batch in batches:
            batch = batch.to(self.device)
            units, lengths = model.units_of(batch)
            inside = torch.arange(units.latents.shape[1], device=self.device) < lengths[:, None]
            right = model.reconstruction(batch, model.conditioner(units.latents, lengths, batch.speakers))
            wrong = model.reconstruction(batch, model.conditioner(others(units.latents), lengths, batch.speakers))
            losses.append({"reconstruction": right, **units.losses})
            deviation = units.latents[inside].std(0).mean()
            metrics.append({**units.metrics, "latent_gap": wrong - right, "latent_deviation": deviation})
            codes += [] if units.codes is None else [units.codes[inside]]
        metrics = average(metrics)
        num_codes = None
        if codes:
            num_codes = model.bottleneck.num_codes
            codes = torch.cat(codes)
            num_codes = min(num_codes, len(codes))  # so few frames could not use more
            metrics["perplexity"] = float(perplexity(codes, model.bottleneck.num_codes))
            metrics["codes_used"] = len(codes.unique())
        self.log.write(step=self.step, split="valid", losses=average(losses), metrics=metrics)
        found = alarms(metrics, num_codes)
        for symptom in found.keys() & self.symptoms:  # twice in a row: every training begins by knowing nothing
            self.report.say(f"step {self.step}: {found[symptom]}")
        self.symptoms = set(found)

    def save(self, save_weights: Callable[[nn.Module], None]) -> None:
        if rank() > 0:
            return
        self.log.flush()
        state = {
            "model": self.model.state_dict(),
            "average": self.average.copy.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": checkpoints.random_state(),
        }
        save_weights(self.average.copy)
        checkpoints.save(self.folder / "checkpoints", self.step, state)

    def resume(self) -> None:
        """Goes on from the newest checkpoint, if there is one."""
        state = checkpoints.latest(self.folder / "checkpoints")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.average.copy.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        checkpoints.restore_random_state(state["random"])
        self.step = state["step"]
        self.report.say(f"Resuming at step {self.step}.")


class Log:
    """log.jsonl: one line for every logged step; after a resume, nothing from steps that are trained again.

    Where TensorBoard is installed (extra `tensorboard`), the same curves go to tensorboard/ beside it.
    """

    def __init__(self, path: Path, step: int):
        self.silent = rank() > 0
        if self.silent:
            return
        self.curves = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.curves = SummaryWriter(path.parent / "tensorboard", purge_step=step + 1)
        kept = []
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if is_before(line, step)]
        write_text(path, "".join(f"{line}\n" for line in kept))
        self.file = path.open("a", encoding="utf-8")

    def write(self, **entry) -> None:
        if self.silent:
            return
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        if self.curves:
            for name, value in {**entry["losses"], **entry["metrics"]}.items():
                self.curves.add_scalar(f"{name}/{entry['split']}", value, entry["step"])

    def flush(self) -> None:
        if not self.silent:
            os.fsync(self.file.fileno())


def is_before(line: str, step: int) -> bool:
    try:
        return json.loads(line)["step"] <= step
    except (ValueError, KeyError):  # torn by a kill
        return False


def others(latents: Tensor) -> Tensor:
    """Latents that belong to something else: the next item's, or, of a single item, another time's."""
    return latents.roll(1, 0) if len(latents) > 1 else latents.roll(max(1, latents.shape[1] // 2), 1)


def means(values: dict[str, Tensor]) -> dict[str, float]:
    """Scalars averaged over processes."""
    return {name: float(mean_over_processes(value.float())) for name, value in values.items()}


def average(rows: Sequence[dict[str, Tensor]]) -> dict[str, float]:
    return {name: float(sum(row[name] for row in rows) / len(rows)) for name in rows[0]}


def start_processes() -> str:
    """Joins the processes that `torchrun` started, if it did; returns the device of this one."""
    cuda = torch.cuda.is_available()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    if not cuda:
        return "cpu"
    local = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(local)
    return f"cuda:{local}"
