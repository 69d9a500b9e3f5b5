"""Word segmentation, literally: every way to cut, every pair, one after the other; plainly the definitions."""

from collections import Counter
from functools import cache
from itertools import combinations, pairwise
from math import log, prod


def transitional(lines: list[list[str]], dependency: str, threshold: str) -> list[list[tuple]]:
    """Lines cut where the step from unit to unit is improbable; a symbol stands between two lines."""
    everything = [unit for line in lines for unit in ["UB", *line]][1:]
    units, pairs = Counter(everything), Counter(pairwise(everything))
    value = {
        (a, b): {
            "ftp": lambda a, b, n: n / units[a],
            "btp": lambda a, b, n: n / units[b],
            "mi": lambda a, b, n: log(n / (units[a] * units[b]), 2),
        }[dependency](a, b, n)
        for (a, b), n in pairs.items()
    }
    mean = sum(value.values()) / len(value)
    words: list[list[tuple]] = [[]]
    word: list[str] = []
    for at, unit in enumerate(everything):
        if unit == "UB":
            words[-1].append(tuple(word))
            word = []
            words.append([])
            continue
        if word:
            here = value[everything[at - 1], unit]
            if threshold == "absolute":
                cut = here <= mean
            elif at < 2 or at + 1 >= len(everything):
                cut = False
            else:
                cut = value[everything[at - 2], everything[at - 1]] > here < value[unit, everything[at + 1]]
            if cut:
                words[-1].append(tuple(word))
                word = []
        word.append(unit)
    words[-1].append(tuple(word))
    return words


def entropy(counts: Counter) -> float:
    total = sum(counts.values())
    return -sum(n / total * log(n / total) for n in counts.values())


def ways_to_cut(string: tuple, longest: int) -> list[list[tuple]]:
    """Every sequence of words of up to so many units that gives the string."""
    found = []
    for number in range(len(string)):
        for borders in combinations(range(1, len(string)), number):
            words = [string[a:b] for a, b in pairwise([0, *borders, len(string)])]
            if max(map(len, words)) <= longest:
                found.append(words)
    return found


def expected_counts(lines: list[tuple], probability: dict[tuple, float], longest: int) -> tuple[Counter, float]:
    """Expected tokens of every word, and the log likelihood of all lines."""
    expected, likelihood = Counter(), 0.0
    for line in lines:
        weights = [(words, prod(probability.get(word, 0) for word in words)) for words in ways_to_cut(line, longest)]
        total = sum(weight for _, weight in weights)
        likelihood += log(total)
        for words, weight in weights:
            for word in words:
                expected[word] += weight / total
    return expected, likelihood


def byte_pairs(lines: list[tuple], size: int, longest: int) -> list[list[tuple]]:
    """Byte-pair encoding that counts all pairs anew after every merge; of equally common pairs the oldest pieces."""
    cut = [[(unit,) for unit in line] for line in lines]
    pieces = [(unit,) for unit in sorted({unit for line in lines for unit in line})]
    while len(pieces) < size:
        pairs = Counter(pair for line in cut for pair in pairwise(line))
        allowed = [
            (-count, pieces.index(a), pieces.index(b))
            for (a, b), count in pairs.items()
            if count > 1 and len(a) + len(b) <= longest
        ]
        if not allowed:
            break
        _, first, second = min(allowed)
        pair = (pieces[first], pieces[second])
        pieces.append(pair[0] + pair[1])
        for line in cut:
            at = 0
            while at + 1 < len(line):
                if (line[at], line[at + 1]) == pair:
                    line[at : at + 2] = [pair[0] + pair[1]]
                at += 1
    return cut


@cache
def levenshtein(a: tuple, b: tuple) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1, levenshtein(a[1:], b[1:]) + (a[0] != b[0]))
