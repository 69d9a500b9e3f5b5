"""Whole corpora into each of which one to three faults are planted: `unitdisc validate` finds them, or a run does.

    python tests/fuzz/corpora.py --corpora 200 --seed 0 [FAULT ...]    tables what was planted; ends with 1 for silence

A corpus to learn from and one to test with, as manifests of recordings or of line images, or as Kaldi folders. Each
fault is done to utterances of its own. Silence is a fault of which no problem of `unitdisc validate`, and no message of
a run that computes features of all, names the utterance, the file or the line. A problem that names an utterance to
which nothing was done is a false one. --only N tries one corpus again, and --keep FOLDER leaves it there.
"""

import argparse
import contextlib
import io
import json
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from unitdisc import AcousticFeatures, ColumnFeatures, console, features, validate  # noqa: E402
from unitdisc.corpus import Interval, Utterance  # noqa: E402
from unitdisc.corpus.kaldi.writing import write_kaldi  # noqa: E402
from unitdisc.corpus.manifest import write_manifest  # noqa: E402
from unitdisc.media.image import write_image  # noqa: E402

RATE, LEARNED, TESTED = 8_000, 8, 4  # ticks a second; utterances
ROWS = 16
ONES = (ValueError, OSError)  # what commands say in a sentence


# Corpora that are right


def sound(place: int, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(place).standard_normal(round(seconds * rate))


def seconds_of(place: int) -> float:
    return 2.5 + 0.4 * place


def ink(place: int, columns: int, rows: int = ROWS) -> np.ndarray:
    """[columns, rows]"""
    return np.random.default_rng(place).random((columns, rows))


def utterance_of(folder: Path, place: int, images: bool) -> Utterance:
    """Every one of another length, by one of three (of the tested: two others), with a text and labels."""
    learned = place < LEARNED
    speaker = f"s{place * 3 // LEARNED}" if learned else f"t{place % 2}"
    name = f"{speaker}-u{place:02d}"
    ticks = 60 + 8 * place if images else round(seconds_of(place) * RATE)
    step = ticks // 6
    labels = [Interval(step * each, step * (each + 1), "abcabc"[each]) for each in range(5)]
    tiers = {"character" if images else "phone": labels}
    if images:
        write_image(folder / f"{name}.png", ink(place, ticks))
        path, size = folder / f"{name}.png", {"height": ROWS}
    else:
        soundfile.write(folder / f"{name}.wav", sound(place, ticks / RATE), RATE)
        path, size = folder / f"{name}.wav", {"rate": RATE}
    gender = "fm"[int(speaker[1]) % 2]
    return Utterance(name, str(path), speaker, ticks, gender=gender, text="abcab", alignment=tiers, **size)


def is_tested(name: str) -> bool:
    return name.startswith("t")


def write_right(home: Path) -> None:
    """The same corpora in every form, whose files are read and never written."""
    for form, images in (("recordings", False), ("images", True), ("kaldi", False)):
        (home / form / "files").mkdir(parents=True)
        everything = [utterance_of(home / form / "files", place, images) for place in range(LEARNED + TESTED)]
        for name, some in (("train", everything[:LEARNED]), ("test", everything[LEARNED:])):
            if form == "kaldi":
                write_kaldi(home / form / name, some)
            else:
                write_manifest(home / form / f"{name}.jsonl", some)


# One corpus, and what is done to it


def text_in(path: Path) -> str:
    """Bytes that are no text stay what they are."""
    return path.read_text(errors="surrogateescape")


def put(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), errors="surrogateescape")


