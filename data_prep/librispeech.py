"""LibriSpeech: audiobooks read by 2484 volunteers, 982 hours.

Origin    Panayotov et al., ICASSP 2015; OpenSLR 12, from the recordings of LibriVox.
Licence   CC BY 4.0.
Files     LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac  16 kHz
          LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>.trans.txt      <utterance> <TEXT>
          LibriSpeech/SPEAKERS.TXT                                                    id | sex | subset | minutes | name
          Subsets are train-clean-100, dev-other and so on: which speakers, how hard to recognise, how many hours.
          Alignments are not part of it; those of the Montreal Forced Aligner (<utterance>.TextGrid anywhere in a
          folder) and CTM files (phones.ctm, words.ctm) can be given with --alignments. A TextGrid of several speakers
          has tiers called after them: "84 - phones".
Tiers     phone and word, where alignments are given, and syllable, tone, ... where they have these; phones without the
          digits of stress unless --stress.
Splits    a manifest for every subset found (dev-clean.jsonl ...), and train, dev and test with all of each.
          Recordings stay where they are.

python data_prep/librispeech.py LibriSpeech data/librispeech --subsets train-clean-100 dev-clean
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files.text import read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.speakers import gender_of
from unitdisc.prep.textgrids import add_ctms, find_textgrids, read_textgrid, the_textgrid
from unitdisc.prep.utterances import recording, with_tier

AUDIO = (".flac", ".wav")


class Source(NamedTuple):
    path: Path
    text: str | None
    fault: CorpusError | None = None  # of what its chapter transcribes


def subsets_in(raw: Path) -> dict[str, Path]:
    """The subsets in the folder, or in the folder LibriSpeech within it."""
    for root in (raw, *sorted(raw.glob("[Ll]ibri[Ss]peech"))):
        found = {path.name.lower(): path for path in sorted(root.glob("*")) if is_subset(path)}
        if found:
            return found
    raise CorpusError(f"{raw}: no train-*, dev-* or test-* in it; give the folder LibriSpeech")


def is_subset(path: Path) -> bool:
    return path.is_dir() and path.name.lower().split("-")[0] in ("train", "dev", "test")


def sources(subset: Path) -> Iterator[Source]:
    """The recordings of a subset and what is transcribed without having a recording."""
    for chapter in sorted(path for path in subset.glob("*/*") if path.is_dir()):
        files = sorted(chapter.iterdir())
        texts, fault = {}, None
        for path in files:
            if path.name.lower().endswith(".trans.txt"):
                try:
                    texts |= texts_in(path)
                except CorpusError as error:
                    fault = error
        recordings = {path.stem: path for path in files if path.suffix.lower() in AUDIO}
        for name in sorted(texts.keys() | recordings.keys()):
            yield Source(recordings.get(name, chapter / f"{name}.flac"), texts.get(name), fault)


def texts_in(path: Path) -> dict[str, str]:
    """Utterance -> text. Raises CorpusError as `read_lines` does."""
    return dict(line.split(maxsplit=1) for _, line in read_lines(path, CorpusError) if " " in line.strip())


def genders_in(root: Path) -> dict[str, str]:
    """Speaker -> "f" or "m", as SPEAKERS.TXT has it."""
    for path in sorted(root.iterdir()):
        if path.name.lower() == "speakers.txt":
            lines = [line.split("|") for _, line in read_lines(path, loose=True)]
            return {
                cells[0].strip(): cells[1].strip().lower()
                for cells in lines
                if len(cells) > 1 and not cells[0].startswith(";")
            }
    print(f"{root}: no SPEAKERS.TXT, so genders are unknown", file=sys.stderr)
    return {}


def without_stress(utterance: Utterance) -> Utterance:
    """AH0, AH1 and AH2 all become AH."""
    phones = [interval._replace(label=re.sub(r"\d$", "", interval.label)) for interval in utterance.alignment["phone"]]
    return replace(utterance, alignment={**utterance.alignment, "phone": phones})


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--subsets", nargs="+", metavar="SUBSET", help="default: all there are")
    parser.add_argument("--alignments", type=Path, metavar="FOLDER", help="with TextGrids or phones.ctm and words.ctm")
    parser.add_argument("--stress", action="store_true", help="keep the digits of stress")
    args = parser.parse_args(argv)

    found = subsets_in(args.raw)
    if unknown := sorted(set(args.subsets or ()) - found.keys()):
        raise CorpusError(f"{args.raw}: no subsets {unknown}: choose from {sorted(found)}")
    if args.alignments and not args.alignments.is_dir():
        raise CorpusError(f"{args.alignments}: no such folder of alignments; correct the path")
    genders = genders_in(next(iter(found.values())).parent)
    textgrids = find_textgrids(args.alignments) if args.alignments else {}
    notes, unused = Notes(), {*textgrids}

    def make(source: Source) -> Utterance:
        if source.fault is not None and source.text is None:
            raise source.fault
        speaker = source.path.stem.split("-")[0]
        known = {"speaker": speaker, "gender": gender_of(genders.get(speaker), speaker, notes), "text": source.text}
        utterance = recording(source.path, **known)
        if source.text is None:
            notes.add("recordings without a transcript, so without a text", utterance.id)
        if paths := textgrids.get(utterance.id):
            unused.discard(utterance.id)
            path = the_textgrid(paths)
            for tier, timed in read_textgrid(path, speaker, notes).items():
                utterance = with_tier(utterance, tier, timed, path, notes)
        return utterance

    splits: dict[str, list[Utterance]] = {}
    for name in sorted(args.subsets or found):
        utterances = collect(sources(found[name]), make, args.strict, found[name])
        if args.alignments:
            utterances = add_ctms(utterances, args.alignments)
            if bare := sum(not utterance.alignment for utterance in utterances):
                print(f"{name}: {bare} of {len(utterances)} utterances have no alignment", file=sys.stderr)
        if not args.stress:
            utterances = [without_stress(u) if "phone" in u.alignment else u for u in utterances]
        splits[name] = utterances
        splits[name.split("-")[0]] = splits.get(name.split("-")[0], []) + utterances
    for name in sorted(unused):
        notes.add("TextGrids of no utterance of these subsets, left out", name)
    write_corpus(args.output, splits, notes)


if __name__ == "__main__":
    run(main)
