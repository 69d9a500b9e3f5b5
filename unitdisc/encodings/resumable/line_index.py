"""Where the lines of many names are, in 16 bytes a name."""

import numpy as np

FEWEST = 1 << 16  # names that are worth sorting


class LineIndex:
    """Finds a place by the name that was given it last.

    By hashes of 64 bits, of which two of 30 million are the same with a probability of 2e-5: who finds a place makes
    sure of what is there.
    """

    def __init__(self):
        self.hashes = np.zeros(0, np.int64)  # sorted
        self.places = np.zeros(0, np.int64)
        self.newest: dict[int, int] = {}

    def add(self, name: str, place: int) -> None:
        self.newest[hash(name)] = place
        if len(self.newest) >= max(FEWEST, len(self.hashes) // 16):
            self.sort()

    def find(self, name: str) -> int | None:
        wanted = hash(name)
        if wanted in self.newest:
            return self.newest[wanted]
        row = int(np.searchsorted(self.hashes, wanted))
        return int(self.places[row]) if row < len(self.hashes) and self.hashes[row] == wanted else None

    def sort(self) -> None:
        """Puts the newest among the others."""
        hashes = np.append(self.hashes, np.fromiter(self.newest.keys(), np.int64, len(self.newest)))
        places = np.append(self.places, np.fromiter(self.newest.values(), np.int64, len(self.newest)))
        order = np.argsort(hashes, kind="stable")
        hashes, places = hashes[order], places[order]
        last = np.append(hashes[1:] != hashes[:-1], True)  # of those with the same hash
        self.hashes, self.places, self.newest = hashes[last], places[last], {}
