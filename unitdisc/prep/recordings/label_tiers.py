"""Labels that lie beside a recording: TextGrid, ELAN, CTM, Audacity, .lab, and plain texts, read into one form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.corpus.kaldi.ctm import channel_called, open_ctm
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import read_lines, read_text
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.elan import read_elan
from unitdisc.prep.recordings.tier_kinds import LabelTier, named_tier
from unitdisc.prep.textgrids import Timed, grid_tiers

TICKS_OF_HTK = 1e7  # times in .lab files of HTK are in units of 100 ns
LABEL = "label"  # the tier of Audacity's labels, which are called nothing
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?")
LONGEST_TEXT = 1 << 20  # bytes of a transcript; more is none


@dataclass(frozen=True)
class Labels:
    """What the files beside a recording say of it: tiers, in seconds from its beginning, and the text of all of it."""

    tiers: list[LabelTier] = field(default_factory=list)
    text: str | None = None


def read_labels(recording: Path, paths: Sequence[Path], seconds: float, notes: Notes) -> Labels:
    """What is said beside a recording of so many seconds. Files that cannot be read are noted by name, and left out."""
    tiers, texts = [], []
    for path in paths:
        try:
            found = read_file(path, recording, seconds, notes)
        except (CorpusError, OSError) as error:
            refuse_blameless(error, path)
            notes.add(f"labels that cannot be read, left out: {error}", path.name)
            continue
        tiers += found.tiers
        texts += [found.text] if found.text else []
    if len(texts) > 1:
        notes.add("recordings with several texts, of which the first is taken", recording.name)
    return Labels(tiers, texts[0] if texts else None)


def read_file(path: Path, recording: Path, seconds: float, notes: Notes) -> Labels:
    """Raises CorpusError if it is not what its ending says."""
    kind = path.suffix.lower()
    own = tier_in(path, recording)
    if kind == ".textgrid":
        return Labels(of_textgrid(path, notes))
    if kind == ".eaf":
        return Labels(read_elan(path, recording.name, notes))
    if kind == ".ctm":
        lines = [line for lines in sound_ctm(path, notes).values() for line in lines]
        return Labels([named_tier(own or "word", rows_of_ctm(lines))])
    if path.stat().st_size > LONGEST_TEXT and kind == ".txt":
        raise CorpusError(f"{path}: has {path.stat().st_size} bytes, too many for a transcript; move it away")
    if kind == ".lab":
        rows = of_lab(path, seconds)
        return Labels(text=text_of(path)) if rows is None else Labels([named_tier(own or "phone", rows)])
    rows = of_audacity(path)
    return Labels(text=text_of(path)) if rows is None else Labels([named_tier(own or LABEL, rows)])


def tier_in(path: Path, recording: Path) -> str:
    """The name of a tier between that of the recording and the ending: "phones" of talk.phones.lab; "" if none."""
    rest = path.stem[len(recording.stem) :] if path.stem.startswith(recording.stem) else ""
    return rest.strip("._- ")


def of_textgrid(path: Path, notes: Notes) -> list[LabelTier]:
    """Its tiers of intervals. Names of speakers are believed where there are several: "word tier" is nobody's."""
    found = []
    for tier in grid_tiers(path):
        if not tier.has_intervals:
            notes.add(f"TextGrids whose tier {tier.name!r} has points and no intervals, left out", path.name)
            continue
        rows = [(float(start), float(end), " ".join(label.split())) for start, end, label in tier.marks]
        found.append(named_tier(tier.name, rows))
    speakers = list(dict.fromkeys(tier.speaker for tier in found if tier.speaker))
    if len(speakers) > 1:
        notes.add(
            f"TextGrids with tiers of several speakers ({', '.join(speakers[:4])}), who are told apart", path.name
        )
        return found
    return [tier if "@" in tier.title else tier._replace(speaker="") for tier in found]


def sound_ctm(path: Path, notes: Notes) -> dict[str, list]:
    """The lines of a CTM file that are lines of one, by what they begin with; the others are noted."""
    ctm = open_ctm(path)
    for problem in ctm.problems:
        what = "files with byte order marks, which are left out" if problem.severity == "warning" else None
        notes.add(what or f"lines of CTM files that are none ({problem.what}), left out", f"{path.name}:{problem.line}")
    return ctm.timed


def rows_of_ctm(lines: Sequence, channel: int | None = None) -> list[Timed]:
    """Of a channel, where one is asked for and the lines name several."""
    named = {line.channel for line in lines}
    of = [line for line in lines if channel is None or len(named) < 2 or channel_called(line.channel) == channel]
    return [(line.start, line.end, line.label) for line in of]


def of_audacity(path: Path) -> list[Timed] | None:
    """Rows of a label track that Audacity exported: start, end, label, with tabs; None if it is none.

    Lines that begin with a backslash are the frequencies of the label before. Decimal commas are read.
    """
    rows = []
    for line in read_lines(path, CorpusError, wide=True):
        if not line.text.strip() or line.text.startswith("\\"):
            continue
        start, end, label = (*line.text.split("\t", 2), "", "")[:3]
        if not (NUMBER.fullmatch(start.strip()) and NUMBER.fullmatch(end.strip())):
            return None
        rows.append((number(start), number(end), " ".join(label.split())))
    return rows or None


def of_lab(path: Path, seconds: float) -> list[Timed] | None:
    """Rows of a .lab file: of HTK (100 ns), of WaveSurfer (seconds) or of xwaves (ends only); None if it is a text.

    Whole numbers that go far beyond the recording are of HTK.
    """
    lines = [line.text.split() for line in read_lines(path, CorpusError, wide=True) if line.text.strip()]
    if ["#"] in lines:  # the header of xwaves ends here: END COLOUR LABEL
        lines = lines[lines.index(["#"]) + 1 :]
        if all(len(cells) >= 2 and NUMBER.fullmatch(cells[0]) for cells in lines):
            ends = [number(cells[0]) for cells in lines]
            return [(start, end, " ".join(cells[2:])) for start, end, cells in zip([0.0, *ends], ends, lines)]
    if not lines or not all(len(cells) >= 2 and all(map(NUMBER.fullmatch, cells[:2])) for cells in lines):
        return None
    whole = all(cell.lstrip("+-").isdigit() for cells in lines for cell in cells[:2])
    unit = TICKS_OF_HTK if whole and max(number(cells[1]) for cells in lines) > 100 * seconds else 1
    return [(number(cells[0]) / unit, number(cells[1]) / unit, " ".join(cells[2:3])) for cells in lines]


def number(text: str) -> float:
    return float(text.strip().replace(",", "."))


def text_of(path: Path) -> str | None:
    """A transcript, its lines and other white space being single blanks."""
    return " ".join(read_text(path, CorpusError, wide=True).split()) or None
