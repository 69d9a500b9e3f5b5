"""Manifests of millions of lines: the fields of many utterances at once, checked column by column, which is quicker."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from unitdisc.corpus.manifest import (
    NAMES,
    OPTIONAL,
    REQUIRED,
    TYPES,
    Ids,
    checked,
    locator,
    manifest_lines,
    objects_in,
    parse,
    parse_tier,
)
from unitdisc.corpus.utterance import LONGEST_ID, is_id, refuse_alignment, refuse_stretch
from unitdisc.files.text import name_fault

COLUMNS = ("id", "path", "speaker", "gender", "ticks", "rate", "start", "height", "channel")
LINES_AT_ONCE = 256
ABSENT = {"start": 0, "alignment": {}}  # what a field is where it is not given; else None
UNUSUAL = ("|", "//", "/.", "\n.", "/\n", "\n\n")  # in paths between line ends: pipes, and what may be written shorter


def read_columns(path: Path) -> Iterator[dict[str, Sequence]]:
    """COLUMNS of the utterances of a manifest, many at a time. Raises CorpusError as `read_manifest` does."""
    path = Path(path)
    lines, home, ids = manifest_lines(path), locator(path.parent), Ids(path)
    while some := list(islice(lines, LINES_AT_ONCE)):
        try:
            columns = columns_of(objects_in(some), home)
        except (ValueError, RecursionError):
            columns = by_column([entry for _, entry in parse(path, some, home, checked)])  # says what is wrong
        ids.add([number for number, _ in some], columns["id"])
        yield columns
    ids.refuse_none()


def by_column(entries: Sequence[dict]) -> dict[str, Sequence]:
    """The arguments of some utterances, field by field: COLUMNS."""
    return {name: field(entries, name) for name in COLUMNS}


def field(entries: Sequence[dict], name: str) -> list:
    absent = ABSENT.get(name)
    return [entry.get(name, absent) for entry in entries]


def columns_of(objects: Sequence[dict], home: Callable[[str], str]) -> dict[str, Sequence]:
    """COLUMNS of what the lines of a manifest hold. Raises ValueError if there may be something wrong with any."""
    found = columns_in(objects)
    columns = {name: found.get(name) or [ABSENT.get(name)] * len(objects) for name in COLUMNS}
    ids, ticks, rates, heights, channels = (columns[name] for name in ("id", "ticks", "rate", "height", "channel"))
    if min(ticks) < 0 or min(columns["start"]) < 0 or min({*rates} - {None}, default=1) < 1 or not are_ids(ids):
        raise ValueError
    if any(map(name_fault, ("".join(filter(None, found.get(name, ()))) for name in NAMES))):
        raise ValueError
    if {*heights, *channels} != {None}:
        for id, height, rate, channel in zip(ids, heights, rates, channels):
            refuse_stretch(id, 0, 0, rate, height, channel)
    for id, length, tiers in zip(ids, ticks, found.get("alignment", ())):
        refuse_alignment(id, {tier: parse_tier(tier, intervals) for tier, intervals in tiers.items()}, length)
    return columns | {"path": located(columns["path"], home)}


def columns_in(objects: Sequence[dict]) -> dict[str, Sequence]:
    """Every field that any object has. Raises ValueError if one is missing, unknown or of a kind it cannot be."""
    if {*map(type, objects)} != {dict}:
        raise ValueError
    names = set().union(*objects)
    if not REQUIRED <= names <= TYPES.keys():
        raise ValueError
    if len({*map(tuple, objects)}) == 1:  # as is usual, all have the same fields, in the same order
        found = dict(zip(objects[0], zip(*map(dict.values, objects))))
    else:
        found = {name: field(objects, name) for name in names}
    for name, values in found.items():
        if not {*map(type, values)} <= {TYPES[name], *([type(None)] if name in OPTIONAL else [])}:
            raise ValueError
    return found


def are_ids(names: Sequence[str]) -> bool:
    """Whether `is_id` holds for each."""
    joined = "/".join(names)
    between = joined.count("/") == len(names) - 1 and "//" not in f"/{joined}/"  # none has a slash, or is empty
    if not joined.isascii() or not joined.isprintable() or max(map(len, names)) > LONGEST_ID:
        return all(map(is_id, names))
    return between and joined.split() == [joined]


def located(paths: Sequence[str], home: Callable[[str], str]) -> list[str]:
    """What `home` makes of every path; see `locator`."""
    joined = "\n" + "\n".join(paths) + "\n"
    if any(part in joined for part in UNUSUAL):
        return [home(path) for path in paths]
    prefix = home("x")[:-1]
    return [path if path[0] == "/" else prefix + path for path in paths]
