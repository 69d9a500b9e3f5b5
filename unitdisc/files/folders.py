"""Where a command puts what it makes."""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from unitdisc.files.locks import locked
from unitdisc.jobs import WHOLE, Shard

P, R = ParamSpec("P"), TypeVar("R")


def filling(places: Callable[[dict[str, Any]], Iterable[Path]]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a command keep other runs out of the folders that it fills: raises LockedError if one is in there.

    places: gives the folders by the arguments of the command; the shard of an `access` among them has a lock of its
    own.
    """

    def decorated(command: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(command)

        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            access = given.arguments.get("access")
            shard = WHOLE if access is None else access.shard
            with alone_in(places(given.arguments), shard):
                return command(*args, **kwargs)

        return run

    return decorated


@contextmanager
def alone_in(places: Iterable[Path], shard: Shard = WHOLE) -> Iterator[None]:
    """Keeps other runs out of folders that are filled: raises LockedError if one is in there."""
    with ExitStack() as locks:
        for place in places:
            locks.enter_context(locked(folder_for_results(place), shard))
        yield


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


def is_there(path: str | Path) -> bool:
    """Whether there is something at what may be no path at all: Path.exists raises where a name is too long."""
    return os.path.exists(path)  # noqa: PTH110
