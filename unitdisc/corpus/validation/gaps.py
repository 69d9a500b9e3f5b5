"""What most utterances of a list have and some lack: texts, and labels of a tier."""

from collections.abc import Iterator, Mapping

from unitdisc.corpus import Problem

NONE, BLANK, SOME = range(3)  # of texts
Kind = tuple[int, tuple[str, ...]]  # which text an utterance has, and which tiers with labels


class Gaps:
    """Counts utterances by what they have, as a list is read."""

    def __init__(self):
        self.counts: dict[Kind, int] = {}
        self.first: dict[Kind, tuple[int, str]] = {}  # line and id

    def add(self, line: int, entry: Mapping) -> None:
        """An utterance, by its fields."""
        text = entry.get("text")
        state = NONE if text is None else SOME if text.strip() else BLANK
        kind = state, tuple(tier for tier, labels in (entry.get("alignment") or {}).items() if labels)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] == 1:
            self.first[kind] = line, entry["id"]

    def problems(self, path: str) -> Iterator[Problem]:
        """A warning for each thing that some lack."""
        yield from self.lacking(path, {kind for kind in self.counts if kind[0] == BLANK}, "an empty text")
        if any(text != NONE for text, _ in self.counts):
            yield from self.lacking(path, {kind for kind in self.counts if kind[0] == NONE}, "no text")
        for tier in sorted({tier for _, tiers in self.counts for tier in tiers}):
            without = {kind for kind in self.counts if tier not in kind[1]}
            yield from self.lacking(path, without, f"no labels of the tier {tier!r}")

    def lacking(self, path: str, kinds: set[Kind], what: str) -> Iterator[Problem]:
        if not kinds:
            return
        line, id = min(self.first[kind] for kind in kinds)
        count, total = sum(self.counts[kind] for kind in kinds), sum(self.counts.values())
        what = f"{id!r} has {what} ({count} of {total} utterances have {'one' if what.startswith('an') else 'none'})"
        yield Problem("warning", path, line, what, "add what is missing, or take it as it is")
