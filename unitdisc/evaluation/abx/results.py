"""What an ABX error was counted on: every cell, and the averages of cells."""

from dataclasses import dataclass, field

import numpy as np

from unitdisc.evaluation.abx.averaging import SpeakerErrors, averaged, interval
from unitdisc.evaluation.abx.cell_table import CellTable
from unitdisc.evaluation.abx.cells import triplets
from unitdisc.evaluation.abx.item_frames import ItemSurvey


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


def worst_pairs(result: AbxResult, count: int = 5) -> list[tuple[str, str, float]]:
    """The pairs of labels that are confused most, each once, by the mean of both directions."""
    both = {
        (a, b): (error + result.pairs.get((b, a), error)) / 2
        for (a, b), error in result.pairs.items()
        if a < b or (b, a) not in result.pairs
    }
    return [(*pair, error) for pair, error in sorted(both.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]
