"""Classes of fragments, as the ZeroSpeech challenges of 2015, 2017 and 2020 read them."""

from collections.abc import Iterable
from pathlib import Path

from unitdisc.exports.units import Units, seconds
from unitdisc.files import write_text


def write_classes(path: Path, units: Iterable[Units]) -> None:
    """Writes `Class N`, its fragments as utterance, start and end in seconds, and an empty line after every class.

    Times count from the start of the utterance. Raises ExportError if a recording has no rate.
    """
    classes: dict[int, list[str]] = {}
    for entry in units:
        for start, end, label in entry.intervals:
            times = f"{seconds(entry.utterance, start):.6f} {seconds(entry.utterance, end):.6f}"
            classes.setdefault(int(label), []).append(f"{entry.utterance.id} {times}\n")
    write_text(path, "".join(f"Class {name}\n{''.join(classes[name])}\n" for name in sorted(classes)))
