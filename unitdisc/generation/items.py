"""Whole items, such as characters, that the generator of an experiment makes of noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unitdisc.corpus import Interval, Utterance
from unitdisc.experiment import Experiment, ExperimentError
from unitdisc.media.image import write_image
from unitdisc.media.sheets import sheet
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
class ItemOptions:
    """What is made of noise.

    number: of items, of each code where there are codes. codes: these alone (default: all that the generator knows).
    speaker: of the training corpus, in whose hand all are made (default: one after the other), where the generator is
    told of writers. seed: the noise of an item follows from it and from the number of the item.
    """

    number: int = 10
    codes: Sequence[int] = ()
    speaker: str | None = None
    seed: int = 0

    def __post_init__(self):
        if self.number < 1:
            raise ValueError(f"`number` must be 1 or more, not {self.number}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"`seed` must be 0 or more and below 2^63, not {self.seed}")


def items_to_make(options: ItemOptions, maker: MakesItems, experiment: Experiment, folder: Path) -> list[MadeItem]:
    """In the order of a sheet. Raises ExperimentError for what the generator was not told of."""
    if unknown := [code for code in options.codes if not 0 <= code < maker.codes]:
        known = f"0 to {maker.codes - 1}" if maker.codes else "none, for it was told of none"
        raise ExperimentError(f"{folder}: its generator knows no code {unknown[0]}; the codes are {known}")
    told = maker.told == "speaker"
    if options.speaker is not None and not told:
        raise ExperimentError(
            f"{folder}: its generator was told of no speakers; leave `speaker` out, or train one that is"
        )
    codes, places = list(options.codes) or list(range(maker.codes)), len(experiment.speakers)
    first = 0 if options.speaker is None else experiment.speakers.index(options.speaker)
    step, width = int(options.speaker is None), len(str(options.number - 1))
    return [
        MadeItem(
            f"code-{code:03d}-item-{turn:0{width}d}" if codes else f"item-{turn:0{width}d}",
            turn,
            code,
            (first + step * turn) % places if told else -1,
        )
        for code in codes or [-1]
        for turn in range(options.number)
    ]


@torch.inference_mode()
def made_items(maker: MakesItems, items: Sequence[MadeItem], seed: int, device: str) -> np.ndarray:
    """Frames of features: [N, T, C]. What is made of an item does not depend on those beside it."""
    pieces = []
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
    folder: Path, items: Sequence[MadeItem], made: np.ndarray, speakers: Sequence[str]
) -> tuple[list[Path], list[Utterance]]:
    """Writes line images, and gives their files and what a manifest says of them; made: ink [N, columns, rows]."""
    files, utterances = [folder / f"{one.name}.png" for one in items], []
    for one, file, ink in zip(items, files, made, strict=True):
        write_image(file, ink)
        columns, rows = ink.shape
        alignment = {} if one.code < 0 else {TIER: [Interval(0, columns, str(one.code))]}
        speaker = None if one.speaker < 0 else speakers[one.speaker]
        utterances.append(
            Utterance(one.name, str(file.absolute()), speaker, ticks=columns, alignment=alignment, height=rows)
        )
    return files, utterances


def sheet_of(items: Sequence[MadeItem], made: np.ndarray) -> np.ndarray:
    """A row for every code, or rows of so many; columns are of the same noise: ink [columns, rows of pixels]."""
    in_a_row = IN_A_ROW if items[0].code < 0 else sum(one.code == items[0].code for one in items)
    return sheet([made[first : first + in_a_row] for first in range(0, len(items), in_a_row)])
