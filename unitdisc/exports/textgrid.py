"""TextGrids, as Praat reads them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from unitdisc.corpus import Interval
from unitdisc.exports.units import Units, seconds
from unitdisc.files import write_text


def write_textgrids(folder: Path, units: Iterable[Units], tier: str = "unit") -> None:
    """Writes `FOLDER/UTTERANCE.TextGrid` for every utterance."""
    for entry in units:
        write_textgrid(folder / f"{entry.utterance.id}.TextGrid", entry, tier)


def write_textgrid(path: Path, units: Units, tier: str = "unit") -> None:
    """Writes a Praat TextGrid (long text format, UTF-8): the tier of units, then the tiers of the alignment.

    Times are seconds from the start of the utterance. Gaps in a tier become intervals without a label.
    Raises ExportError if the utterance has no rate.
    """
    utterance = units.utterance
    tiers = {tier: units.intervals} | {
        f"{tier} (alignment)" if name == tier else name: intervals for name, intervals in utterance.alignment.items()
    }
    end = seconds(utterance, utterance.ticks)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        intervals = list(tiled(intervals, utterance.ticks))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(intervals)}"]
        for position, (first, last, label) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{position}]:",
                f"            xmin = {seconds(utterance, first)!r}",
                f"            xmax = {seconds(utterance, last)!r}",
                f"            text = {quoted(label)}",
            ]
    write_text(path, "\n".join(lines) + "\n")


def tiled(intervals: Iterable[Interval], ticks: int) -> Iterator[Interval]:
    """The intervals with every gap up to `ticks` filled by an interval without a label."""
    position = 0
    for interval in intervals:
        if position < interval.start:
            yield Interval(position, interval.start, "")
        yield interval
        position = interval.end
    if position < ticks:
        yield Interval(position, ticks, "")


def quoted(text: str) -> str:
    """A Praat string: in quotes, its own quotes doubled, on one line."""
    return '"' + " ".join(text.splitlines()).replace('"', '""') + '"'
