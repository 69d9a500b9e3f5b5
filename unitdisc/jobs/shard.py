"""Work split over workers that know nothing of each other but their number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Shard:
    """One of `count` shares of some work, counted from 1.

    Raises ValueError for a share that is none of them.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self):
        if self.count < 1 or not 1 <= self.index <= self.count:
            raise ValueError(
                f"there is no shard {self.index}/{self.count}: shards are counted from 1, the last of 8 is 8/8 "
                "(an array of jobs begins at 1 with --array=1-8)"
            )

    @classmethod
    def parse(cls, text: str | None) -> "Shard":
        """The shard that "I/N" names, or all of the work. Raises ValueError for anything else."""
        if text is None:
            return WHOLE
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not found:
            raise ValueError(f"`shard` {text}: must be I/N, such as 3/8, the third of eight")
        try:
            return cls(int(found[1]), int(found[2]))
        except ValueError as error:
            raise ValueError(f"`shard` {text}: {error}") from error

    @property
    def is_whole(self) -> bool:
        return self.count == 1

    @property
    def name(self) -> str:
        """For the names of files."""
        return f"{self.index}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, things: Sequence[Thing]) -> Sequence[Thing]:
        """Its share: every `count`-th thing, so that what is sorted by size is shared evenly."""
        return things[self.index - 1 :: self.count]

    def siblings(self) -> list["Shard"]:
        """All shards of the work, itself included."""
        return [Shard(index, self.count) for index in range(1, self.count + 1)]


WHOLE = Shard()
