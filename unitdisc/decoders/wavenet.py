"""WaveNet (van den Oord et al., 2016) over mu-law samples, as large as in Chorowski et al. (2019)."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import CausalStack, per_step
from unitdisc.decoders.draws import categorical_draw, check_temperature, noise
from unitdisc.decoders.likelihoods import projected_log_prob
from unitdisc.decoders.sampling.batched import SampleRequest


def nothing(first: int, last: int) -> None:
    """What is told of steps that were drawn, where nobody wants to know."""


class WaveNet(LearnsByLikelihood, nn.Module):
    """Predicts every sample from the samples before it and the condition: one of `target_dim` mu-law codes.

    channels: residual and gated; skip_channels: of the skip connections and of both layers of the head.
    Dilations go 1, 2, 4, ... and start again after `cycle` layers: 20 layers in 2 cycles see 2047 samples, 128 ms.
    checkpoint: compute the gates a second time in training instead of keeping them: less memory, a fifth more work.
    """

    target = "mu-law"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        channels: int = 368,
        skip_channels: int = 256,
        layers: int = 20,
        cycle: int = 10,
        kernel: int = 2,
        checkpoint: bool = False,
    ):
        super().__init__()
        self.start = nn.Parameter(0.1 * torch.randn(channels))  # before the first sample
        self.embed = nn.Embedding(target_dim, channels)  # a one-hot sample times a matrix
        dilations = [2 ** (layer % cycle) for layer in range(layers)]
        self.stack = CausalStack(channels, condition_dim, skip_channels, dilations, kernel, checkpoint)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(skip_channels, skip_channels), nn.ReLU(), nn.Linear(skip_channels, target_dim)
        )

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S] int64, condition [B, L, C] -> nats per sample: [B, S]."""
        hidden = self.head[:-1](self.skips(target, condition).transpose(0, 1))  # steps first, as they lie in memory
        last = self.head[-1]
        return projected_log_prob(hidden, last.weight, last.bias, target.t(), keep=not self.stack.checkpoint).t()

    def logits(self, target: Tensor, condition: Tensor) -> Tensor:
        """Step s sees the samples before s, never s itself: [B, S, target_dim]."""
        return per_step(self.head, self.skips(target, condition))

    def skips(self, target: Tensor, condition: Tensor) -> Tensor:
        """The sum of the skips, of which the head makes logits: [B, S, skip_channels]."""
        start = target.new_full((1, len(target)), self.embed.num_embeddings)  # a code of its own, the last
        codes = torch.cat([start, target.t()])[: target.shape[1]]
        x = F.embedding(codes, torch.cat([self.embed.weight, self.start[None]]))
        return self.stack(x.transpose(0, 1), condition)

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> mu-law codes [B, size], int64; compiled on a CPU, in a kernel on a GPU."""
        check_temperature(temperature)
        uniform = noise("uniform", len(condition), size, like=self.start, generator=generator)
        if on_cpu(self):
            from unitdisc.decoders.sampling.wavenet_cpu import (
                sample_codes,  # numba is slow to load, and training never needs it
            )

            return sample_codes(self, condition, uniform, temperature)
        return self.sample_elsewhere(condition, uniform, temperature)

    @torch.no_grad()
    def sample_several(
        self,
        items: Sequence[SampleRequest],
        temperature: float,
        finish: Callable[[int, Tensor], None],
        tick: Callable[[int], None],
    ) -> None:
        """As `batched.sample_several`, in one loop; to rounding on a GPU, where all go on to the end of the longest."""
        check_temperature(temperature)
        uniforms = [noise("uniform", 1, item.size, like=self.start, generator=item.generator)[0] for item in items]
        conditions = [item.condition for item in items]
        if on_cpu(self):
            from unitdisc.decoders.sampling.wavenet_cpu import pack, sample_all

            codes = sample_all(pack(self), conditions, uniforms, temperature, tick)
        else:
            padded = [pad_sequence(parts, batch_first=True) for parts in (conditions, uniforms)]

            def drawn(first: int, last: int) -> None:
                tick(sum(min(item.size, last) - min(item.size, first) for item in items))

            codes = self.sample_elsewhere(*padded, temperature, drawn)
        for index, item in enumerate(items):
            finish(index, codes[index][: item.size])

    def sample_elsewhere(
        self, condition: Tensor, uniform: Tensor, temperature: float, tick: Callable[[int, int], None] = nothing
    ) -> Tensor:
        """As `sample_with_torch`, by a kernel where there can be one."""
        if self.start.device.type != "cuda" or self.start.dtype != torch.float32 or find_spec("triton") is None:
            return self.sample_with_torch(condition, uniform, temperature, tick)
        from unitdisc.decoders.sampling.wavenet_gpu import sample_checked  # which few have any use for

        return sample_checked(self, condition, uniform, temperature, tick)

    @torch.no_grad()
    def sample_with_torch(
        self,
        condition: Tensor,
        uniform: Tensor,
        temperature: float = 1.0,
        tick: Callable[[int, int], None] = nothing,
    ) -> Tensor:
        """condition [B, L, C], uniform numbers [B, S] -> mu-law codes [B, S]; tick(first, last): of steps drawn."""

        def follow(skips: Tensor, step: int) -> tuple[Tensor, Tensor]:
            code = categorical_draw(self.head(skips), uniform[:, step], temperature)
            tick(step, step + 1)
            return code, self.embed(code)

        return self.stack.unroll(self.start, condition, uniform.shape[1], follow)


def on_cpu(decoder: WaveNet) -> bool:
    return decoder.start.device.type == "cpu"
