"""What a folder says of how it was made, and whether that is what is asked for now: what is begun is not mixed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from unitdisc.files.text import read_json

CURE = "remove it or choose another folder"


def facts_in(path: Path, error: type[Exception] = ValueError, cure: str = CURE) -> dict[str, Any] | None:
    """The object in a file of JSON, None if there is no file. Raises `error` if it is damaged: if it has none."""
    if not path.exists():
        return None
    try:
        there = read_json(path)
    except ValueError as damage:
        raise error(f"{path}: damaged ({damage}); {cure}") from damage
    if not isinstance(there, dict):
        raise error(f"{path}: damaged (no JSON object, which has names and values); {cure}")
    return there


def refuse_other(
    folder: Path, what: str, *, there: dict, asked: dict, error: type[Exception] = ValueError, cure: str = CURE
) -> None:
    """Raises `error` naming what differs if a folder holds `what` made in another way than is asked for."""
    asked = json.loads(json.dumps(asked))
    if different := [key for key in there.keys() | asked.keys() if there.get(key) != asked.get(key)]:
        refuse_different(folder, what, different, error, cure)


def refuse_different(
    folder: Path, what: str, different: Iterable[str], error: type[Exception] = ValueError, cure: str = CURE
) -> NoReturn:
    raise error(f"{folder}: holds {what} made in another way ({', '.join(sorted(different))} differ); {cure}")