@dataclass
class Spoilt:
    """A copy of the right corpora. Its lists are text; of its files those that are changed are its own.

    free, taken: ids that have no fault yet, and those that have one.
    """

    folder: Path
    form: str
    draw: random.Random
    free: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, tested: bool = False) -> str:
        """An id that nothing was done to yet."""
        some = [name for name in self.free if (is_tested(name)) == tested]
        name = self.draw.choice(some)
        self.free.remove(name)
        self.taken.add(name)
        return name

    def file(self, name: str) -> Path:
        """Its recording or image, which may be changed from now on."""
        path = self.folder / "files" / f"{name}.{'png' if self.form == 'images' else 'wav'}"
        content = path.read_bytes()
        path.unlink()  # a link to the right one
        path.write_bytes(content)
        return path

    # manifests

    def list_of(self, name: str) -> Path:
        return self.folder / f"{'test' if is_tested(name) else 'train'}.jsonl"

    def lines(self, name: str) -> list[str]:
        return text_in(self.list_of(name)).splitlines()

    def change_line(self, name: str, change: Callable[[str], str]) -> None:
        lines = [change(line) if f'"id": "{name}"' in line else line for line in self.lines(name)]
        put(self.list_of(name), lines)

    def change(self, name: str, **values: object) -> None:
        """Other values in its line; of a value that is a function, what it makes of the one before."""

        def changed(line: str) -> str:
            entry = json.loads(line)
            return json.dumps(entry | {k: v(entry.get(k)) if callable(v) else v for k, v in values.items()})

        self.change_line(name, changed)

    def entry(self, name: str) -> dict:
        return next(json.loads(line) for line in self.lines(name) if f'"id": "{name}"' in line)

    def number(self, name: str) -> str:
        """How a message names its line."""
        place = next(n for n, line in enumerate(self.lines(name), 1) if f'"{name}"' in line)
        return f"{self.list_of(name).name}:{place}:"

    # tables

    def table(self, name: str) -> Path:
        return self.folder / "train" / name

    def rows(self, table: str, change: Callable[[list[str]], list[str]]) -> None:
        path = self.table(table)
        put(path, change(text_in(path).splitlines()))

    def row(self, table: str, name: str, change: Callable[[str], str]) -> None:
        def changed(rows: list[str]) -> list[str]:
            found = [change(row) if row.split()[0] == name else row for row in rows]
            return [row for row in found if row]

        self.rows(table, changed)


Fault = Callable[[Spoilt], list[str]]  # gives what a message must have one of
of_files: dict[str, Fault] = {}  # of recordings, whatever lists them
of_sounds: dict[str, Fault] = {}  # of manifests of recordings
of_images: dict[str, Fault] = {}
of_lists: dict[str, Fault] = {}  # of manifests
of_tables: dict[str, Fault] = {}  # of Kaldi folders


def planted(*kinds: dict[str, Fault]) -> Callable[[Fault], Fault]:
    def keep(fault: Fault) -> Fault:
        for kind in kinds:
            kind[fault.__name__.replace("_", " ")] = fault
        return fault

    return keep


# Files


@planted(of_files, of_images)
def file_missing(at: Spoilt) -> list[str]:
    name = at.take()
    at.file(name).unlink()
    return [name]


@planted(of_files, of_images)
def file_empty(at: Spoilt) -> list[str]:
    name = at.take()
    at.file(name).write_bytes(b"")
    return [name]


@planted(of_files, of_images)
def file_cut(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * at.draw.uniform(0.05, 0.95))])
    return [name]


@planted(of_files, of_images)
def file_of_text(at: Spoilt) -> list[str]:
    name = at.take()
    at.file(name).write_text("<html>404 not found</html>\n" * at.draw.choice((1, 500)))
    return [name]


