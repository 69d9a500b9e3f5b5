"""Between the bottleneck and the decoder: time jitter, the mixing convolution, and the speaker."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.training.distributed import uniform


class TimeJitter(nn.Module):
    """While training, replaces a latent by its left or right neighbour (Chorowski et al., 2019).

    probability: that a latent is replaced at all, half of it for each side. The choice is made for every latent on
    its own; at the ends of an utterance a latent that would come from outside stays. Gradients reach the neighbour
    that was heard instead, which is what makes latents change slowly.
    """

    def __init__(self, probability: float = 0.12):
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(f"the jitter's probability must be between 0 and 1, not {probability}")
        self.probability = probability

    def forward(self, latents: Tensor, lengths: Tensor) -> Tensor:
        """latents: [B, T, D], lengths: [B] -> [B, T, D]."""
        if not self.training or self.probability == 0:
            return latents
        batch, time, dim = latents.shape
        chance = uniform(batch, time, device=latents.device)
        half = self.probability / 2
        step = (chance > 1 - half).long() - (chance < half).long()
        here = torch.arange(time, device=latents.device).expand(batch, -1)
        source = (here + step).clamp(min=0)
        outside = source >= lengths[:, None]  # never import padding
        source = torch.where(outside, here, source)
        return latents.gather(1, source[..., None].expand(-1, -1, dim))


class Conditioner(nn.Module):
    """Mixes neighbouring latents and appends who is speaking.

    speaker: "one-hot" (the paper's), "embedding", or "none". An unknown speaker, index -1, is all zeros.
    """

    def __init__(
        self, latent_dim: int, num_speakers: int, dim: int = 128, speaker: str = "one-hot", speaker_dim: int = 64
    ):
        super().__init__()
        if speaker not in ("none", "one-hot", "embedding"):
            raise ValueError(f"unknown speaker conditioning {speaker!r}: choose 'none', 'one-hot' or 'embedding'")
        self.convolve = nn.Conv1d(latent_dim, dim, kernel_size=3, padding=1)
        self.num_speakers = num_speakers
        self.speaker = speaker
        self.embedding = nn.Embedding(num_speakers, speaker_dim) if speaker == "embedding" else None
        self.dim = dim + {"none": 0, "one-hot": num_speakers, "embedding": speaker_dim}[speaker]

    def forward(self, latents: Tensor, lengths: Tensor, speakers: Tensor) -> Tensor:
        """latents: [B, T, D], lengths and speakers: [B] -> condition: [B, T, self.dim]."""
        mixed = self.mix(latents, lengths)
        if self.speaker == "none":
            return mixed
        return torch.cat([mixed, self.identity(speakers)[:, None].expand(-1, mixed.shape[1], -1)], dim=-1)

    def mix(self, latents: Tensor, lengths: Tensor) -> Tensor:
        """What the decoder is told of the content alone: [B, T, D], [B] -> [B, T, dim]."""
        inside = torch.arange(latents.shape[1], device=latents.device) < lengths[:, None]
        return self.convolve((latents * inside[..., None]).transpose(1, 2)).transpose(1, 2)

    def identity(self, speakers: Tensor) -> Tensor:
        """The vector of every speaker: [B] -> [B, speaker_dim or num_speakers]."""
        known = (speakers >= 0)[:, None]
        index = speakers.clamp(min=0)
        vectors = F.one_hot(index, self.num_speakers) if self.embedding is None else self.embedding(index)
        return vectors * known
