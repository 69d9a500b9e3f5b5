"""What the scripts of data_prep/ share: bad recordings reported and left out, speakers held out, manifests written."""

import argparse
import math
import re
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TypeVar

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance, short_name
from unitdisc.corpus.manifest import write_manifest
from unitdisc.files.text import (
    Line,
    Row,
    escape_output,
    mark_warning,
    name_fault,
    names_in,
    printable,
    read_csv,
    read_lines,
    read_tsv,
)
from unitdisc.media.audio import audio_info
from unitdisc.media.image import image_info
from unitdisc.prep.notes import Notes

Source = TypeVar("Source")
Made = TypeVar("Made")
SLACK = 0.02  # seconds by which a label may outlast its recording: rounding, and frames that reach past the end
WOMEN = (
    "f female feminine fem w woman women girl weiblich frau femme féminin femenino mujer feminino mulher donna vrouw"
)
MEN = "m male masculine masc man men boy männlich mann homme masculin masculino hombre homem maschio uomo maschile"
GENDERS = dict.fromkeys(WOMEN.split(), "f") | dict.fromkeys(MEN.split(), "m")
TIMES = ("utt", "start", "end")  # columns of a table of labels


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
    Raises CorpusError if nothing is left.
    """
    found = []
    for source in sources:
        try:
            found.append(make(source))
        except (CorpusError, OSError) as error:
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


def gender_of(value: object, name: str, notes: Notes) -> str | None:
    """ "f" or "m", whatever a table calls it; None, and a note about `name`, for everything else."""
    words = re.findall(r"[^\W\d_]+", str(value or "").casefold())
    found = {GENDERS.get(word) for word in words}
    if len(found) == 1 and None not in found:
        return found.pop()
    if value is not None and str(value).strip():
        notes.add(f"the gender {str(value)[:40]!r} is neither that of women nor of men, and is left out", name)
    return None


def hold_out(
    utterances: list[Utterance], which: str, seed: int, who: str = "speaker", default: str | None = None
) -> dict[str, list[Utterance]]:
    """A split into "train" and "test" without common speakers.

    `which` is a number of speakers, a share of them, or their names with commas between. Drawn speakers are women and
    men by turns, as long as there are both. Who is not known stays in "train", which is said. who, default: as in
    `add_speaker_options`, for messages.

    Raises CorpusError for unknown names, and if either side would be empty.
    """
    genders = {u.speaker: u.gender or "" for u in utterances if u.speaker is not None}
    chosen = held_out(genders, which, seed, who, default)
    notes = Notes()
    for utterance in utterances:
        if utterance.speaker is None:
            notes.add(f"without a {who}, so in train, though it may be one of those held out", utterance.id)
    notes.say()
    return {
        "train": [u for u in utterances if u.speaker not in chosen],
        "test": [u for u in utterances if u.speaker in chosen],
    }


def held_out(
    genders: Mapping[str, str], which: str, seed: int, who: str = "speaker", default: str | None = None
) -> set[str]:
    """The speakers to hold out, of speaker -> gender ("" where it is not known); drawn and refused as in `hold_out`."""
    asked = f"--test-{who}s {which}" + (", which is its default," if which == default else "")
    if not genders:
        raise CorpusError(f"{asked} holds out {who}s, but none is known; say who they are, or leave the option out")
    chosen = draw_speakers(genders, which, seed)
    there = some_of(sorted(genders))
    if unknown := sorted(chosen - genders.keys()):
        raise CorpusError(f"{asked}: no {who}s {unknown} to hold out: choose from {there}")
    if not chosen or chosen == genders.keys():
        what = f"{asked} would hold out {len(chosen)} of {len(genders)} {who}s, but both sides need at least one"
        raise CorpusError(f"{what}; give a number below {len(genders)}, or names from {there}")
    return chosen


def draw_speakers(genders: Mapping[str, str], which: str, seed: int) -> set[str]:
    try:
        number = float(which)
        number = round(number * len(genders)) if 0 < number < 1 else int(which)
    except ValueError:
        return {name.strip() for name in which.split(",") if name.strip()}
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(sorted(name for name in genders if genders[name] == gender)).tolist()
        for gender in sorted(set(genders.values()))
    ]
    by_turns = chain.from_iterable(zip_longest(*pools))
    return set([name for name in by_turns if name is not None][: max(number, 0)])


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


def shortened(name: str, where: Path | str) -> str:
    """A name that a script makes, as an id: what is too long ends in a hash, which is said."""
    short = short_name(name)
    if short != name:
        what = f"its name is too long for an id, so it is called {printable(short)}"
        print(f"{printable(where)}: {what}", file=sys.stderr)
    return short


def refuse_path(path: Path) -> None:
    """Raises CorpusError if a manifest cannot name a file."""
    if fault := name_fault(str(path.absolute())):
        raise CorpusError(f"{printable(path)}: its name is {fault}; rename the file, or the folder it is in")


def recording(path: Path, name: str | None = None, **known) -> Utterance:
    """A whole recording as an utterance, its length and rate read from its header; named like the file by default."""
    refuse_path(path)
    info = audio_info(path)
    own = {"id": name or shortened(path.stem, path), "path": str(path), "speaker": None}
    return Utterance(**{**own, **info._asdict(), **known})


def line_image(path: Path, name: str | None = None, **known) -> Utterance:
    """A whole image of a line as an utterance, its size read from its header; named like the file by default."""
    refuse_path(path)
    info = image_info(path)
    size = {"ticks": info.width, "height": info.height}
    return Utterance(**{"id": name or shortened(path.stem, path), "path": str(path), "speaker": None, **size, **known})


def with_tier(
    utterance: Utterance,
    tier: str,
    rows: Iterable[tuple[float, float, str]],
    where: Path,
    notes: Notes | None = None,
) -> Utterance:
    """The utterance with a tier more, of (start, end, label) in seconds.

    Intervals shorter than a tick disappear, and the last may outlast the recording by 20 ms, which is cut; both are
    noted. Raises CorpusError if the labels outlast the recording or overlap.
    """
    intervals, notes = [], notes or Notes()
    for start, end, label in rows:
        if not 0 <= start <= end < math.inf:
            raise CorpusError(f"{where}: {utterance.id}: {label!r} is from {start} to {end} s; correct the times")
        first, last = round(start * utterance.rate), round(end * utterance.rate)
        if last > utterance.ticks + SLACK * utterance.rate:
            length = utterance.ticks / utterance.rate
            raise CorpusError(f"{where}: {utterance.id}: {label!r} ends at {end} s, after the recording ({length} s)")
        if last > utterance.ticks + 1:
            notes.add(f"labels of the tier {tier} that outlast their recording, cut to it", utterance.id)
        if first == last or first >= utterance.ticks:
            notes.add(f"labels of the tier {tier} without length, left out", utterance.id)
        intervals.append(Interval(first, min(last, utterance.ticks), label))
    kept = [interval for interval in intervals if interval.start < interval.end]
    try:
        return replace(utterance, alignment={**utterance.alignment, tier: kept})
    except CorpusError as error:
        raise CorpusError(f"{where}: {error}") from error


def read_table(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a table with tabs between columns, names of columns in the first line and no quotes.

    Raises CorpusError for a missing file or column, and for a line with too few columns, or too many.
    """
    return (row.cells for row in table_rows(path, columns))


