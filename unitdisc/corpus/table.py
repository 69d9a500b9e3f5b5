"""Utterances in little memory: a million take 130 MB instead of a gigabyte, and processes can share them."""

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import accumulate, islice, pairwise
from operator import le
from pathlib import Path
from typing import overload

import numpy as np

from unitdisc.corpus.manifest_columns import COLUMNS, by_column, read_columns
from unitdisc.corpus.utterance import Utterance

AT_ONCE = 1024  # rows that are made into objects together
MOST = 1 << 62  # ticks; no recording is so long
CODING = ("utf-8", "surrogatepass")  # JSON may hold halves of characters
NUMBERS = ("ticks", "rate", "start", "height", "channel")  # 0 stands for none; channels count from 1 here


def as_numbers(name: str, values: Iterable[int | None]) -> list[int]:
    """A field of utterances as one of NUMBERS."""
    if name == "channel":
        return [0 if value is None else value + 1 for value in values]
    return [value or 0 for value in values]


def fields_of(utterance: Utterance) -> dict:
    """What a table keeps of an utterance."""
    return {name: getattr(utterance, name) for name in COLUMNS}


class UtteranceTable(Sequence[Utterance]):
    """A sequence of utterances without texts and alignments; an Utterance is made when it is asked for.

    Columns of numbers and one run of bytes, which nobody changes: a process that is forked shares them, where a list
    of objects is copied page by page as its objects are looked at.
    """

    def __init__(self, columns: "Columns", rows: np.ndarray):
        self.columns = columns
        self.rows = rows  # of the columns, in the order of this sequence: [N] int32

    @classmethod
    def of(cls, utterances: Iterable[Utterance]) -> "UtteranceTable":
        """Of utterances, whose texts and alignments are dropped; a table stays as it is."""
        return utterances if isinstance(utterances, cls) else cls.of_fields(map(fields_of, utterances))

    @classmethod
    def read(cls, manifest: Path) -> "UtteranceTable":
        """The utterances of a manifest. Raises CorpusError as `read_manifest` does."""
        return cls.of_columns(read_columns(manifest))

    @classmethod
    def of_fields(cls, fields: Iterable[dict]) -> "UtteranceTable":
        """Of the arguments of utterances."""
        fields = iter(fields)
        return cls.of_columns(by_column(some) for some in iter(lambda: list(islice(fields, AT_ONCE)), []))

    @classmethod
    def of_columns(cls, parts: Iterable[Mapping[str, Sequence]]) -> "UtteranceTable":
        """Of the arguments of utterances, field by field, some utterances at a time; see `bulk.COLUMNS`."""
        columns = Columns(parts)
        return cls(columns, np.arange(len(columns.speakers), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> "UtteranceTable": ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return UtteranceTable(self.columns, self.rows[index])
        return self.columns.utterance(int(self.rows[index]))

    def __iter__(self) -> Iterator[Utterance]:
        return (self.columns.utterance(row) for row in self.rows_in_turn())

    def rows_in_turn(self) -> Iterator[int]:
        for first in range(0, len(self.rows), AT_ONCE):
            yield from self.rows[first : first + AT_ONCE].tolist()

    def take(self, places: np.ndarray) -> "UtteranceTable":
        """Some of the utterances, by place in this sequence: [N]."""
        return UtteranceTable(self.columns, self.rows[places])

    def with_rates(self, rates: np.ndarray) -> "UtteranceTable":
        """The same recordings with a rate where they had none: rates [N]."""
        own = self.column("rate")
        wanted = np.where((own == 0) & ~self.images(), rates, own)
        if (wanted == own).all():
            return self
        columns = copy(self.columns)
        changed = np.frombuffer(columns.numbers["rate"], np.int64).copy()
        changed[self.rows] = wanted
        columns.numbers = columns.numbers | {"rate": array("q", changed.tobytes())}
        return UtteranceTable(columns, self.rows)

    def images(self) -> np.ndarray:
        """Which of them are line images: [N] bool."""
        return self.column("height") > 0

    def sorted(self) -> "UtteranceTable":
        """The same utterances in order of id."""
        return self if self.is_sorted() else self.take(self.by_id())

    def is_sorted(self) -> bool:
        if self.columns.in_order:
            return bool((np.diff(self.rows) >= 0).all())
        return all(one <= other for one, other in pairwise(map(self.columns.id, self.rows_in_turn())))

    def by_id(self) -> np.ndarray:
        """The places of the utterances, in order of id: [N]."""
        if self.is_sorted():
            return np.arange(len(self))
        if self.columns.in_order:
            return np.argsort(self.rows, kind="stable")
        ids = self.columns.ids(self.rows)
        return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)

    def column(self, name: str) -> np.ndarray:
        """ticks, rate, start, height or 1 + channel of every utterance, 0 where there is none: [N] int64."""
        return np.frombuffer(self.columns.numbers[name], np.int64)[self.rows]

    def identities(self) -> Iterator[tuple[str, str | None, int]]:
        """Id, speaker and ticks of every utterance."""
        columns, names = self.columns, self.columns.speaker_names
        speakers, ticks = np.frombuffer(columns.speakers, np.int32), np.frombuffer(columns.numbers["ticks"], np.int64)
        for first in range(0, len(self), AT_ONCE):
            rows = self.rows[first : first + AT_ONCE]
            yield from zip(columns.ids(rows), map(names.__getitem__, speakers[rows].tolist()), ticks[rows].tolist())

    def checksum(self) -> str:
        """SHA-256 of the JSON list of every id, speaker and length, and of the channels, where any are given."""
        found, before = hashlib.sha256(b"["), b""
        for first in range(0, len(self), AT_ONCE):
            some = list(self[first : first + AT_ONCE].identities())
            found.update(before + json.dumps(some)[1:-1].encode())
            before = b", "
        found.update(b"]")
        if (channels := self.column("channel")).any():
            found.update(channels.tobytes())
        return found.hexdigest()

    def speakers(self) -> list[str | None]:
        """Every speaker of the sequence once, in no order; None if some are not known."""
        names = self.columns.speaker_names
        return [names[place] for place in np.unique(np.frombuffer(self.columns.speakers, np.int32)[self.rows])]

    def by_speakers(self, names: Iterable[str | None]) -> "UtteranceTable":
        """The utterances of some speakers, in the same order."""
        wanted = {*names}
        places = [place for place, name in enumerate(self.columns.speaker_names) if name in wanted]
        return self.take(np.flatnonzero(np.isin(np.frombuffer(self.columns.speakers, np.int32)[self.rows], places)))

    def unknown_speakers(self) -> np.ndarray:
        """Whose speaker is not known: [N] bool."""
        return np.frombuffer(self.columns.speakers, np.int32)[self.rows] == 0

    def genders(self) -> set[str | None]:
        names = self.columns.gender_names
        return {names[place] for place in np.unique(np.frombuffer(self.columns.genders, np.int32)[self.rows])}

    def may_have_pipes(self) -> bool:
        return b"|" in self.columns.text

    def paths(self) -> Iterator[str]:
        return (self.columns.path(row) for row in self.rows_in_turn())

    def file_numbers(self) -> np.ndarray:
        """Which file each utterance lies in, files numbered in the order in which they are first named: [N].

        By hashes of 64 bits: two paths of a million are taken for one file with a probability below 1e-7.
        """
        hashes = np.frombuffer(self.columns.path_hashes, np.int64)[self.rows]
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[group]

    def measured(self, measure: Callable[[Utterance], int]) -> np.ndarray:
        """What a function of ticks, rate and height makes of every utterance: [N]. It is asked once for equal ones."""
        lengths = np.stack([self.column(name) for name in ("ticks", "rate", "height")])
        order = np.lexsort(lengths)
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(lengths[:, order]) != 0).any(0)
        found = np.array([measure(self[place]) for place in order[new].tolist()], dtype=np.int64)
        values = np.empty(len(order), np.int64)
        values[order] = found[np.cumsum(new) - 1]
        return values


