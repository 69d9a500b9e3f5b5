"""The models of the probes: classifiers of labels, and regressors to log-mel frames; trained with torch, by seed.

The linear classifier is multinomial logistic regression, brought to the one optimum of its convex loss by L-BFGS; the
linear map to values is ridge regression in closed form. The MLP has one hidden layer, trained by AdamW for a fixed
number of epochs while the learning rate falls to 0. The constants were chosen on held-out speakers of real speech.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PENALTY = 3e-4  # on the squared weights, beside the mean loss of the items
ITERATIONS = 30  # of L-BFGS: ten times as many change no digit that is reported
FLOOR = 0.1  # on the variance of a standardised direction that is whitened
RIDGE = 1.0  # on the squared weights, beside the summed squares
HIDDEN = 256
EPOCHS = 5
LEAST_STEPS = 300  # however few the items
BATCH = 256
LEARNING_RATE = 3e-3
DECAY = 0.1
CHUNK = 16_384  # items read at once


@dataclass(frozen=True)
class Windows:
    """Items as windows of frames around a centre, cut from standardised frames when they are wanted.

    At the edges of an utterance its first or last frame is repeated, so nothing of a neighbour or of padding is seen.
    """

    frames: Tensor  # [N, D]
    centre: Tensor  # [M]  index of a frame
    first: Tensor  # [M]   first frame of the utterance
    last: Tensor  # [M]    last frame of the utterance
    width: int  # W, odd
    mean: Tensor  # [D]
    scale: Tensor  # [D]

    def __len__(self) -> int:
        return len(self.centre)

    @property
    def dim(self) -> int:
        return self.width * self.frames.shape[1]

    def read(self, items: Tensor) -> Tensor:
        """Windows of some items: [I] -> [I, W * D], single precision."""
        return torch.cat([self.window(chunk) for chunk in items.split(CHUNK)])

    def window(self, items: Tensor) -> Tensor:
        around = torch.arange(self.width, device=self.centre.device) - self.width // 2
        index = self.centre[items, None] + around
        index = torch.minimum(torch.maximum(index, self.first[items, None]), self.last[items, None])
        windows = (self.frames[index].double() - self.mean) / self.scale  # a small spread may ride on a large mean
        return windows.float().flatten(1)


def standardised(frames: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """The mean and the spread of every dimension of the frames to train on: [M, D] -> [D], [D]."""
    frames = frames.astype(np.float64)
    spread = frames.std(0)
    spread[spread <= 1e-9 * np.abs(frames).max(0, initial=0)] = 1  # a dimension that never changes tells nothing
    return torch.from_numpy(frames.mean(0)).to(device), torch.from_numpy(spread).to(device)


class Mlp(nn.Module):
    """One hidden layer: [*, W * D] -> [*, K]."""

    def __init__(self, dim: int, outputs: int, generator: torch.Generator):
        super().__init__()
        self.hidden = seeded_linear(dim, HIDDEN, generator)
        self.output = seeded_linear(HIDDEN, outputs, generator)

    def forward(self, windows: Tensor) -> Tensor:
        return self.output(F.relu(self.hidden(windows)))


def seeded_linear(dim: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer as torch makes it, but drawn from a generator of one's own."""
    layer = nn.Linear(dim, outputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -(dim**-0.5), dim**-0.5, generator=generator)
    return layer


