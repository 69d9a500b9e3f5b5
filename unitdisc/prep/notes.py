"""What a script leaves out, cuts or changes, said once for every kind: how often, and of what."""

import sys

FIRST = 3  # names that are said of a kind


class Notes:
    """Counts what happened to utterances, files and the like, until it is said."""

    def __init__(self):
        self.counts: dict[str, int] = {}
        self.names: dict[str, list[str]] = {}

    def add(self, what: str, name: str) -> None:
        """Something happened to what is called so."""
        self.counts[what] = self.counts.get(what, 0) + 1
        names = self.names.setdefault(what, [])
        if name not in names and len(names) < FIRST:
            names.append(name)

    def take(self, others: "Notes") -> None:
        """What others noted, too."""
        for what, count in others.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count
            names = self.names.setdefault(what, [])
            names += [name for name in others.names[what] if name not in names][: FIRST - len(names)]

    def say(self) -> None:
        """Says all of it on the standard error, a kind to a line, and forgets it."""
        for what, count in self.counts.items():
            names = ", ".join(self.names[what])
            print(f"{what}: {count} ({names}{', ...' if count > len(self.names[what]) else ''})", file=sys.stderr)
        self.__init__()
