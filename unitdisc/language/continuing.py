"""A network that goes on with sequences symbol by symbol, keeping what it computed."""

from collections.abc import Sequence

import numpy as np
import torch

from unitdisc.language.network_model import NetworkModel


class NetworkContinues:
    """See `unitdisc.language.sampling.Continues`. cached: keeps keys and values, or the state of an LSTM."""

    def __init__(self, model: NetworkModel, cached: bool):
        self.model = model
        self.cached = cached
        self.state = None
        self.first = 0  # symbol that the network sees

    @torch.no_grad()
    def __call__(self, histories: Sequence[Sequence[int]]) -> np.ndarray:
        window, length = self.model.network.window, len(histories[0])
        if window is not None and length - self.first > window:
            self.first += window // 2
            self.state = None
        begin = length - 1 if self.state is not None else self.first
        ids = torch.tensor([history[begin:] for history in histories], device=self.model.device)
        scores, state = self.model.network(ids, self.state)
        self.state = state if self.cached else None
        return self.model.log_probs(scores[:, -1]).double().exp().cpu().numpy()
