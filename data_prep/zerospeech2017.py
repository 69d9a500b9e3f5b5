"""Zero Resource Speech Challenge 2017: English, French and Mandarin (and two surprise languages) without transcripts.

Origin    Dunbar et al., ASRU 2017 (https://zerospeech.com); audiobooks of LibriVox, and THCHS-30 for Mandarin.
Licence   given on registration with the organisers.
Files     train/<language>/<speaker>.wav          all recordings of a speaker in one file, 16 kHz; 45, 24 and 2.4 hours
          test/<language>/<1s|10s|120s>/<name>.wav  cut into files of about that length; the names are random, the
                                                  speakers hidden
          The items of the ABX task are in files beside them; `unitdisc abx` takes them as they are.
What      <language>/train.jsonl and <language>/test-<1s|10s|120s>.jsonl. Training files are long: they are listed in
is made   chunks of --chunk seconds, or, with --vad, in the stretches of speech that a table of the organisers names
          (a line of headings, then file,start,end; in seconds unless --vad-unit says otherwise).
          Recordings stay where they are. Test files say no speaker: where features are normalised per speaker, those of
          a test file are normalised by its own mean and variance.
Tiers     none.

python data_prep/zerospeech2017.py zerospeech2017/data data/zerospeech2017 --languages english
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files.text import read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.utterances import SLACK, recording

DURATIONS = ("1s", "10s", "120s")
SHORTEST = 0.1  # seconds: what is left of a file after the last whole chunk, and stretches of speech


def folder(parent: Path, name: str) -> Path | None:
    """The folder of that name, in capitals or not."""
    return next((path for path in subfolders(parent) if path.name.lower() == name.lower()), None)


def subfolders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def recordings(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.suffix.lower() in (".wav", ".flac"))


def chunks(whole: Utterance, seconds: float) -> Iterator[tuple[float, float]]:
    """The stretches [start, end) of a file in seconds."""
    length = whole.ticks / whole.rate
    if seconds <= 0:
        yield 0.0, length
        return
    start = 0.0
    while length - start > SHORTEST or not start:
        yield start, min(start + seconds, length)
        start += seconds


def stretch(whole: Utterance, start: float, end: float) -> Utterance:
    """A part of a recording, named after the tenths of milliseconds where it starts and ends, so that names sort."""
    first, last = round(start * whole.rate), min(round(end * whole.rate), whole.ticks)
    name = f"{whole.id}-{round(start * 1e4):09d}-{round(end * 1e4):09d}"
    return replace(whole, id=name, start=first, ticks=last - first)


def read_vad(path: Path, unit: float) -> dict[str, list[tuple[float, float]]]:
    """File -> stretches of speech in seconds."""
    found = defaultdict(list)
    for number, line in islice(read_lines(path, CorpusError), 1, None):
        try:
            name, start, end = line.split(",")
            found[Path(name.strip()).stem].append((float(start) * unit, float(end) * unit))
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: {line!r} is not file,start,end ({error}); correct the line") from error
    return found


def training(parent: Path, args: argparse.Namespace) -> Iterator[Utterance]:
    """The recordings of the speakers, in stretches."""
    speech, notes = read_vad(args.vad, args.vad_unit) if args.vad else None, Notes()
    found = collect(recordings(parent), lambda p: recording(p, speaker=p.stem), args.strict, parent)
    for whole in found:
        stretches = chunks(whole, args.chunk) if speech is None else speech.get(whole.id, [])
        if speech is not None and not stretches:
            notes.add(f"recordings of which {args.vad.name} has no stretch of speech, left out", whole.id)
        for start, end in stretches:
            length = whole.ticks / whole.rate
            if end > length + SLACK:
                notes.add(f"stretches of {args.vad.name} that outlast their recording, cut to it", whole.id)
            if min(end, length) - start > SHORTEST:
                yield stretch(whole, start, end)
            elif speech is not None:
                notes.add(f"stretches of {args.vad.name} of less than {SHORTEST} s, left out", whole.id)
    for name in sorted((speech or {}).keys() - {whole.id for whole in found}):
        notes.add(f"names in {args.vad.name} of which {parent.name} has no recording, left out", name)
    notes.say()


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--languages", nargs="+", metavar="LANGUAGE", help="default: all there are")
    parser.add_argument("--chunk", type=float, default=20, help="seconds; 0: whole files (default: 20)")
    parser.add_argument("--vad", type=Path, metavar="FILE", help="table of the stretches of speech, of one language")
    parser.add_argument("--vad-unit", type=float, default=1, help="seconds; 0.01 if it counts frames (default: 1)")
    args = parser.parse_args(argv)

    root = args.raw if folder(args.raw, "train") or folder(args.raw, "test") else folder(args.raw, "data") or args.raw
    halves = {half: folder(root, half) for half in ("train", "test")}
    if not any(halves.values()):
        raise CorpusError(f"{args.raw}: neither train nor test in it; give the folder that holds them")
    there = sorted({path.name.lower() for half in halves.values() if half for path in subfolders(half)})
    if unknown := sorted(set(args.languages or ()) - set(there)):
        raise CorpusError(f"{args.raw}: no languages {unknown}: choose from {there}")
    for language in args.languages or there:
        splits = {}
        if parent := halves["train"] and folder(halves["train"], language):
            splits["train"] = list(training(parent, args))
        for duration in DURATIONS if halves["test"] and folder(halves["test"], language) else ():
            if parent := folder(folder(halves["test"], language), duration):
                splits[f"test-{duration}"] = collect(recordings(parent), recording, args.strict, parent)
        write_corpus(args.output / language, splits)


if __name__ == "__main__":
    run(main)
