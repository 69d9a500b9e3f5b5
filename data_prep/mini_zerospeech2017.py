"""Mini speech in the shape of the Zero Resource Speech Challenge 2017: files of 1, 10 and 120 s, speakers hidden.

Origin    corpora that mini_speech.py made, RAW/<language>/train.jsonl and test.jsonl.
Licence   theirs.
Files     train/<language>/<language>-<voice>.wav         all that a training voice says, in one file
          test/<language>/<1s|10s|120s>/<name>.wav        what a test voice says, cut into files of that length; the
                                                          names are random and the speakers hidden
          test/<language>/<1s|10s|120s>/<1s|10s|120s>.item  the triphones in these files, for ABX
What      Items are those that the cut into files of 1 s leaves whole, for every length: columns of a table differ in
is made   nothing but the length of the files. Their times, in seconds, count from the start of the file.
          zerospeech2017.py lists the recordings, as it does those of the challenge.
Tiers     none: what the challenge hides is hidden.

python data_prep/mini_zerospeech2017.py data/mini_zerospeech2017/speech data/mini_zerospeech2017/raw
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.files import write_text
from unitdisc.media.audio import read_audio, write_audio
from unitdisc.prep.scripts import run

RATE = 16_000
DURATIONS = {"1s": 1, "10s": 10, "120s": 120}  # seconds
SILENCE = "SIL"


@dataclass(frozen=True)
class Triphone:
    """A phone between two others, in ticks of all that its speaker says."""

    start: int
    end: int
    phone: str
    before: str
    after: str


@dataclass(frozen=True)
class Voice:
    """All that a speaker says, one utterance after the other."""

    name: str
    wave: np.ndarray  # [ticks]
    triphones: list[Triphone]


def voices(manifest: Path) -> Iterator[Voice]:
    """The speakers of a corpus, in order of name, one at a time."""
    utterances = defaultdict(list)
    for utterance in read_manifest(manifest):
        utterances[utterance.speaker].append(utterance)
    for name in sorted(utterances):
        waves, found, position = [], [], 0
        for utterance in utterances[name]:
            waves.append(read_audio(utterance, RATE))
            found += triphones(utterance, position)
            position += len(waves[-1])
        yield Voice(name, np.concatenate(waves), found)


def triphones(utterance: Utterance, position: int) -> Iterator[Triphone]:
    """Every phone between two others without a pause, of an utterance that begins at the tick `position`."""
    phones = utterance.alignment["phone"]
    for before, phone, after in zip(phones, phones[1:], phones[2:], strict=False):
        if SILENCE not in (before.label, phone.label, after.label):
            yield Triphone(position + before.start, position + after.end, phone.label, before.label, after.label)


def cut(voice: Voice) -> Voice:
    """The voice up to its last whole second, with the triphones that the cut into the shortest files leaves whole.

    Longer files begin where shorter ones do, so they leave those whole too.
    """
    size = min(DURATIONS.values()) * RATE
    ticks = len(voice.wave) // size * size
    kept = [each for each in voice.triphones if each.start // size == (each.end - 1) // size < ticks // size]
    return Voice(voice.name, voice.wave[:ticks], kept)


def hidden(*parts: object) -> str:
    """A name that tells nothing of who speaks in a file, the same every time."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=6).hexdigest()


def in_seconds(ticks: int) -> str:
    """Exactly: a tick is 0.0000625 s."""
    whole, rest = divmod(ticks, RATE)
    return f"{whole}.{rest * (10**7 // RATE):07d}"


def write_test(folder: Path, language: str, test: Iterable[Voice]) -> dict[str, int]:
    """Writes the files and items of a language; how many files there are of each length."""
    items: dict[str, list[str]] = {duration: [] for duration in DURATIONS}
    files = dict.fromkeys(DURATIONS, 0)
    for voice in map(cut, test):
        for duration, seconds in DURATIONS.items():
            size = seconds * RATE
            names = [hidden(language, duration, voice.name, start) for start in range(0, len(voice.wave), size)]
            for number, name in enumerate(names):
                wave = voice.wave[number * size : (number + 1) * size]
                write_audio(folder / duration / f"{name}.wav", wave, RATE)
            files[duration] += len(names)
            items[duration] += [item(names[each.start // size], each, size, voice.name) for each in voice.triphones]
    for duration, lines in items.items():
        header = "#file onset offset #phone prev-phone next-phone speaker\n"
        write_text(folder / duration / f"{duration}.item", header + "".join(sorted(lines)))
    return files


def item(name: str, triphone: Triphone, size: int, speaker: str) -> str:
    """A line of an item file, times counted from the start of the file."""
    first = triphone.start // size * size
    onset, offset = in_seconds(triphone.start - first), in_seconds(triphone.end - first)
    return f"{name} {onset} {offset} {triphone.phone} {triphone.before} {triphone.after} {speaker}\n"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="folder of corpora made by mini_speech.py, one per language")
    parser.add_argument("output", type=Path, help="folder to create, in the shape of the challenge's")
    args = parser.parse_args(argv)

    corpora = sorted(path.parent for path in args.raw.glob("*/train.jsonl") if (path.parent / "test.jsonl").exists())
    if not corpora:
        raise CorpusError(f"{args.raw}: no <language>/train.jsonl and test.jsonl in it; give the folder of the corpora")
    for corpus in corpora:
        language, training = corpus.name, 0
        for voice in voices(corpus / "train.jsonl"):
            write_audio(args.output / "train" / language / f"{language}-{voice.name}.wav", voice.wave, RATE)
            training += 1
        files = write_test(args.output / "test" / language, language, voices(corpus / "test.jsonl"))
        listed = ", ".join(f"{count} of {duration}" for duration, count in files.items())
        print(f"{language}: {training} training voices; test files: {listed}")


if __name__ == "__main__":
    run(main)
