"""Names of units on the pages: what each is called, and the answers that a page brings, in a session of `naming`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.rows import Row
from unitdisc.naming.asking import COMMANDS, LITERAL, named, reply, sentence
from unitdisc.naming.material import is_below
from unitdisc.naming.questions import Question
from unitdisc.naming.session import Session
from unitdisc.naming.spread import SILENCE
from unitdisc.naming.table import Answer, NamesError, cleaned, halves_of, parent, whole_of

RECENT = 8  # answers that are listed
UNDO = "undo"


@dataclass
class Names:
    """What the units of the first row are called. One answer is taken at a time, whatever pages are open."""

    session: Session
    index: CorpusIndex
    read_by: str = ""  # the command that reads by the names, as a page says it
    lock: RLock = field(default_factory=RLock)

    @property
    def table(self) -> Path | None:
        return self.session.path

    @property
    def last(self) -> str:
        """The unit that was answered last, or ""."""
        return self.session.answers[-1].unit if self.session.answers else ""

    def answer_of(self, unit: str) -> Answer | None:
        return next((answer for answer in self.session.answers if answer.unit == unit), None)

    def of(self, row: Row, unit: str) -> list[str]:
        """What a unit, and each half of it, is called; nothing for rows that are not named, and where nobody said."""
        if row is not self.index.units:
            return []
        there = [answer for answer in self.session.answers if is_below(answer.unit, unit)]
        return list(dict.fromkeys(said for answer in there if (said := called(answer))))

    def is_mixed(self, unit: str) -> bool:
        answer = self.answer_of(unit)
        return answer is not None and answer.kind == "mixed"

    def ask(self, about: str = "") -> Question | None:
        """The question about a unit, or, if that has an answer, about the next one; None where nothing is open."""
        with self.lock:
            return (self.session.next(among=[about]) if about else None) or self.session.next()

    def take(self, given: Mapping[str, str]) -> str:
        """Does what a page says, so that it is on the disk when this returns; the unit to ask about next, or "".

        given: unit, the one that was asked about; said, of a button, or else typed, of the field: as at the terminal;
        last, the unit whose answer was the last one when the page was made. Raises NamesError for what cannot be taken.
        """
        unit, typed = given.get("unit", ""), (given.get("said") or given.get("typed", "")).strip()
        with self.lock:
            if typed == UNDO:
                self.refuse_other_last(given.get("last", ""))
                last = self.last
            elif typed in ("", "quit"):
                what = "nothing was typed" if not typed else "a page is closed to end, and all answers are kept"
                raise NamesError(f"{what}; give a name (= before quit, if that is one), mixed, silence or skip")
            elif (there := self.answer_of(unit)) is not None:
                if same(there, typed):  # the key was pressed twice
                    return ""
                what = f"{sentence(there)} already, by another page or a key pressed twice"
                raise NamesError(f"{what}; {typed!r} was not taken. `undo` takes the last answer back")
            reply(self.session, unit, typed, say=lambda said: None)
            if typed == UNDO:
                return last
            return self.half_to_ask(unit)

    def refuse_other_last(self, last: str) -> None:
        """Raises NamesError where another page has given an answer since, which nobody means to take back."""
        there = self.last
        if there != last:
            raise NamesError(
                f"nothing was taken back: another page has changed the answers meanwhile; the last one is now "
                f"{sentence(self.session.answers[-1]) if there else 'none'}"
            )

    def half_to_ask(self, unit: str) -> str:
        """After an answer to a unit that is mixed, or to a half of it: a half that has no answer; or "".

        Halves of halves come when their turn comes, or a hopeless unit would be asked about on and on.
        """
        whole = parent(unit) or unit
        halves = halves_of(whole) if parent(whole) is None and whole in self.session.material.splits else ()
        found = self.session.next(among=halves) if halves else None
        return found.unit if found else ""

    def other_half(self, unit: str) -> str | None:
        """The other half of a mixed unit, where it occurs and is not in halves itself."""
        above = parent(unit)
        other = next((half for half in halves_of(above) if half != unit), None) if above else None
        return other if other in self.session.material.counts else None

    def recent(self) -> list[Answer]:
        """The last answers, the latest first."""
        return list(self.session.answers[: -RECENT - 1 : -1])

    def names(self) -> list[str]:
        """All names given, each once, the most frequent first."""
        given = [answer.name for answer in self.session.answers if answer.kind == "name"]
        return sorted(dict.fromkeys(given), key=lambda name: (-given.count(name), name))

    def done(self) -> tuple[int, int, float]:
        """How many units have an answer, how many there are, and the share of occurrences that have a name."""
        with self.lock:
            inventory, known = self.session.inventory, self.session.known()
        said = {answer.unit for answer in known}
        named_units = {answer.unit for answer in known if answer.kind in ("name", "silence")}
        counted = dict(zip(inventory.units, inventory.counts.tolist()))
        share = sum(count for unit, count in counted.items() if unit in named_units) / max(1, sum(counted.values()))
        return sum(unit in said for unit in counted), len(counted), share

    def line(self, place: int) -> dict | None:
        """The names in an utterance, as a row of its time line; None where nothing in it has one."""
        units = self.index.units
        id = self.index.utterance(place).id
        with self.lock:
            there = {answer.unit: said for answer in self.session.answers if (said := called(answer))}
            if units is None or id not in self.session.material.runs:
                return None
            spans = self.session.material.runs[id].intervals.tolist()
            runs = list(zip(self.session.material.names[id].tolist(), spans))
        shown = [(there[unit], whole_of(unit), *span) for unit, span in runs if unit in there]
        shown = [each for each in shown if each[1] in units.symbol_of]
        if not shown:
            return None
        names = list(dict.fromkeys(there.values()))  # in the order they were given, so that a name keeps its colour
        return {
            "number": units.number,
            "kind": "names",
            "title": "names",
            "symbols": [names.index(each[0]) for each in shown],
            "names": dict(enumerate(names)),
            "quiet": names.index(named(SILENCE)) if named(SILENCE) in names else None,
            "starts": [each[2] for each in shown],
            "ends": [each[3] for each in shown],
            "units": [units.symbol_of[each[1]] for each in shown],
        }


def called(answer: Answer) -> str:
    """What an answer calls its unit; "" where it says no name."""
    return named(SILENCE) if answer.kind == "silence" else answer.name


def same(answer: Answer, typed: str) -> bool:
    """Whether what was typed says again what the answer says."""
    if answer.kind != "name":
        return typed == answer.kind
    return typed not in COMMANDS and cleaned(typed.removeprefix(LITERAL)) == answer.name
