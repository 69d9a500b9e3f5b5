"""How many frames units last, and frames of symbols that do not say it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.evaluation.formats import is_collapsed
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.sequences import Sequences, units_of

DRAWN, MEAN = "drawn", "mean"
WAYS = (DRAWN, MEAN)


class Run(NamedTuple):
    """A unit and how many frames it lasts."""

    code: int
    frames: int


@dataclass(frozen=True)
class UnitLengths:
    """How long every unit lasted, wherever it occurred."""

    of: dict[str, np.ndarray]  # unit -> [N] frames of each of its runs, in order
    way: str = DRAWN  # one of WAYS

    @classmethod
    def in_frames(cls, frames: Sequences, way: str, path: Path, units: Iterable[str]) -> "UnitLengths":
        """Of codes of frames. Raises LanguageError naming the path if one of the units is not there, or no run is."""
        if is_collapsed([*map(tuple, np.split(frames.tokens, frames.offsets[1:-1]))]):
            raise LanguageError(
                f"{path}: no code follows itself, so that nothing says how long units last; give encodings"
            )
        runs, lengths = units_of(frames)
        order = np.argsort(runs.tokens, kind="stable")
        bounds = np.searchsorted(runs.tokens[order], np.arange(len(runs.symbols) + 1))
        found = {symbol: lengths[order[a:b]] for symbol, a, b in zip(runs.symbols, bounds[:-1], bounds[1:])}
        if missing := sorted({*units} - found.keys(), key=int):
            raise LanguageError(
                f"{path}: nothing says how long unit {missing[0]} lasts, which the model knows; give the encodings "
                "that it was made of"
            )
        return cls(found, way)

    def frames_of(self, unit: str, rng: np.random.Generator) -> int:
        """How long one lasts: as long as one that is drawn of all there were, or as they are on average."""
        lengths = self.of[unit]
        if self.way == DRAWN:
            return int(lengths[rng.integers(len(lengths))])
        return max(1, round(float(lengths.mean())))

    def facts(self) -> dict:
        """As JSON: of every unit, how often it occurred, and how long it was on average."""
        units = {unit: {"runs": len(own), "mean_frames": float(own.mean())} for unit, own in self.of.items()}
        return {"way": self.way, "units": units}


def runs_of_symbol(
    symbol: str, kind: str, merges: Merges, lengths: UnitLengths | None, rng: np.random.Generator
) -> list[Run]:
    """The frames that a symbol of a model stands for. kind: one of `reading.SYMBOLS`."""
    if kind == "durations":
        code, _, frames = symbol.rpartition("x")
        return [Run(int(code), int(frames))]
    if kind == "codes":
        return [Run(int(symbol), 1)]
    parts = merges.parts().get(symbol, [symbol]) if kind == "bpe" else [symbol]
    return [Run(int(unit), lengths.frames_of(unit, rng)) for unit in parts]


class Spoken(NamedTuple):
    """What symbols come to."""

    codes: list[int]  # of frames
    symbols: int  # how many of them, whole ones
    cut: bool  # whether there were more


def spoken(runs: Sequence[Sequence[Run]], most: int) -> Spoken:
    """Symbols, each the runs of some units, as frames, as long as there is room for `most`."""
    codes: list[int] = []
    for number, own in enumerate(runs):
        if len(codes) + sum(run.frames for run in own) > most:
            return Spoken(codes, number, True)
        for run in own:
            codes += [run.code] * run.frames
    return Spoken(codes, len(runs), False)


def nearest_known(symbol: str, known: Sequence[str]) -> str | None:
    """Of units with durations, that of this unit whose length is nearest, the shorter of two; None if there is none."""
    code, _, frames = symbol.rpartition("x")
    own = [other for other in known if other.rpartition("x")[0] == code]
    lengths = {other: int(other.rpartition("x")[2]) for other in own}
    return min(own, key=lambda other: (abs(lengths[other] - int(frames)), lengths[other]), default=None)
