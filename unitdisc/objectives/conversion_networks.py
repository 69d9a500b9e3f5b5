"""Networks of conversion: one that changes lines as a whole, one that draws them, and a critic of hands.

Utterances are converted as their spectrograms are, of which frames are the columns and mel bins the rows.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.unet import UNet, pooled
from unitdisc.training.precision import in_full

CELL = 8  # columns from one score of the critic to the next
STEEPEST = 1.0  # columns to the right for each row upwards, at most, that a line is leant
TALLEST = 0.4  # logarithm of how many times as tall it becomes, at most
FURTHEST = 0.15  # of its height, that it is moved up or down, at most
FAINTEST = 0.01  # of the energies of utterances, whose logits would be infinite
LEAST_VARIANCE = 1e-4
SURE = 3.0  # logit of ink as it is, before a network has learned anything


class HandFeatures(nn.Module):
    """Convolutions that see all rows, and some 50 columns: C = 4 * channels numbers for every 8 columns."""

    def __init__(self, rows: int, channels: int):
        super().__init__()
        widths = [1, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, stride=2, padding=1) for narrow, wide in pairwise(widths)
        )
        self.tall = nn.Conv2d(widths[-1], widths[-1], (3, -(-rows // CELL)), padding=(1, 0))
        for layer in (*self.layers, self.tall):  # or a contest is over before they tell anything
            nn.init.kaiming_normal_(layer.weight, 0.2)
            nn.init.zeros_(layer.bias)

    def forward(self, lines: Tensor, mask: Tensor) -> Tensor:
        """lines [B, S, H], mask [B, S] -> [B, C, ceil(S / 8)]; what lies beside a line is as nothing."""
        rows, columns = -lines.shape[2] % CELL, -lines.shape[1] % CELL
        x, inside = F.pad(lines, (0, rows, 0, columns))[:, None], F.pad(mask.to(lines.dtype), (0, columns))
        for layer in self.layers:
            inside = pooled(inside, 2).sign()
            x = F.leaky_relu(layer(x), 0.2) * inside[:, None, :, None]
        return F.leaky_relu(self.tall(x)[..., 0], 0.2) * inside[:, None]


class HandCritic(nn.Module):
    """Scores every stretch of a line as one by each speaker (as of StarGAN v2, Choi et al., 2020)."""

    def __init__(self, rows: int, num_speakers: int, channels: int):
        super().__init__()
        self.features = HandFeatures(rows, channels)
        self.last = nn.Conv1d(4 * channels, num_speakers, 1)

    def forward(self, lines: Tensor, mask: Tensor) -> Tensor:
        """[B, S, H], [B, S] -> scores, the higher the more it is taken for theirs: [B, ceil(S / 8), num_speakers]."""
        return in_full(self.last(self.features(lines, mask))).transpose(1, 2)


class Posture(nn.Module):
    """Leans a line, stretches its height and moves it up or down, all of it alike (Jaderberg et al., 2015).

    Convolutions look at the line, and know whose it is to look like. A U-Net alone moves no stroke by more than its
    width: half-way there the line is neither hand's.
    """

    def __init__(self, rows: int, num_speakers: int, channels: int):
        super().__init__()
        self.features = HandFeatures(rows, channels)
        self.decide = nn.Sequential(nn.Linear(4 * channels + num_speakers, 64), nn.LeakyReLU(0.2), nn.Linear(64, 3))

    def forward(self, lines: Tensor, told: Tensor, mask: Tensor) -> Tensor:
        """lines [B, S, H], told [B, N], mask [B, S] -> [B, S, H]."""
        seen = self.features(lines, mask)
        inside = cells_in(mask).to(seen.dtype)[:, None]
        seen = (seen * inside).sum(2) / inside.sum(2).clamp(min=1)
        slope, tall, shift = self.decide(torch.cat([seen, told.to(seen.dtype)], dim=1)).tanh().unbind(1)
        return leant(stretched(lines, TALLEST * tall, FURTHEST * shift), STEEPEST * slope)


def stretched(lines: Tensor, tall: Tensor, shift: Tensor) -> Tensor:
    """Rows drawn apart from their middle by exp(tall) and moved by shift of all, both [B]: [B, S, H] -> the same."""
    height = lines.shape[2]
    rows = torch.arange(height, device=lines.device, dtype=lines.dtype)
    middle = (height - 1) / 2
    source = middle + (rows - middle) * torch.exp(-tall)[:, None] - height * shift[:, None]
    weights = (1 - (source[:, None] - rows[:, None]).abs()).relu()  # [B, from, to]
    return lines @ weights


def leant(lines: Tensor, slope: Tensor) -> Tensor:
    """Every row moved to the right by slope [B] times its rows above the middle: [B, S, H] -> the same."""
    batch, _, height = lines.shape
    most = int(STEEPEST * height / 2) + 1
    above = (height - 1) / 2 - torch.arange(height, device=lines.device, dtype=lines.dtype)
    places = torch.arange(-most, most + 1, device=lines.device, dtype=lines.dtype)
    weights = (1 - (places + (slope[:, None] * above)[..., None]).abs()).relu()  # [B, H, places]
    flat = lines.transpose(1, 2).flatten(0, 1)[None]
    moved = F.conv1d(flat, weights.flatten(0, 1)[:, None], padding=most, groups=batch * height)
    return moved[0].unflatten(0, (batch, height)).transpose(1, 2)


def cells_in(mask: Tensor) -> Tensor:
    """Which cells of the critic lie in the line by half or more: [B, S] -> [B, ceil(S / 8)]."""
    return pooled(F.pad(mask.float(), (0, -mask.shape[1] % CELL)), CELL) >= 0.5


class Timbre(nn.Module):
    """Gives every mel bin of an utterance the mean and the deviation that it has of the speaker asked for.

    Which these are is learned, by `apart` (of what layers say, so AdaIN-VC does it: Chou et al., 2019).
    """

    def __init__(self, rows: int, num_speakers: int):
        super().__init__()
        self.mean = nn.Parameter(torch.full((num_speakers, rows), 0.5))
        self.deviation = nn.Parameter(torch.full((num_speakers, rows), 0.2))

    def forward(self, lines: Tensor, told: Tensor, mask: Tensor) -> Tensor:
        """lines [B, S, H], told [B, N], mask [B, S] -> [B, S, H]."""
        mean, deviation = statistics(lines, mask)
        told = told.to(self.mean.dtype)
        ours = (lines - mean[:, None]) / deviation[:, None]
        return (ours * (told @ self.deviation)[:, None] + (told @ self.mean)[:, None]).clamp(0, 1)

    def apart(self, lines: Tensor, speakers: Tensor, mask: Tensor) -> Tensor:
        """How far utterances by these speakers [B] are from what is known of them: [B]."""
        mean, deviation = statistics(lines, mask)
        return ((self.mean[speakers] - mean).abs() + (self.deviation[speakers] - deviation).abs()).mean(-1)


def statistics(lines: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every row over the columns of a line, which is never quite 0: [B, S, H] -> [B, H] each."""
    inside = mask[..., None].to(lines.dtype)
    size = inside.sum(1).clamp(min=1)
    mean = (lines * inside).sum(1) / size
    variance = ((lines - mean[:, None]).square() * inside).sum(1) / size
    return mean, (variance + LEAST_VARIANCE).sqrt()


class HandWriter(nn.Module):
    """What writes a line as one of some speakers would: a U-Net that draws it another way, once it is changed whole.

    That is `Posture` of lines, and `Timbre` of utterances. It begins with what these make, and `Posture` with lines as
    they are, so that its critic has real ones to look at from the first step on.
    """

    def __init__(
        self, rows: int, num_speakers: int, *, posture: bool, spoken: bool, channels: int, layers: int, depth: int
    ):
        super().__init__()
        whole = Timbre(rows, num_speakers) if spoken else Posture(rows, num_speakers, channels)
        self.posture = whole if posture else None
        self.spoken = spoken
        self.strokes = UNet(rows, 1, num_speakers, channels=channels, layers=layers, depth=depth)

    def forward(self, lines: Tensor, told: Tensor, mask: Tensor) -> Tensor:
        """lines [B, S, H], told [B, N], mask [B, S] -> logits of ink: [B, S, H]."""
        posed = lines if self.posture is None else self.posture(lines, told, mask)
        begun = posed.logit(eps=FAINTEST) if self.spoken else SURE * (2 * posed - 1)
        return in_full(self.strokes(posed, told[:, None], mask)[..., 0] + begun)
