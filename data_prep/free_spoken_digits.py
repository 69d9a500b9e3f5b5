"""Free Spoken Digit Dataset: "zero" to "nine", recorded by six men with microphones of their own.

Origin    https://github.com/Jakobovski/free-spoken-digit-dataset: 3000 recordings, 50 of every digit by every speaker
          (two native speakers of American English, four with accents), 8 kHz.
Licence   CC BY-SA 4.0.
Files     audio/<speaker>.flac  all recordings of a speaker one after the other
          segments.tsv          file, start_sample, end_sample, speaker, digit, index, split (index 0 to 4: test)
What      Strings of 3 to 6 digits of one speaker, joined without gaps, every recording in one string, so that the
is made   boundaries between the words are exactly known: <speaker>-<split>-<number>.wav, 8 kHz as recorded. With
          --isolated, the digits one by one, left where they are; with --longest 0.64 those alone that are no longer, in
          seconds; with --speaker label the digit, not who says it, is listed as the speaker, for models that are told
          what to say.
Tiers     word.
Split     the official one, with all speakers on both sides, or with --test-speakers george,theo all of these two
          to test and nothing of them to train.

python data_prep/free_spoken_digits.py ../shared/data/fsdd data/free_spoken_digits --test-speakers 2
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.media.audio import read_audio, write_audio
from unitdisc.prep.scripts import add_speaker_options, collect, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tables import read_table
from unitdisc.prep.utterances import recording

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLUMNS = ("file", "start_sample", "end_sample", "speaker", "digit", "index", "split")
GENDER = "m"  # all of them


def read_digits(raw: Path, strict: bool) -> dict[str, list[Utterance]]:
    """The recorded digits as stretches of the files they are in: official split -> utterances."""
    files: dict[str, Utterance] = {}
    rows = list(read_table(raw / "segments.tsv", COLUMNS))
    splits: dict[str, list[Utterance]] = {row["split"]: [] for row in rows}

    def make(row: dict[str, str]) -> Utterance:
        whole = files.get(row["file"]) or recording(raw / row["file"])
        files[row["file"]] = whole
        try:
            start, end, index = (int(row[column]) for column in ("start_sample", "end_sample", "index"))
            word = DIGITS[int(row["digit"])]
        except (ValueError, IndexError) as error:
            raise CorpusError(f"{raw / 'segments.tsv'}: {row}: {error}; correct the line") from error
        name = f"{row['speaker']}-{row['digit']}-{index:02d}"
        if not 0 <= start < end <= whole.ticks:
            where = f"{raw / 'segments.tsv'}: {name}"
            raise CorpusError(f"{where} is [{start}, {end}) of {row['file']}, which has {whole.ticks}; copy both again")
        alignment = {"word": [Interval(0, end - start, word)]}
        utterance = Utterance(name, whole.path, row["speaker"], end - start, whole.rate, start, GENDER, word, alignment)
        splits[row["split"]].append(utterance)
        return utterance

    collect(rows, make, strict, raw)
    return splits


def strings(digits: list[Utterance], split: str, folder: Path, rng: np.random.Generator) -> Iterator[Utterance]:
    """Joins digits of one speaker to strings of 3 to 6, writes them, and gives the utterances."""
    for speaker in sorted({digit.speaker for digit in digits}):
        own = sorted((digit for digit in digits if digit.speaker == speaker), key=lambda digit: digit.id)
        order = rng.permutation(len(own))
        wave = read_audio(recording(Path(own[0].path)))
        for number, members in enumerate(cut(order, rng)):
            chosen = [own[member] for member in members]
            ends = np.cumsum([digit.ticks for digit in chosen]).tolist()
            words = [Interval(end - d.ticks, end, d.text) for d, end in zip(chosen, ends, strict=True)]
            name = f"{speaker}-{split}-{number:03d}"
            path = folder / f"{name}.wav"
            write_audio(path, np.concatenate([wave[d.start : d.start + d.ticks] for d in chosen]), own[0].rate)
            text = " ".join(digit.text for digit in chosen)
            yield Utterance(name, str(path), speaker, ends[-1], own[0].rate, 0, GENDER, text, {"word": words})


def cut(order: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cuts into pieces of 3 to 6; the last may be shorter."""
    while len(order):
        length = int(rng.integers(3, 7))
        yield order[:length]
        order = order[length:]


def no_longer(digits: list[Utterance], longest: float, split: str) -> list[Utterance]:
    """Those that are no longer than so many seconds; says how many others are left out.

    Raises CorpusError if none is that short.
    """
    kept = [digit for digit in digits if digit.ticks <= longest * digit.rate]
    if digits and not kept:
        shortest = min(digit.ticks / digit.rate for digit in digits)
        raise CorpusError(
            f"{split}: no digit is as short as {longest:g} s; --longest of more than {shortest:.2f} keeps some"
        )
    if len(kept) < len(digits):
        console.say(
            f"{split}: {len(digits) - len(kept)} of {len(digits)} digits are longer than {longest:g} s, left out"
        )
    return kept


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=None, otherwise="the official split, which has all speakers on both sides")
    parser.add_argument("--isolated", action="store_true", help="the digits one by one and not strings of them")
    parser.add_argument("--longest", type=float, help="seconds, of --isolated; longer digits are left out")
    parser.add_argument("--speaker", choices=("speaker", "label"), default="speaker", help="of --isolated, as listed")
    args = parser.parse_args(argv)
    if not args.isolated and (args.longest is not None or args.speaker == "label"):
        parser.error("--longest and --speaker are of digits one by one; add --isolated")

    splits = read_digits(args.raw, args.strict)
    if args.test_speakers:
        splits = hold_out([each for split in splits.values() for each in split], args.test_speakers, args.seed)
    if args.longest is not None:
        splits = {split: no_longer(digits, args.longest, split) for split, digits in splits.items()}
    if args.speaker == "label":
        splits = {split: [replace(digit, speaker=digit.text) for digit in splits[split]] for split in splits}
    if not args.isolated:
        rng = np.random.default_rng(args.seed)
        splits = {
            split: list(strings(splits[split], split, args.output / "wav" / split, rng)) for split in sorted(splits)
        }
    write_corpus(args.output, splits)


if __name__ == "__main__":
    run(main)
