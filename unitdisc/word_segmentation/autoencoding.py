"""Words as what a small network can say again from memory: dynamic programming over its costs (DPDP; Kamper, 2023).

A recurrent network reads a string of units, keeps a few numbers of it, and says the string again of these alone. What
it has met often it says again cheaply, so that a string costs the nats of saying it again, and each utterance is cut
where that is cheapest; a price for every word, without which each unit would be one, makes as many as are asked for.

The network learns from substrings drawn by lot, all lengths alike, where the paper has whole utterances; so few numbers
are kept (5; there 25) that it cannot learn to say anything again. Costs are sums over a word, not means.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from unitdisc.word_segmentation.frames import cheapest
from unitdisc.word_segmentation.states import SamplerState
from unitdisc.word_segmentation.stretches import Strings

KEPT = 5  # numbers of a string
HIDDEN = 100
EMBEDDED = 25
BATCH = 64
LEARNING_RATE = 3e-3
AT_ONCE = 4096  # strings that are priced together
MOMENTS = ("exp_avg", "exp_avg_sq")  # of Adam


class Autoencoder(nn.Module):
    """Reads strings of units [B, L] and says them again; what lies beyond the end of a string is any unit."""

    def __init__(self, kinds: int):
        super().__init__()
        self.embed = nn.Embedding(kinds, EMBEDDED)
        self.read = nn.GRU(EMBEDDED, HIDDEN, batch_first=True)
        self.keep = nn.Linear(HIDDEN, KEPT)
        self.say = nn.GRU(KEPT, HIDDEN, batch_first=True)
        self.choose = nn.Linear(HIDDEN, kinds)

    def kept(self, units: Tensor) -> Tensor:
        """What is kept of the first unit, of the first two, and so on: [B, L] -> [B, L, KEPT]."""
        return self.keep(self.read(self.embed(units))[0])

    def nats(self, kept: Tensor, units: Tensor) -> Tensor:
        """What it takes to say each unit again: [B, KEPT], [B, L] -> [B, L]."""
        said, _ = self.say(kept[:, None].expand(-1, units.shape[1], -1))
        return F.cross_entropy(self.choose(said).transpose(1, 2), units, reduction="none")

    def loss(self, units: Tensor, lengths: Tensor) -> Tensor:
        """Nats per unit of strings of these lengths [B]: [B, L] -> scalar."""
        kept = self.kept(units)[torch.arange(len(units)), lengths - 1]
        inside = torch.arange(units.shape[1]) < lengths[:, None]
        return (self.nats(kept, units) * inside).sum() / inside.sum()

    def prices(self, units: Tensor) -> Tensor:
        """Nats of the string of the first unit, of the first two, and so on: [B, L] -> [B, L]."""
        kept = self.kept(units)
        return torch.stack([self.nats(kept[:, n], units[:, : n + 1]).sum(1) for n in range(units.shape[1])], 1)


class Training:
    """A network that learns, epoch by epoch; where it stands: weights and moments of Adam, each as one vector."""

    def __init__(self, network: Autoencoder, stored: SamplerState):
        self.network, self.stored = network, stored
        self.weights = [*network.parameters()]
        self.optimiser = torch.optim.Adam(self.weights, LEARNING_RATE)
        self.epochs, self.nats = 0, 0.0
        if (arrays := stored.read()) is not None:
            self.go_on(arrays)

    def epoch(self, units: Tensor, lengths: Tensor) -> None:
        """Learns from strings [N, L] of these lengths [N], in this order."""
        nats = 0.0
        for first in range(0, len(units), BATCH):
            own = lengths[first : first + BATCH]
            loss = self.network.loss(units[first : first + BATCH, : int(own.max())], own)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            nats += float(loss.detach()) * int(own.sum())
        self.epochs, self.nats = self.epochs + 1, nats / int(lengths.sum())
        states = [self.optimiser.state[weight] for weight in self.weights]
        moments = {name: flat([state[name] for state in states]) for name in MOMENTS}
        steps, weights = np.array(int(states[0]["step"])), flat(self.weights)
        self.stored.write(
            {"epochs": self.epochs, "steps": steps, "nats": np.array([self.nats]), "weights": weights, **moments}
        )

    def go_on(self, arrays: dict) -> None:
        """From where the state was written."""
        vector_to_parameters(torch.from_numpy(arrays["weights"]), self.weights)
        sizes = [weight.numel() for weight in self.weights]
        moments = [torch.from_numpy(arrays[name]).split(sizes) for name in MOMENTS]
        for weight, *own in zip(self.weights, *moments):
            state = {name: moment.reshape(weight.shape).clone() for name, moment in zip(MOMENTS, own)}
            self.optimiser.state[weight] = {"step": torch.tensor(float(arrays["steps"])), **state}
        self.epochs, self.nats = arrays["epochs"], float(arrays["nats"][0])


def flat(tensors: Sequence[Tensor]) -> np.ndarray:
    """All numbers of tensors, in order."""
    return parameters_to_vector(tensors).detach().numpy().copy()


def from_each(strings: Strings, longest: int) -> tuple[Tensor, np.ndarray]:
    """The next units of every unit [N, L], 0 beyond the end of its stretch, and how many there are, up to L: [N]."""
    places = np.arange(len(strings.codes))
    room = np.minimum(np.repeat(strings.firsts[1:], np.diff(strings.firsts)) - places, longest)
    units = np.pad(strings.codes, (0, longest))[places[:, None] + np.arange(longest)]
    return torch.from_numpy(np.where(np.arange(longest) < room[:, None], units, 0)), room


def dpdp(
    strings: Strings, longest: int, words: int, *, rounds: int, seed: int, state: Path, advance: Callable[..., None]
) -> tuple[np.ndarray, dict]:
    """Cuts [N] into so many words of up to `longest` units, and the nats per unit that the network ended with.

    rounds: times that it learns from as many substrings as there are units, one that begins with each. state: file from
    which an interrupted training goes on.
    """
    units, room = from_each(strings, longest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Autoencoder(strings.kinds)
    training = Training(network, SamplerState(state, {"dpdp": [longest, seed, rounds]}, strings))
    advance(training.epochs)
    for epoch in range(training.epochs, rounds):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(units))
        lengths = 1 + (rng.random(len(units)) * room[order]).astype(np.int64)
        training.epoch(units[torch.from_numpy(order)], torch.from_numpy(lengths))
        advance(1, note=f"{training.nats:.2f} nats per unit")
    prices = np.full(units.shape, np.inf)
    with torch.no_grad():
        for first in range(0, len(units), AT_ONCE):
            prices[first : first + AT_ONCE] = network.prices(units[first : first + AT_ONCE]).numpy()
    prices[np.arange(longest) >= room[:, None]] = np.inf
    spans = np.arange(prices.size, dtype=np.int32).reshape(prices.shape)
    return cheapest(spans, strings.firsts, prices, words), {"nats_per_unit": training.nats}