class Columns:
    """The fields of utterances, field by field."""

    def __init__(self, parts: Iterable[Mapping[str, Sequence]]):
        self.text = bytearray()  # id and path of each, one after another
        self.ends = array("q")  # where each ends
        self.path_hashes = array("q")
        self.numbers = {name: array("q") for name in NUMBERS}
        self.speakers, self.genders = array("i"), array("i")
        self.speaker_places: dict[str | None, int] = {None: 0}  # name -> place in this list
        self.gender_places: dict[str | None, int] = {None: 0}
        self.in_order = True
        last = ""
        for part in parts:
            ids = part["id"]
            self.in_order &= last <= ids[0] and all(map(le, ids, ids[1:]))
            last = ids[-1]
            self.add(part)
        self.speaker_names, self.gender_names = list(self.speaker_places), list(self.gender_places)

    def add(self, part: Mapping[str, Sequence]) -> None:
        """Appends to every column; field by field, which is quicker."""
        names = [name for both in zip(part["id"], part["path"]) for name in both]
        text = "".join(names)
        if not text.isascii():
            names = [name.encode(*CODING) for name in names]
        self.ends.extend(list(accumulate(map(len, names), initial=len(self.text)))[1:])
        self.text += text.encode(*CODING)
        self.path_hashes.extend(map(hash, part["path"]))
        for name, column in self.numbers.items():
            values = as_numbers(name, part[name])
            column.extend(values if max(values) <= MOST else [min(value, MOST) for value in values])
        for name, column, places in (
            ("speaker", self.speakers, self.speaker_places),
            ("gender", self.genders, self.gender_places),
        ):
            column.extend([places.setdefault(value, len(places)) for value in part[name]])

    def id(self, row: int) -> str:
        return self.text[self.ends[2 * row - 1] if row else 0 : self.ends[2 * row]].decode(*CODING)

    def ids(self, rows: np.ndarray) -> list[str]:
        ends, text = np.frombuffer(self.ends, np.int64), self.text
        begins = np.where(rows > 0, ends[2 * rows - 1], 0)
        return [text[begin:end].decode(*CODING) for begin, end in zip(begins.tolist(), ends[2 * rows].tolist())]

    def path(self, row: int) -> str:
        return self.text[self.ends[2 * row] : self.ends[2 * row + 1]].decode(*CODING)

    def utterance(self, row: int) -> Utterance:
        ticks, rate, start, height, channel = (column[row] for column in self.numbers.values())
        speaker, gender = self.speaker_names[self.speakers[row]], self.gender_names[self.genders[row]]
        shape = {"height": height or None, "channel": channel - 1 if channel else None}
        return Utterance(self.id(row), self.path(row), speaker, ticks, rate or None, start, gender, **shape)
