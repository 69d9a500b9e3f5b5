"""Training an aligner on the texts of a corpus: by seed, epoch by epoch, so that it can be stopped and go on."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import nn

from unitdisc.alignment.aligner import Aligner, AlignerError
from unitdisc.alignment.alphabet import Alphabet, spelled
from unitdisc.alignment.losses import prior_ctc
from unitdisc.corpus import Utterance, corpus_checksum, held_out
from unitdisc.data.base import Features
from unitdisc.data.loader import stacked
from unitdisc.evaluation.texts import SPACE
from unitdisc.files import written_aside
from unitdisc.training.schedules import cosine

MOST_HELD_OUT = 64  # utterances
CLIP = 5.0
DECAY = 0.98  # of the running average of priors, over batches
WARM_UP = 0.6  # part of the epochs before priors count: while little is known they lead astray
BUCKETS = 16  # batches among which utterances of like length are brought together

Read = Callable[[Utterance], np.ndarray]  # the features of an utterance, [T, C]
Tell = Callable[[int, int, float, float | None], None]  # epoch, batch, loss, held-out error rate


@dataclass(frozen=True)
class AlignOptions:
    """How an aligner is trained. Raises ValueError naming the option that cannot be."""

    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 2e-3
    prior: float = 0.3  # weight of label priors; 0 is plain CTC
    recurrent: int = 96  # units of the LSTM in either direction; 0 for none
    held_out: float = 0.05  # share of the utterances that its error rate is told of
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if not 0 <= self.prior < 1 or not 0 <= self.held_out < 1:
            raise ValueError(f"prior and held_out must be 0 or more and below 1, not {self.prior} and {self.held_out}")
        if self.recurrent < 0 or self.seed < 0 or not self.learning_rate > 0:
            raise ValueError("recurrent and seed must be 0 or more, and learning_rate above 0")


@dataclass(frozen=True)
class Learned:
    aligner: Aligner
    error_rate: float | None  # of characters written of held-out utterances; None where none are held out
    too_long: list[str]  # utterances whose text has too many characters for their frames: not learned from
    unseen: list[Utterance]  # that were held out


def trained(
    features: Features,
    utterances: Sequence[Utterance],
    read: Read,
    options: AlignOptions,
    state: Path | None = None,
    tell: Tell | None = None,
) -> Learned:
    """Learns to write the texts of utterances; those without one are left out.

    read: gives the features of an utterance; state: file from which an interrupted training goes on, written after
    every epoch. The result is the same, bit for bit, however often it was interrupted.
    Raises AlignerError if there is no text to learn, or if the file is of another training.
    """
    utterances = sorted((u for u in utterances if (u.text or "").strip()), key=lambda utterance: utterance.id)
    alphabet = Alphabet.of(spelled(utterance) for utterance in utterances)
    torch.manual_seed(options.seed)
    aligner = Aligner.new(features, alphabet, asdict(options), options.recurrent)
    fits = [aligner.can_write(spelled(u), features.frames_in(u)) for u in utterances]
    too_long = [u.id for u, fit in zip(utterances, fits) if not fit]
    usable = [u for u, fit in zip(utterances, fits) if fit]
    if not usable:
        what = f"the text of {too_long[0]}, like all others, is too long for its frames" if too_long else "no text"
        raise AlignerError(f"there is nothing to learn from: {what}; give utterances with their texts")
    learning, unseen = held_out(usable, options.held_out, options.seed, most=MOST_HELD_OUT)
    training = Training(aligner, options, state, corpus_of(learning))
    for epoch in range(training.epoch, options.epochs):
        training.run(epoch, learning, read, lambda batch, loss, epoch=epoch: tell and tell(epoch, batch, loss, None))
        if tell and epoch + 1 < options.epochs:
            tell(epoch, 0, training.loss, error_rate(aligner, unseen, read))
    error = error_rate(aligner, unseen, read)
    if tell:
        tell(options.epochs - 1, 0, training.loss, error)
    return Learned(aligner, error, too_long, list(unseen))


def corpus_of(utterances: Sequence[Utterance]) -> str:
    """Names utterances and texts: what a training that goes on must have in common with the one before."""
    texts = "\n".join(utterance.text or "" for utterance in utterances)
    return corpus_checksum(utterances) + hashlib.sha256(texts.encode()).hexdigest()


class Training:
    """The weights in training, and the file that holds them between epochs."""

    def __init__(self, aligner: Aligner, options: AlignOptions, state: Path | None, corpus: str):
        self.aligner = aligner
        self.options = options
        self.optimiser = torch.optim.Adam(aligner.writer.parameters(), options.learning_rate)
        self.state = state
        self.origin = {"corpus": corpus, "options": str({**asdict(options)}), "features": str(aligner.features)}
        self.epoch = 0
        self.loss = 0.0
        self.resume()

    def resume(self) -> None:
        """Raises AlignerError if the file is damaged or of another training."""
        if self.state is None or not self.state.exists():
            return
        try:
            kept = torch.load(self.state, map_location="cpu", weights_only=True)
            same = kept["origin"] == self.origin
            if same:
                self.aligner.writer.load_state_dict(kept["writer"])
                self.optimiser.load_state_dict(kept["optimiser"])
                self.epoch, self.loss = kept["epoch"], kept["loss"]
        except Exception as error:  # whatever a damaged file makes torch raise
            raise AlignerError(f"{self.state}: damaged; remove it, and training begins anew") from error
        if not same:
            raise AlignerError(
                f"{self.state}: is of a training on another corpus, or with other options; choose another folder, or "
                "remove it to begin anew"
            )

    def keep(self, epoch: int) -> None:
        if self.state is None:
            return
        values = {"origin": self.origin, "epoch": epoch, "loss": self.loss}
        values |= {"writer": self.aligner.writer.state_dict(), "optimiser": self.optimiser.state_dict()}
        with written_aside(self.state) as aside, aside.open("wb") as file:
            torch.save(values, file)

    def run(self, epoch: int, utterances: Sequence[Utterance], read: Read, tell: Callable[[int, float], None]) -> None:
        """One epoch; the learning rate falls to 0 along a cosine over all of them."""
        writer, options = self.aligner.writer, self.options
        batches = batches_of(utterances, self.aligner.features, options, epoch)
        weight = options.prior if epoch >= WARM_UP * options.epochs else 0.0
        losses = []
        for place, batch in enumerate(batches):
            rate = options.learning_rate * cosine(epoch + place / len(batches), options.epochs)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            writer.train()
            features = [read(utterance) for utterance in batch]
            lengths = torch.tensor([len(frames) for frames in features])
            log_probs, lengths = writer(stacked(features), lengths)
            targets = [torch.tensor(self.aligner.alphabet.codes(spelled(utterance))) for utterance in batch]
            loss = prior_ctc(log_probs, writer.prior, weight, targets, lengths)
            if not loss.isfinite():
                whose = ", ".join(utterance.id for utterance in batch)
                raise AlignerError(
                    f"training went astray in epoch {epoch + 1}, at the batch of {whose}; look at what they are, or "
                    "begin anew with a smaller learning rate"
                )
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(writer.parameters(), CLIP)
            self.optimiser.step()
            writer.follow(log_probs, lengths, DECAY)
            losses.append(float(loss.detach()))
            tell(place + 1, losses[-1])
        self.loss = float(np.mean(losses))
        self.keep(epoch + 1)


def batches_of(
    utterances: Sequence[Utterance], features: Features, options: AlignOptions, epoch: int
) -> list[list[Utterance]]:
    """All utterances in random order, those of like length together."""
    rng = np.random.default_rng([options.seed, epoch])
    order = rng.permutation(len(utterances))
    frames = np.array([features.frames_in(utterance) for utterance in utterances])[order]
    bucket = np.arange(len(order)) // (BUCKETS * options.batch_size)
    order = order[np.lexsort((frames, bucket))]
    batches = [order[start : start + options.batch_size] for start in range(0, len(order), options.batch_size)]
    return [[utterances[place] for place in batches[number]] for number in rng.permutation(len(batches))]


def error_rate(aligner: Aligner, utterances: Sequence[Utterance], read: Read) -> float | None:
    """Characters that are wrong in what is written of utterances, by those in their texts; margins do not count.

    None if there are no utterances.
    """
    edits = symbols = 0
    for utterance in utterances:
        reference, written = spelled(utterance)[1:-1], without_margins(aligner.write(read(utterance)))
        edits += Levenshtein.distance(reference, written)
        symbols += len(reference)
    return edits / symbols if symbols else None


def without_margins(symbols: Sequence[str]) -> list[str]:
    first = next((place for place, symbol in enumerate(symbols) if symbol != SPACE), len(symbols))
    last = next((place for place in range(len(symbols), first, -1) if symbols[place - 1] != SPACE), first)
    return list(symbols[first:last])
