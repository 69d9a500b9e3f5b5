"""The lines of a list of units, read no further than to know whose they are."""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

USUAL = re.compile(rb'\{"utterance": ("(?:[^"\\]|\\.)*"), "codes": (null|\[)')  # as lines begin that are written here
NUMBERS, ENDS = b"0123456789, ", {b"null": b"}", b"[": b"]}"}  # and go on, and end


def utterance_of(line: bytes) -> str | None:
    """The utterance of a line, None if the line is damaged."""
    try:
        usual = USUAL.match(line)
        if usual and line[usual.end() :].translate(None, NUMBERS).strip() == ENDS[usual[2]]:
            return json.loads(usual[1])
        entry = json.loads(line.decode("utf-8"))
        return entry["utterance"] if "codes" in entry and isinstance(entry["utterance"], str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def lines_in(file: BinaryIO) -> Iterator[tuple[int, str, bytes]]:
    """The lines of a list that are not damaged: where each begins, its utterance, and the line without its end."""
    place = 0
    for line in file:
        utterance = utterance_of(line)
        if utterance is not None:
            yield place, utterance, line.strip()
        place += len(line)


def line_at(file: BinaryIO, place: int, utterance: str) -> bytes | None:
    """The line of an utterance, if that is what begins at this place of a list."""
    file.seek(place)
    line = file.readline()
    return line.strip() if utterance_of(line) == utterance else None
