"""Cells on paper: a file in which one sees what is confused with what, and where."""

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from unitdisc.evaluation.abx.results import AbxCell, AbxResult
from unitdisc.files import written_aside

COLUMNS = ("speaker", *(field.name for field in fields(AbxCell)), "error")


def write_cells(path: Path, results: Mapping[str, AbxResult]) -> None:
    """Writes every cell as a row of comma-separated values, compressed if the name ends in .gz.

    results: by speaker, within or across, which is the first column; see `AbxCell` for the others.
    """
    with written_aside(Path(path)) as aside, aside.open("wb") as file:
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) if path.suffix == ".gz" else file
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            rows = csv.writer(text)
            rows.writerow(COLUMNS)
            for speaker, result in results.items():
                for cell in result.table:
                    values = [getattr(cell, name) for name in COLUMNS[1:-1]]
                    values[0] = " ".join(cell.context)
                    rows.writerow((speaker, *values, f"{cell.error:.6f}"))


def worst_pairs(result: AbxResult, count: int = 5) -> list[tuple[str, str, float]]:
    """The pairs of labels that are confused most, each once, by the mean of both directions."""
    both = {
        (a, b): (error + result.pairs.get((b, a), error)) / 2
        for (a, b), error in result.pairs.items()
        if a < b or (b, a) not in result.pairs
    }
    return [(*pair, error) for pair, error in sorted(both.items(), key=lambda entry: (-entry[1], entry[0]))[:count]]
