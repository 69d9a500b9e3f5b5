"""Lines of characters that stand apart, composed as they were before there was any other layout: same draws, same ink.

Figures of before were measured on such lines. Scripts that run leftwards, and lines without words, are left out.
"""

import numpy as np

FAINT = 0.05


def composed_apart(inks, rng, *, height, gap, word, blank, margin, wobble):
    """The ink [columns, rows] of a line of such characters, and the columns (first, end) of each."""

    def drawn(ends):
        return int(rng.integers(ends[0], ends[1] + 1))

    starts, place = set(), 0
    while place < len(inks):
        starts.add(place)
        place += drawn(word)
    trimmed = []
    for ink in inks:
        columns = np.flatnonzero((ink > FAINT).any(axis=1))
        trimmed.append(ink[columns[0] : columns[-1] + 1])
    position, spans = drawn(margin), []
    for number, ink in enumerate(trimmed):
        if number:
            position += drawn(blank if number in starts else gap)
        spans.append((position, position + len(ink)))
        position += len(ink)
    line = np.zeros((position + drawn(margin), height), np.float32)
    for (first, end), ink in zip(spans, trimmed, strict=True):
        slack = height - ink.shape[1]
        top = min(max(slack // 2 + int(rng.integers(-wobble, wobble + 1)), 0), slack)
        line[first:end, top : top + ink.shape[1]] = ink
    return line, spans