def table_rows(path: Path, columns: Iterable[str]) -> Iterator[Row]:
    """The same with their lines; of comma-separated values where the name ends in .csv."""
    if warning := mark_warning(path):
        print(warning, file=sys.stderr)
    read = read_csv if path.suffix.lower() == ".csv" else read_tsv
    return read(path, columns, CorpusError, "give the folder that holds it")


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays of a .npz file. Raises CorpusError if it cannot be read, and if one is missing."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except KeyError as error:
        raise CorpusError(f"{path}: {error.args[0]}; copy it again") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(
            f"{path}: cannot be read ({reason}); give the folder that holds it, or copy it again"
        ) from error


def read_aligned(raw: Path, strict: bool) -> dict[str, list[Utterance]]:
    """The corpora with a table `utts.tsv` and tables of labels, phones.tsv and the like: split -> utterances.

    Every other .tsv with the columns utt, start and end is a tier; it is called like the fourth column. Recordings
    stay where they are. What is left out is said. Raises CorpusError as `read_table` and `collect` do.
    """
    notes = Notes()
    rows = list(read_table(raw / "utts.tsv", ("utt", "file", "speaker", "gender", "split", "text")))
    tiers = read_tiers(raw, {row["utt"] for row in rows}, notes)

    def make(row: Mapping[str, str]) -> Utterance:
        known = {"speaker": row["speaker"] or None, "gender": gender_of(row["gender"], row["utt"], notes)}
        known["text"] = row["text"] or None
        utterance = recording(raw / row["file"], row["utt"], **known)
        for tier, (path, intervals) in tiers.items():
            if row["utt"] in intervals:
                utterance = with_tier(utterance, tier, intervals[row["utt"]], path, notes)
            else:
                notes.add(f"utterances of which {path.name} says nothing, without the tier {tier}", row["utt"])
        return utterance

    splits = {row["utt"]: row["split"] for row in rows}
    found = collect(rows, make, strict, raw)
    notes.say()
    return {split: [u for u in found if splits[u.id] == split] for split in sorted(set(splits.values()))}


Tier = dict[str, list[tuple[float, float, str]]]  # utterance -> (start, end, label) in seconds


def read_tiers(raw: Path, known: Set[str], notes: Notes) -> dict[str, tuple[Path, Tier]]:
    """Tier -> the table it is in and its labels, of all tables of labels in a folder; the others are noted.

    Raises CorpusError for two tables of one tier.
    """
    found: dict[str, tuple[Path, Tier]] = {}
    for path in sorted(raw.glob("*.tsv")):
        if path.name == "utts.tsv":
            continue
        tier = tier_of_table(path)
        if tier is None:
            notes.add("tables without the columns utt, start, end and one of labels, left out", path.name)
            continue
        if tier in found:
            raise CorpusError(f"{path}: is of the tier {tier}, as {found[tier][0].name} is; take one of them out")
        found[tier] = path, read_tier(path, tier)
        for name in sorted(found[tier][1].keys() - known):
            notes.add(f"utterances of {path.name} that utts.tsv does not have, left out", name)
    return found


def tier_of_table(path: Path) -> str | None:
    """The column of labels: the one the table is called after, `phone` in phones.tsv, or else the only one left."""
    first = next(read_lines(path, CorpusError, wide=True, loose=True), Line(1, ""))
    columns = names_in(first.text.split("\t"))
    own = path.stem.removesuffix("s")
    others = [column for column in columns if column not in TIMES]
    if own in ("phone", "word") or (own in others and {*TIMES} <= {*columns}):
        return own  # where columns are missing, reading it says which
    return others[0] or None if len(others) == 1 and {*TIMES} <= {*columns} else None


def read_tier(path: Path, tier: str) -> Tier:
    """The labels of a table of them."""
    found: Tier = {}
    for number, row in table_rows(path, (*TIMES, tier)):
        try:
            found.setdefault(row["utt"], []).append((float(row["start"]), float(row["end"]), row[tier]))
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: start and end must be seconds: {error}") from error
    return found
