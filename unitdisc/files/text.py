"""Text of other systems: the one place where bytes become text, lines, and the rows of tables.

Text is UTF-8. A byte order mark is taken away where a line begins with one, for files that were joined have several.
UTF-16 is told by its mark, and refused by name, or read where programs are known to write it (spreadsheets, Praat).
Only a line feed ends a line, with any carriage returns before it; a carriage return alone does so in files without
line feeds (spreadsheets on a Mac). What else Unicode and `str.splitlines` take for the end of a line is text.
"""

import csv
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

MARK = b"\xef\xbb\xbf"  # the byte order mark in UTF-8
WIDE = {  # how others begin; those of UTF-32 first, for they begin with those of UTF-16
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
SAVE = "save the file as UTF-8"
GIVE = "give the path of a text file"
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
INVISIBLE = ("Cf", "Zs", "Zl", "Zp", "Cc")  # Unicode's categories of what is not seen: marks, blanks, controls


class TextError(ValueError):
    """A file is no text, or not the table it should be; the message names file, line and cure."""


class Line(NamedTuple):
    """A line without its end, numbered from 1."""

    number: int
    text: str


class Row(NamedTuple):
    """A row of a table: its line, and its cells by the names of their columns, without blanks around them."""

    line: int
    cells: dict[str, str]


def byte_lines(
    path: Path, error: type[Exception] = TextError, cure: str = GIVE, wide: bool = False
) -> Iterator[tuple[int, bytes]]:
    """The lines of a file of any size with their ends, in UTF-8 if that is what they are; numbered from 1.

    error, cure: what is raised, and what it advises, where there is no such file. wide: UTF-16 is read, not refused.
    """
    try:
        with Path(path).open("rb") as file:
            yield from numbered(as_utf8(path, file, error, wide))
    except OSError as fault:
        raise error(f"{path}: cannot be read ({fault.strerror}); {cure}") from fault


def as_utf8(path: Path, file: io.BufferedReader, error: type[Exception], wide: bool) -> Iterable[bytes]:
    coding = coding_of(file.peek(4)) or (unmarked_coding(file.peek(2)) if wide else None)
    if coding is None:
        return file
    if not wide:
        raise error(f"{path}: is {coding}, not UTF-8; {SAVE}")
    try:
        return io.BytesIO(file.read().decode(coding).encode("utf-8"))
    except UnicodeDecodeError as fault:
        raise error(f"{path}: is {coding}, but damaged at byte {fault.start + 1}; {SAVE}") from fault


def coding_of(beginning: bytes) -> str | None:
    """UTF-16 or UTF-32, if the first bytes of a file say so."""
    return next((coding for mark, coding in WIDE.items() if beginning.startswith(mark)), None)


def unmarked_coding(beginning: bytes) -> str | None:
    """UTF-16 without a mark, if every other byte at the beginning of a file is null."""
    nulls = [byte == 0 for byte in beginning[:2]]
    return {(False, True): "UTF-16-LE", (True, False): "UTF-16-BE"}.get(tuple(nulls))


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, start=1):
        if number == 1 and b"\r" in line and not line.endswith(b"\n"):  # there is none in the whole file
            yield from enumerate((part.removeprefix(MARK) + b"\n" for part in line.rstrip(b"\r").split(b"\r")), start=1)
        else:
            yield number, line.removeprefix(MARK)


def marked_lines(path: Path) -> list[int]:
    """The lines that begin with a byte order mark, from 1; also the first one of UTF-16. [] if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            wide = [1] if coding_of(file.peek(4)) else []
            return wide or [number for number, line in enumerate(file, start=1) if line.startswith(MARK)]
    except OSError:
        return []


def mark_warning(path: Path) -> str | None:
    """What to say of a file that has byte order marks, if it does."""
    if not marked_lines(path):
        return None
    return f"{path}: saved with a byte order mark, which was left out; {SAVE} without one"


def decoded(line: bytes) -> str:
    """A line of bytes as text. Raises ValueError, with a reason in few words, if it is none in UTF-8."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ValueError(f"not UTF-8 (byte 0x{line[fault.start]:02x})") from fault
    if "\0" in text:
        raise ValueError("no text, for it has a null byte")
    return text


def loosely_decoded(line: bytes) -> str:
    """The same, with U+FFFD for all that is not UTF-8."""
    return line.decode("utf-8", errors="replace")


