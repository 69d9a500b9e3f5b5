"""CTM, as Kaldi's tools read it."""

from collections.abc import Iterable
from pathlib import Path

from unitdisc.corpus import Interval, Utterance
from unitdisc.exports.units import Units, seconds
from unitdisc.files import write_text


def write_ctm(path: Path, units: Iterable[Units]) -> None:
    """Writes Kaldi's CTM: utterance, channel 1, start and duration in seconds (of line images: in columns), code.

    Times count from the start of the utterance, as in Kaldi's CTM of a data directory with segments.
    Where there are confidences, they are the sixth column. Raises ExportError if a recording has no rate.
    """

    def line(utterance: Utterance, unit: Interval, confidence: float | None) -> str:
        sure = "" if confidence is None else f" {confidence:.4f}"
        if utterance.is_image:
            return f"{utterance.id} 1 {unit.start} {unit.end - unit.start} {unit.label}{sure}\n"
        start, duration = seconds(utterance, unit.start), seconds(utterance, unit.end - unit.start)
        return f"{utterance.id} 1 {start:.6f} {duration:.6f} {unit.label}{sure}\n"

    def sure_of(entry: Units) -> Iterable[float | None]:
        return entry.confidences if entry.confidences is not None else [None] * len(entry.intervals)

    write_text(
        path,
        "".join(
            line(entry.utterance, unit, sure) for entry in units for unit, sure in zip(entry.intervals, sure_of(entry))
        ),
    )
