"""Audacity's label tracks: https://manual.audacityteam.org/man/importing_and_exporting_labels.html"""

from collections.abc import Iterable
from pathlib import Path

from unitdisc.exports.units import Units, seconds
from unitdisc.files import write_text


def write_audacities(folder: Path, units: Iterable[Units]) -> None:
    """Writes `FOLDER/UTTERANCE.txt` for every utterance: start, end and label, with tabs between, in seconds.

    Times count from the start of the recording, so that labels lie on it where an utterance begins within. Raises
    ExportError if an utterance has no rate.
    """
    for entry in units:
        first = entry.utterance.start

        def line(start: int, end: int, label: str, entry: Units = entry, first: int = first) -> str:
            times = (f"{seconds(entry.utterance, first + tick):.6f}" for tick in (start, end))
            return "\t".join([*times, " ".join(label.split())]) + "\n"

        write_text(folder / f"{entry.utterance.id}.txt", "".join(line(*each) for each in entry.intervals if each.label))
