"""Tokens: stretches of time that a folder of encodings lists beside its codes, where runs of one code would join them.

Two words of one type can follow each other, and there can be time between words that is in none.
"""

from pathlib import Path

import numpy as np

from unitdisc.encodings.reading import AGAIN, Encodings, EncodingsError, entries_in
from unitdisc.encodings.runs import Runs

TOKENS = "tokens"  # the setting that names the file
LISTED = "words/words.jsonl"


def read_tokens(encodings: Encodings) -> dict[str, Runs] | None:
    """Utterance -> its tokens; None where none are listed. Raises EncodingsError naming the line that is wrong."""
    name = encodings.settings.get(TOKENS)
    if name is None:
        return None
    path: Path = encodings.folder / str(name)
    if not path.exists():
        raise EncodingsError(f"{path}: not there, but encodings.json says that tokens are in it; find words again")
    found = {}
    for number, entry in entries_in(path):
        try:
            units = entry["units"]
            times = np.array([(unit["start"], unit["end"]) for unit in units], np.int64).reshape(-1, 2)
            codes = np.array([unit["code"] for unit in units], np.int64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EncodingsError(f"{path}:{number}: damaged; {AGAIN}") from error
        if (times[:, 0] >= times[:, 1]).any() or (times[1:, 0] < times[:-1, 1]).any():
            raise EncodingsError(f"{path}:{number}: tokens must not be empty or overlap; {AGAIN}")
        found[entry["utterance"]] = Runs(times, codes, np.zeros(len(codes), int))
    return found


def shifted(tokens: Runs, ticks: int, shift: int) -> Runs:
    """The same with every boundary so many ticks later, but for the start and the end of the utterance.

    What is left empty goes.
    """
    edges = tokens.intervals
    inside = (edges > 0) & (edges < ticks)
    moved = np.where(inside, np.clip(edges + shift, 0, ticks), edges)
    left = moved[:, 0] < moved[:, 1]
    return Runs(moved[left], tokens.codes[left], tokens.frames[left])
