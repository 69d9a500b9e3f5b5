"""The table of names: what a person said of units, one row an answer, in a file that any spreadsheet can change.

    unit  name  kind     when
    12    m     name     2026-03-01T10:15:00
    7           mixed    2026-03-01T10:15:09     asked in halves, 7a and 7b, from then on
    3           silence  2026-03-01T10:15:20
    9           skip     2026-03-01T10:15:31     not asked again, and it says nothing of others

Tabs are between cells. The order of the rows is that of the answers: `undo` takes the last one back. A name may be
several labels with blanks between them (`t h`), for a unit that covers several characters. What made halves is in
NAME.halves.json beside the table.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unitdisc.files.atomic import write_durably
from unitdisc.files.text import printable, read_lines

COLUMNS = ("unit", "name", "kind", "when")
KINDS = ("name", "mixed", "silence", "skip")
UNIT = re.compile(r"(0|[1-9][0-9]*)([ab]*)")  # a code, and which half of which half of it
LONGEST = 100  # characters of a name


class NamesError(ValueError):
    """A table of names, or an answer, cannot be used; the message names the file, the line and the cure."""


@dataclass(frozen=True)
class Answer:
    """What a person said of a unit. name: labels with one blank between them; "" unless `kind` is "name"."""

    unit: str
    kind: str = "name"
    name: str = ""
    when: str = ""

    @property
    def labels(self) -> list[str]:
        return self.name.split(" ") if self.name else []


def parent(unit: str) -> str | None:
    """The unit that this one is a half of."""
    return unit[:-1] if unit[-1] in "ab" else None


def whole_of(unit: str) -> str:
    """The unit itself, or the one that a half, or a half of a half, is of."""
    return unit.rstrip("ab")


def code_of(unit: str) -> int:
    """The code that a unit, or a half of one, is of."""
    return int(whole_of(unit))


def halves_of(unit: str) -> tuple[str, str]:
    return f"{unit}a", f"{unit}b"


def cleaned(name: str) -> str:
    """A name in NFC, with one blank where there is white space. Raises NamesError if it cannot be one."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    odd = [character for character in name if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co")]
    if odd:
        raise NamesError(
            f"the name {printable(name)!r} has U+{ord(odd[0]):04X} in it, which is no character; leave it out"
        )
    if len(name) > LONGEST:
        raise NamesError(f"the name {name[:30]!r}... has {len(name)} characters; give it {LONGEST} at most")
    return name


def checked(answer: Answer) -> Answer:
    """The answer with its name cleaned. Raises NamesError for what cannot be one."""
    if not UNIT.fullmatch(answer.unit):
        raise NamesError(f"{answer.unit!r} is no unit; give its number, with a and b for halves, as in 12 or 12ab")
    if answer.kind not in KINDS:
        raise NamesError(f"the kind {answer.kind!r} is not known; give one of {', '.join(KINDS)}")
    name = cleaned(answer.name)
    if answer.kind == "name" and not name:
        raise NamesError(f"unit {answer.unit} has no name; write one, or the kind skip, silence or mixed")
    if answer.kind != "name" and name:
        what = f"unit {answer.unit} is called {name!r} and is {answer.kind}, too"
        raise NamesError(f"{what}; write the kind name, or leave the name out")
    return replace(answer, name=name)


def added(answers: Sequence[Answer], new: Answer) -> tuple[Answer, ...]:
    """The answers with a new one at their end. Raises NamesError if it cannot be there."""
    new = checked(new)
    if any(each.unit == new.unit for each in answers):
        raise NamesError(f"unit {new.unit} has an answer already; take it back first")
    above = parent(new.unit)
    if above is not None and (above, "mixed") not in [(each.unit, each.kind) for each in answers]:
        raise NamesError(f"unit {new.unit} is a half of {above}, which is not called mixed above; write that first")
    return (*answers, new)


def undone(answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers without the last one. Raises NamesError if there is none."""
    if not answers:
        raise NamesError("there is no answer to take back")
    return tuple(answers[:-1])


def read_names(path: Path) -> tuple[Answer, ...]:
    """The answers in a table, in order; none where there is no such file.

    Cells that a spreadsheet left out at the end of a row are empty; a kind that is not there is "name" where there is
    a name. Raises NamesError naming the line that is wrong, and the cure.
    """
    if not path.exists():
        return ()
    rows = [
        (line.number, line.text.split("\t")) for line in read_lines(path, NamesError, wide=True) if line.text.strip()
    ]
    if not rows:
        return ()
    number, heading = rows[0]
    columns = [cell.strip().strip('"').casefold() for cell in heading]
    if missing := [name for name in COLUMNS[:2] if name not in columns]:
        what = (
            f"the first line must name the columns {', '.join(COLUMNS)}, with tabs between, but has no {missing[0]!r}"
        )
        raise NamesError(f"{path}:{number}: {what}; save it as text with tabs between cells (.tsv)")
    if twice := [name for name in COLUMNS if columns.count(name) > 1]:
        raise NamesError(f"{path}:{number}: names the column {twice[0]!r} twice; take one out")
    answers: tuple[Answer, ...] = ()
    for number, cells in rows[1:]:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise NamesError(
                f"{path}:{number}: has {len(cells)} cells, the first line {len(columns)}; correct the line"
            )
        row = dict(zip(columns, (cell.strip() for cell in cells)))
        name = unquoted(row.get("name", ""))
        kind = row.get("kind", "").casefold() or "name"
        try:
            answers = added(answers, Answer(row.get("unit", ""), kind, name, row.get("when", "")))
        except NamesError as error:
            raise NamesError(f"{path}:{number}: {error}") from error
    return answers


def unquoted(cell: str) -> str:
    """A cell without the quotation marks that spreadsheets put around one which has some, doubled, in it."""
    inner = cell[1:-1]
    if len(cell) > 3 and cell[0] == cell[-1] == '"' and '"' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return cell


def quoted(cell: str) -> str:
    """A cell that `unquoted` and spreadsheets read as this text."""
    return '"' + cell.replace('"', '""') + '"' if cell.startswith('"') else cell


def write_names(path: Path, answers: Sequence[Answer]) -> None:
    """Writes a table that is on the disk, and not only on its way there, when this returns; the old one or the new."""
    rows = [(each.unit, quoted(each.name), each.kind, each.when) for each in answers]
    write_durably(path, "".join("\t".join(row) + "\n" for row in (COLUMNS, *rows)))
