"""What the report says in figures: scores as the rows of tables and the points of drawings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from unitdisc.reports.wording import Words

UNLEARNED = ("mfcc", "log-mel", "columns", "features")


class Point(NamedTuple):
    name: str
    meaning: str


POINTS = {  # in the order of the signal
    "log-mel": Point("log-mel", "the energy in bands of frequency, before any learning"),
    "mfcc": Point("MFCC", "the classical features of speech recognition, before any learning: what has to be beaten"),
    "columns": Point("pixel columns", "the line column by column, before any learning: what has to be beaten"),
    "features": Point("features", "what the encoder reads: such features with all that is done to them before"),
    "encoder": Point("encoder", "what the encoder makes of the features"),
    "projection": Point("projection", "the same, squeezed into few dimensions, ready for the bottleneck"),
    "bottleneck": Point("bottleneck", "what comes through the bottleneck: the units themselves"),
    "condition": Point(
        "condition", "the units mixed with their neighbours: all that the decoder reads beside the {voice}"
    ),
}


@dataclass(frozen=True)
class Measure:
    """A figure, or why there is none."""

    value: float | None
    why: str = ""


@dataclass(frozen=True)
class AbxRow:
    point: str
    within: Measure
    across: Measure
    within_change: float | None  # relative to the baseline; -0.5 is half the errors
    across_change: float | None


@dataclass(frozen=True)
class ProbeRow:
    point: str
    tasks: dict[str, Measure]


@dataclass(frozen=True)
class ProbeTask:
    """What a probe had to tell, and how well guessing does."""

    title: str
    majority: float | None  # accuracy of always saying the most frequent class
    classes: int | None
    items: int | None


@dataclass(frozen=True)
class Position:
    """A probe point in the plane of labels against voices."""

    point: str
    labels: float
    voices: float


@dataclass(frozen=True)
class Curve:
    """A loss or a metric during training."""

    name: str
    points: dict[str, list[tuple[int, float]]]  # split -> (step, value)


PROBES = {  # task -> what it is called, and the key of its figure
    "labels": ("{tier}, per frame", "accuracy"),
    "speaker": ("{words.speaker}, per {words.utterance}", "accuracy"),
    "gender": ("gender, per {words.utterance}", "accuracy"),
    "mel": ("spectrogram, R²", "r2"),
    "columns": ("pixels, R²", "r2"),
}


def measure(scores: Mapping, *keys: str) -> Measure:
    """The figure at the end of a path of keys; on the way, `why` says what kept it from being measured."""
    node: Any = scores
    why = "not measured"
    for key in keys:
        if not isinstance(node, Mapping):
            return Measure(None, why)
        why = node.get("why") or why
        node = node.get(key)
    if isinstance(node, Mapping):
        return Measure(None, node.get("why") or why)
    if isinstance(node, str):
        return Measure(None, node)
    if node is None or node != node:  # NaN
        return Measure(None, why)
    return Measure(float(node))


def baseline(scores: Mapping) -> str:
    """The probe point that all others are compared with: plain columns of line images, MFCC of recordings."""
    return "columns" if "columns" in measured_points(scores, "abx", "probes") else "mfcc"


def measured_points(scores: Mapping, *blocks: str) -> list[str]:
    """The probe points that a block of scores knows of, in the order of the signal."""
    known = {point for block in blocks for point in scores.get(block) or {}}
    return [point for point in POINTS if point in known]


def abx_rows(scores: Mapping) -> list[AbxRow]:
    lowest = baseline(scores)
    base = {mode: measure(scores, "abx", lowest, mode).value for mode in ("within", "across")}
    rows = []
    for point in measured_points(scores, "abx"):
        found = {mode: measure(scores, "abx", point, mode) for mode in base}
        changes = {f"{mode}_change": change(found[mode].value, base[mode]) for mode in base if point != lowest}
        rows.append(AbxRow(point, **found, **{"within_change": None, "across_change": None} | changes))
    return rows


def change(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base - 1


def probe_rows(scores: Mapping) -> list[ProbeRow]:
    return [
        ProbeRow(point, {task: measure(scores, "probes", point, task, PROBES[task][1]) for task in asked(scores)})
        for point in measured_points(scores, "probes")
    ]


def probe_warnings(scores: Mapping) -> list[str]:
    """What accuracies of probes do not mean, of every point and task where that was found."""
    return [
        f"{POINTS[point].name}, {task}: {found['warning']}"
        for point in measured_points(scores, "probes")
        for task, found in scores["probes"][point].items()
        if isinstance(found, Mapping) and found.get("warning")
    ]


def asked(scores: Mapping) -> list[str]:
    """The tasks that a probe was asked at any point."""
    known = {task for tasks in (scores.get("probes") or {}).values() if isinstance(tasks, Mapping) for task in tasks}
    return [task for task in PROBES if task in known]


def tier_of(scores: Mapping, words: Words) -> str:
    """The labels that were scored."""
    return (scores.get("settings") or {}).get("tier") or words.tier


def probe_tasks(scores: Mapping, words: Words) -> dict[str, ProbeTask]:
    """What is the same at every probe point."""
    tier = tier_of(scores, words)
    return {
        task: ProbeTask(PROBES[task][0].format(tier=tier, words=words), **common(scores, task))
        for task in asked(scores)
    }


def common(scores: Mapping, task: str) -> dict[str, float | None]:
    found = dict.fromkeys(("majority", "classes", "items"))
    for point in measured_points(scores, "probes"):
        for key in found:
            value = measure(scores, "probes", point, task, key).value
            found[key] = value if found[key] is None else found[key]
    return found


def positions(scores: Mapping) -> dict[str, list[Position]]:
    """For the tasks speaker and gender, where every probe point stands."""
    found = {}
    for task in ("speaker", "gender"):
        rows = [
            (point, *(measure(scores, "probes", point, each, "accuracy").value for each in ("labels", task)))
            for point in measured_points(scores, "probes")
        ]
        found[task] = [
            Position(point, labels, voices) for point, labels, voices in rows if None not in (labels, voices)
        ]
    return found


def compared(systems: Mapping[str, Mapping], *path: str) -> dict[str, dict[str, Measure]]:
    """One figure of several experiments: experiment -> probe point -> measure.

    path: the keys of the figure with "*" for the probe point, as in "abx", "*", "across".
    """
    points = [
        point for point in POINTS if any(point in measured_points(scores, path[0]) for scores in systems.values())
    ]
    return {
        name: {point: measure(scores, *(point if key == "*" else key for key in path)) for point in points}
        for name, scores in systems.items()
    }


def curves(log: Iterable[Mapping], most: int = 9) -> list[Curve]:
    """The losses, then the metrics, of a training log, each by split."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for block in ("losses", "metrics"):
        for entry in log:
            for name, value in (entry.get(block) or {}).items():
                if isinstance(value, int | float):
                    found.setdefault(name, {}).setdefault(entry.get("split", "train"), []).append(
                        (entry["step"], value)
                    )
    return [Curve(name, points) for name, points in found.items()][:most]


def training_seconds(log: Iterable[Mapping]) -> float:
    """Time spent on training steps: the clock of the log begins anew whenever training is resumed."""
    total = last = 0.0
    for entry in log:
        if "seconds" in entry:
            total += entry["seconds"] - last if entry["seconds"] >= last else entry["seconds"]
            last = entry["seconds"]
    return total
