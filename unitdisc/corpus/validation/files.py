"""The files that utterances lie in, each with all that is used of it."""

from collections.abc import Iterable, Iterator

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.corpus.table import NUMBERS, UtteranceTable, as_numbers
from unitdisc.corpus.validation.images import Picture
from unitdisc.corpus.validation.known_good import key
from unitdisc.corpus.validation.recordings import Recording
from unitdisc.jobs import Shard


class Files:
    """The files of a table of utterances, numbered in the order in which they are first named."""

    def __init__(self, utterances: UtteranceTable):
        self.utterances = utterances
        files = utterances.file_numbers()
        numbers = [utterances.column(name) for name in NUMBERS]
        self.order = np.lexsort((*reversed(numbers), files))  # places, file by file
        self.edges = np.flatnonzero(
            np.diff(files[self.order], prepend=-1, append=-2)
        )  # where each file begins, and end
        self.stretches = np.stack(numbers, axis=1)[self.order]

    def places(self, number: int) -> list[int]:
        """The places of the utterances of a file."""
        return self.order[self.edges[number] : self.edges[number + 1]].tolist()

    def path(self, number: int) -> str:
        return self.utterances[int(self.order[self.edges[number]])].path

    def paths(self) -> Iterator[str]:
        """The path of every file, in order."""
        return self.utterances.take(self.order[self.edges[:-1]]).paths()

    def share(self, shard: Shard) -> np.ndarray:
        """The places of the utterances of every file that a shard has: [N], in order."""
        numbers = np.repeat(np.arange(len(self)), np.diff(self.edges))
        return np.sort(self.order[numbers % shard.count == shard.index - 1])

    def listed_rates(self) -> np.ndarray:
        """The rate of every file as the list has it, 0 where it does not say: [F]."""
        return self.stretches[self.edges[:-1], NUMBERS.index("rate")]

    def recording(self, number: int) -> Recording:
        within = [self.utterances[place] for place in self.places(number)]
        return Recording(within[0].path, lambda info, channels: within)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def picture(self, number: int) -> Picture:
        within = [self.utterances[place] for place in sorted(self.places(number))]
        return Picture(within[0].path, lambda info: within)

    def keys(self, numbers: np.ndarray) -> np.ndarray:
        """What names some files [F] in their present state and what is used of them: [F, 2] uint64."""
        keys, firsts = bytearray(), self.edges[numbers]
        paths = self.utterances.take(self.order[firsts]).paths()
        for path, first, last in zip(paths, firsts.tolist(), self.edges[numbers + 1].tolist()):
            keys += key(path, self.stretches[first:last].tobytes())
        return np.frombuffer(bytes(keys), np.uint64).reshape(-1, 2)

    def mislisted(self, rates: np.ndarray) -> np.ndarray:
        """Which files have an utterance that is listed with another rate than the file has: rates [F] -> [F] bool."""
        if not len(rates):
            return np.zeros(0, bool)
        listed = self.stretches[:, NUMBERS.index("rate")]
        wrong = (listed != 0) & (listed != np.repeat(rates, np.diff(self.edges)))
        return np.logical_or.reduceat(wrong, self.edges[:-1])


def heard_key(path: str, utterances: Iterable[Utterance]) -> bytes:
    """The same name of one recording, of which these utterances are used."""
    listed = list(utterances)
    numbers = sorted(zip(*(as_numbers(name, [getattr(each, name) for each in listed]) for name in NUMBERS)))
    return key(path, np.array(numbers, dtype=np.int64).tobytes())
