"""An index from names to the lines of a file where they stand, in 16 bytes a name."""

import numpy as np

FEWEST = 1 << 16  # names that are worth sorting


class LineIndex:
    """Maps a name to its place in a file; a name that is added again has the newer place.

    Names are kept as hashes of 64 bits. Among 30 million, two collide with a probability of 2e-5, so whoever finds a
    place must compare the name on that line.
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
