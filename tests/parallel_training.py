"""Models of every kind in training on random batches, on as many processes as there are; run by torchrun, too.

In 64 bits, so that what grows of roundings from step to step is nothing beside any other difference.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
import torch.distributed as dist
from tiny import LINE_OPTIONS, OPTIONS

from unitdisc.batch import Batch
from unitdisc.data.targets import LEVELS, MuLawTarget, OfSamples
from unitdisc.experiment import Experiment, config
from unitdisc.model import UnitModel
from unitdisc.training import checkpoints
from unitdisc.training.distributed import LostProcessError, rank, start_processes, together, world_size
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

BATCH, FRAMES, CONTEXT, STEPS = 8, 16, 4, 9
SPEAKERS = ["s0", "s1"]
WIDTH = {"bottleneck.dim": 8}
CODES = WIDTH | {"bottleneck.num_codes": 8, "bottleneck.warmup_steps": 3}
GRADIENT = CODES | {"bottleneck.codebook": "gradient", "bottleneck.codebook_rate": 10, "bottleneck.reestimations": 2}
CONTEXT_ENCODER = {"encoder.kind": "context", "encoder.dim": 8, "encoder.layers": 1, "bottleneck.kind": "linear"}
PREDICTION = {"encoder.context": "gru", "encoder.causal": "true", "objective.steps": 3}
WAV2VEC2 = {"objective.kind": "wav2vec2", "objective.probability": 0.3, "objective.span": 2}
WAV2VEC2 |= {"objective.dim": 8, "objective.num_codes": 6}
LINEAR = WIDTH | {"bottleneck.kind": "linear"}
ITEMS = {"objective.columns": 32, "objective.layers": 2, "objective.channels": 4}
NOTHING = {"encoder.kind": "identity", "bottleneck.kind": "none", "objective.columns": 16, "objective.noise_dim": 6}
GLOBAL = {"bottleneck.kind": "global-linear", "bottleneck.dim": 3}
OF_ITEMS = ("gan", "wasserstein gan", "style gan", "infogan", "bigan")
OF_LINES = ("line images", "rotation", "position", "restore", "restore with a critic", "convert", *OF_ITEMS)
NETWORK = {"encoder.kind": "experiment", "encoder.network": "{encoder = {kind = 'conv', dim = 8}, dim = 8}"}
RESTORE = {"objective.kind": "restore", "objective.channels": 4, "objective.depth": 1, "bottleneck.kind": "none"}
RESTORE |= {"encoder.kind": "identity", "encoder.stride": 4, "augmentation.grain": 0.1, "features.height": 16}
CONVERT = {"objective.kind": "convert", "objective.channels": 4, "objective.depth": 1, "objective.critic_channels": 4}
CONVERT |= {"encoder.kind": "identity", "bottleneck.kind": "none", "features.height": 16}
VOICES = {"bottleneck.kind": "linear", "bottleneck.dim": 8, "augmentation.noise": 0.1}
KINDS = {
    "vq": CODES | {"bottleneck.decay": 0.8, "bottleneck.batch_norm": "false"},
    "vq with batch norm": CODES | {"bottleneck.batch_norm": "true"},
    "vq by gradient": GRADIENT | {"bottleneck.batch_norm": "false"},
    "piecewise-vq": CODES | {"bottleneck.kind": "piecewise-vq", "bottleneck.batch_norm": "true"},
    "piecewise-vq pooled": CODES
    | {"bottleneck.kind": "piecewise-vq", "bottleneck.pooling": "true", "bottleneck.solver": "viterbi"},
    "residual-vq": CODES | {"bottleneck.kind": "residual-vq"},
    "grouped-vq": GRADIENT | {"bottleneck.kind": "grouped-vq"},
    "fsq": {"bottleneck.kind": "fsq", "bottleneck.levels": "[4, 3, 3]"},
    "gaussian": WIDTH | {"bottleneck.kind": "gaussian", "bottleneck.free_bits": 1},
    "global-gaussian": {"bottleneck.kind": "global-gaussian", "bottleneck.dim": 4, "bottleneck.speaker": "true"},
    "flow prior": {"bottleneck.kind": "global-gaussian", "bottleneck.dim": 4, "bottleneck.prior_couplings": 2},
    "flow posterior": {"bottleneck.kind": "global-gaussian", "bottleneck.dim": 4, "bottleneck.posterior_couplings": 2},
    "adversarial-autoencoder": {"bottleneck.kind": "global-linear", "bottleneck.dim": 3, "bottleneck.categories": 4}
    | {"objective.kind": "adversarial-autoencoder", "objective.hidden": 8},
    "gumbel": WIDTH | {"bottleneck.kind": "gumbel", "bottleneck.num_codes": 8, "bottleneck.temperature_decay": 0.9},
    "gmm": WIDTH | {"bottleneck.kind": "gmm", "bottleneck.num_codes": 8, "bottleneck.diversity": 0.5},
    "soft": WIDTH | {"bottleneck.kind": "soft", "bottleneck.num_codes": 8, "bottleneck.diversity": 0.5},
    "sparse": WIDTH | {"bottleneck.kind": "sparse", "bottleneck.active": 2, "bottleneck.warmup_steps": 5},
    "denoising": WIDTH | {"bottleneck.kind": "denoising"},
    "pca": WIDTH | {"bottleneck.kind": "pca", "bottleneck.warmup_steps": 6},
    "kmeans": {"bottleneck.kind": "kmeans", "bottleneck.num_codes": 8, "bottleneck.warmup_steps": 4},
    "linear": WIDTH | {"bottleneck.kind": "linear"},
    "none": {"bottleneck.kind": "none"},
    "discovered": NETWORK | {"bottleneck.kind": "discovered", "bottleneck.units": 5, "bottleneck.blank": "true"},
    "experiment trained on": CODES | NETWORK | {"encoder.frozen": "false", "bottleneck.batch_norm": "false"},
    "masked": CONTEXT_ENCODER | {"objective.kind": "masked", "objective.span": 3, "codes.num_codes": 8},
    "masked and reconstructed": CODES
    | CONTEXT_ENCODER
    | {"bottleneck.kind": "vq", "bottleneck.batch_norm": "false"}
    | {"objective.kind": "masked", "objective.reconstruction": 0.5},
    "slowness": WIDTH | {"bottleneck.kind": "linear", "objective.slowness": 0.5},
    "classify": WIDTH | {"bottleneck.kind": "linear", "objective.kind": "classify", "codes.num_codes": 8},
    "cpc": CONTEXT_ENCODER | PREDICTION | {"objective.kind": "cpc"},
    "acpc": CONTEXT_ENCODER | PREDICTION | {"objective.kind": "acpc", "objective.predictions": 2},
    "swap": VOICES | {"objective.kind": "swap"},
    "distil": CONTEXT_ENCODER | {"objective.kind": "distil", "objective.span": 3},
    "dinosr": CONTEXT_ENCODER
    | {"encoder.layers": 2, "objective.kind": "dinosr", "objective.span": 3}
    | {"objective.layers": 2, "objective.num_codes": 8},
    "wav2vec2": CONTEXT_ENCODER | WAV2VEC2 | {"objective.diversity": 0},
    "wav2vec2 with diversity": CONTEXT_ENCODER | WAV2VEC2,
    "order": LINEAR | {"objective.kind": "order", "objective.gap": 2},
    "direction": LINEAR | {"objective.kind": "direction", "features.kind": "log-mel"},
    "rotation": LINEAR | {"objective.kind": "rotation"},
    "position": LINEAR | {"objective.kind": "position", "objective.gap": 2},
    "gan": ITEMS | NOTHING | {"objective.kind": "gan", "objective.told": "speaker"},
    "wasserstein gan": ITEMS
    | NOTHING
    | {"objective.kind": "gan", "objective.loss": "wasserstein", "objective.penalty": "gradient"},
    "style gan": ITEMS
    | NOTHING
    | {"objective.kind": "gan", "objective.told": "speaker", "objective.generator": "style", "objective.style_dim": 5},
    "infogan": ITEMS | GLOBAL | {"objective.kind": "infogan", "bottleneck.categories": 3},
    "bigan": ITEMS | GLOBAL | {"objective.kind": "bigan"},
    "inpainting": LINEAR | {"objective.kind": "inpainting", "objective.span": 3},
    "restore": RESTORE,
    "restore with a critic": RESTORE
    | {"objective.adversary": 0.5, "objective.critic_channels": 4, "objective.adversarial_loss": "wasserstein"}
    | {"objective.penalty": "gradient"},
    "convert": CONVERT | {"encoder.stride": 4, "objective.penalty": "r1"},
    "flow": LINEAR | {"decoder.kind": "flow", "decoder.flows": 2, "decoder.channels": 6},
    "flow-wave": LINEAR
    | {"features.rate": 1600, "features.hop": 16, "decoder.kind": "flow-wave", "decoder.channels": 6}
    | {"decoder.layers": 1, "decoder.flows": 2, "decoder.early_every": 1},
    "diffusion": LINEAR | {"decoder.kind": "diffusion", "decoder.channels": 6, "decoder.layers": 2},
    "vocoder": LINEAR
    | {"features.rate": 1600, "features.hop": 16, "decoder.kind": "vocoder", "decoder.channels": 8}
    | {"decoder.layers": 1, "objective.kind": "vocoder", "objective.critic_channels": 2}
    | {"objective.critic_every": 3, "objective.adversary_from": 2},
    "line images": {name: value for name, value in LINE_OPTIONS.items() if "bottleneck" in name},
}


def settings(kind: str) -> dict:
    """The options of a model."""
    lines = kind in OF_LINES
    tiny = LINE_OPTIONS if lines else OPTIONS | {"decoder.history_dropout": 0.3}
    other = KINDS[kind].get("encoder.kind") in ("experiment", "identity")
    own = ("bottleneck", "training", *(("encoder",) if other else ()))
    own += ("decoder",) if "decoder.kind" in KINDS[kind] else ()
    own += ("target",) if KINDS[kind].get("decoder.kind") in ("vocoder", "flow-wave") else ()
    kept = {name: value for name, value in tiny.items() if name.split(".")[0] not in own}
    overrides = [f"{name}={value}" for name, value in (kept | {"bottleneck.kind": "vq"} | KINDS[kind]).items()]
    options = config.read("small-handwriting" if lines else "small", overrides)
    options.pop("training")
    return options


def built(experiment: Experiment) -> UnitModel:
    return experiment.build().double()


def batch_of(step: int, experiment: Experiment, stride: int, share: tuple[int, int] | None = None) -> Batch:
    """Random crops, for every step the same, of which this process has its share; some end before the others."""
    number, shares = share or (rank(), world_size())
    draw = torch.Generator().manual_seed(step)
    frames = FRAMES * stride // 2
    lengths = torch.randint(frames // 2, frames + CONTEXT * stride, (BATCH,), generator=draw)
    starts = torch.randint(0, 2, (BATCH,), generator=draw) * stride
    if "columns" in experiment.options.get("objective", {}):  # of whole items
        lengths, starts = lengths.clamp(max=frames), 0 * starts
    width = int(lengths.max())
    features = torch.randn(BATCH, width, experiment.features().dim, generator=draw).double()
    features[torch.arange(width) >= lengths[:, None]] = 0
    target = torch.randn(BATCH, frames, experiment.target().dim, generator=draw).double()
    if experiment.features().images:
        target = (target > 0).long()
    target_lengths = (lengths - starts).clamp(max=frames)
    if isinstance(experiment.target(), OfSamples):
        hop = experiment.target().hop
        target, target_lengths = torch.randn(BATCH, frames * hop, generator=draw).double() / 10, target_lengths * hop
    if isinstance(experiment.target(), MuLawTarget):
        target = (LEVELS * (target + 0.5)).long().clamp(0, LEVELS - 1)
    speakers = torch.arange(BATCH) % 2
    codes = experiment.codes()
    if codes is not None:
        shape = (BATCH, frames // stride, codes.codebooks)
        codes = torch.randint(0, codes.num_codes, shape, generator=draw)
    whole = Batch(features, lengths, starts, target, target_lengths, frames, speakers, codes)
    kind = experiment.options.get("objective", {}).get("kind")
    if kind in ("swap", "distil", "dinosr", "restore"):
        whole = replace(whole, second_view=features + 0.1 * torch.randn(features.shape, generator=draw))
    if kind == "convert":  # ink
        whole = replace(whole, features=whole.features.sigmoid())
    if kind == "restore":
        whole = replace(whole, features=whole.features.sigmoid(), second_view=whole.second_view.sigmoid())
    return whole.split(shares)[number]


EVENTS = {  # what happens while the fifth batch is made
    "term": lambda: rank() == 1 and os.kill(os.getpid(), signal.SIGTERM),
    "usr1": lambda: rank() == 0 and os.kill(os.getpid(), signal.SIGUSR1),
    "term launcher": lambda: rank() == 0 and os.kill(os.getppid(), signal.SIGTERM),
    "kill": lambda: rank() == 1 and os.kill(os.getpid(), signal.SIGKILL),
}


def batches(steps: Sequence[int], experiment: Experiment, stride: int, event: str | None) -> Iterator[Batch]:
    for step in steps:
        if event and step == 4:
            EVENTS[event]()
            time.sleep(5 if event == "term launcher" else 0)  # until the launcher has passed it on
        yield batch_of(step, experiment, stride)


def trained(
    experiment: Experiment,
    folder: Path,
    parts: int = 1,
    steps: int = 6,
    batches: Callable[[int, Experiment, int], Batch] = batch_of,
) -> Trainer:
    """A model trained for some steps, each on the batch of its number."""
    options = TrainingOptions(
        steps=steps,
        batch_size=8,
        gradient_accumulation=parts,
        learning_rate=1e-3,
        halve_at=[],
        average_decay=0.5,
        valid_every=3,
        checkpoint_every=3,
        log_every=1,
    )
    trainer = Trainer(lambda: experiment.build().double(), options, folder, "cpu", Progress())
    stride = trainer.model.encoder.stride
    trainer.run(
        lambda step: (batches(number, experiment, stride) for number in range(step, steps)),
        [batch_of(99, experiment, stride)],
        lambda model: None,
    )
    return trainer


def train(kind: str, folder: Path, parts: int = 1, event: str | None = None) -> None:
    """Trains a model for some steps, validating it on the way, and leaves weights, checkpoints and log in a folder."""
    experiment = Experiment(settings(kind), SPEAKERS, {})
    options = TrainingOptions(
        steps=STEPS,
        batch_size=BATCH,
        gradient_accumulation=parts,
        learning_rate=1e-3,
        halve_at=[],
        average_decay=0.5,
        valid_every=4,
        checkpoint_every=STEPS,
        log_every=1,
    )
    progress = Progress(say=lambda message: print(message, file=sys.stderr))
    trainer = Trainer(partial(built, experiment), options, folder, "cpu", progress)
    stride = trainer.model.encoder.stride
    valid = [batch_of(99, experiment, stride, (0, 1))]
    trainer.run(lambda step: batches(range(step, STEPS), experiment, stride, event), valid, lambda model: None)
    if rank() == 0:
        state = {name: tensor.contiguous() for name, tensor in trainer.model.state_dict().items()}
        average = {f"average.{name}": tensor.contiguous() for name, tensor in trainer.average.copy.state_dict().items()}
        safetensors.torch.save_file({**state, **average}, folder / "state.safetensors")


def train_all(folder: Path, cases: Sequence[str]) -> None:
    """Every training, by KIND:PARTS or KIND:PARTS:EVENT; each leaves FOLDER/KIND.PARTS or .EVENT.

    One that an event stops is gone on with at once, unless the event stops everything.
    """
    for name in cases:
        kind, parts, *event = name.split(":")
        place = folder / ".".join([kind, *(event or [parts])])
        try:
            with together():
                train(kind, place, int(parts), *event)
        except KeyboardInterrupt:
            assert event
            (found,) = checkpoints.paths(place / "checkpoints")[-1:]
            assert found.name == "step-00000005.pt", found
            if "launcher" not in event[0]:
                train(kind, place, int(parts))
        except LostProcessError as error:
            raise SystemExit(f"unitdisc: {error}") from None


def join(number: int, folder: Path, cases: Sequence[str]) -> None:
    """Trains as one of two processes, which meet by a file in the folder."""
    meeting, patience = f"file://{folder}/meeting", timedelta(seconds=120)
    dist.init_process_group("gloo", init_method=meeting, rank=number, world_size=2, timeout=patience)
    try:
        train_all(folder, cases)
    finally:
        dist.destroy_process_group()


def join_as_second(_: int, folder: Path, cases: Sequence[str]) -> None:
    torch.set_num_threads(1)
    join(1, folder, cases)


def main(arguments: Sequence[str]) -> None:
    """FOLDER, then every training, as a launcher starts it."""
    torch.set_num_threads(1)
    start_processes("cpu")
    train_all(Path(arguments[0]), arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
