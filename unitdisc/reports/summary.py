"""What was trained on what, and what came of it, in a few plain sentences and short tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.files.text import byte_lines, json_in, read_json
from unitdisc.reports.score_rows import POINTS, UNLEARNED, abx_rows, baseline, measure, tier_of, training_seconds
from unitdisc.reports.wording import Words, words_of


class ReportError(ValueError):
    """There is nothing to report on; the message names the file and the cure."""


@dataclass(frozen=True)
class Table:
    title: str
    rows: list[tuple[str, str]]


def read_experiment(folder: Path) -> dict:
    """experiment.json, or {} where there is none.

    Raises ReportError if there is no such folder, or the file cannot be read.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder}: no such folder; `unitdisc train` makes one")
    path = folder / "experiment.json"
    if not path.exists():
        return {}
    try:
        return dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise ReportError(f"{path}: damaged ({error}); restore it or train again") from error


def read_log(path: Path) -> list[dict]:
    """The entries of log.jsonl that can be read: a killed run leaves half a line."""
    entries = []
    for _, line in byte_lines(path) if path.exists() else ():
        try:
            entry = json_in(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            entries.append(entry)
    return entries


def option_tables(experiment: Mapping[str, Any]) -> list[Table]:
    """experiment.json as tables: one per TOML table of the options, then the rest."""
    options = experiment.get("options") or {}
    rest = {name: value for name, value in experiment.items() if name != "options"}
    tables = [table(f"[{name}]", value) for name, value in options.items() if value]
    return tables + [table(name, value) for name, value in rest.items() if value]


def table(title: str, values: Any) -> Table:
    return Table(title, [(name, plain(value)) for name, value in flat(values)])


def flat(values: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested options as one list, their names joined by dots."""
    if not isinstance(values, Mapping):
        yield prefix, values
        return
    for name, value in values.items():
        yield from flat(value, f"{prefix}.{name}" if prefix else name)


def plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    return "none" if value is None else str(value)


def corpus_table(title: str, utterances: Sequence[Utterance], drawn: Mapping | None = None) -> Table:
    """What a corpus holds: in words and minutes, or in words and columns.

    drawn: of how many utterances ("of") these were drawn, by which "seed"; None: they are all.
    """
    words = words_of(utterances)
    speakers = {utterance.speaker: utterance.gender for utterance in utterances if utterance.speaker is not None}
    genders = Counter(gender for gender in speakers.values() if gender)
    known = ", ".join(f"{count} {gender}" for gender, count in sorted(genders.items()))
    more = f", drawn by chance of {drawn['of']:,} (seed {drawn['seed']})" if drawn else ""
    rows = [
        (f"{words.utterance}s", f"{len(utterances):,}{more}"),
        (words.signal, spell_columns(utterances) if words.written else spell_seconds(utterances)),
        (f"{words.speaker}s", f"{len(speakers)}{f' ({known})' if known else ''}" if speakers else "not known"),
        ("labels", ", ".join(sorted({tier for utterance in utterances for tier in utterance.alignment})) or "none"),
    ]
    return Table(title, rows)


def spell_seconds(utterances: Iterable[Utterance]) -> str:
    return spell_time(sum(utterance.ticks / utterance.rate for utterance in utterances if utterance.rate))


def spell_columns(utterances: Iterable[Utterance]) -> str:
    """How many columns of pixels, and how high they are."""
    lines = [utterance for utterance in utterances if utterance.height]
    heights = sorted({utterance.height for utterance in lines if utterance.height})
    rows = " to ".join(map(str, dict.fromkeys((heights[0], heights[-1]))))
    return f"{sum(utterance.ticks for utterance in lines):,} columns of {rows} pixels"


def training_table(log: Sequence[Mapping]) -> Table:
    if not log:
        return Table("training", [("log", "none: log.jsonl is missing or empty")])
    rows = [("steps", f"{max(entry['step'] for entry in log):,}"), ("time", spell_time(training_seconds(log)))]
    for split in ("train", "valid"):
        entries = [entry for entry in log if entry.get("split") == split and entry.get("losses")]
        if entries:
            losses = ", ".join(f"{name} {plain(value)}" for name, value in entries[-1]["losses"].items())
            rows.append((f"last losses ({split})", losses))
    return Table("training", rows)


def spell_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def findings(scores: Mapping, units: Encodings | None, words: Words) -> list[str]:
    """What the scores say, one sentence each; only what was measured."""
    sentences = (on_labels(scores, words), on_voices(scores, words), on_units(units, words))
    return [sentence for sentence in sentences if sentence]


def on_labels(scores: Mapping, words: Words) -> str:
    rows = [row for row in abx_rows(scores) if row.across.value is not None]
    learned = [row for row in rows if row.point not in UNLEARNED]
    if not learned:
        return ""
    best = min(learned, key=lambda row: row.across.value)
    did = "wrote" if words.written else "said"
    told = (
        f"Asked which of two {tier_of(scores, words)}s another {words.speaker} {did}, "
        f"what is read at the {POINTS[best.point].name}"
    )
    if best.across_change is None:
        return f"{told} errs in {best.across.value:.1%} of the cases."
    base = next(row.across.value for row in rows if row.point == baseline(scores))
    more = "fewer" if best.across_change < 0 else "more"
    read = [
        f"; the features that the encoder reads in {row.across.value:.1%}" for row in rows if row.point == "features"
    ]
    return (
        f"{told} errs in {best.across.value:.1%} of the cases, the {words.baseline} in {base:.1%}: "
        f"{abs(best.across_change):.0%} {more} errors{''.join(read)}."
    )


def on_voices(scores: Mapping, words: Words) -> str:
    def accuracy(point: str, task: str) -> float | None:
        return measure(scores, "probes", point, task, "accuracy").value

    voices = accuracy("encoder", "speaker"), accuracy("condition", "speaker")
    labels = accuracy("encoder", "labels"), accuracy("condition", "labels")
    if None in voices + labels:
        return ""
    return (
        f"From the encoder to what the decoder reads, a probe tells the {words.speaker} in {voices[0]:.0%}, then "
        f"{voices[1]:.0%} of the {words.utterance}s, and the {tier_of(scores, words)} in {labels[0]:.0%}, then "
        f"{labels[1]:.0%} of the frames."
    )


def on_units(units: Encodings | None, words: Words) -> str:
    if units is None:
        return ""
    sequences = [codes for codes in units.codes.values() if codes]
    if not sequences and "codebook_waits" in units.settings:
        waits = units.settings["codebook_waits"]
        return (
            f"There are no units yet: the codebook starts after {waits['begins']} steps of training, and the model was "
            f"trained for {waits['trained']}."
        )
    if not sequences:
        return (
            "The bottleneck is continuous: it gives vectors, not units, so there are no units to list or to "
            f"{'see' if words.written else 'hear'}."
        )
    kinds = len(set().union(*sequences))
    frames = sum(map(len, sequences))
    length = frames / sum(1 + sum(a != b for a, b in pairwise(codes)) for codes in sequences)
    lasts = f"is {length:.1f} frames wide" if words.written else f"lasts {length:.1f} frames"
    return f"{kinds} different units are in use; a unit {lasts} on average."