@planted(of_files, of_images)
def file_is_a_folder(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    path.unlink()
    path.mkdir()
    return [name]


@planted(of_files, of_images)
def files_equal(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take()
    at.file(other).write_bytes(at.file(one).read_bytes())
    if at.form != "kaldi":
        at.change(other, ticks=at.entry(one)["ticks"], alignment={})
    return [one, other]


@planted(of_files)
def not_a_number(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    wave, rate = soundfile.read(path)
    wave[at.draw.randrange(len(wave))] = at.draw.choice((np.nan, np.inf))
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return [name]


@planted(of_files)
def silent(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    wave, rate = soundfile.read(path)
    soundfile.write(path, np.full_like(wave, at.draw.choice((0, 0.2))), rate)
    return [name]


@planted(of_files)
def clipped(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    wave, rate = soundfile.read(path)
    soundfile.write(path, np.clip(at.draw.choice((20, 200)) * wave, -1, 1), rate)
    return [name]


@planted(of_files)
def far_too_loud(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    wave, rate = soundfile.read(path)
    soundfile.write(path, 1e6 * wave, rate, subtype="FLOAT")
    return [name]


@planted(of_files)
def another_rate(at: Spoilt) -> list[str]:
    """The file was resampled; its length in seconds is what it was."""
    name = at.take()
    path = at.file(name)
    frames, rate = soundfile.info(path).frames, at.draw.choice((4_000, 11_025, 16_000))
    soundfile.write(path, sound(99, frames / RATE, rate), rate)
    return [name]


@planted(of_files)
def two_speakers_in_two_channels(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    wave, rate = soundfile.read(path)
    soundfile.write(path, np.stack([wave, sound(98, len(wave) / rate)], 1), rate)
    return [name]


@planted(of_files)
def header_promises_more(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    content = bytearray(path.read_bytes())
    promised = len(content) * 2
    content[40:44] = promised.to_bytes(4, "little")
    path.write_bytes(content)
    return [name]


# Lists of recordings


@planted(of_sounds, of_images)
def lengths_swapped(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take()
    lengths = at.entry(one)["ticks"], at.entry(other)["ticks"]
    at.change(one, ticks=lengths[1], alignment={})
    at.change(other, ticks=lengths[0], alignment={})
    return [one, other]


@planted(of_sounds)
def listed_too_short(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, ticks=lambda ticks: int(at.draw.uniform(0.1, 0.5) * ticks), alignment={})
    return [name]


@planted(of_sounds, of_images)
def listed_too_long(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, ticks=lambda ticks: int(at.draw.uniform(1.1, 5) * ticks))
    return [name]


@planted(of_sounds)
def listed_at_another_rate(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, rate=at.draw.choice((RATE // 2, 2 * RATE, RATE + 1)))
    return [name]


@planted(of_sounds)
def starts_after_the_end(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, start=lambda start: 10**7)
    return [name]


@planted(of_sounds)
def channel_that_is_not_there(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, channel=at.draw.choice((1, 7)))
    return [name]


@planted(of_sounds)
def a_pipe(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, path="cat x.wav |")
    return [name]


@planted(of_images)
def listed_with_another_height(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, height=at.draw.choice((8, 17, 300)))
    return [name]


@planted(of_images)
def blank(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.file(name)
    write_image(path, np.full((at.entry(name)["ticks"], ROWS), at.draw.choice((0.0, 0.5, 1.0))))
    return [name]


@planted(of_images)
def image_of_another_size(at: Spoilt) -> list[str]:
    name = at.take()
    write_image(at.file(name), ink(97, 40, at.draw.choice((ROWS, 30))))
    return [name]


# Lists of anything


@planted(of_lists)
def id_twice(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take()
    at.change(other, id=one)
    return [f"the id {one!r} is already on"]


@planted(of_lists)
def line_twice(at: Spoilt) -> list[str]:
    name = at.take()
    put(at.list_of(name), [*at.lines(name), json.dumps(at.entry(name))])
    return [name]


@planted(of_lists)
def file_listed_twice(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take()
    entry = at.entry(one)
    at.change(other, **{key: entry[key] for key in ("path", "ticks", "alignment")})
    return [one, other]


@planted(of_lists)
def below_zero(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, **{at.draw.choice(("ticks", "start")): -at.draw.choice((1, 4000))})
    return [name, where]


@planted(of_lists)
def no_length(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, ticks=0, alignment={})
    return [name]


@planted(of_lists)
def a_number_that_is_none(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, ticks=at.draw.choice(("many", None, 1.5, True, [], float("nan"), float("inf"), 10**30)))
    return [name, where]


@planted(of_lists)
def label_beyond_the_end(at: Spoilt) -> list[str]:
    name = at.take()
    end = at.entry(name)["ticks"]
    where = at.number(name)

    def longer(tiers: dict) -> dict:
        return {
            tier: [*found[:-1], [found[-1][0], end + at.draw.choice((1, 5000)), "z"]] for tier, found in tiers.items()
        }

    at.change(name, alignment=longer)
    return [name, where]


@planted(of_lists)
def labels_swapped(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, alignment=lambda tiers: {tier: [found[1], found[0], *found[2:]] for tier, found in tiers.items()})
    return [name, where]


@planted(of_lists)
def labels_that_overlap(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)

    def wider(tiers: dict) -> dict:
        return {tier: [[found[0][0], found[0][1] + 3, "a"], *found[1:]] for tier, found in tiers.items()}

    at.change(name, alignment=wider)
    return [name, where]


@planted(of_lists)
def label_without_length(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, alignment=lambda tiers: {tier: [[5, 5, "a"], *found[1:]] for tier, found in tiers.items()})
    return [name, where]


@planted(of_lists)
def text_empty(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, text=at.draw.choice(("", " ", "\t", "\u00a0")))
    return [name, "have one)"]


@planted(of_lists)
def text_missing(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, text=None)
    return [name, "have none)"]


@planted(of_lists)
def labels_missing(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, alignment={})
    return [name, "have none)"]


@planted(of_lists)
def speaker_missing(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, speaker=None)
    return [name]


@planted(of_lists)
def speaker_empty(at: Spoilt) -> list[str]:
    name = at.take()
    at.change(name, speaker="")
    return [name, "the name of a speaker is empty"]


@planted(of_lists)
def speaker_in_capitals(at: Spoilt) -> list[str]:
    name = at.take()
    speaker = at.entry(name)["speaker"]
    at.change(name, speaker=at.draw.choice((speaker.upper(), f" {speaker}", f"{speaker}\u200b")))
    return [name, f"{speaker!a} looks like", f"looks like {speaker!a}"]


@planted(of_lists)
def gender_of_another(at: Spoilt) -> list[str]:
    name = at.take()
    speaker = at.entry(name)["speaker"]
    at.change(name, gender=lambda gender: "m" if gender == "f" else "f")
    by_them = [entry["id"] for entry in map(json.loads, at.lines(name)) if entry.get("speaker") == speaker]
    others = [id for id in by_them if id != name]  # where the only other one cannot be read, it is what must be named
    return [f"the speaker {speaker!r}", *(others if len(others) == 1 else [])]


@planted(of_lists)
def gender_that_is_none(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, gender=at.draw.choice(("x", "female", "")))
    return [name, where]


@planted(of_lists)
def id_that_is_none(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, id=at.draw.choice((f"{name} b", f"a/{name}", "", None, 7, "x" * 300, "a\nb")))
    return [where]


@planted(of_lists)
def id_in_capitals(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take()
    at.change(other, id=one.upper())
    return [one, one.upper()]


@planted(of_lists)
def line_cut(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change_line(name, lambda line: line[: at.draw.randrange(1, len(line))])
    return [where]


@planted(of_lists)
def line_in_another_encoding(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    path = at.list_of(name)
    lines = path.read_bytes().splitlines()
    spoilt = [line.replace(b"abcab", b"ab\xe9") if f'"{name}"'.encode() in line else line for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in spoilt))
    return [where]


@planted(of_lists)
def key_missing(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    key = at.draw.choice(("id", "path", "ticks"))
    at.change_line(name, lambda line: json.dumps({k: v for k, v in json.loads(line).items() if k != key}))
    return [where]


@planted(of_lists)
def key_misspelt(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    key = at.draw.choice(("speaker", "text", "alignment", "gender"))
    at.change_line(name, lambda line: line.replace(f'"{key}"', f'"{key}s"'))
    return [name, where, f"{key}s"]


@planted(of_lists)
def no_path(at: Spoilt) -> list[str]:
    name = at.take()
    where = at.number(name)
    at.change(name, path=at.draw.choice(("", None, 3, "\0")))
    return [name, where]


@planted(of_lists)
def learned_and_tested(at: Spoilt) -> list[str]:
    """Under another name, in another file."""
    one, other = at.take(), at.take(tested=True)
    at.file(other).write_bytes(at.file(one).read_bytes())
    at.change(other, ticks=at.entry(one)["ticks"], alignment={})
    return [one, other]


@planted(of_lists)
def speakers_learned_and_tested(at: Spoilt) -> list[str]:
    one, other = at.take(), at.take(tested=True)
    entry = at.entry(one)
    at.change(other, speaker=entry["speaker"], gender=entry["gender"])
    return [other, f"{entry['speaker']!r}", "speakers"]


# Kaldi


def segmented(at: Spoilt) -> list[str]:
    """Gives the folder a table of segments, one of every recording."""
    if not at.table("segments").exists():
        names = sorted({row.split()[0] for row in at.table("wav.scp").read_text().splitlines()})
        put(at.table("segments"), [f"{name} {name} 0 {seconds_of(int(name[-2:])):.4f}" for name in names])
        at.table("reco2dur").unlink(missing_ok=True)
    return at.table("segments").read_text().splitlines()


@planted(of_tables)
def segment_beyond_the_end(at: Spoilt) -> list[str]:
    segmented(at)
    name = at.take()
    at.row("segments", name, lambda row: f"{name} {name} 0 {at.draw.choice((60, 1e6))}")
    return [name]


@planted(of_tables)
def segment_backwards(at: Spoilt) -> list[str]:
    segmented(at)
    name = at.take()
    at.row("segments", name, lambda row: f"{name} {name} {at.draw.choice(('2 1', '1 1', '-1 2', 'nan 2', '0 many'))}")
    return [name]


@planted(of_tables)
def segments_that_overlap(at: Spoilt) -> list[str]:
    """The segment of one utterance lies in another's recording, half upon it."""
    segmented(at)
    one, other = at.take(), at.take()
    at.row("segments", one, lambda row: f"{one} {one} 0 2")
    at.row("segments", other, lambda row: f"{other} {one} 1 {at.draw.choice((2.2, 2.5))}")
    return [one, other]


@planted(of_tables)
def segment_of_no_recording(at: Spoilt) -> list[str]:
    segmented(at)
    name = at.take()
    at.row("segments", name, lambda row: f"{name} nobody 0 1")
    return [name, "nobody"]


@planted(of_tables)
def recording_of_nothing(at: Spoilt) -> list[str]:
    name = at.take()
    at.row("wav.scp", name, lambda row: name)
    return [name]


@planted(of_tables)
def recording_not_listed(at: Spoilt) -> list[str]:
    name = at.take()
    at.row("wav.scp", name, lambda row: "")
    return [name]


@planted(of_tables)
def recording_listed_twice(at: Spoilt) -> list[str]:
    name = at.take()
    at.rows("wav.scp", lambda rows: sorted([*rows, next(row for row in rows if row.startswith(name))]))
    return [name]


@planted(of_tables)
def utterance_without_speaker(at: Spoilt) -> list[str]:
    name = at.take()
    at.row("utt2spk", name, lambda row: at.draw.choice(("", name)))
    return [name]


@planted(of_tables)
def speaker_of_no_utterance(at: Spoilt) -> list[str]:
    at.take()
    at.rows("utt2spk", lambda rows: [*rows, "s2-u99 s2"])
    return ["u99"]


@planted(of_tables)
def speakers_table_differs(at: Spoilt) -> list[str]:
    name = at.take()
    at.rows("spk2utt", lambda rows: [re.sub(rf" {name}\b", "", row) for row in rows])
    return [name, "spk2utt"]


@planted(of_tables)
def rows_out_of_order(at: Spoilt) -> list[str]:
    at.take()
    table = at.draw.choice(("wav.scp", "utt2spk", "text"))
    at.rows(table, lambda rows: rows[::-1])
    return [table]


@planted(of_tables)
def row_in_another_encoding(at: Spoilt) -> list[str]:
    name = at.take()
    path = at.table("text")
    path.write_bytes(path.read_bytes().replace(f"{name} ".encode(), f"{name} ".encode() + b"\xe9"))
    return [name, "text:"]


@planted(of_tables)
def text_of_nothing(at: Spoilt) -> list[str]:
    name = at.take()
    at.row("text", name, lambda row: name)
    return [name]


@planted(of_tables)
def text_not_there(at: Spoilt) -> list[str]:
    name = at.take()
    at.row("text", name, lambda row: "")
    return [name]


@planted(of_tables)
def timing_beyond_the_end(at: Spoilt) -> list[str]:
    name = at.take()
    (path,) = (at.folder / "train").glob("*.ctm")
    at.rows(path.name, lambda rows: [*rows, f"{name} 1 50.0 0.1 z"])
    return [name]


@planted(of_tables)
def timing_of_nobody(at: Spoilt) -> list[str]:
    at.take()
    (path,) = (at.folder / "train").glob("*.ctm")
    at.rows(path.name, lambda rows: [*rows, "s2-u98 1 0.0 0.1 z"])
    return ["u98", "such ids"]


@planted(of_tables)
def timings_missing(at: Spoilt) -> list[str]:
    name = at.take()
    (path,) = (at.folder / "train").glob("*.ctm")
    at.row(path.name, name, lambda row: "")
    return [name, "have no line"]


@planted(of_tables)
def timing_below_zero(at: Spoilt) -> list[str]:
    name = at.take()
    (path,) = (at.folder / "train").glob("*.ctm")
    rows = text_in(path).splitlines()
    place = next(n for n, row in enumerate(rows) if row.startswith(name))
    rows[place] = f"{name} 1 {at.draw.choice(('-0.2 0.1', '0.1 -0.1', '0.1 0', 'nan 1', '0.1 many'))} z"
    put(path, rows)
    return [name, f"{path.name}:{place + 1}:", "has no duration"]


FAULTS = {
    "recordings": {**of_files, **of_sounds, **of_lists},
    "images": {**of_images, **of_lists},
    "kaldi": {**of_files, **of_tables},
}


# What is said of it


def messages(at: Spoilt) -> Iterator[str]:
    """Of validate, and, where that names no error, of a run."""
    ending = "" if at.form == "kaldi" else ".jsonl"
    learned, tested = (at.folder / f"{name}{ending}" for name in ("train", "test"))
    try:
        yield from map(str, validate([learned, tested]))
    except ONES as error:
        yield str(error)


def said_by_run(at: Spoilt) -> str:
    """What a run says that computes the features of all."""
    options = ColumnFeatures(height=ROWS) if at.form == "images" else AcousticFeatures(rate=RATE)
    said = io.StringIO()
    for name in ("train", "test"):
        corpus = at.folder / (name if at.form == "kaldi" else f"{name}.jsonl")
        with contextlib.redirect_stderr(said):
            try:
                features(corpus, at.folder / f"{name}-features", options)
            except ONES as error:
                said.write(f"{error}\n")
    return said.getvalue()


def spoilt(right: Path, folder: Path, form: str, draw: random.Random) -> Spoilt:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(right / form, folder, copy_function=lambda source, to: Path(to).hardlink_to(source))
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "files":
            content = path.read_text().replace(str(right / form), str(folder))
            path.unlink()
            path.write_text(content)
    return Spoilt(folder, form, draw, sorted(path.stem for path in (folder / "files").iterdir()))


def tried(right: Path, folder: Path, names: list[str], draw: random.Random) -> Iterator[tuple[str, str]]:
    """Fault -> "", or what is wrong with what was said of it."""
    form = draw.choice([form for form in FAULTS if not names or FAULTS[form].keys() & set(names)])
    at = spoilt(right, folder, form, draw)
    possible = sorted(name for name in FAULTS[form] if not names or name in names)
    found = []
    for name in draw.sample(possible, min(len(possible), draw.randint(1, 3))):
        found.append((name, FAULTS[form][name](at)))
    try:
        problems = list(messages(at))
        said = [*problems, said_by_run(at)]
    except Exception as error:
        yield (
            found[0][0],
            f"{[name for name, _ in found]}: {type(error).__name__}: {error} {traceback.format_exc()[-400:]}",
        )
        return
    for name, tokens in found:
        silent = not any(token in message for token in tokens for message in said)
        yield name, f"nobody names one of {tokens} ({form})" if silent else ""
    for problem in problems:
        accounted = any(token in problem for token in at.taken.union(*(tokens for _, tokens in found)))
        if not accounted and any(re.search(rf"\b{name}\b", problem) for name in at.free):
            yield "false", f"{[name for name, _ in found]}: {problem}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faults", nargs="*", help="all by default")
    parser.add_argument("--corpora", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one corpus")
    parser.add_argument("--keep", type=Path, help="work here, and leave it there")
    chosen = parser.parse_args()
    console.console.quiet = False
    if unknown := [name for name in chosen.faults if not any(name in known for known in FAULTS.values())]:
        raise SystemExit(
            f"{unknown}: no such faults; choose of {sorted({n for known in FAULTS.values() for n in known})}"
        )
    with tempfile.TemporaryDirectory() as temporary:
        home = chosen.keep or Path(temporary)
        shutil.rmtree(home, ignore_errors=True)
        write_right(home / "right")
        for form in FAULTS:
            at = spoilt(home / "right", home / "spoilt", form, random.Random(0))
            if problems := list(messages(at)):
                raise SystemExit(f"nothing was done to it, but: {problems}")
        tally: dict[str, list[int]] = {}
        wrong: list[str] = []
        begun = time.monotonic()
        for number in range(chosen.corpora) if chosen.only is None else [chosen.only]:
            draw = random.Random(f"{chosen.seed} {number}")
            for name, why in tried(home / "right", home / "spoilt", chosen.faults, draw):
                counts = tally.setdefault(name, [0, 0])
                counts[0] += 1
                if why:
                    counts[1] += 1
                    wrong.append(f"{number}: {name}: {why}")
        print(f"{'fault':<32} {'planted':>8} {'silent':>7}")
        for name, (count, silent_ones) in sorted(tally.items()):
            print(f"{name:<32} {count:>8} {silent_ones:>7}")
        print("\n".join(wrong))
        total = sum(count for name, (count, _) in tally.items() if name != "false")
        print(f"{total} faults planted, {len(wrong)} silent or false, {time.monotonic() - begun:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
