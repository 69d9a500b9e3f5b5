"""Where a command puts what it makes."""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from unitdisc.encodings import EncodingsError, read_settings
from unitdisc.files.locks import locked
from unitdisc.jobs import WHOLE

P, R = ParamSpec("P"), TypeVar("R")


def filling(places: Callable[[dict[str, Any]], Iterable[Path]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a command keep other runs out of the folders that it fills: raises LockedError if one is in there.

    places: gives the folders by the arguments of the command; a `shard` among them has a lock of its own.
    """

    def decorated(command: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(command)

        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            shard = given.arguments.get("shard", WHOLE)
            with ExitStack() as locks:
                for place in places(given.arguments):
                    locks.enter_context(locked(folder_for_results(place), shard))
                return command(*args, **kwargs)

        return run

    return decorated


def folder_for_results(path: Path) -> Path:
    """The same path, if it is a folder or can become one. Raises ValueError if a file is in the way or forbidden."""
    for place in (path, *path.parents):
        if place.is_dir():
            if not os.access(place, os.W_OK):
                raise ValueError(f"{place}: nothing can be written there; choose another place")
            break
        if place.exists():
            raise ValueError(f"{place}: is a file, where a folder is needed; choose another name")
    return path


def file_for_results(path: Path | None, option: str) -> None:
    """Raises ValueError naming the option, before the work begins, if there can be no file at `path`."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{option} {path}: is a folder, where a file is needed; give the name of a file in it")
    try:
        folder_for_results(path.parent)
    except ValueError as error:
        raise ValueError(f"{option} {error}") from error


def refuse_among(path: Path, encodings: Path) -> None:
    """Raises ValueError if `path` lies where frames are looked for, and would be taken for frames the next time."""
    own = (encodings / "encodings.json").exists()
    folders = [path.resolve().parent] if own else path.resolve().parents
    if encodings.resolve() in folders and (not own or path.suffix == ".npy"):
        raise ValueError(f"{path}: would lie among the frames of {encodings}, and pass for some; choose another place")


def refuse_folder(folder: Path, settings: dict, made_of: dict) -> None:
    """Raises EncodingsError, before the work begins, if the folder holds something else; what is known is compared."""
    there = read_settings(folder)
    if there is None:
        if any(folder.glob("*.npy")):
            raise EncodingsError(f"{folder}: holds .npy files of something else; choose another folder")
        return
    before = there.get("segmentation")
    if not isinstance(before, dict):
        raise EncodingsError(f"{folder}: holds encodings that are no units of segment; choose another folder")
    different = sorted(
        {key for key, value in settings.items() if there.get(key) != value}
        | {key for key, value in made_of.items() if before.get(key) != value}
    )
    if different:
        raise EncodingsError(
            f"{folder}: holds units made in another way ({', '.join(different)} differ); "
            "remove it or choose another folder"
        )


@contextmanager
def tidied(state: Path) -> Iterator[Path]:
    """Gives the file from which k-means goes on; removes it after what would happen again."""
    try:
        yield state
    except ValueError:
        state.unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or not there
            state.parent.rmdir()
            state.parent.parent.rmdir()
        raise
