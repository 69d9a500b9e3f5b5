"""Tables of a corpus: of its utterances, of their labels, and arrays."""

import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files.text import Line, Row, mark_warning, names_in, read_csv, read_lines, read_tsv
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect
from unitdisc.prep.speakers import gender_of
from unitdisc.prep.utterances import recording, with_tier

TIMES = ("utt", "start", "end")  # columns of a table of labels


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


def read_aligned(raw: Path, strict: bool, split: str | None = None) -> dict[str, list[Utterance]]:
    """The corpora with a table `utts.tsv` and tables of labels, phones.tsv and the like: split -> utterances.

    Every other .tsv with the columns utt, start and end is a tier; it is called like the fourth column. Recordings
    stay where they are. What is left out is said. Raises CorpusError as `read_table` and `collect` do.
    split: the one that all are of, where the table says none.
    """
    notes = Notes()
    columns = ("utt", "file", "speaker", "gender", "text")
    rows = list(read_table(raw / "utts.tsv", columns if split else (*columns, "split")))
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

    splits = {row["utt"]: split or row["split"] for row in rows}
    found = collect(rows, make, strict, raw)
    notes.say()
    return {split: [u for u in found if splits[u.id] == split] for split in sorted(set(splits.values()))}


Tier = dict[str, list[tuple[float, float, str]]]  # utterance -> (start, end, label) in seconds


def read_tiers(raw: Path, known: Set[str], notes: Notes, but: str = "utts.tsv") -> dict[str, tuple[Path, Tier]]:
    """Tier -> the table it is in and its labels, of all tables of labels in a folder; the others are noted.

    but: the table of utterances. Raises CorpusError for two tables of one tier.
    """
    found: dict[str, tuple[Path, Tier]] = {}
    for path in sorted(raw.glob("*.tsv")):
        if path.name == but:
            continue
        tier = tier_of_table(path)
        if tier is None:
            notes.add("tables without the columns utt, start, end and one of labels, left out", path.name)
            continue
        if tier in found:
            raise CorpusError(f"{path}: is of the tier {tier}, as {found[tier][0].name} is; take one of them out")
        found[tier] = path, read_tier(path, tier)
        for name in sorted(found[tier][1].keys() - known):
            notes.add(f"utterances of {path.name} that {but} does not have, left out", name)
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
