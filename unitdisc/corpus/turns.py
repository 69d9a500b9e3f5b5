"""One speaker after the other, so that examples are not all of whoever comes first."""

from collections import Counter
from collections.abc import Hashable, Iterable


def in_turns(whose: Iterable[Hashable]) -> list[int]:
    """The places of what belongs to somebody: the first of everybody, the second of everybody, ...

    Within a turn as they come.
    """
    had: Counter[Hashable] = Counter()
    turns = []
    for one in whose:
        turns.append(had[one])
        had[one] += 1
    return sorted(range(len(turns)), key=turns.__getitem__)
