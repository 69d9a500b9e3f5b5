"""Sampling codes on a GPU: `CausalStack.unroll` as one Triton kernel that draws many steps in a launch.

A program draws ROWS streams from the first step to the last by itself, so nothing has to be agreed between programs;
what one of its threads writes for another to read lies in global memory, with a barrier between. The weights stream
through the caches once per step and program: few streams are limited by that, many by the products.

Not run on a GPU: tests interpret it on a CPU, and compile it for one. `sample_checked` therefore tries it out first.
How fast it is, beside torch, is not known.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from unitdisc.decoders.causal import GatedLayer, steps_per_condition
from unitdisc.decoders.wavenet import WaveNet, nothing

ROWS = 16  # streams of a program: what a matrix unit takes at least
LAUNCHED = 1000  # steps of a launch, about: some seconds at most, after which progress is told and Ctrl-C heard


@dataclass(frozen=True)
class GPUWeights:
    """The weights of a WaveNet, widths padded with zeros: C and K are multiples of `block`."""

    block: int
    embed: Tensor  # [codes, C]
    start: Tensor  # [C]
    conditions: Tensor  # [layers, D, 2 * C]
    gates: Tensor  # [layers, taps, C, 2 * C]       oldest tap first
    gates_bias: Tensor  # [layers, 2 * C]
    skip: Tensor  # [layers, C, K]
    skip_bias: Tensor  # [K]                        of all layers together
    residual: Tensor  # [layers, C, C]              zero in the last
    residual_bias: Tensor  # [layers, C]
    hidden: Tensor  # [K, K]
    hidden_bias: Tensor  # [K]
    logits: Tensor  # [K, codes]
    logits_bias: Tensor  # [codes]
    delays: Tensor  # [layers, taps] int32          the last is 0
    rings: Tensor  # [layers, 2] int32              where the inputs of a layer are kept, and how many of them


def fits(decoder: WaveNet) -> bool:
    """Whether the kernel can draw from it: a head of one width, and a power of two of codes."""
    first, last = decoder.head[1], decoder.head[3]
    codes, width = last.weight.shape
    square = first.in_features == first.out_features == width
    return square and codes >= 16 and codes & (codes - 1) == 0


_trusted: dict[tuple, bool] = {}  # what `sample_checked` found, by GPU and sizes: once in a process


def sample_checked(
    decoder: WaveNet,
    condition: Tensor,
    uniform: Tensor,
    temperature: float,
    tick: Callable[[int, int], None] = nothing,
) -> Tensor:
    """As `sample_on_gpu`, if what it draws first is what torch draws; if it is not, warns and draws with torch.

    Tried once in a process, for every GPU and size of decoder. What has too few steps for that is drawn by torch.
    """
    repeats = steps_per_condition(uniform.shape[1], condition.shape[1])
    tried = conditions_tried(decoder, repeats)
    if not fits(decoder) or condition.shape[1] <= tried:
        return decoder.sample_with_torch(condition, uniform, temperature, tick)
    kind = kind_of(decoder)
    if kind not in _trusted:
        problem = difference(decoder, condition[:, :tried], uniform[:, : tried * repeats], temperature)
        _trusted[kind] = problem is None
        if problem is not None:
            said = f"samples are drawn by torch: the kernel for GPUs fails ({problem})"
            warnings.warn(said, stacklevel=2)
    draw = sample_on_gpu if _trusted[kind] else WaveNet.sample_with_torch
    return draw(decoder, condition, uniform, temperature, tick)


def conditions_tried(decoder: WaveNet, repeats: int) -> int:
    """Latents whose steps take more than one launch, and lead more than once round every layer's ring of inputs."""
    longest_ring = max(layer.reach + 1 for layer in decoder.stack.layers)
    return max(conditions_launched(repeats), -(-longest_ring // repeats)) + 1


def conditions_launched(repeats: int) -> int:
    """Latents of a launch."""
    return max(1, LAUNCHED // repeats)


def kind_of(decoder: WaveNet) -> tuple:
    """What the kernel is compiled for."""
    shapes = [tuple(weight.shape) for weight in decoder.parameters()]
    delays = [tuple(layer.delays) for layer in decoder.stack.layers]
    return str(decoder.start.device), *shapes, *delays


def difference(decoder: WaveNet, condition: Tensor, uniform: Tensor, temperature: float) -> str | None:
    """How the kernel's samples differ from torch's; None if most streams are the same: a rounding may part some."""
    try:
        found = sample_on_gpu(decoder, condition, uniform, temperature)
    except Exception as error:  # whatever Triton's compiler or this GPU makes of it, torch can draw
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    same = (found == decoder.sample_with_torch(condition, uniform, temperature)).all(1)
    different = len(same) - int(same.sum())
    return f"{different} of {len(same)} streams differ" if 2 * different > len(same) else None


def sample_on_gpu(
    decoder: WaveNet,
    condition: Tensor,
    uniform: Tensor,
    temperature: float,
    tick: Callable[[int, int], None] = nothing,
) -> Tensor:
    """As `compiled.sample_codes`, to rounding; tick(first, last): called when these steps are drawn.

    Raises ValueError if S is not a multiple of L.
    """
    packed = pack(decoder)
    batch, size = uniform.shape
    repeats = steps_per_condition(size, condition.shape[1])
    rows = -(-batch // ROWS) * ROWS
    uniform = F.pad(uniform.double(), (0, 0, 0, rows - batch))
    condition = F.pad(condition.float(), (0, 0, 0, 0, 0, rows - batch))
    codes = torch.zeros(rows, size, dtype=torch.int32, device=uniform.device)
    channels, width, device = len(packed.start), len(packed.skip_bias), uniform.device
    queues = torch.zeros(int(packed.rings[:, 1].sum()), rows, channels, device=device)
    queues[0] = packed.start
    scratch = [
        torch.zeros(rows, *shape, device=device) for shape in ((channels,), (2, width), (packed.embed.shape[0],))
    ]
    at_once = conditions_launched(repeats)
    for first in range(0, condition.shape[1], at_once):
        part = condition[:, first : first + at_once]
        projected = torch.einsum("bld,ndc->lnbc", part, packed.conditions) + packed.gates_bias[:, None]
        steps = first * repeats, (first + part.shape[1]) * repeats
        with on_its_gpu(codes):
            launch(packed, codes, uniform, projected.contiguous(), queues, scratch, steps, repeats, temperature)
        tick(*steps)
    return codes[:batch].long()


@contextmanager
def on_its_gpu(tensor: Tensor) -> Iterator[None]:
    """Triton launches on the current GPU, and in its stream: makes that the tensor's, and waits for what was launched.

    Or all launches would be given away at once, and neither progress be known nor Ctrl-C heard before the last.
    """
    if not tensor.is_cuda:  # the kernel is interpreted
        yield
        return
    with torch.cuda.device(tensor.device):
        yield
        torch.cuda.current_stream().synchronize()


def launch(
    packed: GPUWeights,
    codes: Tensor,
    uniform: Tensor,
    projected: Tensor,
    queues: Tensor,
    scratch: list[Tensor],
    steps: tuple[int, int],
    repeats: int,
    temperature: float,
) -> None:
    """Draws steps [first, last); `projected` begins with the condition of the first."""
    layers, taps, channels, _ = packed.gates.shape
    draw_steps[(len(codes) // ROWS,)](
        codes,
        uniform,
        projected,
        queues,
        *scratch,
        packed.embed,
        packed.gates,
        packed.skip,
        packed.skip_bias,
        packed.residual,
        packed.residual_bias,
        packed.hidden,
        packed.hidden_bias,
        packed.logits,
        packed.logits_bias,
        packed.delays,
        packed.rings,
        *steps,
        codes.shape[1],
        repeats,
        len(codes),
        max(temperature, 1e-9),
        num_layers=layers,
        taps=taps,
        channels=channels,
        width=len(packed.skip_bias),
        num_codes=len(packed.logits_bias),
        streams=ROWS,
        block=packed.block,
    )


def pack(decoder: WaveNet) -> GPUWeights:
    start, embed, head, layers = decoder.start, decoder.embed.weight, decoder.head, decoder.stack.layers
    channels, skips = decoder.stack.channels, head[1].in_features
    block = next(size for size in (64, 32, 16) if size <= max(16, min(channels, skips, len(embed))))
    c, k = (-(-size // block) * block for size in (channels, skips))
    taps = len(layers[0].delays)
    rings = torch.tensor([layer.reach + 1 for layer in layers], dtype=torch.int32)
    return GPUWeights(
        block=block,
        embed=padded(embed, len(embed), c),
        start=padded(start, c),
        conditions=torch.stack([halves(layer.condition.weight, c).T for layer in layers]),
        gates=torch.stack([gates_of(layer, taps, c) for layer in layers]),
        gates_bias=torch.stack([halves(layer.gates.bias, c) for layer in layers]),
        skip=torch.stack([padded(layer.skip.weight.T, c, k) for layer in layers]),
        skip_bias=padded(sum(layer.skip.bias for layer in layers), k),
        residual=torch.stack([residual_of(layer, c)[0] for layer in layers]),
        residual_bias=torch.stack([residual_of(layer, c)[1] for layer in layers]),
        hidden=padded(head[1].weight.T, k, k),
        hidden_bias=padded(head[1].bias, k),
        logits=padded(head[3].weight.T, k, len(embed)),
        logits_bias=padded(head[3].bias, len(embed)),
        delays=torch.tensor([layer.delays for layer in layers], dtype=torch.int32, device=start.device),
        rings=torch.stack([rings.cumsum(0) - rings, rings], dim=1).to(start.device, torch.int32),
    )


def padded(x: Tensor, *shape: int) -> Tensor:
    """Zeros after the end of every axis, 32-bit."""
    sides = [side for size, own in zip(shape[::-1], x.shape[::-1], strict=True) for side in (0, size - own)]
    return F.pad(x.detach().float(), sides).contiguous()


def halves(x: Tensor, channels: int) -> Tensor:
    """The signals' half and the gates' of the first axis, each padded: [2 * C', ...] -> [2 * C, ...]."""
    return torch.cat([padded(half, channels, *x.shape[1:]) for half in x.chunk(2)])


def gates_of(layer: GatedLayer, taps: int, channels: int) -> Tensor:
    """[taps, C, 2 * C]."""
    return torch.stack(
        [padded(halves(tap, channels).T, channels, 2 * channels) for tap in layer.gates.weight.chunk(taps, 1)]
    )


def residual_of(layer: GatedLayer, channels: int) -> tuple[Tensor, Tensor]:
    if layer.residual is None:
        none = layer.skip.weight.new_zeros(channels, channels).float()
        return none, none[0]
    return padded(layer.residual.weight.T, channels, channels), padded(layer.residual.bias, channels)


@triton.jit
def product(sums, x, x_width, matrix, m_width, inputs, rows, n, block: tl.constexpr):
    """sums [rows, block] + x[rows, :inputs] @ matrix[:inputs, n : n + block]."""
    lane = tl.arange(0, block)
    for k in range(0, inputs, block):
        values = tl.load(x + rows[:, None] * x_width + (k + lane)[None, :])
        weights = tl.load(matrix + (k + lane)[:, None] * m_width + (n + lane)[None, :])
        sums = tl.dot(values, weights, sums, input_precision="tf32x3")
    return sums


@triton.jit
def draw_steps(
    codes,
    uniform,
    projected,
    queues,
    gated,
    skips,
    logits_scratch,
    embed,
    gates,
    skip,
    skip_bias,
    residual,
    residual_bias,
    hidden,
    hidden_bias,
    logits,
    logits_bias,
    delays,
    rings,
    first,
    last,
    size,
    repeats,
    batch,
    temperature,
    num_layers: tl.constexpr,
    taps: tl.constexpr,
    channels: tl.constexpr,
    width: tl.constexpr,
    num_codes: tl.constexpr,
    streams: tl.constexpr,
    block: tl.constexpr,
):
    """Draws steps [first, last) of some streams; scratch: gated [B, C], skips and hidden [B, 2, K], logits [B, codes].

    A barrier stands wherever what follows reads what other threads have written, or overwrites what they read.
    """
    rows = (tl.program_id(0) * streams + tl.arange(0, streams)).to(tl.int64)
    lane = tl.arange(0, block)
    every = tl.arange(0, num_codes)
    for step in range(first, last):
        for n in range(0, width, block):
            bias = tl.load(skip_bias + n + lane)[None, :] + tl.zeros((streams, block), tl.float32)
            tl.store(skips + rows[:, None] * (2 * width) + (n + lane)[None, :], bias)
        for layer in range(num_layers):
            place = tl.load(rings + 2 * layer)
            length = tl.load(rings + 2 * layer + 1)
            x = queues + (place + step % length).to(tl.int64) * batch * channels
            by_condition = (
                projected
                + ((step // repeats - first // repeats) * num_layers + layer).to(tl.int64) * batch * 2 * channels
            )
            tl.debug_barrier()  # the input of this layer is written, and `gated` is read
            for n in range(0, channels, block):
                at = by_condition + rows[:, None] * (2 * channels) + (n + lane)[None, :]
                signal, gate = tl.load(at), tl.load(at + channels)
                for tap in tl.static_range(taps):
                    delay = tl.load(delays + layer * taps + tap)
                    heard = queues + (place + (step + length - delay) % length).to(tl.int64) * batch * channels
                    own = gates + (layer * taps + tap) * channels * 2 * channels
                    signal = product(signal, heard, channels, own, 2 * channels, channels, rows, n, block)
                    gate = product(gate, heard, channels, own, 2 * channels, channels, rows, n + channels, block)
                value = (2 * tl.sigmoid(2 * signal) - 1) * tl.sigmoid(gate)
                tl.store(gated + rows[:, None] * channels + (n + lane)[None, :], value)
            tl.debug_barrier()  # `gated` is written
            for n in range(0, width, block):
                at = skips + rows[:, None] * (2 * width) + (n + lane)[None, :]
                sums = product(
                    tl.load(at), gated, channels, skip + layer * channels * width, width, channels, rows, n, block
                )
                tl.store(at, sums)
            if layer + 1 < num_layers:
                after = tl.load(rings + 2 * layer + 2) + step % tl.load(rings + 2 * layer + 3)
                for n in range(0, channels, block):
                    at = rows[:, None] * channels + (n + lane)[None, :]
                    sums = tl.load(x + at) + tl.load(residual_bias + layer * channels + n + lane)[None, :]
                    sums = product(
                        sums,
                        gated,
                        channels,
                        residual + layer * channels * channels,
                        channels,
                        channels,
                        rows,
                        n,
                        block,
                    )
                    tl.store(queues + after.to(tl.int64) * batch * channels + at, sums)
        tl.debug_barrier()  # the skips are summed
        for n in range(0, width, block):
            sums = tl.load(hidden_bias + n + lane)[None, :] + tl.zeros((streams, block), tl.float32)
            for k in range(0, width, block):
                values = tl.load(skips + rows[:, None] * (2 * width) + (k + lane)[None, :])
                weights = tl.load(hidden + (k + lane)[:, None] * width + (n + lane)[None, :])
                sums = tl.dot(tl.maximum(values, 0.0), weights, sums, input_precision="tf32x3")
            tl.store(skips + rows[:, None] * (2 * width) + (width + n + lane)[None, :], tl.maximum(sums, 0.0))
        tl.debug_barrier()  # the hidden layer is written, and the skips are read
        for n in range(0, num_codes, block):
            sums = tl.load(logits_bias + n + lane)[None, :] + tl.zeros((streams, block), tl.float32)
            sums = product(sums, skips + width, 2 * width, logits, num_codes, width, rows, n, block)
            tl.store(logits_scratch + rows[:, None] * num_codes + (n + lane)[None, :], sums)
        tl.debug_barrier()  # the logits are written
        scores = tl.load(logits_scratch + rows[:, None] * num_codes + every[None, :])
        likely = tl.exp((scores - tl.max(scores, axis=1)[:, None]).to(tl.float64) / temperature)
        threshold = tl.load(uniform + rows * size + step) * tl.sum(likely, axis=1)
        below = (tl.cumsum(likely, axis=1) <= threshold[:, None]).to(tl.int32)
        code = tl.minimum(tl.sum(below, axis=1), num_codes - 1)
        tl.store(codes + rows * size + step, code)
        after = (step + 1) % tl.load(rings + 1)  # the first layer's ring begins at 0
        for n in range(0, channels, block):
            embedded = tl.load(embed + code[:, None] * channels + (n + lane)[None, :])
            tl.store(queues + (after.to(tl.int64) * batch + rows[:, None]) * channels + (n + lane)[None, :], embedded)
