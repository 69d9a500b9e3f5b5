"""ABX from its definition, triplet by triplet, in exact fractions: slow, and nothing shared with the product."""

from collections import defaultdict
from fractions import Fraction
from math import acos, pi, sqrt
from statistics import mean


def frame_distance(x, y) -> int:
    """The angle between two frames, in 2^-24 of a half turn."""
    norm_x, norm_y = (sqrt(sum(float(value) ** 2 for value in frame)) for frame in (x, y))
    if norm_x == 0 or norm_y == 0:
        return 0 if norm_x == norm_y else 2**24
    cosine = sum(float(p) / norm_x * (float(q) / norm_y) for p, q in zip(x, y, strict=True))
    return round(acos(min(1.0, max(-1.0, cosine))) / pi * 2**24)


def dtw(xs, ys) -> Fraction:
    """Cost of the cheapest path over its length, the path found by walking back through the whole table."""
    cost = {}
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            before = [cost[p] for p in ((i - 1, j - 1), (i, j - 1), (i - 1, j)) if p in cost]
            cost[i, j] = frame_distance(x, y) + min(before, default=0)
    i, j, length = len(xs) - 1, len(ys) - 1, 1
    while (i, j) != (0, 0):
        diagonal, left, up = (cost.get(p, float("inf")) for p in ((i - 1, j - 1), (i, j - 1), (i - 1, j)))
        if diagonal <= left and diagonal <= up:
            i, j = i - 1, j - 1
        elif left <= up:
            j -= 1
        else:
            i -= 1
        length += 1
    return Fraction(cost[len(xs) - 1, len(ys) - 1], length)


def abx_error(tokens, across: bool, abxpy: bool) -> float:
    """tokens: (context, speaker, label, frames) of every item."""
    numbered = [(index, *token) for index, token in enumerate(tokens)]
    cells = defaultdict(list)
    for i, context, speaker_x, label, x in numbered:
        for j, context_a, speaker, label_a, a in numbered:
            if i == j or context_a != context or label_a != label or (speaker == speaker_x) == across:
                continue
            for _, context_b, speaker_b, label_b, b in numbered:
                if context_b != context or speaker_b != speaker or label_b == label:
                    continue
                to_a, to_b = dtw(x, a), dtw(x, b)
                error = Fraction(1, 2) if to_a == to_b else Fraction(int(to_a > to_b))
                cells[context, speaker, speaker_x, label, label_b].append(error)
    by_speakers, by_pair = defaultdict(list), defaultdict(list)
    for (_, speaker, speaker_x, label, label_b), errors in cells.items():
        speakers = (speaker, speaker_x) if abxpy else speaker
        by_speakers[label, label_b, speakers].append(mean(errors))
    for (label, label_b, _), errors in by_speakers.items():
        by_pair[label, label_b].append(mean(errors))
    return float(mean(mean(errors) for errors in by_pair.values()))
