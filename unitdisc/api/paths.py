"""Paths as people give them to a function: text will do."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

P, R = ParamSpec("P"), TypeVar("R")


def takes_paths(function: Callable[P, R]) -> Callable[P, R]:
    """Lets text stand for a path: what is given as str where the signature says Path becomes one."""
    signature = inspect.signature(function)
    hints = get_type_hints(function)
    paths = {name for name, hint in hints.items() if name != "return" and is_of_paths(hint)}

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        for name in paths & given.arguments.keys():
            given.arguments[name] = as_paths(given.arguments[name])
        return function(*given.args, **given.kwargs)

    return run


def is_of_paths(hint: Any) -> bool:
    """Whether an annotation is Path, or one of several, as in `Path | None` and `Sequence[Path]`."""
    return hint is Path or any(map(is_of_paths, get_args(hint)))


def as_paths(value: Any) -> Any:
    """A path, or several, of text; what else there is stays as it is."""
    if isinstance(value, str):
        return Path(value)
    return type(value)(map(as_paths, value)) if isinstance(value, list | tuple) else value
