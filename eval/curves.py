"""ABX error against hours of speech, and against minutes of training: two tables, and a figure of each.

python eval/curves.py exp/speechocean762/curves docs

Reads hours/HOURS/scores and steps/STEPS/scores, each as `eval/compare_frames.py` does, which
`recipes/speechocean762/curves.sh` fills. What was measured at one number of hours, such as features that learn nothing,
is a flat line. `classical` has no steps; it stands beside the minutes as it is with so many hours as the steps are of,
--steps-of. Writes speechocean762-hours.svg and speechocean762-minutes.svg into the second folder, and prints Markdown.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from compare_frames import Measures, read

from unitdisc.files import written_aside

Point = tuple[float, float, float]  # hours or minutes, and the errors across and within, in percent
Systems = Mapping[str, Measures]
Row = tuple[float, str, Measures]  # the number of a folder, and a system that is in it

COLOURS = ("#2f7fd6", "#e0662b", "#1b9e77", "#b668b8", "#c99700", "#7d8590")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 340, 50, 130, 16, 46  # of a figure, and the margins of what is drawn


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with hours/ and steps/")
    parser.add_argument("figures", type=Path, help="folder for the figures")
    parser.add_argument("--steps-of", type=float, default=0.5, metavar="HOURS", help="what steps/ was trained on")
    args = parser.parse_args(argv)
    by_hours, by_steps = (measured(args.folder / name) for name in ("hours", "steps"))
    if not by_hours and not by_steps:
        sys.exit(f"error: {args.folder}: no scores in it; `recipes/speechocean762/curves.sh` writes them")
    args.figures.mkdir(parents=True, exist_ok=True)
    rows = rows_of(by_hours)
    if rows:
        print(table("hours", rows))
        write(args.figures / "speechocean762-hours.svg", figure(lines_of(rows), "hours of speech", flat=True))
    rows = rows_of(by_steps)
    if rows:
        print(table("steps", rows))
        rows += [row for row in rows_of({args.steps_of: by_hours.get(args.steps_of, {})}) if row[1] == "classical"]
        write(args.figures / "speechocean762-minutes.svg", figure(lines_of(rows, "CPU minutes"), "CPU minutes"))


def rows_of(found: Mapping[float, Systems]) -> list[Row]:
    return [(number, system, figures) for number, systems in found.items() for system, figures in systems.items()]


def write(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def measured(folder: Path) -> dict[float, Systems]:
    """Means over seeds of every system, by the number that its folder is called after, the least first."""
    found = {}
    for path in sorted(folder.glob("*/scores"), key=lambda path: number_of(path.parent)):
        systems = read(path)
        found[number_of(path.parent)] = {
            name: {column: statistics.mean(run[column] for run in runs if column in run) for column in runs[0]}
            for name, runs in systems.items()
        }
    return {number: systems for number, systems in found.items() if systems}


def number_of(folder: Path) -> float:
    try:
        return float(folder.name)
    except ValueError:
        sys.exit(f"error: {folder}: is not called after a number; take it out")


def table(first: str, rows: Iterable[Row]) -> str:
    """A row for every system and number: errors across and within, and minutes."""
    lines = [f"| system | {first} | any, across | any, within | CPU minutes |", "|---|" + "---:|" * 4]
    for number, system, figures in sorted(rows, key=lambda row: (row[1], row[0])):
        cells = [f"{figures[c]:.1f}" if c in figures else "–" for c in ("any, across", "any, within", "CPU minutes")]
        lines.append(f"| {system} | {number:g} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def lines_of(rows: Iterable[Row], key: str | None = None) -> dict[str, list[Point]]:
    """The points of every system, by the measure `key`, or by the number of its folder."""
    found: dict[str, list[Point]] = {}
    for number, system, figures in rows:
        errors = figures.get("any, across"), figures.get("any, within")
        at = number if key is None else figures.get(key)
        if at and None not in errors:
            found.setdefault(system, []).append((at, *errors))
    return {system: sorted(points) for system, points in sorted(found.items())}


def figure(lines: Mapping[str, Sequence[Point]], axis: str, flat: bool = False) -> str:
    """SVG: error across speakers (full) and within (dashed) over a logarithmic axis.

    flat: lines through the points of systems that have one.
    """
    numbers = sorted({point[0] for points in lines.values() for point in points})
    errors = [error for points in lines.values() for point in points for error in point[1:]]
    low, high = math.floor(min(errors)) - 1, math.ceil(max(errors)) + 1
    first, last = math.log(numbers[0] / 1.15), math.log(numbers[-1] * 1.15)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(number: float) -> float:
        return LEFT + (right - LEFT) * (math.log(number) - first) / (last - first)

    def y(error: float) -> float:
        return bottom - (bottom - TOP) * (error - low) / (high - low)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>ABX error against {axis}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for error in range(low + low % 2, high + 1, 2):
        drawn.append(f'<path d="M{LEFT} {y(error):.1f}H{right}" stroke="#ddd"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y(error) + 4:.1f}" text-anchor="end">{error}</text>')
    for number in ticks(numbers):
        drawn.append(f'<path d="M{x(number):.1f} {bottom}v5" stroke="#333"/>')
        drawn.append(f'<text x="{x(number):.1f}" y="{bottom + 18}" text-anchor="middle">{number:g}</text>')
    drawn.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(axis)}</text>')
    drawn.append(
        f'<text transform="translate(14 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        "ABX any, error (%): full across, dashed within speakers</text>"
    )
    for place, (system, points) in enumerate(lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        for which, dashes in ((1, ""), (2, ' stroke-dasharray="5 3"')):
            ends = [(x(point[0]), y(point[which])) for point in points]
            if flat and len(ends) == 1:
                ends = [(LEFT, ends[0][1]), *ends, (right, ends[0][1])]
            path = "L".join(f"{a:.1f} {b:.1f}" for a, b in ends)
            drawn.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>')
            for point in points:
                drawn.append(f'<circle cx="{x(point[0]):.1f}" cy="{y(point[which]):.1f}" r="3" fill="{colour}"/>')
        drawn.append(f'<text x="{right + 10}" y="{TOP + 14 + 18 * place}" fill="{colour}">{escape(system)}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def ticks(numbers: Sequence[float]) -> list[float]:
    """1, 2 and 5 of every power of ten among the numbers."""
    powers = range(math.floor(math.log10(numbers[0])), math.ceil(math.log10(numbers[-1])) + 1)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [step for step in steps if numbers[0] / 1.15 <= step <= numbers[-1] * 1.15]


if __name__ == "__main__":
    main()
