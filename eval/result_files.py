"""What the tables of this folder read: files that `unitdisc abx`, `probe` and `score` write with --output."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from unitdisc.files.text import read_json

WRITERS = {"abx": "abx --output", "probes": "probe --output", "units": "score --output"}  # of what is under a name

NAMED_ELSEWHERE = ("many_to_one_learnt", "many_to_one", "many_to_one_other_utterances")  # the best first


def part(path: Path, name: str) -> dict:
    """What is under a name in a file of results, {} if there is no such file. A damaged one ends the program."""
    if not path.exists():
        return {}
    try:
        return dict(read_json(path)[name])
    except (ValueError, KeyError, TypeError):
        sys.exit(f"error: {path}: damaged, or without {name}; write it again with `unitdisc {WRITERS[name]}`")


def without_seed(name: str) -> str:
    """NAME of NAME-seed0, NAME-seed1, ..."""
    return re.sub(r"-seed\d+$", "", name)


def many_to_one(units: Mapping[str, float]) -> float | None:
    """In percent, of codes that were named elsewhere: on the train set, or else by other speakers, or utterances."""
    return percent(next((units[key] for key in NAMED_ELSEWHERE if units.get(key) is not None), None))


def percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
