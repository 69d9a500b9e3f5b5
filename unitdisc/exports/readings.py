"""Readings of utterances as text and as a table of comma-separated values."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from unitdisc.exports.units import Units
from unitdisc.files import write_text

COLUMNS = ("utterance", "speaker", "start", "end", "unit", "label", "confidence")


def write_texts(path: Path, texts: Iterable[tuple[str, str]]) -> None:
    """Writes Kaldi's `text`: a line of utterance and what it says. texts: utterance ids, and what was read."""
    write_text(path, "".join(f"{id} {text}".rstrip() + "\n" for id, text in texts))


def write_csv(path: Path, readings: Iterable[Units]) -> None:
    """Writes a row for every name: times in seconds, of line images in columns (`unit` says which), confidence."""
    kept = io.StringIO()
    rows = csv.writer(kept, lineterminator="\n")
    rows.writerow(COLUMNS)
    for entry in readings:
        utterance = entry.utterance
        for place, (start, end, label) in enumerate(entry.intervals):
            times = (start, end, "column") if not utterance.rate else (*seconds(start, end, utterance.rate), "second")
            sure = "" if entry.confidences is None else f"{entry.confidences[place]:.4f}"
            rows.writerow([utterance.id, utterance.speaker or "", *times, harmless(label), sure])
    write_text(path, kept.getvalue())


def seconds(start: int, end: int, rate: int) -> tuple[str, str]:
    return f"{start / rate:.6f}", f"{end / rate:.6f}"


def harmless(label: str) -> str:
    """A label that no spreadsheet takes for a formula."""
    return f"'{label}" if label[:1] in ("=", "+", "-", "@", "\t") and len(label) > 1 else label
