"""TIMIT: American English by 630 speakers of eight dialects, segmented into phones by hand.

Origin    Garofolo et al., 1993; LDC93S1 of the Linguistic Data Consortium.
Licence   LDC user agreement.
Files     TIMIT/<TRAIN|TEST>/DR<1-8>/<sex><initials><digit>/<sentence>.<WAV|PHN|WRD|TXT>, in capitals or not
          Sentences: SA1 and SA2 (said by all), SX3 to SX452 (compact), SI453 to SI2342 (diverse)
          WAV   16 kHz in the SPHERE format of NIST, or converted to RIFF;  PHN, WRD   start end label, in samples
Tiers     phone: the 61 labels of TIMIT, or with --fold the 39 of Lee and Hon (1989), where closures and pauses are
          "sil" and the glottal stop is left out.  word.
Splits    train (462 speakers), test (168 others) and core-test (24 of these, two men and a woman of every dialect).
          SA sentences are left out, as usual: all speakers say them. --sa keeps them. Recordings stay where they are.

python data_prep/timit.py TIMIT data/timit --fold
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files.text import read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.speakers import gender_of
from unitdisc.prep.utterances import recording

CORE_TEST = """mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0
    mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0"""
FOLDS = """ao: aa | ax: ah | ax-h: ah | axr: er | hv: hh | ix: ih | el: l | em: m | en: n | nx: n | eng: ng | zh: sh |
    ux: uw | pcl: sil | tcl: sil | kcl: sil | bcl: sil | dcl: sil | gcl: sil | h#: sil | pau: sil | epi: sil | q: """
FOLDED = {label.strip(): to.strip() for label, to in (row.split(":") for row in FOLDS.split("|"))}


def sentences(half: Path) -> Iterator[Path]:
    """The recordings of one half; of a sentence in both formats (sa1.wav and sa1.wav.wav), the converted one."""
    for path in sorted(half.glob("*/*/*")):
        converted = path.with_name(f"{path.name}.wav"), path.with_name(f"{path.name}.WAV")
        if path.suffix.lower() == ".wav" and not any(other.exists() for other in converted):
            yield path


def labels(path: Path, suffix: str) -> list[Interval]:
    """What stands in the .PHN or .WRD beside a recording."""
    name = f"{path.name.split('.')[0]}.{suffix}".lower()
    table = next((each for each in sorted(path.parent.iterdir()) if each.name.lower() == name), None)
    if table is None:
        raise CorpusError(f"{path}: has no .{suffix} beside it; copy it from the corpus")
    found = []
    for number, line in read_lines(table, CorpusError):
        try:
            start, end, label = line.split(maxsplit=2)
            found.append(Interval(int(start), int(end), label.strip()))
        except ValueError as error:
            raise CorpusError(f"{table}:{number}: {line!r} is not START END LABEL; copy the file again") from error
    return found


def folded(intervals: list[Interval]) -> list[Interval]:
    """39 labels for 61; neighbours that become the same silence (a pause and the closure after it) become one."""
    found: list[Interval] = []
    for start, end, label in intervals:
        label = FOLDED.get(label, label)
        if label == "sil" and found and found[-1].label == "sil" and found[-1].end == start:
            found[-1] = found[-1]._replace(end=end)
        elif label:
            found.append(Interval(start, end, label))
    return found


def apart(intervals: list[Interval], utterance: Utterance, tier: str, notes: Notes) -> list[Interval]:
    """Some intervals of TIMIT overlap by some samples, end before they start, or outlast their recording."""
    found: list[Interval] = []
    for given in intervals:
        start, end = max(given.start, found[-1].end if found else 0), min(given.end, utterance.ticks)
        if start < end:
            found.append(Interval(start, end, given.label))
        if (start, end) != given[:2]:
            how = "cut" if start < end else "left out"
            notes.add(f"labels of the tier {tier} that overlap or outlast their recording, {how}", utterance.id)
    return found


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--fold", action="store_true", help="39 phones instead of 61")
    parser.add_argument("--sa", action="store_true", help="keep the two sentences all speakers say")
    args = parser.parse_args(argv)

    notes = Notes()

    def make(path: Path) -> Utterance:
        speaker = path.parent.name.lower()
        phones = labels(path, "phn")
        whole = recording(path, f"{speaker}-{path.name.split('.')[0].lower()}", speaker=speaker)
        alignment = {
            "phone": apart(folded(phones) if args.fold else phones, whole, "phone", notes),
            "word": apart(labels(path, "wrd"), whole, "word", notes),
        }
        text = " ".join(interval.label for interval in alignment["word"])
        return replace(whole, gender=gender_of(speaker[0], whole.id, notes), text=text, alignment=alignment)

    splits = {}
    for half in ("train", "test"):
        home = next((p for p in sorted([*args.raw.glob("*"), *args.raw.glob("*/*")]) if p.name.lower() == half), None)
        if home is None:
            raise CorpusError(f"{args.raw}: no {half.upper()} in it; give the folder TIMIT")
        paths = [path for path in sentences(home) if args.sa or not path.name.lower().startswith("sa")]
        splits[half] = collect(paths, make, args.strict, home)
    core = set(CORE_TEST.split())
    write_corpus(args.output, splits | {"core-test": [u for u in splits["test"] if u.speaker in core]}, notes)


if __name__ == "__main__":
    run(main)
