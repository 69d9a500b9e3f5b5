"""One table of several systems' frames and of the units made of them: ABX, probes, units, and what each cost.

python eval/compare_frames.py exp/speechocean762/compared

Reads what is there of NAME.any.json and NAME.triphone.json (`unitdisc abx --output`), NAME.probe.json (`unitdisc probe
--output`), NAME.units-RATE.json and, of segments cut elsewhere, NAME.cut-RATE.json (`unitdisc score --output`), and
NAME.seconds (of processors, a number a line) in a folder. Systems named NAME-seed0, NAME-seed1, ... are one row: mean,
and half of the range as ±. Prints Markdown, the best last.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from markdown_tables import print_table
from result_files import many_to_one, part, percent, without_seed

from unitdisc.files.text import read_text

Measures = dict[str, float]  # of a system, by column


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with NAME.any.json and the others")
    args = parser.parse_args(argv)
    systems = read(args.folder)
    if not systems:
        sys.exit(f"error: {args.folder}: no *.any.json in it; `unitdisc abx --context any --output` writes one")
    columns = list(dict.fromkeys(column for runs in systems.values() for run in runs for column in run))
    best_last = sorted(systems.items(), key=lambda system: -mean(system[1], "any, across"))
    rows = ([name, *(cell([run[c] for run in runs if c in run]) for c in columns)] for name, runs in best_last)
    print_table(["system", *columns], rows)


def read(folder: Path) -> dict[str, list[Measures]]:
    """Of every system by name, its measures for every seed."""
    systems = defaultdict(list)
    for path in sorted(folder.glob("*.any.json")):
        stem = path.name.removesuffix(".any.json")
        systems[without_seed(stem)].append(measures(folder, stem))
    return systems


def measures(folder: Path, stem: str) -> Measures:
    """All that is known of a system, in the order of columns."""
    found: dict[str, float | None] = {}
    for context in ("any", "triphone"):
        abx = part(folder / f"{stem}.{context}.json", "abx")
        for speaker in ("across", "within"):
            found[f"{context}, {speaker}"] = percent(abx.get(speaker, {}).get("error"))
    probes = part(folder / f"{stem}.probe.json", "probes")
    found |= {f"{task} probe": percent(probes.get(task, {}).get("accuracy")) for task in ("labels", "speaker")}
    for kind, told in (("units", ""), ("cut", ", cut")):
        for path in sorted(folder.glob(f"{stem}.{kind}-*.json"), key=lambda path: float(rate_of(path))):
            units, rate = part(path, "units"), f"{rate_of(path)}/s{told}"
            found |= {
                f"codes, {rate}": units.get("usage", {}).get("used"),
                f"many-to-one, {rate}": many_to_one(units),
                f"PNMI, {rate}": percent(units.get("pnmi")),
                f"R-value, {rate}": percent(units.get("boundaries", {}).get("strict", {}).get("r_value")),
            }
    seconds = folder / f"{stem}.seconds"
    if seconds.exists():
        found["CPU minutes"] = sum(map(float, read_text(seconds).split())) / 60
    return {column: value for column, value in found.items() if value is not None}


def rate_of(path: Path) -> str:
    return path.name.removesuffix(".json").rsplit("-", 1)[1]


def mean(runs: list[Measures], column: str) -> float:
    return statistics.mean(run.get(column, 100.0) for run in runs)


def cell(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {(max(values) - min(values)) / 2:.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
