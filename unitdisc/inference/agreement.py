"""unitdisc doctor --device: whether a device computes what the CPU does, by tiny models of every kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from unitdisc.batch import Batch
from unitdisc.bottlenecks import BOTTLENECKS
from unitdisc.decoders import DECODERS, WaveNet
from unitdisc.encoders import ENCODERS
from unitdisc.experiment import Experiment
from unitdisc.model import UnitModel
from unitdisc.training.precision import PRECISIONS, multiply_in

SPEAKERS = ["a", "b"]
AUDIO = {
    "features": {"kind": "mfcc"},
    "encoder": {"kind": "conv", "dim": 16},
    "decoder": {"kind": "frames", "channels": 8, "layers": 2},
}
IMAGES = {
    "features": {"kind": "columns", "height": 8},
    "encoder": {"kind": "conv2d", "channels": [4, 8, 8]},
    "decoder": {"kind": "columns", "channels": 8, "layers": 2},
}
CODES = {"num_codes": 8, "warmup_steps": 1}
SMALL = {  # options with which a kind is tiny, and learns from its first step on what it learns by itself
    "bottleneck": {
        **dict.fromkeys(("vq", "piecewise-vq", "residual-vq", "grouped-vq", "kmeans"), CODES),
        "gumbel": {"num_codes": 8},
        "gmm": {"num_codes": 8},
        "soft": {"num_codes": 8, "diversity": 0.1},
        "fsq": {"levels": [5, 4, 3]},
        "discovered": {"units": 8, "blank": True},
        "pca": {"dim": 8, "warmup_steps": 1},
        "sparse": {"dim": 32, "active": 4, "warmup_steps": 3},
    },
    "encoder": {
        "conv": AUDIO["encoder"],
        "context": {"dim": 16, "context": "transformer", "layers": 1},
        "conv2d": IMAGES["encoder"] | {"blstm": 1, "blstm_dim": 4},
        "experiment": {"network": {"encoder": AUDIO["encoder"], "dim": 8}, "frozen": False},
    },
    "decoder": {
        "wavenet": {"channels": 8, "skip_channels": 12, "layers": 3, "cycle": 2},
        "pixelcnn": {"channels": 4, "layers": 2, "first_kernel": 3, "direction": "both"},
        "frames": AUDIO["decoder"],
        "columns": IMAGES["decoder"],
        "deconv": {"channels": 8, "layers": 2},
        "flow": {"flows": 2, "channels": 8, "layers": 1},
        "flow-columns": {"flows": 2, "channels": 8, "layers": 1},
        "diffusion": {"channels": 8, "layers": 2},
        "diffusion-columns": {"channels": 8, "layers": 2},
        "vocoder": {"channels": 8, "layers": 2},
        "flow-wave": {"flows": 2, "channels": 8, "layers": 1},
    },
}
OF_OTHERS = ("pretrained",)  # encoders that are read from files, and so never tiny
STEPS = 2  # on the CPU, after which the third is compared
CLOSE = {"loss": 1e-4, "gradient": 1e-3, "encodings": 1e-3}  # relative; rounding makes a hundredth of it
ROUNDED = {"loss": 0.05, "gradient": 0.3, "encodings": 0.05}  # factors of 8 or 10 bits
LATENTS, SAMPLES = 4, 1280  # of the sampler: more than one launch of its kernel, and round all of its rings


@dataclass(frozen=True)
class Compared:
    """A kind on the device beside the same on the CPU."""

    name: str
    finding: str
    agrees: bool


def agreement(device: torch.device) -> Iterator[Compared]:
    """A step of training of every bottleneck, encoder and decoder, and of every precision; then samples."""
    for name, options in kinds().items():
        yield compared(name, lambda options=options: one_step(options, device))
    for precision in PRECISIONS[1:]:
        for name, options in (("conv2d", IMAGES), ("wavenet", AUDIO | {"decoder": of_kind("decoder", "wavenet")})):
            model = options | {"bottleneck": of_kind("bottleneck", "vq")}
            yield compared(f"{name} in {precision}", lambda model=model, by=precision: one_step(model, device, by))
    yield compared("samples of a WaveNet", lambda: samples(device))


def of_kind(part: str, kind: str) -> dict:
    return {"kind": kind, **SMALL[part].get(kind, {})}


def kinds() -> dict[str, dict]:
    """Options of a model for every kind that there is."""
    found = {}
    for kind in BOTTLENECKS:
        found[f"bottleneck {kind}"] = AUDIO | {"bottleneck": of_kind("bottleneck", kind)}
    images_only = {"conv2d", *(kind for kind, decoder in DECODERS.items() if decoder.target == "grey")}
    for part, family in (("encoder", ENCODERS), ("decoder", DECODERS)):
        for kind in (kind for kind in family if kind not in OF_OTHERS):
            images = kind in images_only
            found[f"{part} {kind}"] = (IMAGES if images else AUDIO) | {part: of_kind(part, kind)}
    return {name: {"bottleneck": of_kind("bottleneck", "vq")} | options for name, options in found.items()}


def compared(name: str, compare: Callable[[], tuple[str, bool]]) -> Compared:
    """What a comparison finds; an error is a finding, too."""
    try:
        return Compared(name, *compare())
    except Exception as error:  # whatever a device raises: the others are still to be looked at
        said = next(iter(str(error).splitlines()), "")
        return Compared(name, f"fails: {type(error).__name__}: {said}", False)


def one_step(options: dict, device: torch.device, precision: str = "float32") -> tuple[str, bool]:
    """How far the device is from the CPU after some steps on the CPU; and whether that is rounding."""
    experiment = Experiment(options, SPEAKERS, {})
    torch.manual_seed(0)
    here, there = experiment.build(), experiment.build()
    optimiser = torch.optim.Adam(here.parameters(), 1e-3)
    for seed in range(STEPS):
        optimiser.zero_grad()
        step(here, batch_of(experiment, here.encoder.stride, seed), "float32")
        optimiser.step()
    there.load_state_dict(here.state_dict())
    batch = batch_of(experiment, here.encoder.stride, STEPS)
    multiply_in(precision)
    try:
        on_device = step(there.to(device), batch.to(device), precision)
    finally:
        multiply_in("float32")
    on_cpu = step(here, batch, "float32")
    off = {"loss": apart(on_device.loss, on_cpu.loss), "gradient": apart(on_device.gradient, on_cpu.gradient)}
    there.load_state_dict(here.state_dict())
    off["encodings"], same = encodings_apart(here.eval(), there.eval(), batch, device)
    allowed = CLOSE if precision == "float32" else ROUNDED
    agrees = all(off[what] <= allowed[what] for what in off) and same >= 0.9
    return "  ".join(f"{what} {value:.0e}" for what, value in off.items()) + f"  same codes {same:.0%}", agrees


@dataclass(frozen=True)
class Step:
    loss: Tensor
    gradient: Tensor  # all of it, one number after the other


def step(model: UnitModel, batch: Batch, precision: str) -> Step:
    """Forward and backward, with the random numbers of the CPU."""
    model.train().zero_grad()
    torch.manual_seed(1)
    with DrawnOnCpu(), torch.autocast(batch.lengths.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        loss = model(batch).loss
    loss.backward()
    gradients = [weight.grad.flatten().cpu() for weight in model.parameters() if weight.grad is not None]
    return Step(loss.detach().cpu(), torch.cat(gradients))


class DrawnOnCpu(TorchFunctionMode):
    """A GPU has random numbers of its own: those of the CPU are drawn, and copied."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.rand, torch.randn) and kwargs.get("device") is not None:
            return function(*args, **kwargs | {"device": "cpu"}).to(kwargs["device"])
        return function(*args, **kwargs)


