"""A trained network as a language model: what it makes of utterances, and of a beginning."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from unitdisc.files import written_aside
from unitdisc.language.errors import LanguageError
from unitdisc.language.networks import build
from unitdisc.language.sequences import BEGIN
from unitdisc.language.vocabulary import Stream, Vocabulary

AT_ONCE = 8192  # symbols that are computed together, those of padding among them
LOG2_E = 1 / np.log(2)


class NetworkModel:
    """A network and its vocabulary.

    A Transformer sees `window` symbols. What comes after them in an utterance is told from a stretch that begins at a
    multiple of half a window, so that it sees half a window at least.
    """

    def __init__(self, vocabulary: Vocabulary, network: nn.Module):
        self.vocabulary = vocabulary
        self.network = network.eval().requires_grad_(False)
        self.device = torch.device("cpu")

    def to(self, device: str | None) -> None:
        """Computes there; None: on a GPU, if there is one."""
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.network.to(self.device)

    @torch.no_grad()
    def log2_probs(self, stream: Stream) -> np.ndarray:
        """Of every symbol after those before it in its utterance: [S], 0 at `<s>`."""
        found = np.zeros(len(stream.ids))
        for group in grouped(stretches(stream, self.network.window)):
            longest = max(end - start for start, _, end in group)
            ids = np.full((len(group), longest), BEGIN)
            for row, (start, _, end) in enumerate(group):
                ids[row, : end - start] = stream.ids[start:end]
            ids = torch.from_numpy(ids).to(self.device)
            log_probs = self.log_probs(self.network(ids[:, :-1])[0])
            chosen = log_probs.gather(2, ids[:, 1:, None])[..., 0].double().cpu().numpy()
            for row, (start, first, end) in enumerate(group):
                found[first:end] = chosen[row, first - start - 1 : end - start - 1]
        return found * LOG2_E

    @staticmethod
    def log_probs(scores: Tensor) -> Tensor:
        """Of scores [..., V]; `<s>` is never predicted."""
        scores = scores.float().clone()
        scores[..., BEGIN] = -torch.inf
        return scores.log_softmax(-1)


def stretches(stream: Stream, window: int | None) -> list[tuple[int, int, int]]:
    """Where a network begins to read, the first symbol that it tells, and where it ends, in a stream.

    The last symbol of a stretch is only told, so that a stretch has one more than it sees.
    """
    found = []
    for start, length in zip(stream.starts.tolist(), stream.lengths.tolist()):
        end, first = start + length, start + 1
        while window is not None and end - start > window + 1:
            found.append((start, first, start + window + 1))
            first = start + window + 1
            start += window // 2
        found.append((start, first, end))
    return found


def grouped(found: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Those of like length together, a few at a time."""
    group: list[tuple[int, int, int]] = []
    for each in sorted(found, key=lambda stretch: (stretch[2] - stretch[0], stretch)):
        if group and (len(group) + 1) * (each[2] - each[0]) > AT_ONCE:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def write_network(path: Path, network: nn.Module, known: dict[str, str] | None = None) -> None:
    """known: what is kept beside the weights, and `known_of` reads."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with written_aside(path) as aside:
        aside.write_bytes(safetensors.torch.save(state, known))


def known_of(path: Path) -> dict[str, str]:
    """What was kept beside the weights; nothing where there are none, or they are damaged."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, safetensors.SafetensorError):
        return {}


def read_network(path: Path, kind: str, vocabulary: Vocabulary, options: dict) -> NetworkModel:
    """Raises LanguageError naming the file if it is damaged, or of another model than its card says."""
    try:
        network = build(kind, len(vocabulary), options)
        network.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise LanguageError(
            f"{path}: damaged, or not as lm.json beside it says ({first}); make the model again"
        ) from error
    if wrong := [name for name, weight in network.state_dict().items() if not weight.isfinite().all()]:
        raise LanguageError(f"{path}: {wrong[0]} is not finite; make the model again")
    return NetworkModel(vocabulary, network)
