"""The nine-layer residual convolutional encoder of Chorowski, Weiss, Bengio & van den Oord (2019)."""

import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import padding_mask


class ConvEncoder(nn.Module):
    """Two convolutions, one or two that halve the rate, two more, then four frame-by-frame layers; all ReLU.

    With features every 10 ms, `stride=2` gives latents at 50 Hz that see 16 frames, `stride=4` gives 25 Hz and 30
    frames. Every layer that keeps the shape is residual, `x + relu(W * x)`. kernel: width of the two convolutions after
    the rate was halved, which sets the field of view: 8 + 4 (kernel - 1) frames at 50 Hz, 14 + 8 (kernel - 1) at 25.
    """

    def __init__(self, in_dim: int, dim: int = 768, stride: int = 2, kernel: int = 3):
        super().__init__()
        if stride not in (2, 4):
            raise ValueError(f"the encoder's stride must be 2 (50 Hz) or 4 (25 Hz), not {stride}")
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"the encoder's kernel must be 1 or more, and odd, not {kernel}")
        self.dim = dim
        self.stride = stride
        self.offset = (stride - 1) / 2
        self.reach = {2: 4, 4: 7}[stride] + stride * (kernel - 1)  # half of the receptive field
        halvings = [nn.Conv1d(dim, dim, 4, stride=2, padding=1) for _ in range(stride // 2)]
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(in_dim, dim, 3, padding=1),
                nn.Conv1d(dim, dim, 3, padding=1),
                *halvings,
                nn.Conv1d(dim, dim, kernel, padding=kernel // 2),
                nn.Conv1d(dim, dim, kernel, padding=kernel // 2),
                *[nn.Conv1d(dim, dim, 1) for _ in range(4)],
            ]
        )

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""
        features = F.pad(features, (0, 0, 0, -features.shape[1] % self.stride))
        x = zero_padding(features.transpose(1, 2), lengths)
        for layer in self.layers:
            y = layer(x).relu()
            if layer.stride[0] > 1:
                lengths = -(-lengths // layer.stride[0])
            # what lies past the end must stay zero, or the next layer would carry it back inside
            x = zero_padding(x + y if y.shape == x.shape else y, lengths)
        return x.transpose(1, 2), lengths


def zero_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """Zeros past the end of every item: x [B, C, T], lengths [B]."""
    return x * padding_mask(lengths, x.shape[2])[:, None]
