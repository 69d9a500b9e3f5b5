"""What an ABX error was counted on: every cell, and the averages of cells."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from unitdisc.evaluation.abx.averaging import SpeakerErrors, averaged, interval
from unitdisc.evaluation.abx.cells import Groups, triplets
from unitdisc.evaluation.abx.item_frames import ItemSurvey
from unitdisc.evaluation.abx.items import AbxItems


@dataclass(frozen=True)
class AbxCell:
    """A cell: all triplets of one context, with A and B by one speaker and X by the same or another."""

    context: tuple[str, ...]
    label_a: str  # of A and X
    label_b: str
    speaker_a: str  # of A and B
    speaker_x: str
    items_x: int
    items_a: int
    items_b: int
    triplets: int
    lost: int  # triplets with X closer to B
    ties: int  # triplets with X as far from A as from B: half an error each

    @property
    def error(self) -> float:
        return (self.lost + self.ties / 2) / self.triplets


@dataclass(frozen=True, eq=False)
class CellTable:
    """Cells in columns."""

    items: AbxItems
    groups: Groups
    cells: np.ndarray  # [cells, 3] groups X, A, B
    counts: np.ndarray  # [cells, 2] lost, tied

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[AbxCell]:
        groups, sizes, compared = self.groups, self.groups.sizes, triplets(self.groups, self.cells)
        labels, speakers = self.items.labels.names, self.items.speakers.names
        for (x, a, b), (lost, ties), count in zip(self.cells, self.counts, compared, strict=True):
            yield AbxCell(
                context=self.items.contexts.names[groups.contexts[a]],
                label_a=labels[groups.labels[a]],
                label_b=labels[groups.labels[b]],
                speaker_a=speakers[groups.speakers[a]],
                speaker_x=speakers[groups.speakers[x]],
                items_x=int(sizes[x]),
                items_a=int(sizes[a]),
                items_b=int(sizes[b]),
                triplets=int(count),
                lost=int(lost),
                ties=int(ties),
            )


@dataclass(frozen=True)
class AbxResult:
    """An ABX error and what it was counted on."""

    error: float  # 0 to 1
    interval: tuple[float, float] | None  # 95 %, other speakers drawn; None if not asked for, or of too few speakers
    pairs: dict[tuple[str, str], float]  # error by (label of A and X, label of B)
    items: int  # that have frames
    skipped: int  # items so short that no frame is centred in them
    cells: int  # combinations of context, speakers and labels
    triplets: int
    ties: int
    null_frames: int  # without a direction: as far as can be from all frames but each other
    table: CellTable = field(compare=False, repr=False)  # every cell


def result(table: CellTable, found: ItemSurvey, average: str, replicates: int, seed: int) -> AbxResult:
    items, groups = table.items, table.groups
    counted = triplets(groups, table.cells)
    lost, tied = table.counts.T
    errors = SpeakerErrors.of(groups, table.cells, (lost + tied / 2) / counted)
    means = averaged(errors, average)
    names = items.labels.names
    pairs = {
        (names[a], names[b]): float(error)
        for a, b, error in zip(means.labels_a, means.labels_b, means.errors, strict=True)
    }
    kept = int(np.count_nonzero(found.lengths))
    return AbxResult(
        error=means.error,
        interval=interval(errors, average, len(items.speakers.names), replicates, seed),
        pairs=pairs,
        items=kept,
        skipped=len(items) - kept,
        cells=len(table.cells),
        triplets=int(counted.sum()),
        ties=int(tied.sum()),
        null_frames=found.null_frames,
        table=table,
    )
