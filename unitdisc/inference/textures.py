"""Lines in the texture of another hand, by optimising their pixels (Gatys et al., 2016), in features of an encoder."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unitdisc.batch import padding_mask
from unitdisc.data.loader import stacked
from unitdisc.encoders.conv2d import Conv2dEncoder

RATE = 0.1  # of Adam, over logits of ink
SURE = 0.98  # ink of what is black when it begins
LEAST = 1e-9  # that sums of squares are taken to be


@dataclass(frozen=True)
class TextureOptions:
    """How textures are told, and met.

    lines: by a hand that are looked at, at most, evenly chosen. steps: of Adam. content: weight of what is written
    against that of the texture.

    Raises ValueError for what cannot be.
    """

    lines: int = 8
    steps: int = 150
    content: float = 1.0

    def __post_init__(self):
        if min(self.lines, self.steps) < 1:
            raise ValueError(f"`lines` and `steps` must be 1 or more, not {self.lines} and {self.steps}")
        if not 0 <= self.content < float("inf"):
            raise ValueError(f"`content` must be 0 or more, not {self.content}")


def layers_of(encoder: Conv2dEncoder, inks: Tensor, lengths: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """What every convolution but the last makes of lines, and where that is in a line.

    inks [B, T, H], lengths [B] -> [B, T', H', C] each, 0 beside lines; [B, T'] each.
    """
    seen: list[Tensor] = []
    hooks = [norm.register_forward_hook(lambda _, __, made: seen.append(made.relu())) for norm in encoder.norms]
    encoder(inks, lengths)
    for hook in hooks:
        hook.remove()
    masks = []
    for layer, made in zip(encoder.layers, seen[:-1]):
        lengths = -(-lengths // layer.stride[0])
        masks.append(padding_mask(lengths, made.shape[1]))
    return [made * mask[..., None, None] for made, mask in zip(seen, masks)], masks


def textures(layers: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
    """How strongly channels occur together, over rows and columns of every line: [B, C, C] for every layer."""
    found = []
    for made, mask in zip(layers, masks, strict=True):
        places = (mask.sum(1) * made.shape[2]).clamp(min=1)
        found.append(torch.einsum("bthc,bthd->bcd", made, made) / places[:, None, None])
    return found


def batched(encoder: Conv2dEncoder, inks: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Lines, [T, H] each, with paper on their right, and how long they are: [B, T, H], [B]."""
    device = next(encoder.parameters()).device
    lengths = torch.tensor([len(ink) for ink in inks], device=device)
    return stacked(inks, int(lengths.max())).to(device), lengths


@torch.no_grad()
def texture_of(encoder: Conv2dEncoder, inks: Sequence[np.ndarray]) -> list[Tensor]:
    """The mean texture of lines, [T, H] each: [1, C, C] for every layer."""
    return [gram.mean(0, keepdim=True) for gram in textures(*layers_of(encoder, *batched(encoder, inks)))]


def restyled(
    encoder: Conv2dEncoder, wanted: Sequence[Tensor], options: TextureOptions, inks: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Lines, ink [T, H] each, with the texture that is wanted, [1, C, C] for every layer.

    Pixels of a line, which begins as it is, move until the squared distances from the texture, and of the last layer
    from what it was, are as small as they can be, each over the squares of what is wanted. None depends on the others.
    """
    original, lengths = batched(encoder, inks)
    inside = padding_mask(lengths, original.shape[1])[..., None]
    with torch.no_grad():
        written = layers_of(encoder, original, lengths)[0][-1]
    logits = torch.logit(original.clamp(1 - SURE, SURE)).requires_grad_()
    adam = torch.optim.Adam([logits], RATE)
    for _ in range(options.steps):
        layers, masks = layers_of(encoder, logits.sigmoid() * inside, lengths)
        loss = options.content * apart(layers[-1], written)
        for gram, like in zip(textures(layers, masks), wanted, strict=True):
            loss = loss + apart(gram, like)
        (logits.grad,) = torch.autograd.grad(loss.sum(), [logits])
        adam.step()
    made = (logits.sigmoid() * inside).detach().cpu().numpy()
    return [ink[:length] for ink, length in zip(made, lengths.tolist(), strict=True)]


def apart(found: Tensor, wanted: Tensor) -> Tensor:
    """The squared distance over the square of what is wanted, item by item: [B, ...] -> [B]."""
    return (found - wanted).square().flatten(1).sum(1) / wanted.square().flatten(1).sum(1).clamp(min=LEAST)