def encodings_apart(here: UnitModel, there: UnitModel, batch: Batch, device: torch.device) -> tuple[float, float]:
    """How far the probe points are, at most; and the share of codes that are the same."""
    with torch.no_grad():
        own, codes, _ = here.probe_points(batch.features, batch.lengths)
        others, other_codes, _ = there.probe_points(batch.features.to(device), batch.lengths.to(device))
    same = 1.0 if codes is None else (codes == other_codes.cpu()).float().mean().item()
    return max(apart(others[point].cpu(), own[point]) for point in own), same


def apart(found: Tensor, expected: Tensor) -> float:
    """The size of the difference, as a share of what is expected; infinity if anything is not finite."""
    share = float((found - expected).norm() / expected.norm().clamp(min=1e-12))
    return share if share == share else float("inf")


def samples(device: torch.device) -> tuple[str, bool]:
    """Samples by the loop or kernel of the device beside those of torch on it: most streams are to be the same."""
    torch.manual_seed(0)
    decoder = WaveNet(8, 256, channels=64, skip_channels=64).eval().to(device)
    condition = torch.randn(4, LATENTS, 8).to(device)
    uniform = torch.rand(4, SAMPLES, dtype=torch.float64).to(device)
    with torch.no_grad():
        if device.type == "cuda" and find_spec("triton") is None:
            return "drawn by torch, for Triton is not installed", True
        if device.type == "cuda":
            from unitdisc.decoders.sampling.wavenet_gpu import sample_on_gpu as by_loop
        else:
            from unitdisc.decoders.sampling.wavenet_cpu import sample_codes as by_loop
        found = by_loop(decoder, condition, uniform, temperature=1.0)
        same = (found == decoder.sample_with_torch(condition, uniform)).all(1).sum().item()
    return f"{same} of {len(found)} streams of {SAMPLES} steps are those of torch", 2 * same >= len(found)


def batch_of(experiment: Experiment, stride: int, seed: int, items: int = 4) -> Batch:
    """Random crops for an encoder of this stride, the last of which is shorter."""
    draw = torch.Generator().manual_seed(seed)
    features, target = experiment.features(), experiment.target()
    crop = -(-16 // stride) * stride
    frames, steps = crop + 2 * stride, crop * target.steps_per_frame
    seen = torch.randn(items, frames, features.dim, generator=draw)
    kind = DECODERS[experiment.options["decoder"]["kind"]].target
    if kind == "grey":
        predicted = torch.randint(target.levels, (items, steps, target.dim), generator=draw)
    elif kind == "mu-law":
        predicted = torch.randint(target.dim, (items, steps), generator=draw)
    elif kind == "wave":
        predicted = torch.randn(items, steps, generator=draw) / 10
    else:
        predicted = torch.randn(items, steps, target.dim, generator=draw)
    return Batch(
        features=seen.abs() if features.images else seen,
        lengths=torch.tensor([frames] * (items - 1) + [frames - stride - 1]),
        starts=torch.tensor([0] + [stride] * (items - 1)),
        target=predicted,
        target_lengths=torch.tensor([steps] * (items - 1) + [steps - 2 * target.steps_per_frame]),
        target_frames=crop,
        speakers=torch.tensor([0, 1, -1, 0][:items]),
    )
