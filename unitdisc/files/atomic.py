"""Writing files so that a killed run leaves the old file or the new one, never half of one.

What it had written beside a file, under a temporary name, is removed by the next process that writes into that folder.
"""

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from unitdisc.files.processes import is_running
from unitdisc.files.refusals import SystemRefusedError, refusal_behind

MOST_KEPT = 128  # bytes of a name, of the 255 that a name may have
TEMPORARY = re.compile(r"\..+\.(\d{1,9})-([0-9a-f]{4})[0-9a-f]{6}\.tmp", re.DOTALL)  # process, machine, chance
tidied: set[tuple[int, str]] = set()  # process and folder


class UnwritableError(SystemRefusedError):
    """A file cannot be written: no fault of what was read, so that nothing is left out for it."""


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what was written there takes the place of `path` if all went well.

    Raises UnwritableError naming `path` where that goes wrong, as on a full disk; what was there before stays.
    """
    aside = path.with_name(f".{kept(path.name)}.{os.getpid()}-{machine()}{os.urandom(3).hex()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            tidy(path.parent)
            yield aside
            aside.replace(path)
    finally:
        with suppress(OSError):  # the folder may not be there
            aside.unlink(missing_ok=True)


@cache
def machine() -> str:
    """What tells machines apart that write into one folder, in four hexadecimal digits."""
    return hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:4]


def tidy(folder: Path) -> None:
    """Removes what killed processes of this machine left half-written in a folder, once in a process."""
    if (looked := (os.getpid(), os.path.abspath(folder))) in tidied:  # noqa: PTH100 (resolve reads the disk)
        return
    tidied.add(looked)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = TEMPORARY.fullmatch(entry.name)
            if found and found[2] == machine() and not is_running(int(found[1])):
                with suppress(OSError):
                    os.unlink(entry.path)  # noqa: PTH108


def kept(name: str) -> str:
    """What the temporary name of a file keeps of its own: all, or where that is too long, a hash and the ending."""
    if len(os.fsencode(name)) <= MOST_KEPT:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16] + Path(name).suffix[:16]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises UnwritableError naming `path`, with the cure, where writing to it goes wrong."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        refused = refusal_behind(error)
        if refused is None:
            raise
        cure = "make room there, or choose another place"
        if isinstance(refused, FileNotFoundError):
            cure = "another run may have tidied up there; run the same command again, once at a time"
        raise UnwritableError(f"{path}: cannot be written ({refused.strerror or refused}); {cure}") from error


def take_away(path: Path) -> None:
    """Removes a file, if it is there. Raises UnwritableError naming it where that is refused."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        what = f"{path}: cannot be written, nor removed ({error.strerror or error})"
        raise UnwritableError(f"{what}; make its folder writable, or choose another place") from error


def write_text(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_durably(path: Path, text: str) -> None:
    """Writes a text aside, waits until it is on the disk, and puts it in its place."""
    with written_aside(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with writing(path):
        folder = os.open(path.parent, os.O_RDONLY)  # whose entry must be there, too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, value: Any, default: Callable | None = None) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=default) + "\n")
