"""One padded minibatch: everything the models know about the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from unitdisc.training.distributed import share_of_count


@dataclass(frozen=True)
class Batch:
    """A minibatch of crops.

    The encoder reads some frames on either side of what the decoder predicts, so that no
    latent lacks its context: the target begins at frame `starts` of the features.
    """

    features: Tensor  # [B, T, C]       what the encoder reads
    lengths: Tensor  # [B]              feature frames before padding
    starts: Tensor  # [B]               the feature frame where the target begins, a multiple of the encoder's stride
    target: Tensor  # [B, S, ...]       what the decoder predicts
    target_lengths: Tensor  # [B]       target steps before padding
    target_frames: int  # F             feature frames the padded target spans; S is a multiple of it
    speakers: Tensor  # [B]             speaker (or writer) index; -1 if unknown
    codes: Tensor | None = None  # [B, S', N]  of N codebooks, what is predicted of latents behind the target, or known
    counts: Mapping[str, Tensor] = field(default_factory=dict)  # of a part of a step: what its losses divide by
    second_view: Tensor | None = None  # [B, T, C]  the features in another voice, or clean; None: nothing asks for it

    @property
    def target_mask(self) -> Tensor:
        return padding_mask(self.target_lengths, self.target.shape[1])

    def split(self, parts: int) -> list["Batch"]:
        """The items in as many parts of the same size."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value.chunk(parts) for name, value in values.items() if isinstance(value, Tensor)}
        return [replace(self, **{name: pieces[i] for name, pieces in tensors.items()}) for i in range(parts)]

    def in_both_views(self) -> "Batch":
        """Every item twice in a row, with its features and with its second view: a batch of 2 B."""
        twice = self.changed(lambda tensor: tensor.repeat_interleave(2, dim=0))
        features = torch.stack([self.features, self.second_view], dim=1).flatten(0, 1)
        counts = {name: 2 * count for name, count in self.counts.items()}
        return replace(twice, features=features, second_view=None, counts=counts)

    def to(self, device: torch.device | str) -> "Batch":
        """On a device; a GPU is not waited for if the memory is pinned."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """In memory that a GPU copies from by itself; DataLoader asks for it."""
        return self.changed(Tensor.pin_memory)

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """With every tensor changed."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(**{name: change(value) if isinstance(value, Tensor) else value for name, value in values.items()})


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    """True inside the utterance, False in the padding: [B, size]."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def masked_mean(values: Tensor, mask: Tensor, count: Tensor | None = None) -> Tensor:
    """The mean of the values inside the mask, both [B, T]; what several processes or parts find averages to it.

    count: the share of one part, see `share_of_count`, of the places that all masks of the step let through. None: of
    the places that the masks of all processes let through, which is right where a step is not computed in parts.
    """
    divisor = share_of_count(mask.sum()) if count is None else count
    return torch.where(mask, values, 0).sum() / divisor  # not values[mask], for whose size a GPU would have to wait


def mean_of_chosen(values: Tensor, chosen: Tensor, lengths: Tensor, count: Tensor | None = None) -> Tensor:
    """The mean of values at the chosen places of every item, both [B, ...]; an item weighs as much as it is long: [B].

    For places that are chosen by chance: no part of a step needs to know how many there are in the others. An item
    without any counts as 0. count: see `masked_mean`, of the lengths.
    """
    sums = torch.where(chosen, values, 0).flatten(1).sum(1)
    divisor = share_of_count(lengths.sum()) if count is None else count
    return (sums / chosen.flatten(1).sum(1).clamp(min=1) * lengths).sum() / divisor


def cut(frames: Tensor, starts: Tensor, size: int) -> Tensor:
    """Takes `size` frames from `starts` on, zeros past the end: [B, T, C], [B] -> [B, size, C]."""
    index = starts[:, None] + torch.arange(size, device=starts.device)  # [B, size]
    inside = index < frames.shape[1]
    taken = frames.gather(1, index.clamp(max=frames.shape[1] - 1)[..., None].expand(-1, -1, frames.shape[2]))
    return taken * inside[..., None]


def laid(places: Tensor, starts: Tensor, size: int) -> Tensor:
    """Puts places [B, S] where `cut` takes them from, False elsewhere: [B, S], [B] -> [B, size]."""
    index = torch.arange(size, device=starts.device) - starts[:, None]
    inside = (index >= 0) & (index < places.shape[1])
    return places.gather(1, index.clamp(0, places.shape[1] - 1)) & inside
