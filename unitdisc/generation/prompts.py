"""Beginnings of utterances as a language model reads them, and what really followed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from unitdisc.corpus import CorpusError, FileError, Utterance
from unitdisc.data.signals import Signals
from unitdisc.language.bpe import Merges
from unitdisc.language.lengths import nearest_known
from unitdisc.language.reading import Source, as_symbols
from unitdisc.language.sequences import of_codes, units_of
from unitdisc.language.storage import Card
from unitdisc.model import UnitModel


@dataclass(frozen=True)
class Prompt:
    """An utterance that is gone on with from its beginning."""

    utterance: Utterance
    ticks: int  # of the beginning
    codes: np.ndarray  # [P] of the frames of the beginning, which was encoded as if there were no more
    whole: np.ndarray  # [T] of all frames, as the utterance was encoded with what followed
    symbols: list[str]  # of the beginning, as the model has them
    followed: list[str]  # all symbols of the utterance
    before: int  # how many of these begin in the beginning


@dataclass(frozen=True)
class Beginnings:
    """How much of an utterance is given: seconds of a recording, a share of a line."""

    seconds: float
    share: float

    def ticks_of(self, utterance: Utterance, step: float) -> int:
        """A whole number of latents, each `step` ticks long, at least one.

        Raises FileError if there is no more than that of the utterance.
        """
        wanted = self.share * utterance.ticks if utterance.is_image else self.seconds * utterance.rate
        ticks = round(max(1, round(wanted / step)) * step)
        if ticks + step > utterance.ticks:
            what = f"{utterance.id} is no longer than the beginning that is to be given"
            raise FileError.at(utterance.path, what, "give less of it (`prompt_seconds`), or longer utterances")
        return ticks


def read_prompts(
    utterances: Sequence[Utterance],
    model: UnitModel,
    signals: Signals,
    card: Card,
    *,
    place: Path,
    beginnings: Beginnings,
    advance: Callable[[int], None],
) -> tuple[list[Prompt], list[str], int]:
    """Prompts; why utterances are left out, one sentence each; and how many durations were taken for the nearest known.

    place: the corpus, for messages.
    """
    found, problems, moved = [], [], 0
    known = {*card.vocabulary}
    for utterance in utterances:
        advance(1)
        step = signals.features.grid(model.encoder.stride)["stride"] * signals.features.scale(utterance)
        try:
            ticks = beginnings.ticks_of(utterance, step)
            part = replace(utterance, ticks=ticks, alignment={}, text=None)
            codes, whole = (codes_of(model, signals, each) for each in (part, utterance))
        except CorpusError as error:
            problems.append(str(error))
            continue
        own, starts = symbols_of(card, whole, place)
        symbols, _ = symbols_of(card, codes, place)
        if card.symbols == "durations":
            nearest = [symbol if symbol in known else nearest_known(symbol, card.vocabulary) for symbol in symbols]
            moved += sum(before != after for before, after in zip(symbols, nearest) if after is not None)
            symbols = [after or before for before, after in zip(symbols, nearest)]
        if strange := next((symbol for symbol in symbols if symbol not in known), None):
            problems.append(f"{utterance.id}: begins with {strange}, which the model has never seen")
            continue
        before = int(np.searchsorted(starts, len(codes)))
        found.append(Prompt(utterance, ticks, codes, whole, symbols, own, before))
    return found, problems, moved


@torch.inference_mode()
def codes_of(model: UnitModel, signals: Signals, utterance: Utterance) -> np.ndarray:
    """[T]"""
    device = next(model.parameters()).device
    features = torch.from_numpy(signals.features_of(utterance))[None].to(device)
    units, lengths = model.encode(features, torch.tensor([features.shape[1]], device=device))
    return units.codes[0, : int(lengths[0])].cpu().numpy()


def symbols_of(card: Card, codes: np.ndarray, place: Path) -> tuple[list[str], np.ndarray]:
    """The symbols of codes of frames [T], and the frame that each begins with."""
    frames = of_codes(["prompt"], [codes])
    merges = Merges(card.merges)
    sequences, _ = as_symbols(frames, card.symbols, Source(place), longest=card.longest, merges=merges)
    symbols = next(iter(sequences))
    if card.symbols == "codes":
        return symbols, np.arange(len(symbols))
    starts = np.concatenate([[0], np.cumsum(units_of(frames)[1])])
    parts = merges.parts() if card.symbols == "bpe" else {}
    first = np.cumsum([0, *(len(parts.get(symbol, [symbol])) for symbol in symbols)])[:-1]
    return symbols, starts[first]
