"""Manifests: a corpus as a file of one JSON line per utterance, read quickly and checked field by field."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import islice, pairwise, takewhile
from operator import lt
from pathlib import Path
from sys import intern
from typing import Any, TypeVar

from unitdisc.corpus.utterance import (
    CorpusError,
    Interval,
    Utterance,
    is_pipe,
    refuse_alignment,
    refuse_names,
    refuse_stretch,
)
from unitdisc.files import write_text
from unitdisc.files.text import byte_lines, decoded, name_fault, printable

T = TypeVar("T")
LINES_AT_ONCE = 64  # that are parsed together
REQUIRED = {"id", "path", "ticks"}
NAMES = ("id", "path", "speaker", "gender", "text")
OPTIONAL = ("speaker", "rate", "height", "channel", "gender", "text")  # may be null
NO_STRINGS = {"ticks": int, "rate": int, "height": int, "channel": int, "start": int, "alignment": dict}
TYPES = {known.name: NO_STRINGS.get(known.name, str) for known in fields(Utterance)}
SHAPES: set[tuple] = set()  # names and kinds of fields of lines that were found to be right
MOST_SHAPES = 1000


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Writes one JSON line per utterance, sorted by id; paths below the manifest's folder become relative to it.

    Raises CorpusError if two utterances share an id, or if a path is not UTF-8.
    """
    home = path.parent.resolve()

    def line(utterance: Utterance) -> str:
        values = asdict(utterance)
        if not is_pipe(utterance.path):
            source = Path(utterance.path).resolve()
            values["path"] = str(source.relative_to(home)) if source.is_relative_to(home) else str(source)
        text = json.dumps({key: value for key, value in values.items() if value is not None}, ensure_ascii=False) + "\n"
        if fault := name_fault(text):
            what = f"what is to be said of {utterance.id} is {fault}: {printable(values['path'])}"
            raise CorpusError(f"{printable(path)}: {what}; rename the file, or the folder it is in")
        return text

    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    for utterance, following in pairwise(ordered):
        if utterance.id == following.id:
            raise CorpusError(f"{path}: two utterances are called {utterance.id!r}; give each an id of its own")
    write_text(path, "".join(map(line, ordered)))


def read_manifest(path: Path) -> Iterator[Utterance]:
    """Reads what `write_manifest` wrote.

    Raises CorpusError naming the line that is not an utterance, or both lines that share an id.
    """
    return manifest_entries(path, lambda values: Utterance(**values))


def checked(values: dict) -> dict:
    """The arguments of an Utterance, which could be made of them."""
    shape = (values.get(name) for name in ("rate", "height", "channel"))
    refuse_stretch(values["id"], values["ticks"], values.get("start", 0), *shape)
    refuse_names(*(values.get(name) for name in NAMES))
    if alignment := values.get("alignment"):
        refuse_alignment(values["id"], alignment, values["ticks"])
    return values


def manifest_entries(path: Path, make: Callable[[dict], T]) -> Iterator[T]:
    """What is made of the arguments of every utterance. Raises CorpusError as `read_manifest` does."""
    path = Path(path)
    lines, home, ids = manifest_lines(path), locator(path.parent), Ids(path)
    while some := list(islice(lines, LINES_AT_ONCE)):
        try:
            parts = [(some, parse_together(some, home, make))]
        except (ValueError, RecursionError):  # those before the one that is wrong are given
            parts = (([line], list(parse_apart(path, [line], home, make))) for line in some)
        for part, entries in parts:
            ids.add([number for number, _ in part], [id for id, _ in entries])
            yield from (entry for _, entry in entries)
    ids.refuse_none()


class Ids:
    """The ids of a manifest, as far as it was read; in order, as `write_manifest` leaves them, they take no memory."""

    def __init__(self, path: Path):
        self.path = path
        self.last = ""
        self.seen: set[str] | None = None  # once they are out of order

    def add(self, lines: Sequence[int], ids: Sequence[str]) -> None:
        """Those of the next lines. Raises CorpusError naming both lines that share one."""
        if self.seen is None and not (self.last < ids[0] and all(map(lt, ids, ids[1:]))):
            before = takewhile(lambda each: each[0] < lines[0], numbered_ids(self.path))
            self.seen = {id for _, id in before}
        if self.seen is not None:
            for line, id in zip(lines, ids):
                if id in self.seen:
                    first = next(number for number, found in numbered_ids(self.path) if found == id)
                    what = f"the id {id!r} is already on line {first}"
                    raise CorpusError(f"{self.path}:{line}: {what}; give each utterance an id of its own")
                self.seen.add(id)
        self.last = ids[-1]

    def refuse_none(self) -> None:
        """Raises CorpusError if the manifest has no line."""
        if not self.last:
            raise CorpusError(f"{self.path}: no utterances in it; prepare the corpus again")


def numbered_ids(path: Path) -> Iterator[tuple[int, str]]:
    """Line and id of every utterance."""
    lines, home = manifest_lines(path), locator(path.parent)
    while some := list(islice(lines, LINES_AT_ONCE)):
        yield from ((number, id) for (number, _), (id, _) in zip(some, parse(path, some, home, len)))


