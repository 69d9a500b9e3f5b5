"""Where is a voice? What the network of Silero says, whose weights the package `silero-vad` brings along.

Silero VAD (Silero Team, 2024, https://github.com/snakers4/silero-vad) learned from many languages and noises. Its
weights are read as plain arrays: nothing of the package is imported, which would set the threads of torch, and its
TorchScript is not run.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from unitdisc.corpus import CorpusError

RATE = 16_000
CHUNK = 512  # samples that get one probability
CONTEXT = 64  # samples of the chunk before that are shown with each
WEIGHTS = Path("data", "silero_vad_16k.safetensors")


class SileroNetwork(nn.Module):
    """A magnitude spectrum (256 samples, every 128), four convolutions, an LSTM over chunks: how likely a voice is.

    The names of the parts are those of the file of weights.
    """

    def __init__(self):
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def described(self, chunks: Tensor) -> Tensor:
        """Chunks with what was before them, [N, 64 + 512] -> [N, 128]."""
        real, imaginary = self.stft_conv(F.pad(chunks[:, None], (0, CONTEXT), "reflect")).split(129, dim=1)
        found = (real.square() + imaginary.square()).sqrt()
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            found = conv(found).relu()
        return found.squeeze(2)

    def forward(self, chunks: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """chunks: of C channels, [C, N, 64 + 512] -> probabilities [C, N]; state: of the LSTM, [C, 128] each."""
        described = self.described(chunks.flatten(0, 1)).unflatten(0, chunks.shape[:2])
        heard = []
        for step in range(chunks.shape[1]):
            state = self.lstm_cell(described[:, step], state)
            heard.append(state[0])
        hidden = torch.stack(heard, dim=2) if heard else described.transpose(1, 2)
        return self.final_conv(hidden.relu()).squeeze(1).sigmoid(), state


class SileroDetector:
    """Hears a recording of several channels block by block."""

    def __init__(self, rate: int, channels: int):
        """rate: ticks a second, of any number; it is brought to 16,000. Raises CorpusError if there are no weights."""
        self.network = network()
        self.resampled = None if rate == RATE else soxr.ResampleStream(rate, RATE, channels, dtype="float32")
        self.rate = rate
        self.rest = np.zeros((CONTEXT, channels), np.float32)  # what was before, and what fills no chunk yet
        self.state = (torch.zeros(channels, 128), torch.zeros(channels, 128))
        self.found: list[np.ndarray] = []

    def add(self, samples: np.ndarray) -> None:
        """The next ticks, [ticks, channels]."""
        samples = np.nan_to_num(samples.astype(np.float32, copy=False))
        self.hear(samples if self.resampled is None else self.resampled.resample_chunk(samples))

    @torch.inference_mode()
    def hear(self, samples: np.ndarray) -> None:
        waiting = np.concatenate([self.rest, samples])
        count = (len(waiting) - CONTEXT) // CHUNK
        self.rest = waiting[count * CHUNK :]
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(waiting, CONTEXT + CHUNK, axis=0)[::CHUNK][:count]
            chunks = torch.from_numpy(windows.transpose(1, 0, 2).copy())
            likely, self.state = self.network(chunks, self.state)
            self.found.append(likely.numpy())

    def likely(self, hop: int, frames: int) -> np.ndarray:
        """How likely somebody speaks in frames of `hop` ticks, [channels, frames]; after the last tick was added."""
        if self.resampled is not None:
            self.hear(self.resampled.resample_chunk(np.zeros((0, self.rest.shape[1]), np.float32), last=True))
        self.hear(np.zeros((CHUNK - 1, self.rest.shape[1]), np.float32))  # what is left of the last chunk
        found = np.concatenate(self.found, axis=1) if self.found else np.zeros((self.rest.shape[1], 1), np.float32)
        centres = (np.arange(frames) + 0.5) * hop / self.rate
        return found[:, np.minimum((centres * RATE / CHUNK).astype(int), found.shape[1] - 1)]


@cache
def network() -> SileroNetwork:
    """Raises CorpusError if the package, or its file of weights, is not there."""
    found = find_spec("silero_vad")
    paths = [Path(folder) / WEIGHTS for folder in (found.submodule_search_locations or [])] if found else []
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        what = "has no file of weights that is read here" if found else "is not installed"
        raise CorpusError(f"silero-vad, by which voices are to be found, {what}: pip install 'unitdisc[vad]'")
    loaded = SileroNetwork()
    loaded.load_state_dict(load_file(path))
    return loaded.eval().requires_grad_(False)
