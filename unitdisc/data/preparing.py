"""What the scripts of data_prep/ share: bad recordings reported and left out, speakers held out, manifests written."""

import argparse
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import TypeVar

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance, short_name
from unitdisc.data.audio import audio_info
from unitdisc.data.image import image_info
from unitdisc.manifests import write_manifest
from unitdisc.text import Row, escape_output, mark_warning, name_fault, printable, read_csv, read_tsv

Source = TypeVar("Source")
Made = TypeVar("Made")
SLACK = 0.02  # seconds by which a label may outlast its recording: rounding, and frames that reach past the end


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


def hold_out(utterances: list[Utterance], which: str, seed: int) -> dict[str, list[Utterance]]:
    """A split into "train" and "test" without common speakers.

    `which` is a number of speakers, a share of them, or their names with commas between. Drawn speakers are women and
    men by turns, as long as there are both.

    Raises CorpusError for unknown names, and if either side would be empty.
    """
    chosen = held_out({u.speaker: u.gender or "" for u in utterances if u.speaker is not None}, which, seed)
    return {
        "train": [u for u in utterances if u.speaker not in chosen],
        "test": [u for u in utterances if u.speaker in chosen],
    }


def held_out(genders: Mapping[str, str], which: str, seed: int) -> set[str]:
    """The speakers to hold out, of speaker -> gender ("" where it is not known); drawn and refused as in `hold_out`."""
    chosen = draw_speakers(genders, which, seed)
    if unknown := sorted(chosen - genders.keys()):
        raise CorpusError(f"no speakers {unknown} to hold out: choose from {some_of(sorted(genders))}")
    if not chosen or chosen == genders.keys():
        raise CorpusError(f"cannot hold out {which} of {len(genders)} speakers: both sides need at least one")
    return chosen


def draw_speakers(genders: Mapping[str, str], which: str, seed: int) -> set[str]:
    try:
        number = float(which)
    except ValueError:
        return {name.strip() for name in which.split(",") if name.strip()}
    number = round(number * len(genders)) if 0 < number < 1 else int(number)
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(sorted(name for name in genders if genders[name] == gender)).tolist()
        for gender in sorted(set(genders.values()))
    ]
    by_turns = chain.from_iterable(zip_longest(*pools))
    return set([name for name in by_turns if name is not None][: max(number, 0)])


def write_corpus(folder: Path, splits: Mapping[str, Iterable[Utterance]]) -> None:
    """Writes one manifest per split that is not empty, and says what is in it."""
    for name, utterances in splits.items():
        listed = list(utterances)
        if not listed:
            continue
        write_manifest(folder / f"{name}.jsonl", listed)
        print(f"{folder / name}.jsonl: {summary(listed)}")


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


def with_tier(utterance: Utterance, tier: str, rows: Iterable[tuple[float, float, str]], where: Path) -> Utterance:
    """The utterance with a tier more, of (start, end, label) in seconds.

    Intervals shorter than a tick disappear. Raises CorpusError if the labels outlast the recording or overlap.
    """
    intervals = []
    for start, end, label in rows:
        first, last = round(start * utterance.rate), round(end * utterance.rate)
        if last > utterance.ticks + SLACK * utterance.rate:
            length = utterance.ticks / utterance.rate
            raise CorpusError(f"{where}: {utterance.id}: {label!r} ends at {end} s, after the recording ({length} s)")
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
    """The corpora with tables `utts.tsv`, `phones.tsv` and perhaps `words.tsv`: split of utts.tsv -> utterances.

    Recordings stay where they are. Raises CorpusError as `read_table` and `collect` do.
    """
    tiers = {
        tier: read_tier(raw / f"{tier}s.tsv", tier) for tier in ("phone", "word") if (raw / f"{tier}s.tsv").exists()
    }

    def make(row: Mapping[str, str]) -> Utterance:
        known = {"speaker": row["speaker"], "gender": row["gender"] or None, "text": row["text"]}
        utterance = recording(raw / row["file"], row["utt"], **known)
        for tier, intervals in tiers.items():
            utterance = with_tier(utterance, tier, intervals.get(row["utt"], []), raw / f"{tier}s.tsv")
        return utterance

    rows = list(read_table(raw / "utts.tsv", ("utt", "file", "speaker", "gender", "split", "text")))
    splits = {row["utt"]: row["split"] for row in rows}
    found = collect(rows, make, strict, raw)
    return {split: [u for u in found if splits[u.id] == split] for split in sorted(set(splits.values()))}


def read_tier(path: Path, tier: str) -> dict[str, list[tuple[float, float, str]]]:
    """Utterance -> (start, end, label) in seconds, of a table of them."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for number, row in table_rows(path, ("utt", "start", "end", tier)):
        try:
            found.setdefault(row["utt"], []).append((float(row["start"]), float(row["end"]), row[tier]))
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: start and end must be seconds: {error}") from error
    return found
