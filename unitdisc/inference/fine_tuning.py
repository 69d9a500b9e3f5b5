"""Fine-tuning: an encoder and a linear layer behind it learn labels of a few utterances, and tell those of others.

The encoder begins as it was trained without labels, and then waits until the layer has learnt something; or, to see
what that training was worth, at random (as Baevski et al., 2020, do with CTC).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.corpus import Utterance
from unitdisc.data.cache import MemoryCache
from unitdisc.data.loader import stacked
from unitdisc.encoders import Encoder
from unitdisc.training.schedules import cosine

STEPS = 300
BATCH = 8  # utterances
LEARNING_RATE = 1e-3  # at its highest
DECAY = 0.01
CLIP = 1.0  # largest norm of the gradient
LAYER_ALONE = 0.3  # of the steps of an encoder that was trained before
FLAT = 0.2  # of the steps of CTC begin with labels spread evenly, as readers of frames do
BLANK = 0
NO_LABEL = -1


class FineTuning:
    """Networks that learn from the features of utterances.

    make: an encoder to begin from, of its own each time; trained: whether it was trained before. read: the features of
    an utterance, [T, C].
    """

    def __init__(
        self,
        make: Callable[[], Encoder],
        read: Callable[[Utterance], np.ndarray],
        trained: bool,
        device: str = "cpu",
    ):
        self.make = make
        self.read = read
        self.trained = trained
        self.device = device
        self.memory = MemoryCache()

    def learn_frames(
        self, labelled: Sequence[tuple[Utterance, np.ndarray]], classes: int, seed: int
    ) -> Callable[[Utterance], np.ndarray]:
        """labelled: utterances, and a label for every frame of each, -1 for none. What is returned gives the labels of
        any utterance: [T]."""

        def loss(logits: Tensor, lengths: Tensor, chosen: np.ndarray, done: float) -> Tensor:
            targets = torch.full(logits.shape[:2], NO_LABEL)
            for row, place in enumerate(chosen):
                utterance, labels = labelled[place]
                check_length(utterance, len(labels), int(lengths[row]))
                targets[row, : len(labels)] = torch.from_numpy(labels)
            return F.cross_entropy(logits.transpose(1, 2), targets.to(logits.device), ignore_index=NO_LABEL)

        network = self.learned([utterance for utterance, _ in labelled], classes, loss, seed)
        return lambda utterance: self.told(network, utterance)

    def learn_sequences(
        self, labelled: Sequence[tuple[Utterance, Sequence[str]]], seed: int
    ) -> Callable[[Utterance], list[str]]:
        """labelled: utterances and what is said in each. What is returned writes down any utterance."""
        names = sorted({label for _, sequence in labelled for label in sequence})
        codes = {name: code for code, name in enumerate(names, start=BLANK + 1)}
        targets = [torch.tensor([codes[label] for label in sequence]) for _, sequence in labelled]

        def loss(logits: Tensor, lengths: Tensor, chosen: np.ndarray, done: float) -> Tensor:
            read, lengths, of_batch = logits.log_softmax(-1), lengths.cpu(), [targets[place] for place in chosen]
            if done < FLAT:
                spread = [each[torch.arange(n) * len(each) // n] for each, n in zip(of_batch, lengths.tolist())]
                inside = torch.arange(read.shape[1]) < lengths[:, None]
                return F.nll_loss(read[inside.to(read.device)], torch.cat(spread).to(read.device))
            counts = torch.tensor([len(each) for each in of_batch])
            joined = torch.cat(of_batch).to(read.device)
            return F.ctc_loss(read.transpose(0, 1), joined, lengths, counts, blank=BLANK)

        network = self.learned([utterance for utterance, _ in labelled], 1 + len(names), loss, seed)

        def write(utterance: Utterance) -> list[str]:
            path = self.told(network, utterance)
            runs = path[np.flatnonzero(np.diff(path, prepend=BLANK - 1))]  # one code of each
            return [names[code - 1] for code in runs.tolist() if code != BLANK]

        return write

    def learned(
        self,
        utterances: Sequence[Utterance],
        classes: int,
        loss: Callable[[Tensor, Tensor, np.ndarray, float], Tensor],
        seed: int,
    ) -> nn.ModuleList:
        """An encoder and a layer. loss(logits [B, T, K], lengths [B], places of the utterances [B], part of the steps
        that is done) is made small."""
        rng = np.random.default_rng(seed)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            encoder = self.make()
            network = nn.ModuleList([encoder, nn.Linear(encoder.dim, classes)]).to(self.device).train()
            network.requires_grad_(True)  # one that was frozen, too
        search = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
        for step in range(STEPS):
            for group in search.param_groups:
                group["lr"] = LEARNING_RATE * cosine(step, STEPS)
            chosen = rng.permutation(len(utterances))[:BATCH]
            features = [self.features(utterances[place]) for place in chosen]
            lengths = torch.tensor([len(each) for each in features], device=self.device)
            with torch.set_grad_enabled(not self.trained or step >= LAYER_ALONE * STEPS):
                encoded, lengths = encoder(stacked(features).to(self.device), lengths)
            search.zero_grad()
            loss(network[1](encoded), lengths, chosen, step / STEPS).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            search.step()
        return network.eval()

    @torch.inference_mode()
    def told(self, network: nn.ModuleList, utterance: Utterance) -> np.ndarray:
        """What a network says of every frame: [T]."""
        features = self.features(utterance)
        if not len(features):
            return np.zeros(0, np.int64)
        encoder, layer = network
        encoded, _ = encoder(stacked([features]).to(self.device), torch.tensor([len(features)], device=self.device))
        return layer(encoded)[0].argmax(-1).cpu().numpy()

    def features(self, utterance: Utterance) -> np.ndarray:
        key = (utterance.id, utterance.path, utterance.start)
        return self.memory.get(key, lambda: (self.read(utterance),))[0]


def check_length(utterance: Utterance, there: int, made: int) -> None:
    if there != made:
        raise ValueError(
            f"{utterance.id} has {there} frames in the encodings, and the encoder makes {made}; "
            "encode the corpus with the model that is to be fine-tuned"
        )