def read_lines(
    path: Path, error: type[Exception] = TextError, cure: str = GIVE, wide: bool = False, loose: bool = False
) -> Iterator[Line]:
    """The lines of a text, one at a time, blank ones too; what would follow the last line end is none.

    loose: what is not UTF-8 becomes U+FFFD. Otherwise that, and null bytes, raise `error` naming file and line.
    """
    for number, line in byte_lines(path, error, cure, wide):
        yield Line(number, ended(loosely_decoded(line) if loose else strictly_decoded(path, number, line, error)))


def all_lines(path: Path, error: type[Exception] = TextError, cure: str = GIVE) -> list[str]:
    """The texts of `read_lines`, of a file that fits into memory: at once where there is nothing to see to."""
    try:
        content = Path(path).read_bytes()
    except OSError as fault:
        raise error(f"{path}: cannot be read ({fault.strerror}); {cure}") from fault
    if coding_of(content[:4]) is None and MARK not in content and not {0, 13} & {*content}:
        try:
            lines = content.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            pass  # whose line will be named
        else:
            return lines[:-1] if not lines[-1] else lines
    return [line.text for line in read_lines(path, error, cure)]


def ended(text: str) -> str:
    """A line without its end."""
    return text.removesuffix("\n").rstrip("\r")


def strictly_decoded(place: str | Path, number: int, line: bytes, error: type[Exception], cure: str = SAVE) -> str:
    try:
        return decoded(line)
    except ValueError as fault:
        raise error(f"{place}:{number}: {fault}; {cure}") from fault


def read_text(
    path: Path, error: type[Exception] = TextError, cure: str = GIVE, wide: bool = False, loose: bool = False
) -> str:
    """A whole text, as `read_lines` reads it; every line ends with a line feed."""
    return "".join(f"{line.text}\n" for line in read_lines(path, error, cure, wide, loose))


def lines_of(content: bytes, place: str, error: type[Exception] = TextError, cure: str = SAVE) -> list[Line]:
    """The lines of a text that lies in a zip file or a tar; `place` says where, for messages."""
    found = numbered(io.BytesIO(content))
    return [Line(number, ended(strictly_decoded(place, number, line, error, cure))) for number, line in found]


def read_json(path: Path) -> Any:
    """What a file of JSON holds. Raises OSError if it cannot be read, and ValueError if it is none."""
    return json_in(Path(path).read_bytes().removeprefix(MARK).decode("utf-8"))


