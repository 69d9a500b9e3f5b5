"""A trained aligner: what it reads, what it knows to write, and its weights; kept in two files.

aligner.json         features, encoder, symbols, options and versions
aligner.safetensors  the weights
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from unitdisc import __version__
from unitdisc.alignment.alphabet import Alphabet, labels, spelled
from unitdisc.alignment.losses import scaled
from unitdisc.alignment.network import Writer
from unitdisc.alignment.paths import best_spans, intervals, least_frames
from unitdisc.corpus import Interval, Utterance
from unitdisc.data.base import Features, facts_of
from unitdisc.data.features import features_class
from unitdisc.encodings import centres_in_ticks
from unitdisc.files import write_json, written_aside
from unitdisc.files.text import read_json

WHOLE = 1.0  # weight of priors in alignment, as in hybrid systems: borders come nearer than with that of training
SETTINGS, WEIGHTS = "aligner.json", "aligner.safetensors"


class AlignerError(ValueError):
    """An aligner cannot be read, or a text cannot be aligned; the message says which and the cure."""


@dataclass(frozen=True)
class Aligned:
    """The characters of an utterance."""

    intervals: list[Interval]
    score: float  # how much more probable symbols are in their frames than anywhere, in nats; low: a wrong text?


@dataclass(frozen=True)
class Aligner:
    features: Features
    alphabet: Alphabet
    writer: Writer
    options: dict  # how it was trained, for the record; "prior": the weight of label priors in writing

    @classmethod
    def new(cls, features: Features, alphabet: Alphabet, options: dict, recurrent: int = 96) -> "Aligner":
        """One that knows nothing yet: a small encoder of line images, or of recordings."""
        kind = "conv2d" if features.images else "conv"
        writer = Writer(features.dim, len(alphabet.symbols), kind, recurrent=recurrent)
        return cls(features, alphabet, writer, options)

    def frames_of(self, frames: int) -> int:
        """How many frames the network makes of so many feature frames."""
        return -(-frames // self.writer.encoder.stride)

    def can_write(self, text: Sequence[str], frames: int) -> bool:
        """Whether a text has few enough symbols for so many feature frames."""
        return least_frames(self.alphabet.codes(text)) <= self.frames_of(frames)

    @torch.no_grad()
    def scores(self, features: np.ndarray, weight: float) -> torch.Tensor:
        """What the network says of every frame, over label priors of some weight: [T, C] -> [T / stride, K]."""
        self.writer.eval()
        log_probs, _ = self.writer(torch.from_numpy(features)[None], torch.tensor([len(features)]))
        return scaled(log_probs, self.writer.prior, weight)[0]

    def write(self, features: np.ndarray) -> list[str]:
        """What the network makes of [T, C] without being told: repetitions and blanks of CTC left out, no margins."""
        path = self.scores(features, self.options["prior"]).argmax(1)
        kept = [int(code) for place, code in enumerate(path) if code and (place == 0 or path[place - 1] != code)]
        return self.alphabet.text(kept)

    def align(self, utterance: Utterance, features: np.ndarray) -> Aligned:
        """Where the characters of the text of an utterance are: features [T, C].

        Raises AlignerError if there is no text, or one too long for its frames.
        """
        symbols = spelled(utterance)
        if len(symbols) == 2:
            raise AlignerError(f"{utterance.id}: has no text to align; give it one, or leave it out")
        if not self.can_write(symbols, len(features)):
            raise AlignerError(
                f"{utterance.id}: its text has {len(symbols) - 2} characters, too many for "
                f"{self.frames_of(len(features))} frames; is it the text of this line?"
            )
        spans = best_spans(self.scores(features, WHOLE), self.alphabet.codes(symbols))
        return Aligned(
            intervals(
                spans, labels(utterance), self.centres(utterance, self.frames_of(len(features))), utterance.ticks
            ),
            float(spans.scores.mean()),
        )

    def centres(self, utterance: Utterance, frames: int) -> np.ndarray:
        """When frames happen, in ticks of the utterance: [T]."""
        grid = self.features.grid(self.writer.encoder.stride, self.writer.encoder.offset)
        return centres_in_ticks(frames, grid, self.features.scale(utterance))


def save(aligner: Aligner, folder: Path) -> None:
    """Writes both files, the settings last."""
    state = {name: tensor.contiguous() for name, tensor in aligner.writer.state_dict().items()}
    with written_aside(folder / WEIGHTS) as aside:
        aside.write_bytes(safetensors.torch.save(state))
    settings = {
        "features": facts_of(aligner.features),
        "symbols": list(aligner.alphabet.symbols),
        "recurrent": aligner.writer.lstm.hidden_size if aligner.writer.lstm else 0,
        "options": aligner.options,
        "versions": {"unitdisc": __version__, "torch": torch.__version__},
    }
    write_json(folder / SETTINGS, settings)


def load(folder: Path) -> Aligner:
    """Reads what `save` wrote; runs no code from the folder. Raises AlignerError if it is missing or damaged."""
    path = folder / SETTINGS
    if not path.exists():
        raise AlignerError(f"{path}: not there; is {folder} the `aligner` folder that `unitdisc align` made?")
    try:
        settings = read_json(path)
        features = features_class(settings["features"]["kind"])(**settings["features"])
        alphabet = Alphabet(tuple(map(str, settings["symbols"])))
        options = settings["options"] | {"prior": float(settings["options"]["prior"])}
        aligner = Aligner.new(features, alphabet, options, int(settings["recurrent"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AlignerError(f"{path}: damaged ({error}); restore it, or train the aligner again") from error
    path = folder / WEIGHTS
    try:
        aligner.writer.load_state_dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise AlignerError(f"{path}: damaged ({reason}); restore it, or train the aligner again") from error
    aligner.writer.eval()
    return aligner
