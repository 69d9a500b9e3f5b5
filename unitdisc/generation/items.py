"""Whole items, such as characters, that the generator of an experiment makes of noise."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unitdisc.corpus import Interval, Utterance
from unitdisc.data.base import Features
from unitdisc.data.made_files import file_type, made_utterance, write_features
from unitdisc.decoders.draws import check_temperature
from unitdisc.experiment import Experiment, ExperimentError
from unitdisc.objectives import MakesItems

IN_A_ROW = 10  # of a sheet, where no codes have rows of their own
AT_ONCE = 256  # items
TIER = "code"  # of the codes that items were made of


@dataclass(frozen=True)
class MadeItem:
    """What one item is made of."""

    name: str
    turn: int  # items of the same turn, of whatever code, are made of the same noise
    code: int  # -1: of none
    speaker: int  # -1: of none


@dataclass(frozen=True)
class GenerateOptions:
    """How many new items, and which.

    number: of each code, and of each speaker, where these are told. codes: of a model that knows codes, these alone
    (default: all). speakers: voices, hands, or what else the model is told, each of which gets an item of the same
    noise (default: those of the training corpus one after the other; of latents of whole items, none is told). plane:
    of latents with two numbers, instead of drawn ones so many by so many in a square, evenly by probability. frames:
    of latents of whole items, how long what is made of them is, in frames of features (default: as the corpus of
    training was in the mean). temperature: of their decoder; 0 takes the likeliest. seed: of all that is drawn.
    """

    number: int = 10
    codes: Sequence[int] = ()
    speakers: Sequence[str] = ()
    plane: int = 0
    frames: int | None = None
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self):
        for name, value, least in (("number", self.number, 1), ("plane", self.plane, 0), ("frames", self.frames, 1)):
            if value is not None and value < least:
                raise ValueError(f"`{name}` must be {least} or more, not {value}")
        for name, told in (("codes", self.codes), ("speakers", self.speakers)):
            if twice := [one for one, count in Counter(told).items() if count > 1]:
                raise ValueError(f"`{name}` has {twice[0]} twice; name each once, and give `number` for more items")
        check_drawing(self.seed, self.temperature)


def check_drawing(seed: int, temperature: float) -> None:
    """Raises ValueError for a seed or a temperature that nothing could be drawn by."""
    check_temperature(temperature)
    if not 0 <= seed < 2**63:
        raise ValueError(f"`seed` must be 0 or more and below 2^63, not {seed}")


def refuse_untold(options: GenerateOptions, maker: MakesItems, folder: Path) -> None:
    """Raises ExperimentError for what the generator was not told of."""
    if options.plane or options.frames or options.temperature:
        raise ExperimentError(
            f"{folder}: makes items of noise, of which there is no plane, no length and no temperature to choose"
        )
    if unknown := [code for code in options.codes if not 0 <= code < maker.codes]:
        known = f"0 to {maker.codes - 1}" if maker.codes else "none, for it was told of none"
        raise ExperimentError(f"{folder}: its generator knows no code {unknown[0]}; the codes are {known}")
    if options.speakers and maker.told != "speaker":
        raise ExperimentError(
            f"{folder}: its generator was told of no speakers; leave `speakers` out, or train one that is"
        )


def items_to_make(options: GenerateOptions, maker: MakesItems, experiment: Experiment) -> list[list[MadeItem]]:
    """In rows of a sheet."""
    told = maker.told == "speaker"
    codes, everybody = list(options.codes) or list(range(maker.codes)) or [-1], len(experiment.speakers)
    width = len(str(options.number - 1))
    places: list[int | None] = [experiment.speakers.index(name) for name in options.speakers] or [None]

    def item(code: int, place: int | None, turn: int) -> MadeItem:
        parts = [f"code-{code:03d}"] if code >= 0 else []
        if place is not None:
            parts.append(f"speaker-{place:03d}")
        speaker = turn % everybody if place is None else place
        return MadeItem("-".join([*parts, f"item-{turn:0{width}d}"]), turn, code, speaker if told else -1)

    rows = [[item(code, place, turn) for turn in range(options.number)] for code in codes for place in places]
    if len(rows) > 1:
        return rows
    return [rows[0][first : first + IN_A_ROW] for first in range(0, options.number, IN_A_ROW)]


def in_rows(made: Sequence[Utterance], rows: Sequence[Sequence[Any]]) -> list[list[Utterance]]:
    """What was made of all rows, one after the other, in rows again."""
    left = iter(made)
    return [[next(left) for _ in row] for row in rows]


@torch.inference_mode()
def made_items(maker: MakesItems, items: Sequence[MadeItem], seed: int) -> np.ndarray:
    """Frames of features: [N, T, C]. What is made of an item does not depend on those beside it."""
    pieces, device = [], next(maker.parameters()).device
    for first in range(0, len(items), AT_ONCE):
        some = items[first : first + AT_ONCE]
        noise = [np.random.default_rng([seed, one.turn]).standard_normal(maker.noise_dim) for one in some]
        speakers, codes = (
            torch.tensor(told, device=device) for told in zip(*((one.speaker, one.code) for one in some))
        )
        made = maker.make(torch.from_numpy(np.array(noise, np.float32)).to(device), speakers, codes)
        pieces.append(made.cpu().numpy())
    return np.concatenate(pieces)


def write_items(
    folder: Path, items: Sequence[MadeItem], made: np.ndarray, *, features: Features, speakers: Sequence[str]
) -> list[Utterance]:
    """Writes line images or recordings, and gives what a manifest says of them; made: features in [0, 1], [N, T, C]."""
    utterances = []
    for one, frames in zip(items, made, strict=True):
        file = folder / f"{one.name}{file_type(features)}"
        write_features(file, features, frames)
        speaker = None if one.speaker < 0 else speakers[one.speaker]
        utterance = made_utterance(one.name, file, features, frames=len(frames), speaker=speaker)
        told = {} if one.code < 0 else {TIER: [Interval(0, utterance.ticks, str(one.code))]}
        utterances.append(replace(utterance, alignment=told))
    return utterances
