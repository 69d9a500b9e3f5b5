"""The index of a corpus and its units: arrays in a folder that are mapped, so that only what is looked at is read.

index.json            of what it was made, speakers, rows; written last
utterances.npy        one JSON object after the other, in UTF-8; utterances_at.npy: where each begins, and the end
names.npy             the same of what is searched for text: id and text in small letters
speaker.npy, ticks.npy, by_id.npy
row0/                 the units; row1/ ...: further units, words, tiers of labels
    symbols.npy       of all utterances, one after the other, [M]; names.json has what they are called
    starts.npy, ends.npy  ticks, [M]
    at.npy            where each utterance begins, [N + 1]
    order.npy         the inverted lists: places of the first symbol, of the second, ... [M]
    order_at.npy      where each list begins, [K + 1]
"""

import json
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.files import write_json
from unitdisc.files.arrays import write_array
from unitdisc.files.caches import cache_home, can_be_made, own_folder
from unitdisc.files.text import read_json

VERSION = 1
FACTS = "index.json"
UNITS, WORDS, TIER = "units", "words", "tier"  # kinds of rows


def usual_folder(folders: Sequence[Path], corpus: Path) -> Path:
    """Where the index of such encodings and such a corpus is kept, unless another folder is named.

    Raises ValueError if there is no such place.
    """
    named = "\n".join(str(path.resolve()) for path in (*folders, corpus))
    home = cache_home()
    place = home / "unitdisc" if can_be_made(home) else own_folder()
    if place is None:
        raise ValueError("nothing can be kept at home or among temporary files; name a folder with `cache`")
    return place / "explore" / sha256(os.fsencode(named)).hexdigest()[:24]


def write_lines(folder: Path, name: str, lines: Iterable[bytes]) -> None:
    """Bytes one after the other, and where each begins."""
    lines = list(lines)
    write_array(folder / f"{name}.npy", np.frombuffer(b"".join(lines), np.uint8))
    write_array(folder / f"{name}_at.npy", np.array([*accumulate(map(len, lines), initial=0)], np.int64))


def write_row(
    folder: Path, symbols: np.ndarray, times: np.ndarray, *, counts: Sequence[int], names: Sequence[str]
) -> None:
    """symbols: [M], places in `names`; times: [M, 2] ticks; counts: how many each utterance has, [N]."""
    write_array(folder / "symbols.npy", symbols.astype(np.int32))
    write_array(folder / "starts.npy", np.ascontiguousarray(times[:, 0], np.int64))
    write_array(folder / "ends.npy", np.ascontiguousarray(times[:, 1], np.int64))
    write_array(folder / "at.npy", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    write_array(folder / "order.npy", np.argsort(symbols, kind="stable").astype(np.int64))
    sizes = np.bincount(symbols, minlength=len(names))
    write_array(folder / "order_at.npy", np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
    write_json(folder / "names.json", list(names))


def facts_in(folder: Path) -> dict[str, Any] | None:
    """What index.json says; None if there is none, or none that can be read here."""
    try:
        facts = dict(read_json(folder / FACTS))
    except (OSError, ValueError, TypeError):
        return None
    return facts if facts.get("version") == VERSION else None


def encoded(value: Any) -> bytes:
    """JSON in UTF-8; halves of characters, which names of files may have, are escaped."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
