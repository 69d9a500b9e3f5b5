"""What is wrong with the tables of a Kaldi data directory: all that Kaldi's validate_data_dir.sh would stop at.

Texts and features may be absent, and utterances need not sort like their speakers (--no-text --no-feats
--no-spk-sort). Lines of `segments` may name a channel, which extract-segments reads, but that script does not know.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from unitdisc.corpus import CorpusError, Problem, doubt_said, id_doubt, id_fault, is_id, is_pipe
from unitdisc.corpus.kaldi.reading import BOTH, NO_PIPE, PIPE, SEGMENT, parse_segment, unit_of
from unitdisc.corpus.kaldi.tables import KaldiRow, mark_problems, parse_row
from unitdisc.files.text import SAVE, Lookalikes, byte_lines, decoded, loosely_decoded

POSITIVE = r"(?=[\d.]*[1-9])\d*\.?\d*(?:e[-+]?\d+)?"
WARP = r"0\.5\d*[1-9]\d*|0\.[6-9]\d*|1(?:\.[0-4]\d*)?"

error, warning = partial(Problem, "error"), partial(Problem, "warning")


@dataclass(frozen=True)
class Form:
    """How the lines of a table must look."""

    about: str  # whose ids they begin with: utterance, recording or speaker
    rest: str  # pattern of what follows the id, one space between fields
    shape: str  # the same for people


FORMS = {
    "wav.scp": Form("recording", r"[^~].*", "RECORDING PATH, the path without ~"),
    "images.scp": Form("recording", r"[^~].*", "IMAGE PATH, the path without ~"),
    "segments": Form("utterance", r".+", "UTTERANCE RECORDING START END, or UTTERANCE RECORDING START END CHANNEL"),
    "utt2spk": Form("utterance", r"\S+", "UTTERANCE SPEAKER"),
    "spk2utt": Form("speaker", r".+", "SPEAKER UTTERANCE UTTERANCE ..."),
    "spk2gender": Form("speaker", r"[fm]", "SPEAKER f, or SPEAKER m"),
    "text": Form("utterance", r"(?!.*(?<!\S)(?:<s>|</s>|#0)(?!\S)).*", "UTTERANCE WORDS, without <s>, </s> and #0"),
    "feats.scp": Form("utterance", r".+", "UTTERANCE PATH"),
    "vad.scp": Form("utterance", r".+", "UTTERANCE PATH"),
    "cmvn.scp": Form("speaker", r".+", "SPEAKER PATH"),
    "utt2lang": Form("utterance", r".+", "UTTERANCE LANGUAGE"),
    "utt2uniq": Form("utterance", r".+", "UTTERANCE UTTERANCE"),
    "utt2dur": Form("utterance", POSITIVE, "UTTERANCE SECONDS"),
    "utt2num_frames": Form("utterance", r"[1-9]\d*", "UTTERANCE FRAMES"),
    "utt2warp": Form("utterance", WARP, "UTTERANCE FACTOR, between 0.5 and 1.5"),
    "spk2warp": Form("speaker", WARP, "SPEAKER FACTOR, between 0.5 and 1.5"),
    "reco2dur": Form("recording", POSITIVE, "RECORDING SECONDS"),
    "reco2file_and_channel": Form("recording", r"\S+ [AB12]", "RECORDING FILE A, or RECORDING FILE B"),
}


@dataclass(frozen=True)
class Tables:
    """The tables of a directory, as far as they can be read."""

    folder: Path
    rows: dict[str, list[KaldiRow]]  # name -> lines, in order

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def __getitem__(self, name: str) -> list[KaldiRow]:
        return self.rows.get(name, [])

    def lines(self, name: str) -> dict[str, int]:
        """The ids of a table, and the line of each."""
        return {row.key: row.line for row in reversed(self[name])}

    def file(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def scp(self) -> str:
        """The table that names the recordings, or the images."""
        return "images.scp" if "images.scp" in self else "wav.scp"

    @property
    def utterances(self) -> str:
        """The table that says which utterances there are."""
        return "segments" if "segments" in self else self.scp


def check_tables(folder: Path, allow_pipes: bool = False) -> tuple[Tables, list[Problem]]:
    """Reads every table of a directory, whatever is wrong with it, and says what is."""
    rows, problems = {}, []
    for name in FORMS:
        if (folder / name).is_file():
            rows[name] = []
            problems += mark_problems(folder / name)
            try:
                for number, line in byte_lines(folder / name, CorpusError):
                    row = parse_row(number, loosely_decoded(line))
                    problems += line_problems(folder / name, line, row)
                    rows[name] += [row] if row.key else []
            except CorpusError as fault:
                what, cure = str(fault).removeprefix(f"{folder / name}: ").rsplit("; ", 1)
                problems.append(error(str(folder / name), None, what, cure))
    tables = Tables(folder, rows)
    for check in (presence, names, order, coverage, speakers, segments):
        problems += check(tables)
    if not allow_pipes or tables.scp == "images.scp":
        problems += pipes(tables)
    return tables, problems


def line_problems(path: Path, line: bytes, row: KaldiRow) -> Iterator[Problem]:
    """What is wrong with a line by itself."""
    found, form = partial(error, str(path), row.line), FORMS[path.name]
    try:
        text = decoded(line)
    except ValueError as fault:
        yield found(f"is {fault}", SAVE)
        return
    if not text.endswith("\n"):
        yield found("the last line has no end", "add a newline")
    if "\r" in text:
        yield found("has a carriage return", "convert the line ends from Windows to Unix")
    elif path.name == "text" and (odd := re.search(r"[^\S \t\n]", text)):
        yield found(f"has the white space {odd[0]!a}", "use plain spaces")
    if not row.key:
        yield found("is blank", "remove the line")
    if row.key and not re.fullmatch(form.rest, " ".join(row.value.split())):
        yield found(f"{row.key!r} is followed by {row.value[:60]!r}", f"write {form.shape}")
    if row.key and path.name == "text" and not row.value.strip():
        yield warning(str(path), row.line, f"{row.key!r} has an empty text", "add it, or remove the line")


def presence(tables: Tables) -> Iterator[Problem]:
    if "wav.scp" in tables and "images.scp" in tables:
        what, cure = BOTH.split("; ")
        yield error(str(tables.folder), None, what, cure)
    for name in (tables.scp, "utt2spk", "spk2utt", *(["segments"] if "segments" in tables else [])):
        if name not in tables:
            yield error(tables.file(name), None, "is missing", f"write it: each line {FORMS[name].shape}")
        elif not tables[name]:
            yield error(tables.file(name), None, "is empty", f"write it: each line {FORMS[name].shape}")


def names(tables: Tables) -> Iterator[Problem]:
    for row in tables[tables.utterances]:
        if fault := id_fault(row.key):
            yield error(tables.file(tables.utterances), row.line, f"{row.key!r} cannot name a file", f"use {fault}")
    doubtful = [row for row in tables[tables.utterances] if is_id(row.key) and id_doubt(row.key)]
    if doubtful:
        row = doubtful[0]
        yield warning(tables.file(tables.utterances), row.line, *doubt_said(row.key, len(doubtful)))


def order(tables: Tables) -> Iterator[Problem]:
    """Ids must be sorted as bytes are (LC_ALL=C), which is how Python sorts them, and come once."""
    for name in tables.rows:
        unsorted = [(row, following) for row, following in pairwise(tables[name]) if following.key < row.key]
        if unsorted:
            row, following = unsorted[0]
            what = f"{following.key!r} comes after {row.key!r} ({len(unsorted)} such places in the file)"
            yield error(tables.file(name), following.line, what, f"sort it: LC_ALL=C sort -k1,1 {name}")
        first = tables.lines(name)
        for row in tables[name]:
            if row.line != first[row.key]:
                what = f"{row.key!r} is already on line {first[row.key]}"
                yield error(tables.file(name), row.line, what, "remove one of them, or rename it")


def coverage(tables: Tables) -> Iterator[Problem]:
    """All tables about utterances, recordings or speakers must be about the same ones."""
    named = {
        "utterance": (tables.utterances, tables.lines(tables.utterances)),
        "recording": (tables.scp, tables.lines(tables.scp)),
        "speaker": ("utt2spk", {row.value: row.line for row in reversed(tables["utt2spk"])}),
    }
    for name in tables.rows:
        about = FORMS[name].about
        source, wanted = named[about]
        lines = tables.lines(name)
        if name == source or source not in tables:
            continue
        there, asked = Lookalikes(lines), Lookalikes(wanted)
        for id in sorted(wanted.keys() - lines.keys()):
            what = f"lacks the {about} {id!r} of {source}:{wanted[id]}{there.hint(id)}"
            yield error(tables.file(name), None, what, f"add it, or remove it from {source}")
        for id in sorted(lines.keys() - wanted.keys()):
            what = f"{source} has no {about} {id!r}{asked.hint(id)}"
            yield error(tables.file(name), lines[id], what, f"remove the line, or add {id!r} to {source}")


def speakers(tables: Tables) -> Iterator[Problem]:
    of_speaker = defaultdict(list)
    for row in tables["utt2spk"]:
        of_speaker[row.value].append(row.key)
    for row in tables["spk2utt"]:
        if row.key in of_speaker and row.value.split() != sorted(of_speaker[row.key]):
            what = f"the utterances of {row.key!r} are not those of utt2spk, in order"
            yield error(tables.file("spk2utt"), row.line, what, "make it from utt2spk: utils/utt2spk_to_spk2utt.pl")
    if len(of_speaker) == 1 and len(tables["utt2spk"]) > 1:
        yield warning(tables.file("utt2spk"), None, "there is only one speaker", "name the speakers, if there are more")
    other = [row for row in tables["utt2spk"] if not row.key.startswith(row.value)]
    if other:
        what = f"{other[0].key!r} does not begin with its speaker {other[0].value!r} ({len(other)} such lines)"
        cure = "for use with Kaldi, begin every utterance id with the id of the speaker"
        yield warning(tables.file("utt2spk"), other[0].line, what, cure)
    for row, following in pairwise(tables["utt2spk"]):
        if not other and following.value < row.value and row.key < following.key:
            what = (
                f"the speaker {following.value!r} sorts before {row.value!r}, but {following.key!r} after {row.key!r}"
            )
            cure = "for use with Kaldi, give speakers ids of one length, so that they sort like their utterances"
            yield warning(tables.file("utt2spk"), following.line, what, cure)


def segments(tables: Tables) -> Iterator[Problem]:
    recordings, used = tables.lines(tables.scp), Counter()
    for row in tables["segments"]:
        try:
            recording = parse_segment(row.value, unit_of(tables.folder))[0]
        except ValueError as fault:
            yield error(tables.file("segments"), row.line, f"{row.key!r} {fault}", SEGMENT)
            continue
        used[recording] += 1
        if recording not in recordings:
            what = f"{tables.scp} has no recording {recording!r}"
            yield error(tables.file("segments"), row.line, what, "add it, or remove this line")
    for id in sorted(recordings.keys() - used.keys()) if tables["segments"] else ():
        what = f"no segment is of the recording {id!r}"
        yield error(tables.file(tables.scp), recordings[id], what, "remove the line, or add the segments")


def pipes(tables: Tables) -> Iterator[Problem]:
    what, cure = (NO_PIPE if tables.scp == "images.scp" else PIPE).split("; ")
    for row in tables[tables.scp]:
        if is_pipe(row.value):
            yield error(tables.file(tables.scp), row.line, f"{row.key!r} {what}", cure)
