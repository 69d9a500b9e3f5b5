"""Normalising flows over log-mel frames: exact densities, and all frames drawn at once.

A frame becomes standard normal noise by invertible steps, each of them of Glow's kind (Kingma and Dhariwal, 2018):
activation normalisation, an invertible matrix over the bins (a 1 x 1 convolution), and an affine coupling (Dinh et
al., 2017), whose network sees half of the bins, the frames around and the condition, as in WaveGlow (Prenger et al.,
2019).

Here these networks are causal. Then frame s becomes noise by a function that the frames before it choose, and its
determinant is p(frame s | frames before it, condition) exactly: what is said of each step is the same as of
autoregressive decoders, no padding needs masks, and a line can be gone on with. The inverse is still parallel, for what
a coupling's network reads passes through that coupling unchanged.
"""

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.convolutions import GatedConvolutions
from unitdisc.decoders.draws import check_temperature, noise
from unitdisc.decoders.likelihoods import normal_log_prob

LARGEST = 2.0  # logarithm of what a coupling can multiply by, so that no step can run away
QUICK = 3.0  # logarithms of scales learn so many times as fast as other weights, as in Glow


class Normalisation(nn.Module):
    """Every bin shifted and scaled. From one on, not from statistics of a first batch: targets are normalised."""

    def __init__(self, dim: int):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.scale = nn.Parameter(torch.zeros(dim))  # QUICK times it is the logarithm

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [..., D] -> z [..., D], log |det dz/dx| of a step []."""
        log_scale = QUICK * self.scale
        return (x + self.shift) * log_scale.exp(), log_scale.sum()

    def inverse(self, z: Tensor) -> Tensor:
        return z * (-QUICK * self.scale).exp() - self.shift


class Mixing(nn.Module):
    """z = W x, W = P L U by its factors, so that its determinant is a product of `dim` numbers.

    P is a permutation, drawn once; L and U learn, and begin as those of a random rotation.
    """

    def __init__(self, dim: int):
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(dim, dim))[0])
        self.register_buffer("permutation", permutation.argmax(0))  # row i of L U is row permutation[i] of W
        self.register_buffer("signs", upper.diagonal().sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.diagonal = nn.Parameter(upper.diagonal().abs().log() / QUICK)

    def factors(self) -> tuple[Tensor, Tensor]:
        """L, with ones on its diagonal, and U: [D, D]."""
        lower = self.lower.tril(-1) + torch.eye(len(self.lower), dtype=self.lower.dtype, device=self.lower.device)
        upper = self.upper.triu(1) + torch.diag(self.signs * (QUICK * self.diagonal).exp())
        return lower, upper

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [..., D] -> z [..., D], log |det dz/dx| of a step []."""
        lower, upper = self.factors()
        matrix = (lower @ upper)[self.permutation.argsort()]
        return x @ matrix.t(), QUICK * self.diagonal.sum()

    def inverse(self, z: Tensor) -> Tensor:
        """By two triangular systems, in 64 bits."""
        lower, upper = (factor.double() for factor in self.factors())
        columns = z.double()[..., self.permutation].flatten(0, -2).t()
        columns = torch.linalg.solve_triangular(lower, columns, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, columns, upper=True).t().reshape(z.shape).to(z.dtype)


