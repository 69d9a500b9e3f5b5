"""What the scripts of data_prep/ share: their options, bad recordings reported and left out, manifests written."""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import escape_output
from unitdisc.prep.notes import Notes

Source = TypeVar("Source")
Made = TypeVar("Made")


def run(main: Callable[[], None]) -> None:
    """Runs a script; what is wrong with a corpus is said in a line and not in a traceback."""
    escape_output()
    try:
        main()
    except CorpusError as error:
        sys.exit(str(error))


def script_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments every script over a corpus on disk has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="folder of the corpus as distributed")
    parser.add_argument("output", type=Path, help="corpus folder to create")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad file, leave none out")
    return parser


def add_speaker_options(
    parser: argparse.ArgumentParser, default: str | None, otherwise: str = "", who: str = "speaker"
) -> None:
    """--test-speakers (or --test-writers, or what `who` says) and --seed."""
    meaning = "to hold out for the test: a number (12), a share (0.25) or names (ann,bob)"
    said = f"default: {default}" if default else f"default: {otherwise}"
    parser.add_argument(f"--test-{who}s", default=default, metavar="WHICH", help=f"{who}s {meaning}; {said}")
    parser.add_argument("--seed", type=int, default=0, help=f"draws the {who}s to hold out, and all else by chance")


def collect(sources: Iterable[Source], make: Callable[[Source], Made], strict: bool, raw: Path) -> list[Made]:
    """What `make` makes of every source, such as an utterance of a row.

    A bad one is reported and left out; if `strict`, it raises.
    Raises CorpusError if nothing is left, and SystemRefusedError where something cannot be written, or no more opened.
    """
    found = []
    for source in sources:
        try:
            found.append(make(source))
        except (CorpusError, OSError) as error:
            refuse_blameless(error, raw)
            if strict:
                raise
            print(f"left out: {error}", file=sys.stderr)
    if not found:
        raise CorpusError(
            f"{raw}: nothing in it can be used; give the folder of the corpus as the script's help describes it"
        )
    return found


def add_only_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", metavar="NAMES", help="these alone (ann,bob); default: all")


def add_layout_option(parser: argparse.ArgumentParser, default: str, singles: bool = False) -> None:
    """--layout; singles: of which one makes every character an image of its own, and --per-writer."""
    single = "; or every character an image of its own, in the middle of a square" if singles else ""
    parser.add_argument(
        "--layout",
        choices=("apart", "joined", *(["single"] if singles else [])),
        default=default,
        help="characters apart on white paper; or touching, overlapping and joined by strokes, on a wandering baseline "
        f"and stained paper{single} (default: %(default)s)",
    )
    if singles:
        parser.add_argument(
            "--per-writer",
            type=one_or_more,
            metavar="N",
            help="at most so many characters of a writer on a side, by chance (default: all)",
        )
        parser.add_argument(
            "--speaker",
            choices=("writer", "label"),
            default="writer",
            help="who is listed as the speaker of a single character; its label is for models that are told what to "
            "write (default: %(default)s)",
        )


def refuse_no_singles(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends a script that is asked for labels as speakers of lines, which have many."""
    if args.speaker == "label" and args.layout != "single":
        parser.error("--speaker label is of single characters; give --layout single, too")


def one_or_more(text: str) -> int:
    """A number of an option, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {text!r}")
    return int(text)


def only(names: Iterable[str], wanted: str | None, what: str = "writers") -> list[str]:
    """Those of the names that are wanted, which is all if nothing is said; in order.

    Raises CorpusError if some of the wanted are not there.
    """
    known = sorted(set(names))
    if wanted is None:
        return known
    chosen = {name.strip() for name in wanted.split(",") if name.strip()}
    if unknown := sorted(chosen - set(known)):
        raise CorpusError(f"no {what} {unknown}: choose from {some_of(known)}")
    if not chosen:
        raise CorpusError(f"no {what} in {wanted!r}: choose from {some_of(known)}")
    return sorted(chosen)


def some_of(names: list[str], count: int = 12) -> str:
    return f"{names}" if len(names) <= count else f"{names[:count]} and {len(names) - count} more"


def write_corpus(folder: Path, splits: Mapping[str, Iterable[Utterance]], notes: Notes | None = None) -> None:
    """Writes one manifest per split that is not empty, and says what is in it, and what was noted before.

    Where a speaker is a woman here and a man there, neither is written, which is said too.
    Raises CorpusError, before anything is written, for the name of a split that a table has and no file can.
    """
    notes = notes or Notes()
    for name in splits:
        if not re.fullmatch(r"\w[\w .+-]*", name):
            raise CorpusError(f"no manifest can be called after the split {name!r}; call it by letters, such as train")
    listed = {name: list(utterances) for name, utterances in splits.items()}
    doubtful = of_two_genders(chain.from_iterable(listed.values()))
    for speaker in sorted(doubtful):
        notes.add("a speaker of both genders, which are left out", speaker)
    notes.say()
    for name, utterances in listed.items():
        if not utterances:
            continue
        known = [replace(u, gender=None) if u.gender and u.speaker in doubtful else u for u in utterances]
        write_manifest(folder / f"{name}.jsonl", known)
        print(f"{folder / name}.jsonl: {summary(known)}")


def of_two_genders(utterances: Iterable[Utterance]) -> set[str]:
    genders = defaultdict(set)
    for utterance in utterances:
        if utterance.gender and utterance.speaker is not None:
            genders[utterance.speaker].add(utterance.gender)
    return {speaker for speaker, found in genders.items() if len(found) > 1}


def summary(listed: list[Utterance]) -> str:
    """How much there is, in a line: "480 lines, 98765 columns, 12 writers"."""
    speakers = len({u.speaker for u in listed} - {None}) or "unknown"
    if all(u.is_image for u in listed):
        return f"{len(listed)} lines, {sum(u.ticks for u in listed)} columns, {speakers} writers"
    minutes = sum(u.ticks / u.rate for u in listed if u.rate) / 60
    return f"{len(listed)} utterances, {minutes:.1f} minutes, {speakers} speakers"
