"""Alignments made elsewhere (Montreal Forced Aligner, Praat, Kaldi), put on utterances as tiers."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.kaldi.ctm import Stretch, read_ctm
from unitdisc.text import read_text

TIERS = {"phones": "phone", "phone": "phone", "words": "word", "word": "word"}  # as aligners call them -> as we do
SILENCE = "SIL"

Timed = tuple[float, float, str]  # start and end in seconds, label


def find_textgrids(folder: Path) -> dict[str, Path]:
    """The TextGrids anywhere in a folder, by the name of the utterance, which is that of the file."""
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".textgrid"}


def read_textgrid(path: Path) -> dict[str, list[Timed]]:
    """The phone and word tiers of a Praat TextGrid in the long or the short format; empty labels are silence.

    Other tiers are left out. Raises CorpusError if it is no TextGrid.
    """
    values = textgrid_values(path)
    tiers = {}
    try:
        if not next(values).startswith("ooTextFile") or next(values) != "TextGrid":
            raise ValueError("its first lines do not say so")
        _, _, count = islice(values, 3)  # from, to
        for _ in range(int(count)):
            kind, name, _, _, size = islice(values, 5)
            width = 3 if kind == "IntervalTier" else 2  # the other kind has points
            marks = [tuple(islice(values, width)) for _ in range(int(size))]
            tier = TIERS.get(name.rpartition(" - ")[2].strip().lower())  # "speaker - phones" where there are several
            if tier and width == 3:
                tiers[tier] = [(float(start), float(end), label.strip() or SILENCE) for start, end, label in marks]
    except (ValueError, StopIteration) as error:
        reason = str(error) or "it ends too early"
        raise CorpusError(f"{path}: is no TextGrid of Praat ({reason}); copy it again or leave it out") from error
    return tiers


def textgrid_values(path: Path) -> Iterator[str]:
    """The strings and numbers of a TextGrid, in order; the names of keys, which the short format lacks, are skipped."""
    content = read_text(path, CorpusError, wide=True)
    for match in re.finditer(r'"((?:[^"]|"")*)"|(?<![^\s])(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)(?![^\s])', content):
        yield match[2] if match[1] is None else match[1].replace('""', '"')


def add_ctms(utterances: list[Utterance], folder: Path) -> list[Utterance]:
    """The utterances with the tiers of the CTM files in a folder: phone.ctm or phones.ctm, word.ctm or words.ctm.

    Raises CorpusError as `unitdisc.kaldi.ctm.read_ctm` does.
    """
    stretches = {u.id: Stretch(Path(u.path).stem, u.start, u.ticks, u.rate) for u in utterances}
    for path in sorted(folder.glob("*.ctm")):
        if tier := TIERS.get(path.stem.lower()):
            found = read_ctm(path, stretches)
            utterances = [
                replace(u, alignment={**u.alignment, tier: found[u.id]}) if u.id in found else u for u in utterances
            ]
    return utterances
