"""What a model that is about to be saved learns once more, from whole utterances instead of crops."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from unitdisc.batch import padding_mask
from unitdisc.bottlenecks import Calibrated
from unitdisc.corpus import Utterance
from unitdisc.data.loader import FRAMES_IN_A_BATCH, features_of, stacked, whole_utterances
from unitdisc.data.signals import Signals
from unitdisc.model import UnitModel

MOST = 128  # utterances


class WholeUtterances:
    """Sets the switch cost of a model, if its bottleneck has one, on some utterances of the training corpus."""

    def __init__(self, signals: Signals, utterances: Sequence[Utterance], seed: int):
        chosen = np.random.default_rng(seed).permutation(len(utterances))[:MOST]
        self.signals = signals
        self.utterances = [utterances[i] for i in sorted(chosen.tolist())]
        self.batches: list[tuple[Tensor, Tensor]] | None = None  # features [B, T, F] and lengths [B], once read

    def __call__(self, model: UnitModel) -> None:
        if isinstance(model.bottleneck, Calibrated):
            self.batches = self.batches or list(self.read())
            if self.batches:
                model.bottleneck.calibrate(self.encoded(model))

    def read(self) -> Iterator[tuple[Tensor, Tensor]]:
        for group in whole_utterances(self.utterances, self.signals, FRAMES_IN_A_BATCH):
            features, _, _ = features_of(self.signals, [self.utterances[i] for i in group])
            if features:
                yield stacked(features), torch.tensor([len(frames) for frames in features])

    @torch.no_grad()
    def encoded(self, model: UnitModel) -> Iterator[tuple[Tensor, Tensor]]:
        """What the encoder makes of the utterances, and where there is no padding: [B, T, C], [B, T]."""
        device = next(model.parameters()).device
        for features, lengths in self.batches:
            encoded, lengths = model.encoder(features.to(device), lengths.to(device))
            yield encoded, padding_mask(lengths, encoded.shape[1])
