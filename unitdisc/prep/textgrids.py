"""Alignments made elsewhere (Montreal Forced Aligner, WebMAUS, Praat, Kaldi), put on utterances as tiers."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.kaldi.ctm import Segment, ctm_files, read_ctm
from unitdisc.files.text import read_text
from unitdisc.prep.notes import Notes

NAMES = {  # tier -> what aligners and people call it
    "phone": """phone phones phn phns ph phon phons phoneme phonemes phonem segment segments seg segs sound sounds mau
        sampa x-sampa xsampa ipa phonetic phonetics phonalign laut laute fon fone fones fonema fonemas phonème
        phonèmes""",
    "word": """word words wrd wrds ort ort-mau token tokens tokensalign wort wörter woerter mot mots palabra palabras
        palavra palavras parola parole woord woorden""",
    "syllable": """syllable syllables syll sylls syl syls syllalign mas silbe silben syllabe syllabes sílaba sílabas
        sillaba sillabe""",
    "canonical": "kan kan-mau",  # words as a dictionary pronounces them
    "tone": "tone tones",
    "character": "character characters char chars",
}
TIERS = {name: tier for tier, names in NAMES.items() for name in names.split()}
BESIDE = re.compile(r"[\s\-_:/.,|()\[\]]+")  # what may part the name of a speaker from that of a tier
SILENCE = "SIL"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
NO_NUMBER = r"[+-]?\d+,\d+|--undefined--"  # but stands where one has to
TOKEN = re.compile(rf'"((?:[^"]|"")*)"|(?<!\S)({NUMBER}|{NO_NUMBER})(?!\S)|(?<!\S)![^\n]*')
CHRONOLOGICAL = "Praat chronological TextGrid"

Timed = tuple[float, float, str]  # start and end in seconds, label


@dataclass(frozen=True)
class GridTier:
    """A tier of a TextGrid."""

    name: str
    has_intervals: bool  # and not points
    marks: list[tuple[str, ...]]
    kind: str | None  # which of our tiers it is
    speaker: str  # who is named beside it; "" for nobody

    def timed(self) -> list[Timed]:
        """Its intervals; empty labels are silence."""
        return [(float(start), float(end), " ".join(label.split()) or SILENCE) for start, end, label in self.marks]


def find_textgrids(folder: Path) -> dict[str, list[Path]]:
    """The TextGrids anywhere in a folder, by the name of the utterance, which is that of the file."""
    found = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".textgrid":
            found[path.stem].append(path)
    return dict(found)


def the_textgrid(paths: list[Path]) -> Path:
    """The TextGrid of an utterance. Raises CorpusError if there are several."""
    if len(paths) > 1:
        raise CorpusError(f"{paths[1]}: is called like {paths[0]}, so that either may be meant; take one of them out")
    return paths[0]


def read_textgrid(path: Path, speaker: str | None = None, notes: Notes | None = None) -> dict[str, list[Timed]]:
    """The tiers of phones, words, syllables and the like of a Praat TextGrid in the long or the short format.

    Empty labels are silence. Of tiers of several speakers ("ann - phones", "bob - phones") those of `speaker` are
    taken. What is left out is noted, or said at once without `notes`. Raises CorpusError if it is no TextGrid, and if
    two tiers of a kind are in it and none is the speaker's.
    """
    noted = notes or Notes()
    tiers = grid_tiers(path)
    usable = []
    for tier in tiers:
        if not tier.has_intervals:
            noted.add(f"TextGrids whose tier {tier.name!r} has points and no intervals, left out", path.stem)
        elif tier.kind is None:
            noted.add(f"TextGrids whose tier {tier.name!r} is called like none that is known, left out", path.stem)
        else:
            usable.append(tier)
    found = {}
    for kind in dict.fromkeys(tier.kind for tier in usable):
        same = [tier for tier in usable if tier.kind == kind]
        chosen = choose(path, same, speaker)
        if chosen.marks:
            found[kind] = chosen.timed()
        if speaker and chosen.speaker and spelt(chosen.speaker) != spelt(speaker):
            noted.add(f"TextGrids whose tier {chosen.name!r} is taken, though it may be another's", path.stem)
        for tier in same:
            if tier is not chosen:
                noted.add(f"TextGrids whose tier {tier.name!r} is another's than {chosen.name!r}, left out", path.stem)
    if not found:
        noted.add("TextGrids without a tier of phones, words or syllables; call one of theirs `phones`", path.stem)
    if notes is None:
        noted.say()
    return found


def choose(path: Path, tiers: list[GridTier], speaker: str | None) -> GridTier:
    """The tier of a speaker, the one that names nobody, or the only one. Raises CorpusError if several may be meant."""
    own = [tier for tier in tiers if speaker and spelt(tier.speaker) == spelt(speaker)]
    filled = [tier for tier in tiers if tier.marks] or tiers[:1]
    named = own or [tier for tier in filled if not tier.speaker] or filled
    if len(named) > 1:
        names = " and ".join(repr(tier.name) for tier in named)
        whose = f"none of {speaker!r}" if speaker and not own else "and which is meant is not known"
        cure = "begin the name of each with that of its speaker, as in 'ann - phones', or take the others out"
        raise CorpusError(f"{path}: has {len(named)} tiers of {named[0].kind}s, {names}, {whose}; {cure}")
    return named[0]


def spelt(speaker: str) -> str:
    return BESIDE.sub(" ", speaker.casefold()).strip()


def kind_and_speaker(name: str) -> tuple[str | None, str]:
    """Which of our tiers a name stands for, None for none, and whose: "ann - phones" is ("phone", "ann")."""
    name = name.strip(" \t\n\"'").casefold()
    if name in TIERS:
        return TIERS[name], ""
    cuts = [(name[: found.start()], name[found.end() :]) for found in BESIDE.finditer(name)]
    for who, tier in (*cuts, *((after, before) for before, after in reversed(cuts))):
        if who and tier.rstrip(")]") in TIERS:
            return TIERS[tier.rstrip(")]")], who.rstrip(")]")
    return None, ""


def grid_tiers(path: Path) -> list[GridTier]:
    """All tiers of a TextGrid. Raises CorpusError if it is none."""
    try:
        values = textgrid_values(path)
        first = next(values)
        if first.startswith(CHRONOLOGICAL):
            raise ValueError("it is in chronological order; in Praat, save it as a text file")
        if not first.startswith("ooTextFile") or not next(values).startswith("TextGrid"):
            raise ValueError("its first lines do not say so")
        _, _, count = take(values, 3)  # from, to
        tiers = [next_tier(values) for _ in range(int(count))]
        if (more := next(values, None)) is not None:
            raise ValueError(f"it goes on with {more[:40]!r} where it should end by the numbers in it")
        return tiers
    except CorpusError:
        raise
    except (ValueError, StopIteration) as error:
        reason = str(error) or "it ends too early"
        raise CorpusError(f"{path}: is no TextGrid of Praat ({reason}); copy it again or leave it out") from error


def take(values: Iterator[str], count: int) -> tuple[str, ...]:
    """The next values. Raises ValueError if there are fewer."""
    found = tuple(islice(values, count))
    if len(found) < count:
        raise ValueError("it ends too early")
    return found


def next_tier(values: Iterator[str]) -> GridTier:
    """Raises ValueError if it is none."""
    kind, name, _, _, size = take(values, 5)
    if kind not in ("IntervalTier", "TextTier"):
        raise ValueError(f"it has a tier of the class {kind[:40]!r}")
    width = 3 if kind == "IntervalTier" else 2
    marks = [take(values, width) for _ in range(int(size))]
    tier = GridTier(name, width == 3, marks, *kind_and_speaker(name))
    for *times, _ in marks:
        list(map(float, times))
    return tier


def textgrid_values(path: Path) -> Iterator[str]:
    """The strings and numbers of a TextGrid, in order; the names of keys, which the short format lacks, are skipped.

    Raises CorpusError if it is no text.
    """
    with path.open("rb") as file:
        is_binary = file.read(12) == b"ooBinaryFile"
    if is_binary:
        raise ValueError("it is in Praat's binary format; in Praat, save it as a text file")
    for match in TOKEN.finditer(read_text(path, CorpusError, wide=True)):
        if match[1] is not None:
            yield match[1].replace('""', '"')
        elif match[2] is not None:
            yield match[2]


def add_ctms(utterances: list[Utterance], folder: Path) -> list[Utterance]:
    """The utterances with the tiers of the CTM files in a folder: phones.ctm, words.ctm, or any other, NAME.ctm.

    Raises CorpusError as `unitdisc.corpus.kaldi.ctm.read_ctm` does, and for a tier that is there already.
    """
    stretches = {u.id: Segment(Path(u.path).stem, u.start, u.ticks, rate=u.rate, channel=u.channel) for u in utterances}
    for path in ctm_files(folder):
        tier = TIERS.get(path.stem.casefold(), path.stem)
        found = read_ctm(path, stretches)
        if twice := next((u.id for u in utterances if u.id in found and tier in u.alignment), None):
            what = f"is a second tier {tier} of {twice}, beside another CTM file or a TextGrid"
            raise CorpusError(f"{path}: {what}; take one of them out")
        utterances = [
            replace(u, alignment={**u.alignment, tier: found[u.id]}) if u.id in found else u for u in utterances
        ]
    return utterances