class Coupling(nn.Module):
    """The second half of the bins is scaled and shifted, by what the first half, the frames before and c say."""

    def __init__(self, dim: int, condition_dim: int, *, channels: int, layers: int, kernel: int):
        super().__init__()
        self.kept = dim // 2
        self.network = GatedConvolutions(
            self.kept,
            2 * (dim - self.kept),
            condition_dim,
            channels=channels,
            layers=layers,
            kernel=kernel,
            causal=True,
        )

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, S, D], condition [B, L, C] -> z [B, S, D], log |det| of every step [B, S]."""
        kept, changed = x[..., : self.kept], x[..., self.kept :]
        log_scale, shift = self.scale_and_shift(kept, condition)
        return torch.cat([kept, changed * log_scale.exp() + shift], dim=-1), log_scale.sum(-1)

    def inverse(self, z: Tensor, condition: Tensor) -> Tensor:
        kept, changed = z[..., : self.kept], z[..., self.kept :]
        log_scale, shift = self.scale_and_shift(kept, condition)
        return torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=-1)

    def scale_and_shift(self, kept: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(kept, condition).chunk(2, dim=-1)
        return LARGEST * (raw / LARGEST).tanh(), shift


class FlowSteps(nn.Module):
    """x <-> z, steps of normalisation, mixing and coupling."""

    def __init__(self, dim: int, condition_dim: int, *, flows: int, channels: int, layers: int, kernel: int):
        super().__init__()
        if dim < 2 or flows < 1:
            raise ValueError(f"a flow needs two values in a step and one flow at least, not {dim} and {flows}")
        sizes = {"channels": channels, "layers": layers, "kernel": kernel}
        self.normalisations = nn.ModuleList(Normalisation(dim) for _ in range(flows))
        self.mixings = nn.ModuleList(Mixing(dim) for _ in range(flows))
        self.couplings = nn.ModuleList(Coupling(dim, condition_dim, **sizes) for _ in range(flows))

    @property
    def reach(self) -> int:
        """How many steps before its own a step depends on."""
        return sum(coupling.network.reach for coupling in self.couplings)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, S, D], condition [B, L, C] -> noise [B, S, D], log |det| of every step [B, S].

        Step s of the noise depends on steps up to s of x, so that the determinant is a product over the steps.
        """
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        log_det = x.new_zeros(x.shape[:2])
        for normalise, mix, couple in zip(self.normalisations, self.mixings, self.couplings):
            with torch.autocast(x.device.type, enabled=False):  # or the inverse would be another
                x, by_scales = normalise(x)
                x, by_matrix = mix(x)
            x, by_coupling = couple(x, condition)
            log_det = log_det + by_scales + by_matrix + by_coupling
        return x, log_det

    def inverse(self, z: Tensor, condition: Tensor) -> Tensor:
        for normalise, mix, couple in reversed([*zip(self.normalisations, self.mixings, self.couplings)]):
            z = normalise.inverse(mix.inverse(couple.inverse(z, condition)))
        return z

    def log_prob(self, x: Tensor, condition: Tensor) -> Tensor:
        """log p(step | steps before it, condition), in nats: [B, S]."""
        z, log_det = self(x, condition)
        return normal_log_prob(torch.zeros_like(z), z.new_zeros(()), z) + log_det


class Flow(LearnsByLikelihood, nn.Module):
    """An invertible function between log-mel frames and noise: an exact density, and samples without a loop.

    flows: steps, each of normalisation, mixing and coupling. channels, layers, kernel: of the causal convolutions in
    every coupling; dilations go 1, 2, 4, ..., so 8 flows of 2 layers see 48 frames.

    The frames before are heard as in training, so that the latents may be ignored, as by any autoregressive decoder;
    there is no `history_dropout` here, for what is hidden could not be inverted.
    """

    target = "log-mel"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        flows: int = 8,
        channels: int = 64,
        layers: int = 2,
        kernel: int = 3,
    ):
        super().__init__()
        self.target_dim = target_dim
        self.steps = FlowSteps(target_dim, condition_dim, flows=flows, channels=channels, layers=layers, kernel=kernel)

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, bins], condition [B, L, C] -> nats per frame, a density over its bins: [B, S].

        Over the frames of an utterance they add up to the logarithm of its density.
        """
        return self.steps.log_prob(target, condition)

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> frames [B, size, bins]; the noise is multiplied by the temperature."""
        check_temperature(temperature)
        steps_per_condition(size, condition.shape[1])
        normal = noise("normal", len(condition), size, self.target_dim, like=condition, generator=generator)
        return self.steps.inverse(temperature * normal, condition)
