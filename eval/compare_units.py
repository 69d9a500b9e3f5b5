"""One table of several ways to find units: rates, boundaries, agreement with labels, ABX and bits, side by side.

python eval/compare_units.py exp/piecewise_units/mini_speech/scores

Reads NAME.score.json of `unitdisc score --output` and NAME.abx.json of `unitdisc abx --output` in a folder, for every
NAME. Prints Markdown, in the order of names. Codes are compared with labels at the frames of each system: a system with
more of them a second has more to be right by chance about neighbours, so how many there are is told as well.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from markdown_tables import print_table
from result_files import many_to_one, part, percent


def boundaries(name: str) -> Callable[[dict, dict], float | None]:
    return lambda units, abx: percent(units.get("boundaries", {}).get("strict", {}).get(name))


def bits(name: str) -> Callable[[dict, dict], float | None]:
    return lambda units, abx: units.get(name, {}).get("bits_per_second")


def abx_error(speaker: str) -> Callable[[dict, dict], float | None]:
    return lambda units, abx: percent(abx.get(speaker, {}).get("error"))


def rate(bitrate: dict) -> float | None:
    return bitrate["symbols"] / bitrate["seconds"] if "symbols" in bitrate else None


COLUMNS = {
    "frames/s": lambda units, abx: rate(units.get("bitrate", {})),
    "codes": lambda units, abx: units.get("usage", {}).get("used"),
    "units/s": lambda units, abx: rate(units.get("bitrate_collapsed", {})),
    "precision": boundaries("precision"),
    "recall": boundaries("recall"),
    "F1": boundaries("f1"),
    "R-value": boundaries("r_value"),
    "many-to-one": lambda units, abx: many_to_one(units),
    "AMI": lambda units, abx: percent(units.get("ami")),
    "ABX within": abx_error("within"),
    "ABX across": abx_error("across"),
    "bits/s": bits("bitrate"),
    "bits/s, runs": bits("bitrate_collapsed"),
    "bits/s, runs and lengths": bits("bitrate_run_length"),
    "perplexity": lambda units, abx: units.get("usage", {}).get("perplexity"),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with NAME.score.json and NAME.abx.json")
    args = parser.parse_args(argv)

    rows = ([name, *(cell(of(units, abx)) for of in COLUMNS.values())] for name, units, abx in read(args.folder))
    print_table(["units", *COLUMNS], rows)


def cell(value: float | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.1f}"


def read(folder: Path) -> Iterable[tuple[str, dict, dict]]:
    """Name, unit scores and ABX errors of every way, in order of names; what there is no file of is empty."""
    names = {path.name.rsplit(".", 2)[0] for what in ("score", "abx") for path in folder.glob(f"*.{what}.json")}
    if not names:
        sys.exit(f"error: {folder}: no *.score.json in it; `unitdisc score --output` writes one")
    for name in sorted(names):
        yield name, part(folder / f"{name}.score.json", "units"), part(folder / f"{name}.abx.json", "abx")


if __name__ == "__main__":
    main()