def logistic_regression(inputs: Tensor, labels: Tensor, classes: int, weights: Tensor | None) -> nn.Linear:
    """The optimum for these whitened items: [M, I], [M] classes. weights: of each class in the loss, [K]."""
    reader = linear(torch.zeros(classes, inputs.shape[1]), torch.zeros(classes)).to(inputs.device)
    search = torch.optim.LBFGS(
        reader.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> Tensor:
        search.zero_grad()
        value = F.cross_entropy(reader(inputs), labels, weights) + PENALTY * reader.weight.square().sum()
        value.backward()
        return value.detach()

    search.step(loss)
    return reader


def whitening_of(inputs: Tensor) -> Tensor:
    """A map that makes inputs uncorrelated, each with a spread near 1: [M, I] -> [I, I]."""
    inputs = inputs.double()
    ones = torch.eye(inputs.shape[1], dtype=torch.float64, device=inputs.device)
    factor = torch.linalg.cholesky(inputs.T @ inputs / len(inputs) + FLOOR * ones)
    return torch.linalg.solve_triangular(factor.T, ones, upper=True).float()


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer of given weights: [K, I], [K]."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def ridge_regression(inputs: Tensor, targets: Tensor) -> nn.Linear:
    """The best linear map for these items: [M, W * D], [M, C] values; in double precision, as channels correlate."""
    inputs, targets = inputs.double(), targets.double()
    input_mean, target_mean = inputs.mean(0), targets.mean(0)
    centred = inputs - input_mean
    gram = centred.T @ centred + RIDGE * torch.eye(inputs.shape[1], dtype=torch.float64, device=inputs.device)
    weight = torch.linalg.solve(gram, centred.T @ (targets - target_mean)).T
    return linear(weight, target_mean - weight @ input_mean)


def mlp(inputs: Tensor, targets: Tensor, outputs: int, weights: Tensor | None, seed: int) -> nn.Module:
    """Trained on these whitened items: [M, I], and [M] classes or [M, C] values."""
    generator = torch.Generator().manual_seed(seed)
    reader = Mlp(inputs.shape[1], outputs, generator).to(inputs.device)
    batches = -(-len(inputs) // BATCH)
    epochs = max(EPOCHS, -(-LEAST_STEPS // batches))
    search = torch.optim.AdamW(reader.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    fall = torch.optim.lr_scheduler.LinearLR(search, 1.0, 0.0, epochs * batches)
    for _ in range(epochs):
        for items in torch.randperm(len(inputs), generator=generator).to(inputs.device).split(BATCH):
            read = reader(inputs[items])
            if targets.is_floating_point():
                loss = F.mse_loss(read, targets[items])
            else:
                loss = F.cross_entropy(read, targets[items], weights)
            search.zero_grad()
            loss.backward()
            search.step()
            fall.step()
    return reader


def mlp_of_values(inputs: Tensor, targets: Tensor, seed: int) -> nn.Module:
    """An MLP for values, [M, C], centred by channel and scaled all alike, so that loud channels count more."""
    mean = targets.mean(0)
    scale = (targets - mean).square().mean().sqrt().clamp(min=1e-9)
    reader = mlp(inputs, (targets - mean) / scale, targets.shape[1], None, seed)
    return nn.Sequential(reader, linear(scale * torch.eye(len(mean), device=mean.device), mean))


@torch.no_grad()
def outputs_of(reader: nn.Module, windows: Windows, items: Tensor) -> np.ndarray:
    """What a reader says of some items: [I] -> [I, K]."""
    return np.concatenate([reader(windows.read(chunk)).cpu().numpy() for chunk in items.split(CHUNK)])


def linear_reader(frames: Tensor, labels: Tensor, classes: int) -> nn.Module:
    """Multinomial logistic regression of plain frames: [N, D], [N] classes -> what gives logits [*, D] -> [*, K]."""
    return reader_of(frames, lambda inputs: logistic_regression(inputs, labels, classes, weights=None))


def mlp_reader(frames: Tensor, labels: Tensor, classes: int, seed: int) -> nn.Module:
    """The same by an MLP."""
    return reader_of(frames, lambda inputs: mlp(inputs, labels, classes, None, seed))


def reader_of(frames: Tensor, fitted: Callable[[Tensor], nn.Module]) -> nn.Module:
    """What is fitted to whitened frames, [N, D], made a reader of plain ones: [*, D] -> [*, K]."""
    mean, scale = standardised(frames.cpu().numpy(), frames.device)
    mean, scale = mean.float(), scale.float()
    inputs = (frames - mean) / scale
    whitening = whitening_of(inputs)
    reader = fitted(inputs @ whitening)
    standardise = linear(torch.diag(1 / scale), -mean / scale)
    unmoved = torch.zeros(len(whitening), device=frames.device)
    return nn.Sequential(standardise, linear(whitening.T, unmoved), reader).requires_grad_(False)