def parse(
    path: Path, lines: Sequence[tuple[int, bytes]], home: Callable[[str], str], make: Callable[[dict], T]
) -> Iterator[tuple[str, T]]:
    """The id of every line and what is made of it; all are parsed at once if all is well, which is far quicker."""
    try:
        return iter(parse_together(lines, home, make))
    except (ValueError, RecursionError):  # find out which
        return parse_apart(path, lines, home, make)


def parse_together(
    lines: Sequence[tuple[int, bytes]], home: Callable[[str], str], make: Callable[[dict], T]
) -> list[tuple[str, T]]:
    """As `parse`. Raises ValueError if any line must be looked at by itself."""
    return [(entry["id"], make(entry)) for entry in (parse_fields(each, home) for each in objects_in(lines))]


def objects_in(lines: Sequence[tuple[int, bytes]]) -> list[dict]:
    """The object of every line. Raises ValueError if any is something else.

    A line that is more or less than one object cannot hide among others: each begins and ends like an object and has
    its line end, which no string may hold, so that only a list of objects could go on in the next line.
    """
    text = b"[" + b",".join([line for _, line in lines]) + b"]"
    whole = text.startswith(b"[{") and text.endswith((b"}\n]", b"}]")) and text.count(b"}\n,{") == len(lines) - 1
    values = parse_json(text) if whole else []
    if len(values) != len(lines):
        raise ValueError
    return values


def parse_json(text: str | bytes) -> Any:
    """What a text of JSON holds. Raises ValueError if it is none, and if an object has a field twice."""
    return json.loads(text, object_pairs_hook=fields_once)


def fields_once(pairs: list[tuple[str, Any]]) -> dict:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise CorpusError(f"has {next(name for name in names if names.count(name) > 1)!r} twice")
    return values


def parse_apart(
    path: Path, lines: Iterable[tuple[int, bytes]], home: Callable[[str], str], make: Callable[[dict], T]
) -> Iterator[tuple[str, T]]:
    for number, line in lines:
        try:
            values = parse_fields(parse_json(decoded(line)), home)
            yield values["id"], make(values)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}:{number}: not an utterance: {error}") from error


def manifest_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, numbered from 1."""
    return (each for each in byte_lines(path, CorpusError, "give the path of a manifest") if each[1].strip())


def parse_utterance(values: Any, home: Path) -> Utterance:
    """The utterance that a line of a manifest in the folder `home` describes.

    Raises ValueError saying which field is wrong, and how it must be.
    """
    return Utterance(**parse_fields(values, locator(home)))


def parse_fields(values: Any, home: Callable[[str], str]) -> dict:
    """The arguments of the utterance that a line of a manifest describes, each of the kind it must be.

    home: see `locator`. Raises ValueError as `parse_utterance` does.
    """
    shape = (*values, *map(type, values.values())) if type(values) is dict else ()  # all that a fault can lie in
    if shape not in SHAPES:
        for fault in field_faults(values):
            raise CorpusError(fault)
        if len(SHAPES) < MOST_SHAPES:
            SHAPES.add(shape)
    values["path"] = home(values["path"])
    if speaker := values.setdefault("speaker", None):
        values["speaker"] = intern(speaker)
    if alignment := values.get("alignment"):
        values["alignment"] = {tier: parse_tier(tier, intervals) for tier, intervals in alignment.items()}
    return values


def locator(home: Path) -> Callable[[str], str]:
    """What makes of a path in a manifest one as seen from the working directory: as pathlib would, but quicker."""
    prefix = "" if str(home) == "." else str(home).rstrip("/") + "/"

    def locate(path: str) -> str:
        if "|" in path and is_pipe(path):
            return path
        if "//" in path or "/." in path or not path or path[0] == "." or path[-1] == "/":  # may be written shorter
            return str(home / path)
        return path if path.startswith("/") else prefix + path

    return locate


def field_faults(values: Any) -> Iterator[str]:
    """Says of every field of a line that is missing, unknown or of the wrong kind what it must be."""
    if not isinstance(values, dict):
        yield 'must be an object: {"id": ..., "path": ..., "ticks": ...}'
        return
    if not values.keys() >= REQUIRED:
        yield from (f"lacks {name!r}" for name in sorted(REQUIRED - values.keys()))
    for name, value in values.items():
        kind = TYPES.get(name)
        if kind is None:
            yield f"has no field {name!r}: the fields are {list(TYPES)}"
        elif type(value) is not kind and not (value is None and name in OPTIONAL):  # a bool would be an int
            yield f"{name} is {value!r}, but must be {kind.__name__}"


def parse_tier(tier: str, intervals: Any) -> list[Interval]:
    if not isinstance(intervals, list):
        raise CorpusError(f"{tier} must be a list of [start, end, label]")
    for interval in intervals:
        if type(interval) is not list or list(map(type, interval)) != [int, int, str]:
            raise CorpusError(f"{tier} interval {interval!r} must be [start, end, label], in whole ticks")
    return list(map(Interval._make, intervals))
