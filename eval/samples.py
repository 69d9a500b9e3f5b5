"""One table of what language models made up: how likely, beside what really followed, and whether it is said.

python eval/samples.py exp/speech/made-up exp/speech/encodings/train/bottleneck

Reads NAME/sample.json and NAME/samples.jsonl of `unitdisc sample` in a folder and, if they are there, in
NAME/again/bottleneck, the codes that the same experiment gives what its decoder said (`unitdisc encode` of
NAME/corpus.jsonl). Prints Markdown. `known`: of all five units (runs of one code) in a row after the beginnings, the
share that the training codes have, too. `again`: the share of frames after the beginnings that have their code again.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from markdown_tables import print_table

from unitdisc.encodings import Encodings
from unitdisc.files.text import read_json, read_lines

ROW = 5  # units


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for _, line in read_lines(path, ValueError, "make the samples again")]


def figures_of(path: Path) -> dict:
    try:
        return dict(read_json(path)["figures"])
    except (ValueError, KeyError, TypeError):
        sys.exit(f"error: {path}: damaged or not finished; run the same `unitdisc sample` again")


def rows_of(codes: Sequence[int], first: int = 0) -> list[tuple[int, ...]]:
    """All ROW units in a row, that end in frame `first` or after."""
    units = [(code, len([*run])) for code, run in groupby(codes)]
    ends = np.cumsum([frames for _, frames in units])
    names = [code for code, _ in units]
    return [tuple(names[at - ROW : at]) for at in range(ROW, len(names) + 1) if ends[at - 1] > first]


def known(found: Sequence[dict], there: set) -> float:
    rows = [row for entry in found for row in rows_of(entry["codes"], entry["prompt_frames"])]
    return float(np.mean([row in there for row in rows])) if rows else float("nan")


def again(found: Sequence[dict], encodings: Encodings | None) -> float:
    if encodings is None:
        return float("nan")
    same = []
    for entry in found:
        first, codes = entry["prompt_frames"], encodings.codes[entry["utterance"]]
        length = min(len(codes), len(entry["codes"]))
        same += [a == b for a, b in zip(entry["codes"][first:length], codes[first:length])]
    return float(np.mean(same)) if same else float("nan")


def cell(value: float | None, form: str) -> str:
    return "" if value is None or value != value else form.format(value)


HEADS = ("model", "", "samples", "ended", "symbols", "bits per symbol", "known, %", "again, %")


def rows(folder: Path, train: Path) -> Iterator[list[str]]:
    codes = Encodings.open(train).codes.values()
    there = {row for own in codes for row in rows_of(own)}
    for path in sorted(folder.glob("*/sample.json")):
        figures, found = figures_of(path), entries(path.with_name("samples.jsonl"))
        done = path.parent / "again" / "bottleneck"
        encodings = Encodings.open(done) if done.is_dir() else None
        for name, title, made in (("followed", "what followed", False), ("made_up", "made up", True)):
            own, one = [entry for entry in found if entry["made_up"] == made], figures[name]
            shares = [100 * share for share in (known(own, there), again(own, encodings))]
            cells = [path.parent.name, title, one["samples"], one["ended"], one["symbols"]]
            cells += [cell(one["bits_per_symbol"], "{:.2f}"), *(cell(share, "{:.1f}") for share in shares)]
            yield [*map(str, cells)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with a folder of `unitdisc sample` for each model")
    parser.add_argument("train", type=Path, help="encodings that the models were made of")
    args = parser.parse_args(argv)
    print_table(HEADS, rows(args.folder, args.train), words=2)


if __name__ == "__main__":
    sys.exit(main())