def json_in(text: str | bytes) -> Any:
    """What a text of JSON of others holds. Raises ValueError if it is none, also where it is nested without end."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("lists or objects in each other without end") from error


def read_fields(path: Path, error: type[Exception] = TextError, cure: str = GIVE) -> Iterator[tuple[int, list[str]]]:
    """The fields of every line that is not blank, numbered from 1."""
    return ((number, fields) for number, text in read_lines(path, error, cure) if (fields := fields_of(text)))


def fields_of(text: str) -> list[str]:
    """What stands between blanks and tabs; other white space of Unicode is part of a field, and parts none."""
    return text.split() if text.isascii() else [field for field in re.split(r"[ \t]+", text) if field]


def read_tsv(path: Path, columns: Iterable[str], error: type[Exception] = TextError, cure: str = GIVE) -> Iterator[Row]:
    """The rows of a table with tabs between cells; quotation marks are part of them.

    The first line names the columns, in small letters or capitals; those that are asked for must be among them.
    Raises `error` if one is not, if one is there twice, and for a row that has more cells, or fewer.
    """
    lines = (line for line in read_lines(path, error, cure, wide=True) if line.text.strip())
    heading = next(lines, Line(1, ""))
    return rows_of(path, heading, lines, "\t", lambda line: line.text.split("\t"), list(columns), error)


def read_csv(path: Path, columns: Iterable[str], error: type[Exception] = TextError, cure: str = GIVE) -> Iterator[Row]:
    """The rows of a table of comma-separated values, as `read_tsv` gives them.

    Semicolons and tabs, which spreadsheets of many countries write, are taken for commas where the names of the
    columns need it, or where a first line such as `sep=;` says so. Cells in quotation marks end where they begin: on
    one line. Raises `error` as `read_tsv` does, and naming the line of a quotation mark that is not closed.
    """
    columns = list(columns)
    lines = (line for line in read_lines(path, error, cure, wide=True) if line.text.strip())
    heading = next(lines, Line(1, ""))
    if heading.text[:4].lower() == "sep=" and len(heading.text) == 5:
        delimiter, heading = heading.text[4], next(lines, Line(1, ""))
    else:
        named = (each for each in DELIMITERS if {*columns} <= {*names_in(heading.text.replace('"', "").split(each))})
        delimiter = next(named, ",")
    return rows_of(
        path, heading, lines, delimiter, lambda line: csv_cells(path, line, delimiter, error), columns, error
    )


def csv_cells(path: Path, line: Line, delimiter: str, error: type[Exception]) -> list[str]:
    try:
        return next(csv.reader([line.text], delimiter=delimiter, strict=True))
    except csv.Error as fault:
        what = f"is not of comma-separated values ({fault})"
        if "end of data" in str(fault):
            what = "a quotation mark opens a cell here and does not close it on this line"
        elif "expected after" in str(fault):
            what = "a cell goes on after the quotation mark that closes it"
        cure = "write it twice, in a cell within quotation marks, or make a .tsv, where they are part of the text"
        raise error(f"{path}:{line.number}: {what}; {cure}") from fault


def rows_of(
    path: Path,
    heading: Line,
    lines: Iterator[Line],
    delimiter: str,
    cells_of: Callable[[Line], list[str]],
    columns: list[str],
    error: type[Exception],
) -> Iterator[Row]:
    names = names_in(cells_of(heading))
    if missing := sorted({*columns} - {*names}):
        between = f"its first line must name them, with {DELIMITERS.get(delimiter, repr(delimiter))} between"
        raise error(f"{path}:{heading.number}: has no columns {missing}; {between}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise error(f"{path}:{heading.number}: names the column {twice[0]!r} twice; rename one of them")
    return (Row(line.number, cells_in(path, line, names, cells_of(line), error)) for line in lines)


def names_in(cells: list[str]) -> list[str]:
    """The names of columns; spreadsheets add empty ones at the end."""
    names = [cell.strip().casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def cells_in(path: Path, line: Line, names: list[str], cells: list[str], error: type[Exception]) -> dict[str, str]:
    cells = [cell.strip() for cell in cells]
    if len(cells) < len(names):
        raise error(f"{path}:{line.number}: has too few columns; there must be {len(names)}")
    if any(cells[len(names) :]):
        raise error(f"{path}:{line.number}: has more columns than the first line names; correct the line")
    return dict(zip(names, cells))


def name_fault(name: str) -> str | None:
    """Why a name, or another text, cannot be written in UTF-8, if that is so: "not UTF-8 (byte 0xe9)".

    Python keeps bytes of names of files that are not UTF-8 as halves of characters, which JSON may hold, too.
    """
    if name.isascii():
        return None
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as fault:
        code = ord(name[fault.start])
        is_byte = 0xDC80 <= code <= 0xDCFF
        return f"not UTF-8 (byte 0x{code - 0xDC00:02x})" if is_byte else f"half a character (U+{code:04X})"
    return None


def printable(name: str | Path) -> str:
    """A name as anything can write it, with `\\xe9` for a byte that is not UTF-8."""
    try:
        return os.fsencode(name).decode("utf-8", errors="backslashreplace")
    except UnicodeEncodeError:  # other halves of characters
        return str(name).encode("utf-8", errors="backslashreplace").decode("utf-8")


def escape_output() -> None:
    """From now on, what a terminal or a pipe cannot show, such as accents in ASCII, is printed as `\\xe9`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Lookalikes:
    """Names, to tell which of them looks like another that is none of them."""

    def __init__(self, names: Iterable[str]):
        self.names = {as_seen(name): name for name in names}

    def hint(self, name: str) -> str:
        """` (...)` saying which name differs only in what cannot be seen; nothing if there is none."""
        other = self.names.get(as_seen(name))
        if other is None or other == name:
            return ""
        accents = unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
        how = "how accents are encoded: NFC, NFD" if accents else "what cannot be seen"
        return f" (there is {other!a}: they differ only in {how})"


def as_seen(name: str) -> str:
    """A name without what cannot be seen; accents as in NFC."""
    name = unicodedata.normalize("NFC", name)
    return name if name.isascii() else "".join(c for c in name if c == " " or unicodedata.category(c) not in INVISIBLE)
