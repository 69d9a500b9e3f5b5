"""Answers as they come in, each of them on the disk before anything else happens: for the terminal, and for pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from unitdisc.naming.halves import halves_path, write_splits
from unitdisc.naming.material import Inventory, Material, mixed
from unitdisc.naming.questions import Question, next_question
from unitdisc.naming.table import Answer, NamesError, added, read_names, undone, whole_of, write_names


@dataclass
class Session:
    """Names that are being given. path: the table; None: it is in memory only, for simulations.

    labels: what labelled utterances say of units, see `spread`.
    """

    material: Material
    path: Path | None
    answers: tuple[Answer, ...] = ()
    labels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seen: tuple[int, int] | None = None  # of the table, as it was read or written last

    @classmethod
    def open(cls, material: Material, path: Path) -> "Session":
        """Goes on with the answers in a table, or begins one. Raises NamesError if it cannot be used."""
        session = cls(material, path, read_names(path), seen=stamp(path))
        refuse_strangers(path, session.answers, material)
        session.prepare()
        return session

    def prepare(self) -> None:
        """Makes halves of the units that are mixed and have none yet, as after somebody wrote `mixed` by hand."""
        before = len(self.material.splits)
        for unit in mixed(self.answers):
            if unit in self.material.counts and unit not in self.material.splits:
                self.material.divide(unit, self.material.split(unit))
        if self.path is not None and len(self.material.splits) > before:
            write_splits(halves_path(self.path), self.material.splits)

    @property
    def inventory(self) -> Inventory:
        return self.material.inventory()

    def known(self) -> tuple[Answer, ...]:
        """The answers, and what needs none: units that are blank by what they are."""
        said = {each.unit for each in self.answers}
        return (*self.answers, *(Answer(unit, "silence") for unit in self.material.silent() if unit not in said))

    def next(
        self,
        strategy: str = "expected",
        rng: np.random.Generator | None = None,
        among: Sequence[str] | None = None,
    ) -> Question | None:
        """What to ask about next, or about which of some units; None if there is an answer to every one."""
        return next_question(self.inventory, self.known(), self.labels, strategy=strategy, rng=rng, among=among)

    def answer(self, unit: str, kind: str = "name", name: str = "") -> None:
        """Takes an answer. It is on the disk when this returns.

        Raises NamesError, and changes nothing, if there can be no such answer, or no halves.
        """
        self.refuse_changed()
        if unit not in self.inventory.units:
            raise NamesError(f"unit {unit} does not occur here; the units are those of `unitdisc show`")
        when = datetime.now().isoformat(timespec="seconds") if self.path is not None else ""
        answers = added(self.answers, Answer(unit, kind, name, when))
        if kind == "mixed":
            split = self.material.split(unit)
            if self.path is not None:  # first: without it, the table could not be read again
                write_splits(halves_path(self.path), {**self.material.splits, unit: split})
        self.write(answers)
        if kind == "mixed":
            self.material.divide(unit, split)
        self.answers = answers

    def undo(self) -> Answer:
        """Takes the last answer back, and gives it. Raises NamesError if there is none."""
        self.refuse_changed()
        answers = undone(self.answers)
        self.write(answers)
        *_, last = self.answers
        self.answers = answers
        if last.kind == "mixed":
            self.material.unite(last.unit)  # what the file of halves says of it is passed over from now on
        return last

    def write(self, answers: Sequence[Answer]) -> None:
        if self.path is not None:
            write_names(self.path, answers)
            self.seen = stamp(self.path)

    def refuse_changed(self) -> None:
        """Raises NamesError if another program has written the table meanwhile."""
        if self.path is not None and stamp(self.path) != self.seen:
            raise NamesError(f"{self.path}: was changed by another program; quit, and run the same command again")


def stamp(path: Path) -> tuple[int, int] | None:
    """What tells one state of a file from another; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def refuse_strangers(path: Path, answers: Sequence[Answer], material: Material) -> None:
    """Raises NamesError if the table names no unit that occurs: it is then of other units."""
    halved = {whole_of(unit) for unit in material.counts}
    if answers and not any(whole_of(answer.unit) in halved for answer in answers):
        raise NamesError(
            f"{path}: not one of its {len(answers)} units occurs here; is it the table of these encodings?"
        )
