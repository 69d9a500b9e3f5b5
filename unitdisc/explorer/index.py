"""The index of a corpus and its units, opened: utterances, speakers and rows, read from disk as they are looked at."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.encodings import Encodings
from unitdisc.explorer.rows import Row, Stretch
from unitdisc.explorer.storage import TIER, UNITS, facts_in
from unitdisc.files.arrays import read_array


@dataclass(frozen=True)
class CorpusIndex:
    """Utterances by their place, from 0, in the order of the corpus, and rows of what is known of them."""

    folder: Path
    facts: dict[str, Any]
    rows: Sequence[Row]

    @classmethod
    def open(cls, folder: Path) -> "CorpusIndex":
        """Raises CorpusError if there is no whole index in the folder."""
        facts = facts_in(folder)
        if facts is None:
            raise CorpusError(f"{folder}: holds no index; run `unitdisc explore` again")
        rows = [Row.open(folder / f"row{n}", n, each["kind"], each["title"]) for n, each in enumerate(facts["rows"])]
        return cls(folder, facts, rows)

    def __len__(self) -> int:
        return len(self.ticks)

    def array(self, name: str) -> np.ndarray:
        return np.asarray(read_array(self.folder / f"{name}.npy", mapped=True))

    @cached_property
    def ticks(self) -> np.ndarray:
        """How long each utterance is: [N]."""
        return self.array("ticks")

    @cached_property
    def speaker(self) -> np.ndarray:
        """Place of the speaker of each in `speakers`: [N]."""
        return self.array("speaker")

    @property
    def speakers(self) -> list[str]:
        """Their names; "" stands for one that is not known."""
        return self.facts["speakers"]

    @cached_property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        return self.array("utterances"), self.array("utterances_at")

    @cached_property
    def searched_text(self) -> tuple[np.ndarray, np.ndarray]:
        return self.array("names"), self.array("names_at")

    @property
    def of_images(self) -> bool:
        """Whether utterances are line images, as far as the first one tells."""
        return self.utterance(0).is_image

    @property
    def units(self) -> Row | None:
        """The row of units, or of words, that pages are about; None if there are only labels, or nothing."""
        return next((row for row in self.rows if row.kind != TIER), None)

    def utterance(self, place: int) -> Utterance:
        """An utterance without its labels, which are in rows. Raises IndexError if there are fewer."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        text, at = self.lines
        return Utterance(**json.loads(text[at[place] : at[place + 1]].tobytes()))

    def speaker_of(self, place: int) -> str:
        return self.speakers[int(self.speaker[place])]

    @cached_property
    def by_id(self) -> np.ndarray:
        return self.array("by_id")

    def place_of(self, id: str) -> int | None:
        """The place of the utterance with this id; None if there is none."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            place = int(self.by_id[middle])
            found = self.utterance(place).id
            if found == id:
                return place
            low, high = (middle + 1, high) if found < id else (low, middle)
        return None

    def matching(self, text: str = "", speaker: str | None = None) -> np.ndarray:
        """The places of utterances of a speaker whose id or text has these letters, small or capital."""
        found = np.arange(len(self))
        if text.strip():
            names, at = self.searched_text
            wanted = re.escape(text.strip().casefold().encode("utf-8", errors="replace"))
            begins = [match.start() for match in re.finditer(wanted, names.data)]
            found = np.unique(np.searchsorted(at, begins, side="right") - 1)
        if speaker is not None:
            number = self.speakers.index(speaker) if speaker in self.speakers else -1
            found = found[self.speaker[found] == number]
        return found

    def intervals(self, row: Row, place: int) -> list[Interval]:
        """What a row has of an utterance."""
        own = row.within(place)
        times = zip(np.asarray(row.starts[own]).tolist(), np.asarray(row.ends[own]).tolist())
        return [Interval(*time, row.names[s]) for time, s in zip(times, np.asarray(row.symbols[own]).tolist())]

    def whole(self, place: int) -> Utterance:
        """An utterance with the labels of its tiers."""
        utterance = self.utterance(place)
        for row in self.rows:
            if row.kind == TIER and (intervals := self.intervals(row, place)):
                utterance.alignment[row.title] = intervals
        return utterance

    def encodings_of(self, places: Sequence[int]) -> Encodings:
        """The frames of some utterances, whose list of codes is not read again."""
        folder = Path(self.facts["encodings"])
        ids = sorted(self.utterance(place).id for place in places)
        there = {id: None for id in ids if (folder / f"{id}.npy").exists()}
        return Encodings(folder, self.facts["settings"], there)

    def labels_under(self, stretch: Stretch) -> dict[str, str]:
        """What the tiers say of a stretch: labels of each that share a part of it."""
        found = {}
        for row in self.rows:
            if row.kind == TIER and (labels := row.labels_within(*stretch)):
                found[row.title] = " ".join(labels)
        return found


def unit_name(row: Row, symbol: int) -> str:
    """As pages call it: unit 12, word 7, phone AH."""
    what = {UNITS: "unit", "words": "word"}.get(row.kind, row.title)
    return f"{what} {row.names[symbol]}"
