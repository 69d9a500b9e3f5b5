"""What `segmentation.py` found, in tables of Markdown, and what of it was required."""

from collections.abc import Callable, Iterable, Sequence

from segmenters import DPDP, OURS, SEGMENTERS

LIKE = {  # ours, and the baseline that is asked for the same
    "greedy": "given number of runs",
    "Viterbi": "runs of any length",
    "Viterbi, calibrated": "given number of runs",
    "exact": "given number of runs",
}
OTHERS = ("runs of any length", "as published")  # asked for less: they are told the switch cost


def required(rows: list[dict]) -> list[dict]:
    """What was to be shown, and whether it holds."""
    done = [row for row in rows if "seconds" in row]
    ours = {name: [row for row in done if (row["source"], row["segmenter"]) == (OURS, name)] for name in LIKE}
    theirs = {row["segmenter"]: row["seconds"] for row in done if row["source"] == DPDP and shape(row) == (1500, 100)}
    found = []

    def show(what: str, values: Iterable[float], worst: Callable, holds: Callable[[float], bool]) -> None:
        if values := list(values):
            found.append({"what": what, "value": worst(values), "holds": holds(worst(values))})

    excess = (row["excess_percent"] for row in ours["exact"] if row["excess_is_known"])
    show("exact: % above the optimum", excess, max, lambda value: value < 1e-6)
    for name, rows in ours.items():
        away = (abs(row["segments"] - row["wanted"]) for row in rows)
        if name != "Viterbi":  # is told the price
            show(f"{name}: segments away from those wanted", away, max, lambda value: value <= 1)
        here = [row["seconds"] for row in rows if shape(row) == (1500, 100)]
        for peer in dict.fromkeys([LIKE[name], *OTHERS]):
            ratios = (theirs[peer] / seconds for seconds in here if peer in theirs)
            what = f"{name}: times faster than {DPDP}, {peer}; 1500 frames, 100 codes"
            show(what, ratios, min, lambda value: value >= 100)
        speeds = (row["times_real_time"] for row in rows if row["codes"] == 100)
        show(f"{name}: times real time, 100 codes", speeds, min, lambda value: value >= 10_000)
    return found


def shape(row: dict) -> tuple[int, int]:
    return row["frames"], row["codes"]


def tables(found: dict) -> str:
    machine = found["machine"]
    titles = [one.title for one in SEGMENTERS]
    first = f"{machine['processor']}, {machine['threads']} thread(s). {machine['note']}".strip()
    parts = [first, table(["required", "found", "holds"], map(required_cells, found["required"]))]
    for part, about in PARTS.items():
        parts.append(f"## {about}")
        for title, cell in CELLS.items():
            if part == "time" or cell not in TIMES:
                parts += [f"{title}:", pivoted(found[part], titles, cell)]
    parts += ["## Crops of a training batch", "Joins between crops that lie inside a merged segment, and segments:"]
    header = ["crops", "frames", "joins crossed %", "wanted", "DistSup", "greedy", "exact"]
    return "\n\n".join([*parts, table(header, map(crops, found["batches"]))])


def pivoted(rows: list[dict], titles: list[str], cell: Callable[[dict], str]) -> str:
    """One line for every sequence, one column for every segmenter."""
    lines: dict[tuple, dict[str, str]] = {}
    for row in rows:
        key = (row["sequence"], str(row["frames"]), str(row["codes"]), str(row["wanted"]))
        lines.setdefault(key, {})[f"{row['source']}: {row['segmenter']}"] = cell(row) if "seconds" in row else ""
    header = ["sequence", "frames", "codes", "wanted", *titles]
    return table(header, ([*key, *(line[title] for title in titles)] for key, line in lines.items()))


def excess(row: dict) -> str:
    return f"{'' if row['excess_is_known'] else '<= '}{max(0.0, row['excess_percent']):.3f}"


def differ(row: dict) -> str:
    return "" if row["labels_differ_percent"] is None else f"{row['labels_differ_percent']:.2f}"


def seconds(row: dict) -> str:
    return f"{row['seconds']:.3g} ± {row['spread']:.1g}"


def real_time(row: dict) -> str:
    return f"{row['times_real_time']:,.0f}"


PARTS = {
    "agreement": "Frames of more and less noise, and speech",
    "time": "Longer sequences, more codes",
}
CELLS = {
    "Segments": lambda row: str(row["segments"]),
    "% above the least cost of as many segments": excess,
    "% of labels other than those of the exact path": differ,
    "Seconds, and the range of repetitions": seconds,
    "Times real time, at 50 frames a second": real_time,
}
TIMES = (seconds, real_time)


def required_cells(row: dict) -> list[str]:
    return [row["what"], f"{row['value']:,.4g}", "yes" if row["holds"] else "NO"]


def crops(row: dict) -> list[str]:
    counts = [row["wanted"], row["merged_segments"], row["segments"]["greedy"], row["segments"]["exact"]]
    return [str(row["utterances"]), str(row["frames"]), f"{row['joins_crossed_percent']:.0f}", *map(str, counts)]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])
