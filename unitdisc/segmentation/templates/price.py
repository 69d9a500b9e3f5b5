"""The price of a unit at which a corpus has so many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unitdisc.clustering.frame_source import KeptFrames, in_order
from unitdisc.segmentation.corpora.solving import Solved, with_priors
from unitdisc.segmentation.templates.lattice import Lattice


@dataclass(frozen=True)
class Lattices:
    """Those of some utterances, each made when it is asked for."""

    folder: Path
    names: Sequence[str]
    of: Callable[[str], Lattice]
    dim: int = 0  # they have none; `FrameSource` asks for it

    def __getitem__(self, name: str) -> Lattice:
        return self.of(name)


def price_for(
    lattices: Lattices,
    wanted: int,
    *,
    memory: float,
    threads: int,
    advance: Callable[[str], None] = lambda note: None,
) -> Solved:
    """The price at which utterances have so many units, or as nearly so many as any gives, and how many.

    memory: GiB for lattices that are not made again. advance: called with a note after every price that is tried.
    """
    kept = KeptFrames(lattices, memory)

    def evaluate(price: float) -> tuple[float, int]:
        found = list(in_order(lambda name: kept[name].cut(price), kept.names, threads))
        units = sum(len(segments.units) for segments in found)
        advance(f"{units} units, {wanted} wanted, at price {price:.6g}")
        return sum(segments.cost for segments in found), units

    return with_priors(evaluate, wanted, scale=1.0)
