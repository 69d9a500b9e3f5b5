"""Cells of a result, one by one, and on paper: a file in which one sees what is confused with what, and where."""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from unitdisc.evaluation.abx.cells import Groups, triplets
from unitdisc.evaluation.abx.items import AbxItems
from unitdisc.files import written_aside


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


COLUMNS = ("speaker", *(field.name for field in fields(AbxCell)), "error")


def write_cells(path: Path, tables: Mapping[str, CellTable]) -> None:
    """Writes every cell as a row of comma-separated values, compressed if the name ends in .gz.

    tables: by speaker, within or across, which is the first column; see `AbxCell` for the others.
    """
    with written_aside(Path(path)) as aside, aside.open("wb") as file:
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) if path.suffix == ".gz" else file
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            rows = csv.writer(text)
            rows.writerow(COLUMNS)
            for speaker, table in tables.items():
                for cell in table:
                    values = [getattr(cell, name) for name in COLUMNS[1:-1]]
                    values[0] = " ".join(cell.context)
                    rows.writerow((speaker, *values, f"{cell.error:.6f}"))
