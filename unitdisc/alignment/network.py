"""The network that writes: an encoder, an LSTM in both directions, and a log-probability of every symbol."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unitdisc.batch import padding_mask
from unitdisc.encoders import ENCODERS

SMALL = {  # encoders that learn from some thousand lines, or an hour of speech, in minutes
    "conv2d": {"channels": [16, 32, 48, 64], "stride": 2},
    "conv": {"dim": 128, "stride": 2},
}


class Writer(nn.Module):
    """Features to log-probabilities: [B, T, C], [B] -> [B, ceil(T / stride), 1 + symbols], [B].

    recurrent: units of the LSTM in either direction; 0 for none, so that a frame is seen with its surroundings alone.
    prior: how frequent each symbol is over frames, a moving average that training keeps (see `losses`).
    """

    def __init__(self, in_dim: int, symbols: int, encoder: str, options: dict | None = None, recurrent: int = 96):
        super().__init__()
        if recurrent < 0:
            raise ValueError(f"recurrent must be 0 or more units, not {recurrent}")
        self.encoder = ENCODERS[encoder](in_dim, **(SMALL[encoder] if options is None else options))
        self.lstm = nn.LSTM(self.encoder.dim, recurrent, 1, batch_first=True, bidirectional=True) if recurrent else None
        self.output = nn.Linear(2 * recurrent or self.encoder.dim, 1 + symbols)
        self.register_buffer("prior", torch.full((1 + symbols,), 1 / (1 + symbols)))

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.encoder(features, lengths)
        if self.lstm is not None:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            x = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        return self.output(x).log_softmax(-1), lengths

    @torch.no_grad()
    def follow(self, log_probs: Tensor, lengths: Tensor, decay: float) -> None:
        """Moves the prior towards how frequent symbols are in a batch."""
        inside = padding_mask(lengths, log_probs.shape[1])
        self.prior.lerp_(log_probs[inside].exp().mean(0), 1 - decay)
